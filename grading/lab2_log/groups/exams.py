"""Exams of part 2G: vectors and laws of assignors, a coordinator on the bench, offsets of a member."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

from distlab.core import MS
from distlab.grade.solution import Solution
from grading.lab2_log.groups.bench import P0, P1, SOON, Bench, Wrong, exam, require
from labs.lab2_log.groups import (
    COOPERATIVE,
    ILLEGAL_GENERATION,
    NO_GENERATION,
    RANGE,
    REBALANCE_IN_PROGRESS,
    ROUND_ROBIN,
    STICKY,
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
    Subscription,
    Synced,
    TopicPartition,
)

ALL = (RANGE, ROUND_ROBIN, STICKY, COOPERATIVE)
Shares = dict[str, tuple[TopicPartition, ...]]


def part(name: str) -> TopicPartition:
    """``t0p1`` as Kafka's Javadoc writes it."""
    topic, _, number = name.rpartition("p")
    return TopicPartition(topic, int(number))


def parts(text: str) -> tuple[TopicPartition, ...]:
    return tuple(map(part, text.split()))


def member(
    name: str, topics: str, owned: Iterable[TopicPartition] = (), generation: int = NO_GENERATION
) -> Subscription:
    return Subscription(name, tuple(topics.split()), tuple(sorted(owned)), generation)


def shown(shares: Shares) -> str:
    return "; ".join(f"{m}: {' '.join(map(str, p))}" for m, p in sorted(shares.items()))


def ask(
    solution: Solution, name: str, members: Iterable[Subscription], sizes: dict[str, int]
) -> Shares:
    """What the assignor says; each share in order."""
    answer = solution.module("assignors").assign(name, tuple(members), dict(sizes))
    return {m: tuple(sorted(p)) for m, p in answer.items()}


# -- vectors ----------------------------------------------------------------------------------------------------------

TWO = {"t0": 3, "t1": 3}
FOUR = {"t0": 2, "t1": 2, "t2": 2, "t3": 2}


def javadoc_range(solution: Solution) -> None:
    """RangeAssignor's Javadoc: two consumers, two topics of three partitions."""
    got = ask(solution, RANGE, [member("C0", "t0 t1"), member("C1", "t0 t1")], TWO)
    expected = {"C0": parts("t0p0 t0p1 t1p0 t1p1"), "C1": parts("t0p2 t1p2")}
    require(
        got == expected, "range, two consumers, t0 and t1 of three", shown(expected), shown(got)
    )


def javadoc_round_robin(solution: Solution) -> None:
    """RoundRobinAssignor's Javadoc: the same two; and three with unequal subscriptions."""
    got = ask(solution, ROUND_ROBIN, [member("C0", "t0 t1"), member("C1", "t0 t1")], TWO)
    expected = {"C0": parts("t0p0 t0p2 t1p1"), "C1": parts("t0p1 t1p0 t1p2")}
    require(got == expected, "round-robin, t0 and t1 of three", shown(expected), shown(got))
    three = [member("C0", "t0"), member("C1", "t0 t1"), member("C2", "t0 t1 t2")]
    got = ask(solution, ROUND_ROBIN, three, {"t0": 1, "t1": 2, "t2": 3})
    expected = {
        "C0": parts("t0p0"),
        "C1": parts("t1p0"),
        "C2": parts("t1p1 t2p0 t2p1 t2p2"),
    }
    require(got == expected, "round-robin, unequal subscriptions", shown(expected), shown(got))


def javadoc_sticky(solution: Solution) -> None:
    """StickyAssignor's Javadoc: three consumers, four topics of two; then C1 leaves, and the others keep all they
    have."""
    start = {
        "C0": parts("t0p0 t1p1 t3p0"),
        "C1": parts("t0p1 t2p0 t3p1"),
        "C2": parts("t1p0 t2p1"),
    }
    topics = "t0 t1 t2 t3"
    left = [member(m, topics, start[m], 1) for m in ("C0", "C2")]
    for name in (STICKY, COOPERATIVE):
        got = ask(solution, name, left, FOUR)
        for m in ("C0", "C2"):
            require(
                set(start[m]) <= set(got[m]) and len(got[m]) == 4,
                f"{name}: C1 leaves, {m} keeps what it has and gets its part of the rest",
                f"four, with {' '.join(map(str, start[m]))}",
                " ".join(map(str, got[m])),
            )


