"""Partitioners by themselves: known values, laws over many batches."""

from __future__ import annotations

from collections import Counter
from random import Random

from distlab.check import Verdict, broken, kept
from distlab.grade.lab import Exam
from distlab.grade.solution import Solution
from labs.lab5_streaming.stream import MAX_PARALLELISM, Records, key_group

RANGES = {
    1: [(0, 127)],
    2: [(0, 63), (64, 127)],
    3: [(0, 42), (43, 85), (86, 127)],
    5: [(0, 25), (26, 51), (52, 76), (77, 102), (103, 127)],
}
"""Of 128 key groups, whose are which: subtask i owns those from ceil(128 i / p) on."""


def batch(first: int, count: int, keys: int) -> Records:
    numbers = range(first, first + count)
    return Records(tuple(f"k{n % keys}" for n in numbers), tuple(numbers), tuple(numbers))


def owners(solution: Solution) -> Verdict:
    """Each key group has the owner that the formula gives it."""
    owner_of = solution.module("partitioners").owner_of
    for targets, ranges in RANGES.items():
        for owner, (first, last) in enumerate(ranges):
            for group in range(first, last + 1):
                if (got := owner_of(group, targets)) != owner:
                    return broken(
                        f"key group {group} of 128, with {targets} subtasks, has another owner",
                        expected=owner,
                        got=got,
                    )
    for targets in range(1, MAX_PARALLELISM + 1):
        starts = [-(-i * MAX_PARALLELISM // targets) for i in range(targets + 1)]
        for owner in range(targets):
            for group in (starts[owner], starts[owner + 1] - 1):
                if owner_of(group, targets) != owner:
                    return broken(f"key group {group}, with {targets} subtasks, is not {owner}'s")
    return kept()


def choices(solution: Solution) -> Verdict:
    """A key's two choices: its owner, and another; the others spread over all."""
    two_choices = solution.module("partitioners").two_choices
    for targets in (1, 2, 3, 8):
        others: Counter[int] = Counter()
        for n in range(400):
            first, other = two_choices(f"k{n}", targets)
            if first != key_group(f"k{n}") * targets // MAX_PARALLELISM:
                return broken(
                    f"the first choice of 'k{n}' among {targets} is not its owner", got=first
                )
            if (first == other) != (targets == 1) or not 0 <= other < targets:
                return broken(f"the other choice of 'k{n}' among {targets} is no other", got=other)
            others[other] += 1
        if min(others[target] for target in range(targets)) < 400 // targets // 3:
            return broken(
                f"the other choices of 400 keys crowd on some of {targets}", got=dict(others)
            )
    return kept()


def laws(solution: Solution) -> Verdict:
    """Whatever comes: every record goes somewhere, in order; and each kind as it must."""
    make = solution.module("partitioners").partitioner
    random = Random(5)
    for kind in ("forward", "key_by", "rebalance", "shuffle", "broadcast", "global", "partial_key"):
        for targets in (1,) if kind == "forward" else (1, 2, 3, 7):
            dealer = make(kind, 1, targets)
            got: Counter[int] = Counter()
            first = 0
            for count in (1, 5, 0, 2, 300, 1, 1):
                records = batch(first, count, 1 if kind == "partial_key" else 40)
                dealt = dealer.deal(records, random)
                where = f"{kind} of {count} records to {targets}"
                copies = targets if kind == "broadcast" and count else 1
                everything = sorted(value for share in dealt.values() for value in share.values)
                if everything != sorted(copies * list(records.values)):
                    return broken(f"{where}: not every record went somewhere", got=everything)
                for target, share in dealt.items():
                    rows = list(zip(share.keys, share.times, share.values, strict=True))
                    there = list(zip(records.keys, records.times, records.values, strict=True))
                    if not 0 <= target < targets or rows != [r for r in there if r in set(rows)]:
                        return broken(f"{where}: target {target} has another order, or is none")
                    got[target] += len(share)
                first += count
            if (verdict := _is_spread(kind, targets, [got[t] for t in range(targets)])) is not None:
                return verdict
    return kept()


def _is_spread(kind: str, targets: int, counts: list[int]) -> Verdict | None:
    """310 records in all; of partial_key, all of one key."""
    used = sum(count > 0 for count in counts)
    is_right = {
        "rebalance": max(counts) - min(counts) <= 1,
        "shuffle": min(counts) > 310 // targets // 2,
        "global": counts[0] == 310,
        "key_by": used == targets,
        "partial_key": used == min(2, targets) and max(counts) - min(c for c in counts if c) <= 1,
    }
    if is_right.get(kind, True):
        return None
    return broken(f"{kind} of 310 records to {targets}: badly spread", got=counts)


def beginnings(solution: Solution) -> Verdict:
    """Many senders of one record each do not all begin with the same target."""
    make = solution.module("partitioners").partitioner
    firsts = [next(iter(make("rebalance", n, 4).deal(batch(0, 1, 1), Random(n)))) for n in range(8)]
    if len(set(firsts)) == 1:
        return broken(
            "eight senders rebalance, and all give their first record to the same target",
            got=firsts,
        )
    return kept()


EXAMS = (
    Exam("whose key group it is", owners, "partitioners"),
    Exam("a key's two choices", choices, "partitioners"),
    Exam("what is dealt, and how evenly", laws, "partitioners"),
    Exam("where senders begin", beginnings, "partitioners"),
)
