"""Twins of the judges of money and streams: every choice tried, every record counted, every instant looked at."""

from collections.abc import Iterator, Sequence
from itertools import chain, combinations
from random import Random

from distlab.check import Entry, History
from distlab.check.money import Transfer
from distlab.check.streams import Delivery
from distlab.core.values import Fail, Info, Ok

START = {"a": 5, "b": 5, "c": 5}
Observation = tuple[int, str, int]


def bank(seed: int) -> tuple[History, dict[str, int]]:
    """A few transfers, and balances at the end that mostly follow from them."""
    chance = Random(seed)
    entries = []
    for ticket in range(chance.randint(0, 5)):
        source, target = chance.sample("abc", 2)
        moved = Transfer(source, target, chance.randint(1, 3))
        outcome = chance.choice([Ok(), Info(), Fail()])
        entries.append(Entry(ticket, "c", moved, ticket, 2 * ticket, outcome, ticket + 1, 0))
    end = {account: 5 + chance.randint(-3, 3) for account in START}
    if chance.random() < 0.7:
        end = run([e for e in entries if e.is_ok or (e.is_open and chance.random() < 0.5)])
    return History(entries), end


def run(entries: Sequence[Entry]) -> dict[str, int]:
    end = dict(START)
    for entry in entries:
        assert isinstance(entry.operation, Transfer)
        end[entry.operation.source] -= entry.operation.amount
        end[entry.operation.target] += entry.operation.amount
    return end


def follows(history: History, end: dict[str, int]) -> bool:
    """Whether some choice among the transfers in doubt leads to the end."""
    ok = [entry for entry in history if entry.is_ok]
    doubt = [entry for entry in history if entry.is_open]
    choices = chain.from_iterable(combinations(doubt, n) for n in range(len(doubt) + 1))
    return any(run([*ok, *some]) == end for some in choices)


def pipeline(seed: int) -> tuple[list[str], list[str]]:
    """What should come out, and what came; often nearly the same."""
    chance = Random(seed)
    expected = chance.choices("abc", k=chance.randint(1, 5))
    got = chance.choices("abc", k=chance.randint(1, 5))
    if chance.random() < 0.6:
        got = chance.sample(expected, len(expected))
        for _ in range(chance.randint(0, 2)):
            where = chance.randrange(len(got) + 1)
            got[where:where] = chance.choices("abcd", k=1)
        del got[: chance.choice([0, 0, 0, 1])]
    return expected, got


def fits(expected: Sequence[str], got: Sequence[str], delivery: Delivery) -> bool:
    counts = [(expected.count(record), got.count(record)) for record in {*expected, *got}]
    if any(came and not wanted for wanted, came in counts):
        return False
    return all(
        {
            Delivery.EXACTLY_ONCE: came == wanted,
            Delivery.AT_LEAST_ONCE: came >= wanted,
            Delivery.AT_MOST_ONCE: came <= wanted,
        }[delivery]
        for wanted, came in counts
    )


HEALED, WITHIN, REPLICAS = 10, 5, ("a", "b")


def replicas(seed: int) -> list[Observation]:
    """What two replicas were seen to hold, in the order of time; looked at once more at the end."""
    chance = Random(seed)
    times = sorted(chance.choices(range(1, 22), k=chance.randint(0, 6)))
    changes = [(time, chance.choice(REPLICAS), chance.randint(1, 2)) for time in times]
    first = [(0, name, chance.randint(1, 2)) for name in REPLICAS]
    last = {name: value for _, name, value in [*first, *changes]}
    return [*first, *changes, *((30, name, last[name]) for name in REPLICAS)]


def states(seen: Sequence[Observation]) -> Iterator[tuple[int, int | None, int | None]]:
    """(time, what a holds, what b holds) after each observation, and at the deadline."""
    deadline = HEALED + WITHIN
    for index, (time, _, _) in enumerate(seen):
        held = {name: value for _, name, value in seen[: index + 1]}
        yield time, held.get("a"), held.get("b")
    at_deadline = {name: value for time, name, value in seen if time <= deadline}
    yield deadline, at_deadline.get("a"), at_deadline.get("b")


def are_equal_in_time(seen: Sequence[Observation]) -> bool:
    """Equal at the deadline, and at every observation after it."""
    late = [(a, b) for time, a, b in states(seen) if time > HEALED + WITHIN]
    *_, (_, a, b) = states(seen)
    return a == b and all(one == other for one, other in late)
