"""Exams of a coordinator, on a bench: what it must not do before the log has it, and whom it waits for."""

from __future__ import annotations

from distlab.core import MS
from distlab.grade.solution import Solution
from grading.lab2_log.groups.bench import P0, P1, SOON, Bench, Wrong, require
from labs.lab2_log.groups import (
    ILLEGAL_GENERATION,
    NO_GENERATION,
    REBALANCE_IN_PROGRESS,
    UNKNOWN_MEMBER,
    DescribeGroup,
    GroupDescribed,
    GroupsListed,
    Heartbeat,
    HeartbeatAnswer,
    Joined,
    LeaveGroup,
    ListGroups,
    OffsetFetch,
    OffsetsFetched,
    Synced,
)


def zombie(solution: Solution) -> None:
    """Two members; one is silent, the other takes over and commits; then the first one commits."""
    bench = Bench(solution)
    old = bench.gather("a-1", "b-1")
    require(bool(bench.commit("a-1", old, 5)), "a member's commit is not answered")
    new = _goes_on_alone(bench, "b-1", old)
    require(
        [c.error for c in bench.commit("b-1", new, 9)] == [""],
        "the new owner's commit is refused",
    )
    for generation in (old, new):
        errors = [c.error for c in bench.commit("a-1", generation, 6)]
        require(
            bool(errors) and errors[0] in (UNKNOWN_MEMBER, ILLEGAL_GENERATION),
            f"a-1 was thrown out, and commits in generation {generation}",
            UNKNOWN_MEMBER,
            errors,
        )
    require(
        bench.committed() == 9, "the zombie's commit has put the offset back", 9, bench.committed()
    )
    errors = [c.error for c in bench.commit("b-1", old, 7)]
    require(
        errors == [ILLEGAL_GENERATION],
        f"b-1 commits in generation {old}, and the group is in {new}",
        ILLEGAL_GENERATION,
        errors,
    )


def _goes_on_alone(bench: Bench, name: str, old: int) -> int:
    """The other members are silent; this one joins again, and gets everything. The new generation."""
    for _ in range(12):
        bench.pass_time(40 * MS)
        if bench.beat(name, old) == REBALANCE_IN_PROGRESS:
            break
    else:
        raise Wrong(
            "a member is silent, and the others are not told to join again",
            REBALANCE_IN_PROGRESS,
            "no error",
        )
    bench.join(name)
    bench.pass_time(SOON)
    answer = bench.joined(name)
    require(
        answer.generation > old, "a new generation begins", f"more than {old}", answer.generation
    )
    bench.sync(name, answer.generation, {name: [P0, P1]})
    bench.pass_time(SOON)
    return answer.generation


def echo(solution: Solution) -> None:
    """A commit comes twice, the second time late."""
    bench = Bench(solution)
    generation = bench.gather("a-1")
    bench.ids["a-1"] = 40
    bench.commit("a-1", generation, 5, 20)
    bench.commit("a-1", generation, 8, 21)
    bench.commit("a-1", generation, 5, 20)
    require(bench.committed() == 8, "an echo of an older commit counts", 8, bench.committed())
    bench.commit("a-1", generation, 3, 22, P1)
    bench.commit("a-1", generation, 1, 19, P1)
    require(bench.committed(P1) == 3, "a commit that was overtaken counts", 3, bench.committed(P1))
    other = bench.restarted(solution)
    require(other.committed() == 8, "after a fail-over", 8, other.committed())
    other.commit("a-1", generation, 5, 20)
    require(other.committed() == 8, "an echo, after a fail-over, counts", 8, other.committed())


def not_before_the_log(solution: Solution) -> None:
    """The log is silent: nothing is acknowledged, nobody gets a share."""
    bench = Bench(solution)
    generation = bench.gather("a-1")
    bench.is_quiet = True
    answers = [c for c in bench.commit("a-1", generation, 5) if not c.error]
    require(
        not answers, "a commit is acknowledged that is not in the log", "no answer yet", answers[:1]
    )
    bench = Bench(solution)
    bench.is_quiet = True
    bench.join("a-1")
    bench.pass_time(60 * MS)
    bench.sync("a-1", bench.joined("a-1").generation, {"a-1": [P0, P1]})
    got = [s for s in bench.heard("a-1", Synced) if not s.error]
    require(not got, "a member gets a share that is not in the log", "no answer yet", got[:1])


