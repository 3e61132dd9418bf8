"""The log of the groups, kept on the brokers: one partition of ``__consumer_offsets``, and who coordinates.

Coordinators of part 2G speak to it as they do to the log that the world plays when they are graded. What they have
appended is in the partition, on all in-sync replicas, before they hear of it; so it outlives every coordinator, and
this node, too, which keeps nothing else.

Theory of operation. There are two kinds of entries: somebody was *elected*, in an epoch; and a record was *written*, in
an epoch, as the n-th of the groups' log. Who reads the partition from its beginning takes an election if its epoch is
newer than the last one, and a record if it is of this epoch and comes next. All else is passed over: a batch that was
sent twice, and what an earlier life of this node had on its way when it was killed. A new life reads to the end, writes
an election of its own, and reads on until it has met it: then it knows everything that can ever count before it. With
each election what was overwritten is left out, so what has to be loaded does not grow for ever.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from distlab.core import MS, Address, Fail, Ok, Timer
from grading.lab2_log.serving.client import ClientConfig, LogClient
from grading.lab2_log.serving.requests import OFFSETS, NewTopic, Put, Take
from grading.lab2_log.serving.sight import GroupSeen, OffsetsProbe
from grading.lab2_log.serving.topics import TOPIC_EXISTS, name_of
from labs.lab2_log.group_log import (
    Append,
    Appended,
    Entry,
    Follows,
    Lead,
    Load,
    Loaded,
    OffsetRecord,
)
from labs.lab2_log.groups import FENCED

PARTITION = name_of(OFFSETS, 0)
LOAD_AT_ONCE = 100
"""Records in one answer."""


class Elected(Struct, frozen=True, tag=True):
    """From here on that one coordinates."""

    epoch: int
    coordinator: str
    by: int
    """The life of the node that wrote it."""


class Written(Struct, frozen=True, tag=True):
    """A record of the groups' log."""

    epoch: int
    at: int
    record: Entry


_entry = msgspec.msgpack.Decoder(Elected | Written)


class OffsetsConfig(ClientConfig, frozen=True):
    """Who can coordinate."""

    coordinators: tuple[str, ...] = ()
    replicas: int = 3
    tell_every: int = 100 * MS
    dead_after: int = 1000 * MS


class Tell(Timer, frozen=True):
    """Time to say who coordinates."""


