"""Client histories: which operations were asked for, when, and what came of them.

An operation that never returned, or returned ``Info``, is *open*: it may take effect at any later time, or never. Only
``Fail`` says that it did not and will not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from distlab.core.errors import ScenarioError
from distlab.core.values import Fail, Info, Ok, Operation, Outcome
from distlab.trace import Event, Kind


class Entry(Struct, frozen=True):
    """One operation of one client."""

    ticket: int
    client: str
    operation: Operation
    began: int
    """When it was asked for, in microseconds."""
    call: int
    """Id of the event."""
    outcome: Outcome | None = None
    """None: it had not returned when the record ends."""
    ended: int | None = None
    ret: int = 0
    """Id of the event of its return; 0 if there is none."""

    @property
    def is_ok(self) -> bool:
        return isinstance(self.outcome, Ok)

    @property
    def is_failed(self) -> bool:
        return isinstance(self.outcome, Fail)

    @property
    def is_open(self) -> bool:
        """Nobody knows whether it took effect."""
        return self.outcome is None or isinstance(self.outcome, Info)

    @property
    def value(self) -> Any:
        """What it answered; None unless it is ok."""
        return self.outcome.value if isinstance(self.outcome, Ok) else None


class History:
    """The operations of one run, in the order in which they began."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = sorted(entries, key=lambda entry: (entry.began, entry.ticket))

    @classmethod
    def of(cls, events: Iterable[Event]) -> History:
        """The history that a trace holds. Raises ``ScenarioError`` for a return without a call, or a second one.

        A second return of one operation is the client's bug; judges see only well-formed histories, so the machinery
        reports it before any of them is asked.
        """
        open_calls: dict[int, Event] = {}
        entries: list[Entry] = []
        for event in events:
            if event.kind == Kind.CALL:
                open_calls[event.what[0]] = event
            elif event.kind == Kind.RETURN:
                ticket, outcome = event.what
                call = open_calls.pop(ticket, None)
                if call is None:
                    raise ScenarioError(
                        f"{event.node} finished operation {ticket}, which was not open"
                    )
                entries.append(_entry(call, outcome, event.time, event.id))
        return cls([*entries, *(_entry(call) for call in open_calls.values())])

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def of_type(self, operation: type[Operation]) -> list[Entry]:
        """The operations of one class."""
        return [entry for entry in self.entries if isinstance(entry.operation, operation)]


def _entry(
    call: Event, outcome: Outcome | None = None, ended: int | None = None, ret: int = 0
) -> Entry:
    ticket, operation = call.what
    return Entry(ticket, call.node, operation, call.time, call.id, outcome, ended, ret)
