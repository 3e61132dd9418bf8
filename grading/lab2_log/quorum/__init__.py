"""Part 2D, the quorum: promises and points. What judges them is in the modules beside this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from distlab.grade.lab import RECORD_MESSAGES, Exam, Part, Promise, Run, Situation
from grading.lab2_log.quorum import exams, promises, scenarios, schedules
from grading.lab2_log.quorum.promises import Judge, follows, judged

PAGE = "labs/lab2-quorum.md"


def _seen(name: str, seen: Callable[[Run], bool]) -> Situation:
    return Situation(name, seen)


CHANGED = _seen("a leader was replaced", promises.leader_changed)
COLLIDED = _seen("an election was contested", promises.votes_collided)
CUT = _seen("a log had a tail that no other had", promises.tail_was_cut)
VOTER_BACK = _seen("a server that had voted crashed and came back", promises.voter_came_back)
AGAIN = _seen("a command stood in the log twice", promises.asked_again)
LOST = _seen("a message was lost", lambda run: run.tally.get("loss", 0) > 0)
DIVIDED = _seen("the network was divided", lambda run: run.tally.get("partition", 0) > 0)
STEADY = _seen("one follower was in trouble, and the others were not", promises.was_steady)
INSTALLED = _seen("a server needed a snapshot", promises.snapshot_was_sent)
READ = _seen("something was read after a change of leaders", promises.read_under_change)
POWER = _seen("a crash took writes that were not synced", promises.unsynced_was_lost)
MOVED = _seen("one server came, and one went", promises.members_changed)
DEPARTED = _seen("a leader was removed", promises.leader_was_removed)
CRASHED = _seen("a server crashed", lambda run: run.tally.get("crash", 0) > 0)


def _promise(
    code: str,
    title: str,
    points: int,
    section: str,
    *judges: Judge,
    needs: Sequence[Situation] = (),
    exams: Sequence[Exam] = (),
) -> Promise:
    return Promise(
        code=code,
        title=title,
        points=points,
        judge=judged(code, *judges),
        needs=needs,
        exams=exams,
        page=f"{PAGE}#{section}",
    )


def _vote(points: int, *needs: Situation) -> Promise:
    return _promise(
        "RF-S6",
        "a server's term never goes back, and it votes once in a term, over all its lives",
        points,
        "one-vote",
        follows("term", "vote"),
        needs=needs,
    )


def _complete(points: int, *needs: Situation) -> Promise:
    return _promise(
        "RF-S4",
        "what is committed is in the log of every later leader",
        points,
        "leader-completeness",
        follows("up to date", "complete"),
        needs=needs,
    )


def _states(points: int, *needs: Situation) -> Promise:
    return _promise(
        "RF-S5",
        "all servers execute the same committed entries in the same order, each command once",
        points,
        "same-state",
        follows("one commit"),
        promises.same_state,
        needs=needs,
    )


def _linear(points: int, *needs: Situation) -> Promise:
    return _promise(
        "RF-S7",
        "to its clients the store is one machine: reads see what was written, writes happen once",
        points,
        "one-machine",
        promises.linear,
        needs=needs,
    )


def _names(points: int, *needs: Situation) -> Promise:
    return _promise(
        "RF-S8",
        "index and term name one entry for ever, and what was acknowledged is never forgotten",
        points,
        "one-name",
        follows("one name"),
        needs=needs,
    )


def _in_time(points: int, *needs: Situation) -> Promise:
    return _promise(
        "RF-L1",
        "with a majority up and connected, commands are answered within ten election time-outs",
        points,
        "in-time",
        promises.answered_in_time,
        needs=needs,
    )


def _caught_up(points: int, *needs: Situation) -> Promise:
    return _promise(
        "RF-L3",
        "whoever was away has caught up two seconds after all is well",
        points,
        "catching-up",
        promises.has_caught_up,
        needs=needs,
    )


PART_D1 = Part(
    code="D1",
    title="Quorum: election",
    modules=("election", "raft", "raft_state"),
    stage=scenarios.stage,
    draw=scenarios.draw_d1,
    directed=schedules.PART_D1,
    runs=250,
    simpler=scenarios.simpler,
    promises=(
        _promise(
            "RF-S1",
            "a term has at most one leader",
            8,
            "one-leader",
            follows("one leader"),
            needs=(CHANGED, COLLIDED),
        ),
        _vote(6, VOTER_BACK),
        _complete(6, CUT),
        _in_time(6, CHANGED, DIVIDED),
        _promise(
            "RF-L4",
            "a leader that a majority hears is not deposed by the trouble of others",
            4,
            "a-leader-stays",
            promises.leader_stays,
            needs=(STEADY,),
        ),
    ),
    record=RECORD_MESSAGES,
)

PART_D2 = Part(
    code="D2",
    title="Quorum: replication",
    modules=("replication", "machine", "raft", "raft_state"),
    stage=scenarios.stage,
    draw=scenarios.draw_d2,
    directed=schedules.PART_D2,
    runs=220,
    simpler=scenarios.simpler,
    promises=(
        _promise(
            "RF-S3",
            "logs that share an entry are equal up to it, and nothing acknowledged is cut without a conflict",
            6,
            "log-matching",
            follows("one name"),
            needs=(CUT,),
        ),
        _complete(6, CHANGED, CUT),
        _states(4, AGAIN),
        _linear(4, CHANGED, DIVIDED),
        _in_time(2, CHANGED),
        _promise(
            "RF-L2",
            "with enough to do, a command is committed per round trip, though a fifth of all messages is lost",
            3,
            "pace",
            promises.throughput,
            needs=(LOST,),
        ),
        _caught_up(3, DIVIDED),
        _promise(
            "RF-C3",
            "a leader with nothing to say sends little more than heartbeats",
            2,
            "quiet",
            promises.quiet_when_idle,
        ),
    ),
    record=RECORD_MESSAGES,
)

PART_D3 = Part(
    code="D3",
    title="Quorum: persistence",
    modules=("persistence", "raft", "raft_state"),
    stage=scenarios.stage,
    draw=scenarios.draw_d3,
    directed=schedules.PART_D3,
    runs=220,
    simpler=scenarios.simpler,
    promises=(
        _vote(5, VOTER_BACK, POWER),
        _names(6, POWER),
        _states(3, POWER),
        _linear(3, CRASHED, CHANGED),
        _in_time(3, CRASHED),
    ),
    record=RECORD_MESSAGES,
)

PART_D4 = Part(
    code="D4",
    title="Quorum: snapshots and reads",
    modules=("snapshots", "reads", "raft", "raft_state"),
    stage=scenarios.stage,
    draw=scenarios.draw_d4,
    directed=schedules.PART_D4,
    runs=220,
    simpler=scenarios.simpler,
    promises=(
        _linear(4, READ, DIVIDED),
        _states(2, INSTALLED),
        _names(1, INSTALLED, POWER),
        _vote(1, VOTER_BACK, POWER),
        _promise(
            "RF-C1",
            "the log does not grow for ever, neither in memory nor on disk",
            1,
            "a-short-log",
            promises.log_is_short,
            exams=exams.EXAMS_C1,
        ),
        _promise(
            "RF-C2",
            "a read adds nothing to the log",
            1,
            "reads",
            promises.reads_cost_nothing,
        ),
        _in_time(1, CHANGED),
        _caught_up(1, INSTALLED),
    ),
    record=RECORD_MESSAGES,
)

PART_D5 = Part(
    code="D5",
    title="Quorum: members",
    modules=("members", "raft", "raft_state"),
    stage=scenarios.stage,
    draw=scenarios.draw_d5,
    directed=schedules.PART_D5,
    runs=150,
    simpler=scenarios.simpler,
    promises=(
        _promise(
            "RF-M1",
            "members change one at a time, and from firm ground",
            2,
            "one-at-a-time",
            follows("firm ground", "one by one"),
            needs=(MOVED,),
        ),
        _promise(
            "RF-M2",
            "a change that was answered is in force, and who is removed leads no more",
            2,
            "in-force",
            promises.in_force,
            needs=(MOVED, DEPARTED),
        ),
        _promise(
            "RF-S1",
            "a term has at most one leader",
            1,
            "one-leader",
            follows("one leader"),
            needs=(MOVED, CHANGED),
        ),
        _linear(1, MOVED, CHANGED),
        _in_time(1, MOVED, CHANGED),
        _caught_up(1, MOVED),
    ),
    record=RECORD_MESSAGES,
)

PARTS = (PART_D1, PART_D2, PART_D3, PART_D4, PART_D5)
