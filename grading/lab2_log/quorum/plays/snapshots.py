"""Snapshots that come early, late and again; reads at a leader that does not know enough, or leads no more."""

from __future__ import annotations

from functools import partial

from distlab.core import MS
from distlab.faults import Crash, Doing, Fault, Noise, Plan, Survival
from grading.lab2_log.quorum.plays.kinds import Staged, teach, to_leader
from grading.lab2_log.quorum.troupe import Follower, Hear, Play, Rest, Script, append, entries
from grading.lab2_log.quorum.wishes import get, put
from labs.lab2_log.quorum import (
    Answered,
    Append,
    AppendEntries,
    AppendReply,
    Command,
    Entry,
    InstallSnapshot,
    PreVote,
    Reply,
    Request,
    State,
)


def state_after(log: tuple[Entry, ...], count: int) -> State:
    """What executing the first entries of a play's log makes."""
    state = State({}, {})
    for one in log[:count]:
        if one.command is not None:
            operation = one.command.operation
            state.items[operation.key] = operation.value  # type: ignore[union-attr]
            state.sessions[one.command.session] = Answered(one.command.seq, None)
    return state


def snapshot(term: int, log: tuple[Entry, ...], count: int) -> InstallSnapshot:
    """The leader's snapshot after so many entries."""
    return InstallSnapshot(term, count, log[count - 1].term, state_after(log, count))


def _agrees(play: Play, term: int, log: tuple[Entry, ...], code: str, text: str):
    """The server says that its log is equal to ``log``."""
    for _ in range(3):
        play.say("s2", append(term, log, len(log)))
        reply = yield Hear("s2", AppendReply, within=100 * MS)
        if reply is not None:
            if not reply.success:
                play.complain(code, text, expected="success=True", got=reply)
            return reply.success
    play.complain(code, text, expected="success=True", got="no answer")
    return False


def _shows(play: Play, log: tuple[Entry, ...], applied: int, text: str):
    """So many entries of ``log`` have been executed, soon."""
    yield Rest(20 * MS)
    status = play.look()
    want = state_after(log, applied).items
    if status is not None and (status.applied != applied or status.state.items != want):
        got = f"{status.applied} entries, {status.state.items}"
        play.complain("RF-S5", text, expected=f"{applied} entries, {want}", got=got)


def installs(play: Play) -> Script:
    """A new server gets a snapshot, what stands behind it, loses power, and has both."""
    log = entries(1, 1, 2, 2, 2, 3)
    play.say("s2", snapshot(3, log, 4))
    reply = yield Hear("s2", AppendReply, within=100 * MS)
    if reply is None or not reply.success or reply.match != 4:
        text = "a snapshot after entry 4 was installed, and the follower does not say so"
        play.complain("RF-L3", text, expected="success=True, match=4", got=reply)
    play.say("s2", append(3, log, 4, commit=6))
    yield Hear("s2", AppendReply, within=100 * MS)
    yield from _shows(play, log, 6, "a snapshot and two entries do not make the leader's state")
    play.say("s3", PreVote(0, 0, 0), to="s2")  # the power fails
    yield Rest(20 * MS)
    yield from _agrees(play, 3, log, "RF-S8", "what stood behind a snapshot is gone after a crash")
    play.say("s2", append(3, log, 6, commit=6))
    yield Rest(30 * MS)
    yield from _shows(
        play,
        log,
        6,
        "after a crash, a snapshot and the entries behind it do not make the leader's state",
    )


def old_snapshot(play: Play) -> Script:
    """A snapshot that is older than what was executed comes late: nothing goes back."""
    log = entries(1, 1, 1, 1, 1, 1)
    yield from teach(play, "s2", 1, log)
    play.say("s2", append(1, log, 6, commit=6))
    yield Rest(15 * MS)
    play.say("s2", snapshot(1, log, 3))
    yield Hear("s2", AppendReply, within=60 * MS)
    yield from _shows(play, log, 6, "an old snapshot took back what was executed since")
    yield from _agrees(play, 1, log, "RF-S8", "an old snapshot took acknowledged entries away")


def keeps_the_rest(play: Play) -> Script:
    """The log goes on behind the snapshot, and agrees with it: what was acknowledged stays."""
    log = entries(1, 1, 1, 1, 1)
    yield from teach(play, "s2", 1, log)
    play.say("s2", snapshot(1, log, 3))
    yield Hear("s2", AppendReply, within=60 * MS)
    yield from _agrees(
        play, 1, log, "RF-S8", "a snapshot took away entries behind it that were acknowledged"
    )
    play.say("s3", PreVote(0, 0, 0), to="s2")  # the power fails
    yield Rest(20 * MS)
    text = "entries behind a snapshot were acknowledged, and are gone after a crash"
    yield from _agrees(play, 1, log, "RF-S8", text)
    play.say("s2", append(1, log, 5, commit=5))
    yield Rest(20 * MS)
    yield from _shows(
        play, log, 5, "a snapshot and the entries behind it do not make the leader's state"
    )


