"""Partitioners, of two kinds: those that choose a target record by record, and those that pass the batch on whole."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from labs.lab5_streaming.stream import MAX_PARALLELISM, Chance, Key, Records, key_group


def starts(targets: int, groups: int) -> list[int]:
    """The first key group of each subtask."""
    return [(i * groups + targets - 1) // targets for i in range(targets)]


def owner_of(group: int, targets: int, groups: int = MAX_PARALLELISM) -> int:
    return bisect_right(starts(targets, groups), group) - 1


def two_choices(key: Key, targets: int) -> tuple[int, int]:
    first = owner_of(key_group(key), targets)
    if targets == 1:
        return first, first
    step = 1 + key_group(f"{key}/step", 1 << 20) % (targets - 1)
    return first, (first + step) % targets


@dataclass
class Partitioner:
    """Chooses a target for each record."""

    subtask: int
    targets: int

    def choose(self, key: Key, random: Chance) -> int:
        return 0

    def deal(self, records: Records, random: Chance) -> dict[int, Records]:
        chosen = [self.choose(key, random) for key in records.keys]
        return {
            target: records.pick([i for i, one in enumerate(chosen) if one == target])
            for target in dict.fromkeys(chosen)
        }


@dataclass
class Everyone(Partitioner):
    """The whole batch to each."""

    def deal(self, records: Records, random: Chance) -> dict[int, Records]:
        return dict.fromkeys(range(self.targets), records)


@dataclass
class KeyBy(Partitioner):
    def choose(self, key: Key, random: Chance) -> int:
        return owner_of(key_group(key), self.targets)


@dataclass
class Rebalance(Partitioner):
    dealt: int = 0

    def choose(self, key: Key, random: Chance) -> int:
        self.dealt += 1
        return (self.dealt + 7 * self.subtask) % self.targets


@dataclass
class Shuffle(Partitioner):
    def choose(self, key: Key, random: Chance) -> int:
        return int(random.random() * self.targets)


@dataclass
class PartialKey(Partitioner):
    load: dict[int, int] = field(default_factory=dict)

    def choose(self, key: Key, random: Chance) -> int:
        first, other = two_choices(key, self.targets)
        chosen = other if self.load.get(other, 0) < self.load.get(first, 0) else first
        self.load[chosen] = self.load.get(chosen, 0) + 1
        return chosen


PARTITIONERS: dict[str, type[Partitioner]] = {
    "forward": Partitioner,
    "global": Partitioner,
    "broadcast": Everyone,
    "key_by": KeyBy,
    "rebalance": Rebalance,
    "shuffle": Shuffle,
    "partial_key": PartialKey,
}


def partitioner(how: str, subtask: int, targets: int) -> Partitioner:
    """The partitioner of that name, for one sending subtask."""
    return PARTITIONERS[how](subtask, targets)