def kafka_7026(solution: Solution) -> None:
    """A was away and claims what it owned two generations ago; B and C own it by now."""
    members = [
        member("A", "t", parts("tp0 tp3"), 1),
        member("B", "t", parts("tp0 tp1 tp4"), 2),
        member("C", "t", parts("tp2 tp3 tp5"), 2),
    ]
    got = ask(solution, STICKY, members, {"t": 6})
    for m in members[1:]:
        kept = set(m.owned) & set(got[m.member])
        require(
            len(got[m.member]) == 2 and len(kept) == 2,
            f"KAFKA-7026: {m.member} keeps two of its three",
            f"two of {' '.join(map(str, m.owned))}",
            " ".join(map(str, got[m.member])),
        )
    got = ask(solution, COOPERATIVE, members, {"t": 6})
    require(
        got["A"] == (),
        "KAFKA-7026, cooperative: B and C have not let go of anything yet",
        "A: nothing",
        shown(got),
    )


# -- laws -------------------------------------------------------------------------------------------------------------


def draw(random: Random, *, equal: bool = False) -> tuple[list[Subscription], dict[str, int]]:
    """Members with any claims: of several generations, twice, to what does not exist."""
    sizes = {f"t{n}": random.randrange(1, 7) for n in range(random.randrange(1, 4))}
    everything = [TopicPartition(t, n) for t, size in sizes.items() for n in range(size)]
    members = []
    left = list(everything)
    random.shuffle(left)
    for n in range(random.randrange(1, 6)):
        topics = [t for t in sizes if equal or random.random() < 0.7] or [next(iter(sizes))]
        owned = [left.pop() for _ in range(min(len(left), random.randrange(0, 6)))]
        generation = random.choice([5, 5, 5, 4])
        if random.random() < 0.3:
            owned += random.sample(everything, random.randrange(min(3, len(everything)) + 1))
        if random.random() < 0.1:
            owned.append(TopicPartition("t0", 99))
        if not owned:
            generation = NO_GENERATION
        members.append(Subscription(f"m{n}", tuple(topics), tuple(sorted(set(owned))), generation))
    random.shuffle(members)
    return members, sizes


def claims(
    members: Iterable[Subscription], sizes: dict[str, int]
) -> dict[TopicPartition, set[str]]:
    """Who may own what: of the claims that make sense, those of the newest generation."""
    found: dict[TopicPartition, dict[int, set[str]]] = {}
    for m in members:
        for p in m.owned:
            if p.topic in m.topics and p.number < sizes.get(p.topic, 0):
                found.setdefault(p, {}).setdefault(m.generation, set()).add(m.member)
    return {p: by[max(by)] for p, by in found.items()}


def exactly_once(solution: Solution) -> None:
    """Everything that somebody wants goes to one who wants it, whatever the order of the members."""
    random = Random(1)
    for _ in range(150):
        members, sizes = draw(random)
        wanted = {
            TopicPartition(t, n)
            for t, size in sizes.items()
            for n in range(size)
            if any(t in m.topics for m in members)
        }
        for name in ALL:
            got = ask(solution, name, members, sizes)
            require(
                set(got) == {m.member for m in members},
                f"{name}: every member has a share, if only an empty one",
                sorted(m.member for m in members),
                sorted(got),
            )
            dealt = [p for share in got.values() for p in share]
            require(
                len(dealt) == len(set(dealt)), f"{name}: something is given twice", "", shown(got)
            )
            for m in members:
                stray = [p for p in got[m.member] if p.topic not in m.topics or p not in wanted]
                require(not stray, f"{name}: {m.member} gets {stray[:1]}, which it does not want")
            if name != COOPERATIVE:
                missing = sorted(wanted - set(dealt))
                require(not missing, f"{name}: nobody gets {missing[:1]}", "", shown(got))
            other = ask(solution, name, list(reversed(members)), dict(reversed(sizes.items())))
            require(
                other == got, f"{name}: the order of the members matters", shown(got), shown(other)
            )


def balanced(solution: Solution) -> None:
    """Nobody has two more than somebody who could take one of them."""
    random = Random(2)
    for turn in range(200):
        members, sizes = draw(random, equal=turn % 2 == 0)
        got = ask(solution, STICKY, members, sizes)
        for taker in members:
            for giver in members:
                could = [p for p in got[giver.member] if p.topic in taker.topics]
                gap = len(got[giver.member]) - len(got[taker.member])
                require(
                    not could or gap <= 1,
                    f"sticky: {giver.member} has {gap} more than {taker.member}, which could have {could[:1]}",
                    "a difference of one at most",
                    shown(got),
                )


