"""Partitioners: which subtask of the next operator gets a record (part 5A1).

Rule: a partitioner decides by what it is told, the records of one batch and its own turn; it asks nobody.

Theory. Two of them are functions of the key: ``key_by`` sends a key to one subtask, always, whoever sends it; it is
what keyed state stands on. ``partial_key`` gives a key two subtasks and picks the less loaded one, so that a hot key
is halved; then the two halves must be merged later (M. A. U. Nasir and others, "Partial Key Grouping"; in Storm since
0.10). The others know no key. Storm calls them fields, partialKey, shuffle, all, global.
"""

from __future__ import annotations

from dataclasses import dataclass

from labs.lab5_streaming.stream import MAX_PARALLELISM, Chance, Key, Records, key_group


def owner_of(group: int, targets: int, groups: int = MAX_PARALLELISM) -> int:
    """The subtask that a key group belongs to: each owns consecutive groups, in shares as equal as can be.

    Of 128 groups and 3 subtasks: 0-42, 43-85, 86-127. Subtask i begins at group ceil(i * groups / targets).
    """
    # BEGIN SOLUTION 5A1: whose group is it?
    return group * targets // groups
    # END SOLUTION


def two_choices(key: Key, targets: int) -> tuple[int, int]:
    """The two subtasks that a key may go to, the first one being its owner; not equal, where there are two."""
    # BEGIN SOLUTION 5A1: two functions of the key
    first = owner_of(key_group(key), targets)
    if targets == 1:
        return first, first
    other = key_group(f"other {key}", targets - 1)
    return first, other + (other >= first)
    # END SOLUTION


@dataclass
class Partitioner:
    """Deals out the records of one edge, in one sending subtask."""

    subtask: int
    """Its own number."""
    targets: int
    """How many channels it deals to."""

    def deal(self, records: Records, random: Chance) -> dict[int, Records]:
        """For each target that gets any: its records, in their order. ``random`` is the task's own stream."""
        raise NotImplementedError


# BEGIN SOLUTION 5A1: your helpers
def dealt(records: Records, owners: list[int]) -> dict[int, Records]:
    """``owners[i]`` gets the i-th record."""
    places: dict[int, list[int]] = {}
    for place, owner in enumerate(owners):
        places.setdefault(owner, []).append(place)
    return {owner: records.pick(places[owner]) for owner in sorted(places)}


# END SOLUTION


@dataclass
class Forward(Partitioner):
    """To the one task on the other side: subtask i to subtask i. There is one target."""

    def deal(self, records: Records, random: Chance) -> dict[int, Records]:
        # BEGIN SOLUTION 5A1: forward
        return {0: records}
        # END SOLUTION


@dataclass
class KeyBy(Partitioner):
    """To the owner of its key group."""

    def deal(self, records: Records, random: Chance) -> dict[int, Records]:
        # BEGIN SOLUTION 5A1: key_by
        return dealt(records, [owner_of(key_group(key), self.targets) for key in records.keys])
        # END SOLUTION


@dataclass
class Rebalance(Partitioner):
    """In turn, record by record, over all batches: after n records no two targets differ by more than one."""

    turn: int = -1

    def deal(self, records: Records, random: Chance) -> dict[int, Records]:
        # BEGIN SOLUTION 5A1: rebalance; senders begin at different targets
        if self.turn < 0:
            self.turn = self.subtask
        owners = [(self.turn + place) % self.targets for place in range(len(records))]
        self.turn = (self.turn + len(records)) % self.targets
        return dealt(records, owners)
        # END SOLUTION


@dataclass
class Shuffle(Partitioner):
    """Anywhere, each target as likely as any other, record by record."""

    def deal(self, records: Records, random: Chance) -> dict[int, Records]:
        # BEGIN SOLUTION 5A1: shuffle
        return dealt(records, [random.randrange(self.targets) for _ in records.keys])
        # END SOLUTION


@dataclass
class Broadcast(Partitioner):
    """A copy to each."""

    def deal(self, records: Records, random: Chance) -> dict[int, Records]:
        # BEGIN SOLUTION 5A1: broadcast
        return dict.fromkeys(range(self.targets), records)
        # END SOLUTION


@dataclass
class Global(Partitioner):
    """All to subtask 0."""

    def deal(self, records: Records, random: Chance) -> dict[int, Records]:
        # BEGIN SOLUTION 5A1: global
        return {0: records}
        # END SOLUTION


@dataclass
class PartialKey(Partitioner):
    """To that of the key's two choices which this sender has given fewer records so far; in doubt, the first."""

    # BEGIN SOLUTION 5A1: remember how many each target got
    given: dict[int, int] | None = None
    # END SOLUTION

    def deal(self, records: Records, random: Chance) -> dict[int, Records]:
        # BEGIN SOLUTION 5A1: partial_key
        given, owners = self.given or {}, []
        for key in records.keys:
            owner = min(two_choices(key, self.targets), key=lambda choice: given.get(choice, 0))
            given[owner] = given.get(owner, 0) + 1
            owners.append(owner)
        self.given = given
        return dealt(records, owners)
        # END SOLUTION


PARTITIONERS: dict[str, type[Partitioner]] = {
    "forward": Forward,
    "key_by": KeyBy,
    "rebalance": Rebalance,
    "shuffle": Shuffle,
    "broadcast": Broadcast,
    "global": Global,
    "partial_key": PartialKey,
}


def partitioner(how: str, subtask: int, targets: int) -> Partitioner:
    """The partitioner of that name, for one sending subtask."""
    return PARTITIONERS[how](subtask, targets)
