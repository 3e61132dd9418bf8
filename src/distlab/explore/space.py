"""Worlds as whole numbers: how they are packed, and what leads from one to the next.

Theory of operation. From the low end, a world holds the number of each node's record (20 bits each), how many crashes
and how many losses are left (8 bits each), and one bit for each message that is under way: it *is* the network. So a
step is two operations on whole numbers: exclusive-or the difference of one record (and of what it used up), and switch
on the bits of what was sent.

What a node can do next depends on its record, on its own inbox and on what is left of the budgets; a *lane* is the
mask of these bits. Worlds that agree under the mask share one list of moves, which is looked up by ``world & mask``:
for most worlds no code of the program, and little of ours, runs at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from msgspec import DecodeError, Struct

from distlab.core.state import freeze
from distlab.core.values import Address, Message
from distlab.explore.handling import Sending, decoded
from distlab.explore.record import Record
from distlab.explore.scope import (
    Alarms,
    Begin,
    Deliver,
    Die,
    Expire,
    Happening,
    Lose,
    Network,
    Scope,
    Start,
    Step,
)
from distlab.explore.transitions import Event, NodeSpace, Outcome
from distlab.explore.world import Watch

WIDTH = 20
"""Bits for a node's record: a node may have a million states of its own."""
BUDGET = 8
_RECORD = (1 << WIDTH) - 1
_BUDGET = (1 << BUDGET) - 1

Moves = list[tuple[int, int]]
"""(what to flip, what to switch on), for a ``SET``."""


class Letter:
    """A message with its sender and receiver: one bit of a world, or in a ``BAG`` one bit for each copy."""

    __slots__ = ("bits", "blob", "cls", "message", "source", "to")

    def __init__(self, source: Address, to: Address, cls: type[Message], blob: bytes) -> None:
        self.source = source
        self.to = to
        self.cls = cls
        self.blob = blob
        self.message: Any = blob
        self.bits: list[int] = []


class Move(Struct, frozen=True):
    """One thing that can happen in a world, in full: for the cold paths."""

    flip: int
    letters: tuple[Letter, ...]
    step: Step