def moves_little(solution: Solution) -> None:
    """With equal subscriptions as much stays as can, of all balanced answers."""
    random = Random(3)
    for _ in range(200):
        members, sizes = draw(random, equal=True)
        owners = claims(members, sizes)
        mine: dict[str, set[TopicPartition]] = {m.member: set() for m in members}
        for p, who in owners.items():
            if len(who) == 1:
                mine[next(iter(who))].add(p)
        total = sum(sizes.values())
        least, more = divmod(total, len(members))
        counts = sorted((len(p) for p in mine.values()), reverse=True)
        best = sum(min(count, least + (n < more)) for n, count in enumerate(counts))
        got = ask(solution, STICKY, members, sizes)
        stays = sum(len(mine[m] & set(share)) for m, share in got.items())
        require(
            stays >= best,
            f"sticky: {stays} partitions stay where they are, and {best} could",
            best,
            f"{stays}: {shown(got)}, of {[(m.member, m.generation, list(map(str, m.owned))) for m in members]}",
        )
        again = ask(
            solution, STICKY, [member(m, " ".join(sizes), s, 9) for m, s in got.items()], sizes
        )
        require(
            again == got,
            "sticky: nothing has changed, and something moves",
            shown(got),
            shown(again),
        )


def lets_go_first(solution: Solution) -> None:
    """Cooperative: what one owns no other gets; and in the next round everything has an owner."""
    random = Random(4)
    for turn in range(150):
        members, sizes = draw(random, equal=turn % 2 == 0)
        owners = claims(members, sizes)
        got = ask(solution, COOPERATIVE, members, sizes)
        for m, share in got.items():
            for p in share:
                others = sorted(owners.get(p, {m}) - {m})
                require(
                    not others,
                    f"cooperative: {m} gets {p}, which {others[:1]} may still own",
                    f"{p} goes to nobody in this round",
                    shown(got),
                )
        wanted = {
            TopicPartition(t, n)
            for t, size in sizes.items()
            for n in range(size)
            if any(t in m.topics for m in members)
        }
        rounds = (
            1 if turn % 2 == 0 else 6
        )  # with unequal subscriptions one move may bring about another
        topics = {m.member: " ".join(m.topics) for m in members}
        for n in range(rounds):
            again = [member(m, topics[m], share, 9 + n) for m, share in got.items()]
            got = ask(solution, COOPERATIVE, again, sizes)
        dealt = {p for share in got.values() for p in share}
        require(
            dealt == wanted,
            f"cooperative: after {rounds + 1} rounds {sorted(wanted - dealt)[:1]} has no owner",
            "everything has one",
            shown(got),
        )


# -- a coordinator on the bench ---------------------------------------------------------------------------------------


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


# -- a member's offsets -----------------------------------------------------------------------------------------------


def lags(solution: Solution) -> None:
    """The high watermark minus what is committed; nobody can say where nothing is; never negative."""
    lag = solution.module("places").lag
    for high, committed, expected in (
        (10, 7, 3),
        (10, 10, 0),
        (0, 0, 0),
        (10, None, None),
        (8, 9, 0),
    ):
        got: Any = lag(high, committed)
        require(got == expected, f"lag({high}, {committed})", expected, got)


EXAMS = {
    "CG-S1": (exam("everything goes to exactly one", exactly_once),),
    "CG-S5": (
        exam("Javadoc: range", javadoc_range),
        exam("Javadoc: round-robin", javadoc_round_robin),
        exam("Javadoc: sticky", javadoc_sticky),
        exam("KAFKA-7026", kafka_7026),
        exam("sticky is balanced", balanced),
        exam("sticky moves little", moves_little),
    ),
    "CG-S4": (exam("who owns it lets go first", lets_go_first),),
    "CG-S1 G2": (
        exam("not before it is in the log", not_before_the_log),
        exam("all leave, others come", all_gone),
        exam("tools are answered", tools),
    ),
    "CG-S2": (exam("a zombie on the bench", zombie),),
    "CG-S3 G2": (
        exam("echoes of commits", echo),
        exam("not before the log is read", not_before_it_is_read),
    ),
    "CG-L1": (
        exam("the leader dies between Join and Sync", leader_dies),
        exam("a member does not join again", does_not_come),
    ),
    "CG-L2": (
        exam("another coordinator goes on", goes_on),
        exam("an echo of a JoinGroup", echo_of_a_join),
    ),
    "CG-L4": (
        exam("whoever waits is not silent", waits_patiently),
        exam("the answer to a JoinGroup is lost", the_answer_is_lost),
    ),
    "CG-S3": (exam("lag", lags),),
}
"""By promise; where two pieces have one of the same code, the second names its piece."""