class OffsetsLog(LogClient):
    """The groups' log, and its controller."""

    config: OffsetsConfig
    life: int
    epoch: int
    coordinator: str
    elected_by: int
    """The life in which it was."""
    entries: list[Entry]
    """The groups' log, as far as it is in the partition."""
    offset: int
    """The partition is read up to there."""
    is_ready: bool
    """We have met our own election."""
    is_writing: bool
    lives: dict[str, int]
    heard: dict[str, int]
    """Coordinator -> when it last answered (monotonic clock)."""

    def on_start(self) -> None:
        super().on_start()
        self.life = self.random.getrandbits(40)
        self.epoch, self.coordinator, self.elected_by, self.entries = -1, "", 0, []
        self.offset, self.is_ready, self.is_writing = 0, False, False
        self.lives = {}
        self.heard = dict.fromkeys(self.config.coordinators, self.monotonic())
        self.submit(NewTopic(OFFSETS, 1, self.config.replicas), "made")
        self.set_timer(Tell(), self.config.tell_every)

    # -- the partition ------------------------------------------------------------------------------------------------

    def settled(self, about: Any, outcome: Ok | Fail) -> None:
        match about, outcome:
            case "made", Fail(reason) if reason != TOPIC_EXISTS:
                self.submit(NewTopic(OFFSETS, 1, self.config.replicas), "made")
            case "made", _:
                self.read_on()
            case "read", Ok([_, high_watermark, end, records]):
                self.offset = end
                for _, _, _, value in records:
                    self.replay(_entry.decode(value))
                if self.elected_by == self.life:
                    self.is_ready = True
                    self.tell()
                elif end < high_watermark:
                    self.read_on()
                else:
                    self.elect(self.coordinator or self.config.coordinators[0])
            case "read", _:
                self.read_on()
            case (Put() as batch, sender, ask), Fail():
                self.submit(batch, (batch, sender, ask))  # it may be there; twice does no harm
            case (_, _, Elected() as election), Ok():
                self.is_writing = False
                if self.is_ready:
                    self.replay(election)
                    self.tell()
                else:
                    self.read_on()
            case (_, sender, Append() as ask), Ok():
                self.is_writing = False
                for n, record in enumerate(ask.records):
                    self.replay(Written(ask.epoch, ask.at + n, record))
                self.send(Address(sender), Appended(ask.epoch, ask.at))

    def read_on(self) -> None:
        self.submit(Take(PARTITION, self.offset), "read")

    def replay(self, entry: Elected | Written) -> None:
        """An entry of the partition, in order: what it says is so, unless it is an echo."""
        match entry:
            case Elected(epoch, coordinator, by) if epoch > self.epoch:
                self.epoch, self.coordinator, self.elected_by = epoch, coordinator, by
                self.entries = in_force(self.entries)
            case Written(epoch, at, record) if (epoch, at) == (self.epoch, len(self.entries)):
                self.entries.append(record)

    def write(self, about: Elected | Append, sender: str, *entries: Elected | Written) -> None:
        """Put these into the partition; ``settled`` goes on when they are there. One thing at a time."""
        self.is_writing = True
        lines = tuple((None, msgspec.msgpack.encode(entry)) for entry in entries)
        batch = Put(PARTITION, lines)
        self.submit(batch, (batch, sender, about))

    # -- who coordinates ----------------------------------------------------------------------------------------------

    def elect(self, coordinator: str) -> None:
        election = Elected(self.epoch + 1, coordinator, self.life)
        self.write(election, "", election)

    def on_tell(self, _: Tell) -> None:
        self.set_timer(Tell(), self.config.tell_every)
        if not self.is_ready:
            return
        self.tell()
        alive = [c for c in self.config.coordinators if self.silence(c) <= self.config.dead_after]
        if alive and self.coordinator not in alive and not self.is_writing:
            self.elect(alive[0])

    def silence(self, coordinator: str) -> int:
        return self.monotonic() - self.heard[coordinator]

    def tell(self) -> None:
        for coordinator in self.config.coordinators:
            self.send(Address(coordinator), Lead(self.epoch, self.coordinator))

    def on_follows(self, word: Follows, sender: Address) -> None:
        self.heard[sender] = self.monotonic()
        is_back = self.lives.get(sender, word.life) != word.life
        if is_back and sender == self.coordinator and self.is_ready:
            if self.is_writing:
                return  # later: it goes on telling us of its new life
            self.elect(
                sender
            )  # it has forgotten everything: it reads the log anew, in another epoch
        self.lives[sender] = word.life

    # -- what coordinators ask ----------------------------------------------------------------------------------------

    def on_append(self, ask: Append, sender: Address) -> None:
        if not self.is_ready:
            return
        if ask.epoch != self.epoch or sender != self.coordinator:
            self.send(sender, Appended(ask.epoch, ask.at, FENCED))
        elif self.entries[ask.at : ask.at + len(ask.records)] == list(ask.records):
            self.send(sender, Appended(ask.epoch, ask.at))
        elif ask.at == len(self.entries) and not self.is_writing:
            written = (Written(ask.epoch, ask.at + n, r) for n, r in enumerate(ask.records))
            self.write(ask, sender, *written)

    def on_load(self, ask: Load, sender: Address) -> None:
        if not self.is_ready:
            return
        if ask.epoch != self.epoch or sender != self.coordinator:
            self.send(sender, Loaded(ask.epoch, ask.at, (), 0, FENCED))
            return
        records = tuple(self.entries[ask.at : ask.at + LOAD_AT_ONCE])
        self.send(sender, Loaded(ask.epoch, ask.at, records, len(self.entries)))

    def probe(self) -> OffsetsProbe:
        return OffsetsProbe(self.epoch, self.coordinator, groups_in(self.entries))


def in_force(entries: list[Entry]) -> list[Entry]:
    """Without what was overwritten since: of a group the last generation, of a partition the last commit."""
    found: list[Entry] = []
    seen: set[Any] = set()
    for entry in reversed(entries):
        names: set[Any] = {entry.group}
        if isinstance(entry, OffsetRecord):
            names = {(entry.group, position.partition) for position in entry.positions}
        if names - seen:
            found.append(entry)
        seen |= names
    return found[::-1]


def groups_in(entries: list[Entry]) -> tuple[GroupSeen, ...]:
    """Every group, and where it stands."""
    generations: dict[str, tuple[int, int]] = {}
    positions: dict[str, dict[Any, int]] = {}
    for entry in entries:
        if isinstance(entry, OffsetRecord):
            of = positions.setdefault(entry.group, {})
            of.update({p.partition: p.offset for p in entry.positions if p.offset is not None})
        else:
            generations[entry.group] = entry.generation, len(entry.members)
    return tuple(
        GroupSeen(
            group,
            *generations.get(group, (-1, 0)),
            tuple((str(part), offset) for part, offset in sorted(positions.get(group, {}).items())),
        )
        for group in sorted({*generations, *positions})
    )