class Space:
    """All that is known of a scope's worlds so far."""

    def __init__(self, scope: Scope) -> None:
        scope.check()
        self.scope = scope
        self.nodes: list[NodeSpace] = []
        ticket = 1
        for address in scope.cluster.members:
            node = NodeSpace(scope, address, ticket, 1 << WIDTH)
            ticket += len(node.calls)
            self.nodes.append(node)
        self.index = {node.address: place for place, node in enumerate(self.nodes)}
        self.crash_at = len(self.nodes) * WIDTH
        self.drop_at = self.crash_at + BUDGET
        self.net_at = self.drop_at + BUDGET
        self.is_bag = scope.network is Network.BAG
        self.watching: Watch | None = None
        self.raised = False
        """Some handler has raised somewhere."""
        self._letters: dict[Any, Letter] = {}
        self._by_bit: dict[int, Letter] = {}
        self._class_bits: dict[type[Message] | None, int] = {}
        self._readers: dict[type[Message] | None, list[Watch]] = {}
        budgets = (_BUDGET << self.crash_at) * bool(scope.crashes)
        budgets |= (_BUDGET << self.drop_at) * bool(scope.drops)
        self.masks = [_RECORD << place * WIDTH | budgets for place in range(len(self.nodes))]
        """Each node's lane. They widen as messages are met; what was looked up before stays true."""
        self._may_crash = frozenset(
            scope.cluster.members if scope.may_crash is None else scope.may_crash
        )

    # -- packing --------------------------------------------------------------------------------------------------

    def record(self, packed: int, place: int) -> Record:
        return self.nodes[place].records[packed >> place * WIDTH & _RECORD]

    def local_mask(self, place: int) -> int:
        return _RECORD << place * WIDTH

    def bits_of(self, cls: type[Message] | None) -> int:
        """The bits of all messages of a class that have been met; None: of all."""
        return self._class_bits.get(cls, 0)

    def depends_on(self, cls: type[Message] | None) -> None:
        """The predicate that is being asked looks at messages of this class: also at those to come."""
        if self.watching is not None and self.watching not in self._readers.setdefault(cls, []):
            self._readers[cls].append(self.watching)

    def letters_in(self, bits: int) -> Iterator[Letter]:
        """The letters of these bits, in the order in which they were first sent."""
        while bits:
            bit = bits & -bits
            bits ^= bit
            yield self._by_bit[bit]

    def letter(self, source: Address, sending: Sending) -> Letter:
        """The one letter that says this."""
        to, cls, blob = sending
        letter = self._letters.get((source, sending))
        if letter is None:
            letter = Letter(source, to, cls, blob)
            key: Any = blob
            try:
                letter.message = decoded(cls, blob)
                key = freeze(letter.message)
            except (DecodeError, UnicodeDecodeError):
                pass
            # Equal messages may have been encoded differently: sets keep no order.
            letter = self._letters.setdefault((source, to, cls, "equal", key), letter)
            self._letters[source, sending] = letter
            if not letter.bits:
                self.another_copy(letter)
        return letter

    def known(self, source: Address, to: Address, message: Message) -> Letter:
        """The letter that says this, which has been met. Raises ``KeyError``."""
        return self._letters[source, to, type(message), "equal", freeze(message)]

    def another_copy(self, letter: Letter) -> int:
        """A bit for one more copy."""
        bit = 1 << self.net_at + len(self._by_bit)
        letter.bits.append(bit)
        self._by_bit[bit] = letter
        self.masks[self.index[letter.to]] |= bit
        for cls in (None, letter.cls):
            self._class_bits[cls] = self._class_bits.get(cls, 0) | bit
            for watch in self._readers.get(cls, ()):
                watch.mask |= bit  # what is known stays true: those worlds had no such message
        return bit

    def send(self, packed: int, letters: tuple[Letter, ...]) -> int:
        """The world once these have been sent."""
        for letter in letters:
            if self.is_bag:
                bit = next((bit for bit in letter.bits if not packed & bit), 0)
                packed |= bit or self.another_copy(letter)
            else:
                packed |= letter.bits[0]
        return packed

    # -- what can happen --------------------------------------------------------------------------------------------

    def starts(self) -> list[tuple[int, dict[Address, tuple[int, ...]]]]:
        """The worlds in which all nodes have just started, each with what was drawn."""
        budgets = self.scope.crashes << self.crash_at | self.scope.drops << self.drop_at
        ways: list[list[Outcome]] = []
        for node in self.nodes:
            down = node.make(None, {}, None, (), 0)
            ways.append([out for out in node.outcomes(down, None) if out.cut is None])
        found = []
        for chosen in product(*ways):
            packed = budgets
            draws = {}
            for place, outcome in enumerate(chosen):
                packed |= outcome.record.number << place * WIDTH
                self.raised |= bool(outcome.record.problem)
                if outcome.draws:
                    draws[self.nodes[place].address] = outcome.draws
            for node, outcome in zip(self.nodes, chosen, strict=True):
                letters = tuple(self.letter(node.address, sending) for sending in outcome.sent)
                packed = self.send(packed, letters)
            found.append((packed, draws))
        return found

    def moves(self, place: int, key: int) -> list[Move]:
        """All that can happen to one node in the worlds that look so from its lane.

        ``key`` is the world under the lane's mask; its complement, if no message at all is under way.
        """
        quiet = key < 0
        key = ~key if quiet else key
        node, record = self.nodes[place], self.record(key, place)
        if record.problem:
            return []
        found: list[Move] = []
        self._arrivals(found, place, record, key)
        if record.state is None:
            self._add(found, place, record, key, None, Start(node.address))
            return found
        if quiet or self.scope.alarms is not Alarms.PATIENT:
            for timer in node.due(record):
                self._add(found, place, record, key, timer, Expire(node.address, timer))
            if record.calls_made < len(node.calls):
                begin = Begin(node.address, node.calls[record.calls_made])
                self._add(found, place, record, key, record.calls_made, begin)
        if self._crashes_left(key) and node.address in self._may_crash:
            for survival in self.scope.unsynced:
                die = Die(node.address, survival)
                self._add(found, place, record, key, survival, die, 1 << self.crash_at)
        return found

    def _crashes_left(self, key: int) -> int:
        return key >> self.crash_at & _BUDGET

    def _arrivals(self, found: list[Move], place: int, record: Record, key: int) -> None:
        node = self.nodes[place]
        inbox = key >> self.net_at << self.net_at
        drops = key >> self.drop_at & _BUDGET
        is_patient = self.scope.alarms is Alarms.PATIENT
        for letter in dict.fromkeys(self.letters_in(inbox)):
            used = max(bit for bit in letter.bits if inbox & bit) if self.is_bag else 0
            if record.state is not None:
                event = (letter.source, letter.cls, letter.blob)
                deliver = Deliver(letter.source, node.address, letter.message)
                self._add(found, place, record, key, event, deliver, flip=used)
            if used and (drops or (is_patient and record.state is None)):
                spent = 0 if record.state is None else drops ^ (drops - 1)
                lose = Lose(letter.source, node.address, letter.message)
                found.append(Move(used | spent << self.drop_at, (), Step(lose)))

    def _add(
        self,
        found: list[Move],
        place: int,
        record: Record,
        key: int,
        event: Event,
        what: Happening,
        crash: int = 0,
        *,
        flip: int = 0,
    ) -> None:
        """Add what can come of an event, without what changes nothing."""
        node = self.nodes[place]
        crashes = self._crashes_left(key)
        for outcome in node.outcomes(record, event):
            flipped = flip | (record.number ^ outcome.record.number) << place * WIDTH
            if crash or outcome.cut is not None:
                if not crashes:
                    continue
                flipped |= (crashes ^ (crashes - 1)) << self.crash_at
            letters = tuple(self.letter(node.address, sending) for sending in outcome.sent)
            self.raised |= bool(outcome.record.problem)
            if flipped or letters:
                found.append(Move(flipped, letters, Step(what, outcome.draws, outcome.cut)))