def replaces_the_rest(play: Play) -> Script:
    """The log has another entry where the snapshot ends: all of it goes."""
    yield from teach(play, "s3", 1, entries(1, 1, 1, 1, 1))
    log = entries(2, 2, 2, 2)
    play.say("s2", snapshot(2, log, 3))
    yield Hear("s2", AppendReply, within=60 * MS)
    claim = yield Hear("", PreVote, within=600 * MS)
    if claim is not None and (claim.last_term, claim.last_index) != (2, 3):
        text = "behind a snapshot stand entries of a log that it has nothing to do with"
        got = f"a log that ends with entry {claim.last_index} of term {claim.last_term}"
        play.complain(
            "RF-S8", text, expected="it ends with the snapshot: entry 3 of term 2", got=got
        )
    play.say("s2", append(2, log, 3, commit=4))
    yield Rest(30 * MS)
    yield from _shows(play, log, 4, "entries that conflict with a snapshot outlived it")


def stale_snapshot(play: Play) -> Script:
    """From a leader of an earlier term: refused."""
    log = entries(2, 2)
    yield from teach(play, "s2", 2, log)
    old = entries(1, 1, 1)
    play.say("s3", snapshot(1, old, 3))
    reply = yield Hear("s3", AppendReply, within=60 * MS)
    if reply is not None and reply.success:
        play.complain("RF-S5", "a server takes a snapshot from a leader of the past", got=reply)
    yield from _agrees(
        play, 2, log, "RF-S8", "a leader of the past took entries away with a snapshot"
    )


def remembers_sessions(play: Play) -> Script:
    """What a session asked for is in the snapshot, and comes again behind it: it was executed already."""
    command = Command("c9/1", 1, Append("l9", "once "))
    state = State({"l9": "once "}, {"c9/1": Answered(1, None)})
    play.say("s2", InstallSnapshot(1, 3, 1, state))
    yield Hear("s2", AppendReply, within=60 * MS)
    play.say("s2", AppendEntries(1, 3, 1, (Entry(1, command),), 4))
    yield Rest(30 * MS)
    status = play.look()
    if status is not None and status.state.items.get("l9") != "once ":
        text = "a command that the snapshot includes was executed again"
        play.complain("RF-S5", text, expected="once", got=status.state.items.get("l9"))


def own_snapshots(play: Play) -> Script:
    """It takes snapshots of its own, restarts, and is told of a command that one of them includes."""
    again = Command("c9/1", 1, Append("l9", "once "))
    log = (Entry(1, again), *entries(1, 1, 1, 1, 1, start=2), Entry(1, again))
    for upto in range(1, 7):
        play.say("s2", append(1, log, upto - 1, upto, commit=upto))
        yield Hear("s2", AppendReply, within=60 * MS)
    play.say("s3", PreVote(0, 0, 0), to="s2")  # the power fails
    yield Rest(20 * MS)
    yield from _agrees(
        play,
        1,
        log[:6],
        "RF-S8",
        "after a crash, a snapshot and its log are not what was acknowledged",
    )
    play.say("s2", append(1, log, 6, commit=7))
    yield Rest(40 * MS)
    status = play.look()
    if status is not None and status.state.items.get("l9") != "once ":
        text = "a command that the server's own snapshot includes was executed again, or not at all"
        play.complain("RF-S5", text, expected="once", got=status.state.items.get("l9"))


def while_it_is_written(after: int, play: Play) -> Script:
    """The power fails ``after`` microseconds after the message that makes it take a snapshot."""
    log = entries(1, 1, 1, 1)
    for upto in (1, 2, 3):
        play.say("s2", append(1, log, upto - 1, upto, commit=upto - 1))
        yield Hear("s2", AppendReply, within=200 * MS)
    play.say("s2", append(1, log, 3, 4, commit=3))
    yield Rest(after)
    play.say("s3", PreVote(0, 0, 0), to="s2")  # the power fails
    yield Rest(20 * MS)
    text = "the power failed while a snapshot was written, and acknowledged entries are gone"
    yield from _agrees(play, 1, log[:3], "RF-S8", text)
    yield from teach(play, "s2", 1, log, commit=4)
    play.say("s2", append(1, log, 4, commit=4))
    yield Rest(100 * MS)
    yield from _shows(
        play, log, 4, "after a crash in the midst of a snapshot the state is another one"
    )


def read_too_early(play: Play) -> Script:
    """s2 committed a write and told c1. s1 has it, but does not know that it is committed; it leads, and c2 reads."""
    request = yield Hear("s2", Request, sender="c1", within=800 * MS)
    if request is None:
        return
    log = (Entry(1), Entry(1, request.command))
    yield from teach(play, "s2", 1, log)
    play.say("s2", Reply(request.command.session, request.command.seq, None), to="c1")
    s2 = Follower(1, log, hears_up_to=2)  # it answers heartbeats, and never gets the no-op
    yield from to_leader(play, "s2", s2)
    yield Rest(400 * MS)
    s2.hears_up_to = None
    yield Rest(400 * MS)


