"""Handlers as the pure functions that they must be: (record, event) -> outcomes, each run once and kept.

Theory. A handler depends on its node's record and on its event alone, so what it does is worked out once, however many
worlds share that record. A search of millions of steps runs the program a few hundred times; student speed stops
mattering, and there is time to check that the function *is* one (:mod:`distlab.explore.purity`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import DecodeError, Struct

from distlab.core.errors import BadValue, ScenarioError, UnhandledValue
from distlab.core.files import Files
from distlab.core.node import Node
from distlab.core.values import Address, Message, Operation, Ticket, Timer
from distlab.explore.chance import Choices
from distlab.explore.handling import Entry, Handling, Sending, decoded, line_of
from distlab.explore.purity import check, verify
from distlab.explore.record import (
    Record,
    Timers,
    kept,
    restored,
)
from distlab.explore.scope import Alarms, Scope
from distlab.faults import Survival

Arrival = tuple[Address, type[Message], bytes]
"""A message at its receiver: from whom, its class, its bytes."""

Event = Arrival | Timer | int | Survival | None
"""A message, a timer, the number of a planned call, a crash, or (None) a start."""


class Outcome(Struct, frozen=True):
    """One thing that can come of an event."""

    record: Record
    sent: tuple[Sending, ...]
    draws: tuple[int, ...] = ()
    cut: int | None = None
    """It ends in a crash, before the sync of this number."""


class NodeSpace:
    """All records of one node that have been met, and what leads from one to another."""

    def __init__(self, scope: Scope, address: Address, first_ticket: int, limit: int) -> None:
        member = scope.cluster.members[address]
        self.address = address
        self.place = list(scope.cluster.members).index(address)
        self.role = scope.cluster.role(address)
        self.program: type[Node] = member.program
        self.config = member.config
        self.calls: Sequence[Operation] = tuple(scope.calls.get(address, ()))
        self.records: list[Record] = []
        self.handler_runs = 0
        self.on_new: Callable[[int, Record, Event], None] | None = None
        """Called with each (place, record, event) whose outcome was worked out."""
        self._scope = scope
        self._first_ticket = first_ticket
        self.limit = limit
        self._members = frozenset(scope.cluster.members)
        self._numbers: dict[Any, Record] = {}
        self._remembered: list[tuple[Record, Event]] = []
        """Every (record, event) whose outcome was worked out by running the program."""
        for operation in self.calls:
            if type(operation) not in self.program.handlers:
                raise ScenarioError(
                    f"{self.program.__name__} does not handle {type(operation).__name__}"
                )

    # -- records --------------------------------------------------------------------------------------------------

    def intern(self, record: Record) -> Record:
        """The one record that equals this one."""
        known = self._numbers.get(record.key)
        if known is None:
            record.number = len(self.records)
            if record.number >= self.limit:
                raise TooManyRecords(self.address)
            self._numbers[record.key] = known = record
            self.records.append(record)
        return known

    def make(
        self,
        state: dict[str, Any] | None,
        timers: Timers,
        files: Files | None,
        history: tuple[Entry, ...],
        calls_made: int,
        problem: str = "",
    ) -> Record:
        """The one record of these parts."""
        ordered = self._scope.alarms is Alarms.ORDERED
        return self.intern(
            Record(state, timers, files, history, calls_made, problem, ordered=ordered)
        )

    # -- what can happen here, beside the arrival of a message -----------------------------------------------------

    def due(self, record: Record) -> list[Timer]:
        """The timers that may fire now, in an order that depends on nothing but what they are."""
        if self._scope.alarms is Alarms.ORDERED:
            return [
                timer
                for place, (timer, (least, _)) in enumerate(record.timers.items())
                # Set before, and surely due before: that one first.
                if not any(most <= least for _, most in list(record.timers.values())[:place])
            ]
        return sorted(record.timers, key=repr)

    # -- outcomes -------------------------------------------------------------------------------------------------

    def outcomes(self, record: Record, event: Event) -> tuple[Outcome, ...]:
        """All that can come of it. A start is for a node that is down, anything else for one that is up."""
        found: tuple[Outcome, ...] | None = record.memo.get(event)
        if found is None:
            if isinstance(event, Survival):
                found = (self._crashed(record, event),)
            else:
                found = tuple(self._handled(record, event))
                self._remembered.append((record, event))
            record.memo[event] = found
            if self.on_new is not None:
                self.on_new(self.place, record, event)
        return found

    def _crashed(self, record: Record, survival: Survival) -> Outcome:
        files = copy.deepcopy(record.files)
        if files is not None and survival is Survival.NOTHING:
            files.crash(lambda size, last: 0, lambda count: 0)
        elif files is not None:
            files.crash(lambda size, last: size, lambda count: count, fenced=False)
        return Outcome(self.make(None, {}, files, record.history, record.calls_made), ())

    def _handled(self, record: Record, event: Event) -> Iterator[Outcome]:
        script: Sequence[int] | None = ()
        while script is not None:
            choices = Choices(script)
            handling, node = self.run(record, event, choices)
            script = choices.following()
            check(self, record, event, (handling, node), choices.draws)
            yield from self._results(record, event, handling, node, tuple(choices.draws))

    def _results(
        self, record: Record, event: Event, done: Handling, node: Node, draws: tuple[int, ...]
    ) -> Iterator[Outcome]:
        calls_made = record.calls_made + isinstance(event, int)
        files = done.files
        history = tuple(done.history)
        sent = tuple(done.sent)
        if done.problem is not None:
            text = f"{type(done.problem).__name__}: {done.problem}{line_of(done.problem)}"
            words = f"{self.address} raises {text}, while it handles {self.words(event)}"
            dead = self.make(None, {}, files, history, calls_made, problem=words)
            yield Outcome(dead, sent, draws)
            return
        if done.stopped:
            yield Outcome(self.make(None, {}, files, history, calls_made), sent, draws)
        else:
            after = self.make(kept(node), done.timers, files, history, calls_made)
            yield Outcome(after, sent, draws)
        if self._scope.crashes and Survival.NOTHING in self._scope.unsynced:
            for number, cut in enumerate(done.cuts):
                left = self.make(None, {}, cut.files, cut.history, calls_made)
                yield Outcome(left, sent[: cut.sent], draws, number)

    def run(
        self,
        record: Record,
        event: Event,
        choices: Choices,
        turned: Callable[[Any], Any] | None = None,
        locate: bool = False,
    ) -> tuple[Handling, Node]:
        self.handler_runs += 1
        timers = {} if event is None else dict(record.timers)
        if isinstance(event, Timer):
            del timers[event]
        handling = Handling(
            self.program,
            self.address,
            self.config,
            self._members,
            choices,
            record.files,
            timers,
            record.history,
            locate,
        )
        node = restored(self.program, {} if event is None or record.state is None else record.state)
        if turned is not None:
            for name, value in list(vars(node).items()):
                setattr(node, name, turned(value))
        node.attach(handling)
        match event:
            case None:
                handling.run(node, "on_start")
            case int():
                ticket = Ticket(self._first_ticket + event)
                handling.history.append((ticket, self.calls[event], None))
                self._dispatch(handling, node, self.calls[event], ticket)
            case tuple():
                source, cls, blob = event
                if cls not in self.program.handlers:
                    handling.problem = UnhandledValue(
                        f"{self.program.__name__} has no handler for {cls.__name__} (from {source})"
                    )
                else:
                    try:
                        message = decoded(cls, blob)
                    except (DecodeError, UnicodeDecodeError) as error:
                        handling.problem = BadValue(
                            f"{source} sent a {cls.__name__} whose fields do not fit its class: {error}"
                        )
                    else:
                        self._dispatch(handling, node, message, source)
            case Timer():
                self._dispatch(handling, node, event)
        return handling, node

    def _dispatch(self, handling: Handling, node: Node, value: Any, extra: Any = None) -> None:
        name, count = self.program.handlers[type(value)]
        handling.run(node, name, *(value, extra)[:count])

    def verify(self) -> None:
        """Run every handler once more. Raises :class:`CannotExplore`."""
        verify(self, self._remembered)

    # -- words ------------------------------------------------------------------------------------------------------

    def words(self, event: Event) -> str:
        """What is being handled, for a sentence."""
        match event:
            case None:
                return "its start"
            case int():
                return repr(self.calls[event])
            case tuple():
                try:
                    return repr(decoded(event[1], event[2]))
                except (DecodeError, UnicodeDecodeError):
                    return event[1].__name__
            case _:
                return repr(event)

    def handler_of(self, event: Event) -> str:
        match event:
            case None:
                return "on_start"
            case int():
                cls: type = type(self.calls[event])
            case tuple():
                cls = event[1]
            case _:
                cls = type(event)
        return self.program.handlers.get(cls, (cls.__name__, 0))[0]


class TooManyRecords(Exception):
    """A node has more states of its own than the search has room for."""

    def __init__(self, address: Address) -> None:
        super().__init__(f"{address} has too many states of its own")
        self.address = address
