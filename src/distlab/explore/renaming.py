"""One renaming of interchangeable nodes, and what it makes of values, records, messages and worlds.

An address is renamed wherever a string equals it: in state, messages, timers, operations and records on disk. One that
is part of a longer string, or of bytes, is not; whether that matters, :mod:`distlab.explore.symmetry` finds out.
"""

from __future__ import annotations

import copy
import dataclasses
import zlib
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from distlab.core.codec import encode
from distlab.core.disk import unframe
from distlab.core.errors import DamagedFile
from distlab.core.files import Files
from distlab.core.values import Address
from distlab.explore.errors import CannotExplore
from distlab.explore.handling import Sending, decoded
from distlab.explore.record import Record
from distlab.explore.space import WIDTH, Space
from distlab.explore.transitions import Event, Outcome

if TYPE_CHECKING:
    from distlab.explore.space import Letter

Names = Mapping[str, str]
"""A renaming: address -> address, for those that change."""

_HEADER = 16
"""Bytes of a record's header: length, checksum, durable."""


class Renaming:
    """One renaming, and what it makes of records, messages and worlds."""

    def __init__(self, space: Space, names: Names) -> None:
        self.names = names
        self._space = space
        index = space.index
        self.places = [
            index[Address(names.get(node.address, node.address))] for node in space.nodes
        ]
        """Place of a node -> place of the one whose name it gets."""
        self._records: dict[Record, Record] = {}
        self._bits: dict[int, int] = {}
        self._low = (1 << space.net_at) - 1
        self._budgets = self._low ^ ((1 << space.crash_at) - 1)

    def world(self, world: int) -> int:
        """The world with the names changed."""
        space = self._space
        renamed = world & self._budgets
        for place, to in enumerate(self.places):
            renamed |= self.record(place, space.record(world, place)).number << to * WIDTH
        net = world >> space.net_at << space.net_at
        while net:
            bit = net & -net
            net ^= bit
            renamed |= self._bits.get(bit) or self._renamed_bit(bit)
        return renamed

    def _renamed_bit(self, bit: int) -> int:
        letter: Letter = next(self._space.letters_in(bit))
        source = Address(self.names.get(letter.source, letter.source))
        twin = self._space.letter(source, self.sending((letter.to, letter.cls, letter.blob)))
        copy_number = letter.bits.index(bit)
        while len(twin.bits) <= copy_number:
            self._space.another_copy(twin)
        self._bits[bit] = twin.bits[copy_number]
        return twin.bits[copy_number]

    def record(self, place: int, record: Record) -> Record:
        """The record that the node of the other name would have."""
        twin = self._records.get(record)
        if twin is None:
            node = self._space.nodes[self.places[place]]
            state = None if record.state is None else self.value(record.state)
            timers = {self.value(timer): times for timer, times in record.timers.items()}
            history = tuple((t, self.value(o), self.value(r)) for t, o, r in record.history)
            files = None if record.files is None else self.files(record.files)
            problem = self.value(record.problem)
            for name, other in self.names.items():
                if problem.startswith(f"{name} raises"):
                    problem = other + problem[len(name) :]
                    break
            twin = node.make(state, timers, files, history, record.calls_made, problem=problem)
            self._records[record] = twin
        return twin

    def outcome(self, place: int, outcome: Outcome) -> Outcome:
        sent = tuple(self.sending(sending) for sending in outcome.sent)
        return Outcome(self.record(place, outcome.record), sent, outcome.draws, outcome.cut)

    def event(self, event: Event) -> Event:
        if isinstance(event, tuple):
            source, cls, blob = event
            _, _, renamed = self.sending((source, cls, blob))
            return Address(self.names.get(source, source)), cls, renamed
        found: Event = self.value(event) if isinstance(event, msgspec.Struct) else event
        return found

    def sending(self, sending: Sending) -> Sending:
        to, cls, blob = sending
        return Address(self.names.get(to, to)), cls, encode(self.value(decoded(cls, blob)))

    def value(self, value: Any) -> Any:
        """A copy with the names changed, wherever a string equals one."""
        if type(value) is str:
            return self.names.get(value, value)
        if isinstance(value, dict):
            twin = value.copy()
            twin.clear()
            twin.update((self.value(key), self.value(item)) for key, item in value.items())
            return twin
        if isinstance(value, deque):
            return deque(map(self.value, value), value.maxlen)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(self.value, value))
        if isinstance(value, (list, tuple, set, frozenset)):
            return type(value)(map(self.value, value))
        if isinstance(value, msgspec.Struct):
            parts = {name: self.value(getattr(value, name)) for name in value.__struct_fields__}
            return type(value)(**parts)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            changed: Any = copy.copy(value)
            for field in dataclasses.fields(value):
                object.__setattr__(changed, field.name, self.value(getattr(value, field.name)))
            return changed
        return value

    def files(self, files: Files) -> Files:
        """The files with the names changed in their records. Raises ``CannotExplore`` where bytes hold them."""
        return files.rewritten(self._bytes)

    def _bytes(self, data: bytes) -> bytes:
        if not any(name.encode() in data for name in self.names):
            return data
        try:
            bodies, end = unframe(data)
        except DamagedFile:
            bodies, end = [], 0
        renamed = b""
        at = 0
        for body in bodies:
            header = data[at : at + _HEADER]
            at += _HEADER + len(body)
            plain = msgspec.msgpack.decode(body)
            twin = msgspec.msgpack.encode(self.value(plain))
            if len(twin) != len(body) or msgspec.msgpack.encode(plain) != body:
                end = 0
                break
            checked = header[8:] + twin
            renamed += header[:4] + zlib.crc32(checked).to_bytes(4, "little") + checked
        if not bodies or end < len(data):
            names = " and ".join(sorted(self.names))
            raise CannotExplore(
                f"{names} are not interchangeable: a file holds their names in bytes that are no record of their own, "
                "or names of different length. Leave them out of symmetry"
            )
        return renamed


def faceless(value: Any, names: Names) -> Any:
    """The value with the group's names taken out: equal for two that differ by a renaming."""
    if type(value) is str:
        return names.get(value, value)
    if isinstance(value, dict):
        return sorted(
            repr((faceless(key, names), faceless(item, names))) for key, item in value.items()
        )
    if isinstance(value, (set, frozenset)):
        return sorted(repr(faceless(item, names)) for item in value)
    if isinstance(value, (list, tuple, deque)):
        return [faceless(item, names) for item in value]
    if isinstance(value, msgspec.Struct):
        fields = [faceless(getattr(value, name), names) for name in value.__struct_fields__]
        return [type(value).__name__, *fields]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [faceless(getattr(value, field.name), names) for field in dataclasses.fields(value)]
    return value