def read_at_a_leader_of_the_past(play: Play) -> Script:
    """s1 leads. s2 votes for s3, which takes a write; s1 does not know yet, and c1 reads there."""
    s2 = Follower()
    first = yield from to_leader(play, "s2", s2)
    if first is None:
        return
    request = yield Hear("s3", Request, sender="c2", within=1_500 * MS)
    if request is None:
        return
    del play.manners["s2"]  # s2 votes for s3, and answers s1 no more
    log = (*s2.log, Entry(s2.term + 1), Entry(s2.term + 1, request.command))
    play.say("s3", Reply(request.command.session, request.command.seq, None), to="c2")
    yield Rest(500 * MS)
    yield from teach(play, "s3", s2.term + 1, log, commit=len(log))
    s2 = Follower(s2.term + 1, log)
    yield from to_leader(play, "s2", s2)
    yield Rest(400 * MS)


def late_round(play: Play) -> Script:
    """As before, and an answer that s2 gave before it voted for s3 arrives at s1 when c1 has asked."""
    s2 = Follower()
    first = yield from to_leader(play, "s2", s2)
    if first is None:
        return
    request = yield Hear("s3", Request, sender="c2", within=1_500 * MS)
    if request is None:
        return
    late = []

    def notes(message: object) -> object:
        if isinstance(message, AppendEntries):
            late.append(s2(message))
        return None

    play.manners["s2"] = notes  # type: ignore[assignment]
    yield Rest(60 * MS)  # these answers take long
    del play.manners["s2"]  # here s2 votes for s3
    log = (*s2.log, Entry(s2.term + 1), Entry(s2.term + 1, request.command))
    play.say("s3", Reply(request.command.session, request.command.seq, None), to="c2")
    yield Rest(30 * MS)  # c1 asks
    for answer in late:
        if answer is not None:
            play.say("s2", answer)
    yield Rest(300 * MS)
    yield from teach(play, "s3", s2.term + 1, log, commit=len(log))
    s2 = Follower(s2.term + 1, log)
    yield from to_leader(play, "s2", s2)
    yield Rest(400 * MS)


def power_fails(unsynced: Survival = Survival.NOTHING) -> Plan:
    """s1 loses power when s3 begins to speak."""
    return Plan((Fault(Doing("s3", "send", "PreVote"), Crash("s1", 5 * MS, unsynced)),))


TWO = {"clients": 2}
APART = {"clients": 2, "servers_of": {"c1": ["s1"], "c2": ["s3"]}}
PLAYS = (
    Staged(
        "a snapshot comes", "D4", "with entries behind it", installs, 500 * MS, plan=power_fails()
    ),
    Staged("an old snapshot comes", "D4", "and is none", old_snapshot, 300 * MS),
    Staged(
        "a snapshot of a part",
        "D4",
        "the rest of the log stays",
        keeps_the_rest,
        400 * MS,
        plan=power_fails(),
    ),
    Staged("a snapshot of another log", "D4", "nothing stays", replaces_the_rest, 800 * MS),
    Staged("a snapshot of the past", "D4", "is refused", stale_snapshot, 300 * MS),
    Staged(
        "a snapshot of sessions", "D4", "remembers who was answered", remembers_sessions, 200 * MS
    ),
    Staged(
        "snapshots of its own",
        "D4",
        "make the same state as all entries do",
        own_snapshots,
        500 * MS,
        shape={"snapshot_after": 2},
        plan=power_fails(),
    ),
    *(
        Staged(
            f"the power fails while a snapshot is written ({kept.value} kept, {after} ms, seed {seed})",
            "D4",
            "one file takes the other one's place, or does not",
            partial(while_it_is_written, after * MS),
            900 * MS,
            shape={"snapshot_after": 2},
            plan=power_fails(kept),
            noise=Noise(seed=seed, sync=(20 * MS, 20 * MS)),
        )
        for kept, after, seed in (
            (Survival.NOTHING, 10, 0),
            (Survival.NOTHING, 30, 0),
            (Survival.TORN, 30, 0),
            *((Survival.SOME, 30, seed) for seed in range(5)),
        )
    ),
    Staged(
        "a read comes too early",
        "D4",
        "a new leader does not know what was committed before it",
        read_too_early,
        2_500 * MS,
        shape=TWO,
        calls=(put(10 * MS, "r1", "v1", "c1"), get(400 * MS, "r1", "c2")),
    ),
    Staged(
        "a read at a leader of the past",
        "D4",
        "it does not know that there is another one",
        read_at_a_leader_of_the_past,
        3_500 * MS,
        shape=APART,
        calls=(put(400 * MS, "r1", "v1", "c2"), get(430 * MS, "r1", "c1")),
    ),
    Staged(
        "an answer to another round",
        "D4",
        "says nothing about now",
        late_round,
        3_500 * MS,
        shape=APART,
        calls=(put(400 * MS, "r1", "v1", "c2"), get(470 * MS, "r1", "c1")),
    ),
)
