"""Handlers as the pure functions that they must be: (record, event) -> outcomes, each run once and kept.

Theory. A handler depends on its node's record and on its event alone, so what it does is worked out once, however many
worlds share that record. A search of millions of steps runs the program a few hundred times; student speed stops
mattering, and there is time to check that the function *is* one. Every handler is run again from an equal state: as it
is, with the sets of the state in two opposite orders, and with its dicts filled the other way round; and at the end of
the search, once more. What differs is named.
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
from distlab.explore.errors import CannotExplore
from distlab.explore.handling import Entry, Handling, Sending, decoded, line_of
from distlab.explore.record import (
    Record,
    Timers,
    dicts_backwards,
    frozen,
    has_order,
    kept,
    restored,
    sets_backwards,
    sets_forwards,
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
            handling, node = self._run(record, event, choices)
            script = choices.following()
            self._check(record, event, handling, node, choices.draws)
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

    def _run(
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

    # -- is it a function? ----------------------------------------------------------------------------------------

    def _check(
        self, record: Record, event: Event, done: Handling, node: Node, draws: Sequence[int]
    ) -> None:
        """Raise :class:`CannotExplore` if an equal state acts differently."""
        self._compare(record, event, done, node, draws, None, "")
        state = record.state if event is not None else None
        if state is None:
            return
        if has_order(state, set) or has_order(state, frozenset):
            for turned in (sets_forwards, sets_backwards):
                self._compare(record, event, done, node, draws, turned, "set")
        if has_order(state, dict):
            self._compare(record, event, done, node, draws, dicts_backwards, "dict")

    def _compare(
        self,
        record: Record,
        event: Event,
        done: Handling,
        node: Node,
        draws: Sequence[int],
        turned: Callable[[Any], Any] | None,
        kind: str,
    ) -> None:
        again, twin = self._run(record, event, Choices(draws), turned)
        in_order = kind != "dict"
        if _essence(done, node, in_order) == _essence(again, twin, in_order):
            return
        first, one = self._run(record, event, Choices(draws), None, locate=True)
        second, other = self._run(record, event, Choices(draws), turned, locate=True)
        what = _difference(first, one, second, other) or _difference(done, node, again, twin)
        name = f"{self.program.__name__}.{self.handler_of(event)}"
        if kind:
            field = next(
                (
                    f
                    for f, v in (record.state or {}).items()
                    if has_order(v, set if kind == "set" else dict)
                    or (kind == "set" and has_order(v, frozenset))
                ),
                "?",
            )
            advice = (
                "A set has no order, and another PYTHONHASHSEED gives another one: walk through sorted(...)"
                if kind == "set"
                else "Two equal dicts may have been filled in different order: keep a list where order counts"
            )
            raise CannotExplore(
                f"{name} depends on the order of a {kind} (self.{field}): {what}. {advice}"
            )
        raise CannotExplore(
            f"{name} is not a function of its node's state: from the same state, {self.words(event)} came to "
            f"something else the second time: {what}. It keeps something outside the declared state: "
            "a module's or a class's variable, a default argument, a closure"
        )

    def verify(self) -> None:
        """Run every handler once more, now that all else has run: what it remembers on the sly shows."""
        for record, event in self._remembered:
            for outcome in record.memo[event]:
                if outcome.cut is not None or outcome.record.problem:
                    continue
                again, node = self._run(record, event, Choices(outcome.draws))
                same = tuple(again.sent) == outcome.sent and again.problem is None
                if same and outcome.record.state is not None:
                    same = not again.stopped and frozen(node.state()) == outcome.record.key[0]
                if not same:
                    raise CannotExplore(
                        f"{self.program.__name__}.{self.handler_of(event)} is not a function of its node's state: "
                        f"{self.words(event)} came to something else when it was handled again at the end of the "
                        "search. It keeps something outside the declared state"
                    )

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


def _essence(handling: Handling, node: Node, in_order: bool) -> tuple[Any, ...]:
    """What a handler came to, as a value."""
    sent = tuple(handling.sent) if in_order else frozenset(handling.sent)
    if handling.problem is not None:
        return (sent, type(handling.problem), str(handling.problem))
    return (
        sent,
        None if handling.stopped else frozen(kept(node)),
        frozenset(handling.timers),
        tuple(handling.history),
        handling.files.essence() if in_order else None,
    )


def _difference(first: Handling, one: Node, second: Handling, other: Node) -> str:
    """The first thing in which two runs of one handler differ."""
    if first.problem is None and second.problem is None:
        before, after = one.state(), other.state()
        for name in before:
            if frozen({name: before[name]}) != frozen({name: after.get(name)}):
                return f"self.{name} became {before[name]!r} once and {after.get(name)!r} the other time"
    for place, (a, b) in enumerate(zip(first.sent, second.sent, strict=False)):
        if a != b:
            line = first.lines[place] if place < len(first.lines) else "?"
            said = [f"{decoded(cls, blob)!r} to {to}" for to, cls, blob in (a, b)]
            return f"it sent {said[0]} once and {said[1]} the other time ({line})"
    if len(first.sent) != len(second.sent):
        return f"it sent {len(first.sent)} messages once and {len(second.sent)} the other time"
    if first.problem is not None or second.problem is not None:
        return f"it raised {first.problem or second.problem!r} once and not the other time"
    if frozenset(first.timers) != frozenset(second.timers):
        return (
            f"it left the timers {list(first.timers)} once and {list(second.timers)} the other time"
        )
    return ""
