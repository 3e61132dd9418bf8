"""The part of a history that concerns one object, in the form in which judges read it.

Theory. An operation *precedes* another if it returned before the other was called (Herlihy and Wing 1990, section 2.3);
only the order of calls and returns counts. It is taken from their times, and at equal times from the ids of their
events, since a record's order is the true one there. Where a record has no ids, equal times mean that the two overlap:
an interval has its ends. So no call is ever at the very moment of another's return. An open operation returns at
:data:`NEVER`, and what failed for certain is left out, but kept aside so that a reason can name it.
"""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable
from operator import attrgetter
from typing import Any, Final

from distlab.check.history import Entry
from distlab.check.linear.model import UNSAID, Model
from distlab.core.errors import ScenarioError
from distlab.core.values import Fail, Ok

NEVER: Final = 1 << 120
"""Later than every event."""
BEFORE: Final = -1
"""Earlier than every event: when the object got its first value."""


class Part:
    """The operations on one object. Three columns of one length, in the order of the history."""

    __slots__ = ("called", "entries", "failed", "key", "returned")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.entries: list[Entry] = []
        self.called: list[int] = []
        """When each began. Comparable with ``returned``, and with nothing else."""
        self.returned: list[int] = []
        """When each ended; :data:`NEVER` if it is open."""
        self.failed: list[Entry] = []
        """What certainly did not take effect."""

    def __len__(self) -> int:
        return len(self.entries)

    def until(self, moment: int, opened: Container[int] = ()) -> Part:
        """What was known at a moment: who was called later is left out, who returned later is open.

        Those in ``opened`` are open too, as if nobody knew what came of them. Whatever has an order still has one.
        """
        part = Part(self.key)
        part.failed = self.failed
        for i, (entry, called, returned) in enumerate(
            zip(self.entries, self.called, self.returned, strict=True)
        ):
            if called <= moment:
                is_open = returned > moment or i in opened
                part.entries.append(_opened(entry) if is_open else entry)
                part.called.append(called)
                part.returned.append(NEVER if is_open else returned)
        return part


def parts(entries: Iterable[Entry], model: Model) -> list[Part]:
    """One part for each object, in the order of first use.

    Raises ``ScenarioError`` for an operation that the model does not know, and one that ended before it began.
    """
    listed = entries if isinstance(entries, list) else list(entries)
    ids = (max(map(attrgetter(name), listed), default=0) for name in ("call", "ret"))
    top = max(ids) + 1
    shift, key_of, known = top.bit_length(), model.key, set(model.operations)
    found: dict[Hashable, Part] = {}
    for entry in listed:
        operation = entry.operation
        if type(operation) not in known:
            raise ScenarioError(
                f"a {model.name} has no operation {type(operation).__name__}: it knows "
                + ", ".join(kind.__name__ for kind in model.operations)
            )
        key = key_of(operation)
        part = found.get(key)
        if part is None:
            part = found[key] = Part(key)
        outcome = type(entry.outcome)
        if outcome is Fail:
            part.failed.append(entry)
            continue
        called = (entry.began << shift) + entry.call
        returned = NEVER
        if outcome is Ok:
            if entry.ended is None or entry.ended < entry.began:
                raise ScenarioError(
                    f"operation {entry.ticket} of {entry.client} began at {entry.began} and ended at {entry.ended}"
                )
            returned = (entry.ended << shift) + (entry.ret or top)
        part.entries.append(entry)
        part.called.append(called)
        part.returned.append(returned)
    return list(found.values())


def answer_of(entry: Entry) -> Any:
    """What it answered; :data:`UNSAID` if it is open."""
    outcome = entry.outcome
    return outcome.value if type(outcome) is Ok else UNSAID


def _opened(entry: Entry) -> Entry:
    return Entry(entry.ticket, entry.client, entry.operation, entry.began, entry.call)
