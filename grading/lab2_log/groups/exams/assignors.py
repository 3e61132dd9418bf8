"""Exams of assignors: the vectors of Kafka's Javadoc, one of its bugs, and laws on drawn groups."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from distlab.grade.solution import Solution
from grading.lab2_log.groups.bench import require
from labs.lab2_log.groups import (
    COOPERATIVE,
    NO_GENERATION,
    RANGE,
    ROUND_ROBIN,
    STICKY,
    Subscription,
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