def goes_on(solution: Solution) -> None:
    """Another coordinator reads the log: same generation, same shares; nobody has to join again."""
    bench = Bench(solution)
    generation = bench.gather("a-1", "b-1")
    bench.commit("a-1", generation, 5)
    other = bench.restarted(solution)
    other.ids = dict(bench.ids)
    require(other.committed() == 5, "what was committed is forgotten", 5, other.committed())
    for name in ("a-1", "b-1"):
        error = other.beat(name, generation)
        require(not error, f"after a fail-over {name} has to join again", "no error", error)
        other.sync(name, generation)
        other.pass_time(SOON)
        before, after = bench.heard(name, Synced)[-1], other.heard(name, Synced)
        require(
            bool(after) and after[-1].partitions == before.partitions,
            f"after a fail-over {name} has another share",
            before.partitions,
            after,
        )


def not_before_it_is_read(solution: Solution) -> None:
    """The log has not been read yet: nobody is told that nothing is committed, or that it is unknown."""
    before = Bench(solution)
    generation = before.gather("a-1")
    before.commit("a-1", generation, 5)
    bench = Bench(solution, before.log, is_quiet=True)
    bench.tell("tool", OffsetFetch(1, "g", (P0,)))
    told = [a for a in bench.heard("tool", OffsetsFetched) if not a.error]
    require(
        not told,
        "a coordinator that has not read its log says what is committed",
        "COORDINATOR_LOAD_IN_PROGRESS",
        told[:1],
    )
    bench.tell("a-1", Heartbeat(9, "g", generation, "a-1"))
    errors = [a.error for a in bench.heard("a-1", HeartbeatAnswer)]
    require(
        UNKNOWN_MEMBER not in errors,
        "a coordinator that has not read its log does not know a member",
        "COORDINATOR_LOAD_IN_PROGRESS",
        errors,
    )


def leader_dies(solution: Solution) -> None:
    """The leader is silent between Join and Sync; the others get on without it."""
    bench = Bench(solution)
    bench.join("a-1")
    bench.join("b-1")
    bench.pass_time(60 * MS)
    answer = bench.joined("a-1")
    other = "b-1" if answer.leader == "a-1" else "a-1"
    bench.sync(other, answer.generation)
    _goes_on_alone(bench, other, answer.generation)
    got = [s for s in bench.heard(other, Synced) if not s.error]
    require(bool(got), "the leader is gone, and nobody gets a share", "Synced", "nothing")


def does_not_come(solution: Solution) -> None:
    """A member heartbeats, and does not join again: it is out after its rebalance timeout."""
    bench = Bench(solution)
    old = bench.gather("a-1", "b-1")
    bench.join("b-1")
    before = len(bench.heard("b-1", Joined))
    for _ in range(9):
        bench.pass_time(40 * MS)
        bench.beat("a-1", old)
    require(
        len(bench.heard("b-1", Joined)) == before,
        "a-1 has a rebalance timeout of 400 ms, heartbeats, and is out after 360",
        "it is waited for",
        "a new generation",
    )
    for _ in range(5):
        bench.pass_time(40 * MS)
        bench.beat("a-1", old)
    require(
        bench.joined("b-1").generation > old,
        "a member does not join again, and everybody waits for it for ever",
        "a new generation after 400 ms",
        "none after 560 ms",
    )


def waits_patiently(solution: Solution) -> None:
    """A member that waits for the answer to its JoinGroup says nothing; it is not silent."""
    bench = Bench(solution)
    old = bench.gather("a-1", "b-1", "c-1")
    bench.join("a-1")
    for _ in range(7):
        bench.pass_time(40 * MS)
        bench.beat("b-1", old)
        bench.beat("c-1", old)
    bench.join("b-1")
    bench.join("c-1")
    bench.pass_time(SOON)
    answers = [bench.joined(n) for n in ("a-1", "b-1", "c-1")]
    names = {m.member for a in answers if a.generation > old for m in a.members}
    require(
        "a-1" in names,
        "a-1 waited for the others to join for 280 ms, with a session timeout of 200, and is out",
        "a member of the new generation",
        sorted(names),
    )


