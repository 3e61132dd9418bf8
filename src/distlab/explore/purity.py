"""Is a handler a function of its node's state and of the event? If not: what differs, in which field, at which line.

Theory. What a handler did once is believed of every world from then on. So it is run again from an equal state: as it
is; with the sets of the state walked through in two opposite orders; with its dicts filled the other way round, where
the order of what is sent does not count. At the end of a search everything is run once more, since what a program
remembers on the sly may show only after other handlers have run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from distlab.core.node import Node
from distlab.explore.chance import Choices
from distlab.explore.errors import CannotExplore
from distlab.explore.handling import Handling, decoded
from distlab.explore.record import (
    Record,
    dicts_backwards,
    frozen,
    has_order,
    kept,
    sets_backwards,
    sets_forwards,
)

if TYPE_CHECKING:
    from distlab.explore.transitions import Event, NodeSpace

Ran = tuple[Handling, Node]
"""A handler that was run: what it asked for, and its node afterwards."""

_ORDERS: tuple[tuple[str, tuple[type, ...], Callable[[Any], Any]], ...] = (
    ("set", (set, frozenset), sets_forwards),
    ("set", (set, frozenset), sets_backwards),
    ("dict", (dict,), dicts_backwards),
)
_ADVICE = {
    "set": "A set has no order, and another PYTHONHASHSEED gives another one: walk through sorted(...)",
    "dict": "Two equal dicts may have been filled in different order: keep a list where order counts",
}


def check(space: NodeSpace, record: Record, event: Event, done: Ran, draws: Sequence[int]) -> None:
    """Raise :class:`CannotExplore` if an equal state acts differently."""
    again = space.run(record, event, Choices(draws))
    if _essence(*done) != _essence(*again):
        name, words = f"{space.program.__name__}.{space.handler_of(event)}", space.words(event)
        raise CannotExplore(
            f"{name} is not a function of its node's state: from the same state, {words} came to something else "
            f"the second time: {_told(space, record, event, draws, None, done, again)}. It keeps something outside the "
            "declared state: a module's or a class's variable, a default argument, a closure"
        )
    state = record.state if event is not None else None
    for kind, classes, turned in _ORDERS if state else ():
        fields = [f for f, v in (state or {}).items() if any(has_order(v, cls) for cls in classes)]
        if not fields:
            continue
        other = space.run(record, event, Choices(draws), turned)
        in_order = kind == "set"
        if _essence(*done, in_order=in_order) != _essence(*other, in_order=in_order):
            what = _told(space, record, event, draws, turned, done, other)
            raise CannotExplore(
                f"{space.program.__name__}.{space.handler_of(event)} depends on the order of a {kind} "
                f"({', '.join(f'self.{field}' for field in fields)}): {what}. {_ADVICE[kind]}"
            )


def verify(space: NodeSpace, remembered: Iterable[tuple[Record, Event]]) -> None:
    """Run every handler once more, now that all else has run."""
    for record, event in remembered:
        for outcome in record.memo[event]:
            if outcome.cut is not None or outcome.record.problem:
                continue
            again, node = space.run(record, event, Choices(outcome.draws))
            same = tuple(again.sent) == outcome.sent and again.problem is None
            if same and outcome.record.state is not None:
                same = not again.stopped and frozen(node.state()) == frozen(outcome.record.state)
            if not same:
                _refuse_at_the_end(space, event)


def _refuse_at_the_end(space: NodeSpace, event: Event) -> NoReturn:
    raise CannotExplore(
        f"{space.program.__name__}.{space.handler_of(event)} is not a function of its node's state: "
        f"{space.words(event)} came to something else when it was handled again at the end of the search. It keeps "
        "something outside the declared state"
    )


def _told(
    space: NodeSpace,
    record: Record,
    event: Event,
    draws: Sequence[int],
    turned: Callable[[Any], Any] | None,
    *ran: Ran,
) -> str:
    """What two runs differ in, with the line where that can be found by running both once more."""
    first = space.run(record, event, Choices(draws), None, locate=True)
    second = space.run(record, event, Choices(draws), turned, locate=True)
    return _difference(*first, *second) or _difference(*ran[0], *ran[1])


def _essence(handling: Handling, node: Node, in_order: bool = True) -> tuple[Any, ...]:
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