def the_answer_is_lost(solution: Solution) -> None:
    """A member's JoinGroup is answered, and the answer is lost; the next rebalance begins, and it asks again."""
    bench = Bench(solution)
    first = bench.join("a-1")
    bench.join("b-1")
    bench.pass_time(60 * MS)
    old = bench.joined("b-1").generation
    bench.join("c-1")
    bench.join("b-1")
    bench.tell("a-1", first)
    bench.pass_time(SOON)
    require(
        bench.joined("c-1").generation > old if bench.heard("c-1", Joined) else False,
        "a-1 has not heard that its JoinGroup was answered, asks again in the next rebalance, and does not count "
        "as having joined",
        "a new generation, with a-1",
        "the others wait for it",
    )


def echo_of_a_join(solution: Solution) -> None:
    """A JoinGroup comes again when it has been answered."""
    bench = Bench(solution)
    generation = bench.gather("a-1", "b-1")
    bench.ids["a-1"] = 30
    bench.join("a-1")
    bench.join("b-1")
    bench.pass_time(SOON)
    new = bench.joined("a-1").generation
    require(new > generation, "both have joined again, and nothing happens")
    bench.ids["a-1"] = 30
    bench.join("a-1")
    bench.pass_time(SOON)
    require(
        bench.joined("b-1").generation == new and bench.beat("b-1", new) != REBALANCE_IN_PROGRESS,
        "an echo of a JoinGroup makes the group rebalance",
        f"generation {new}, as before",
    )


def all_gone(solution: Solution) -> None:
    """All leave; others come. Generations go on; offsets stay; tools may set them only while nobody is there."""
    bench = Bench(solution)
    old = bench.gather("a-1")
    bench.commit("a-1", old, 5)
    errors = [c.error for c in bench.commit("", NO_GENERATION, 1)]
    require(bool(errors) and errors[0] != "", "a tool set an offset of a group that has members")
    bench.tell("a-1", LeaveGroup(bench.id("a-1"), "g", "a-1"))
    require(
        bench.committed() == 5, "all members left, and the offsets are gone", 5, bench.committed()
    )
    again = bench.restarted(solution)
    for group in (bench, again):
        group.join("c-1")
        group.pass_time(60 * MS)
        new = group.joined("c-1").generation
        require(
            new > old,
            "all members left, others came, and a generation comes again",
            f"more than {old}",
            new,
        )


def tools(solution: Solution) -> None:
    """ListGroups and DescribeGroup."""
    bench = Bench(solution)
    bench.tell("tool", DescribeGroup(1, "g"))
    (nobody,) = bench.heard("tool", GroupDescribed, 1)
    require(nobody.state == "Dead", "a group that nobody knows", "Dead", nobody.state)
    generation = bench.gather("a-1", "b-1")
    bench.commit("a-1", generation, 5)
    bench.tell("tool", ListGroups(2))
    (listed,) = bench.heard("tool", GroupsListed, 2)
    require(
        [(g.group, g.state) for g in listed.groups] == [("g", "Stable")],
        "ListGroups",
        [("g", "Stable")],
        listed.groups,
    )
    bench.tell("tool", DescribeGroup(3, "g"))
    (group,) = bench.heard("tool", GroupDescribed, 3)
    shares = {m.member: (m.address, m.partitions) for m in group.members}
    require(
        (group.state, group.generation) == ("Stable", generation)
        and shares == {"a-1": ("a", (P0,)), "b-1": ("b", (P1,))}
        and [(p.partition, p.offset) for p in group.positions] == [(P0, 5)],
        "DescribeGroup",
        f"Stable, generation {generation}, a-1 with {P0}, b-1 with {P1}, offset 5 of {P0}",
        group,
    )
