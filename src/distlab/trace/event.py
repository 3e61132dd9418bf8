"""Events: what every world writes down, what judges read, and what pictures are drawn from.

One record per event, each with the event that caused it, so that "happened before" can be read off: an event follows
the one before it on its node, and its cause. Worlds append plain tuples in the order of :class:`Event`'s fields, since
a named tuple costs eight times as much to make; readers see named ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple


class Kind:
    """The vocabulary of events. ``what`` and ``peer`` of each kind are given beside it."""

    START = "start"  # a node starts; what: its incarnation's role
    CRASH = "crash"  # its process ends; what: why
    STOP = "stop"  # it ends itself; what: the reason
    SEND = "send"  # what: the message; peer: to whom
    DELIVER = "deliver"  # what: the message; peer: from whom; cause: the send
    DROP = "drop"  # on the receiving side; what: (message, why); peer: from whom; cause: the send
    TIMER = "timer"  # a timer fires; what: the timer; cause: where it was set
    JOB = "job"  # a job starts; what: the job
    JOB_END = "job_end"  # what: (job, outcome); cause: its start
    CALL = "call"  # a client operation begins; what: (ticket, operation)
    RETURN = "return"  # it ends; what: (ticket, outcome)
    WRITE = "write"  # what: (verb, path, bytes)
    SYNC = "sync"  # asked for; what: the paths
    SYNCED = "synced"  # done; what: the paths; cause: the sync
    SYNC_FAILED = "sync_failed"  # what: the paths; cause: the sync
    STORE = "store"  # what: (verb, key, result)
    CONNECT = "connect"  # a session opens; peer: with whom
    DISCONNECT = "disconnect"  # it is over; peer: with whom
    LOG = "log"  # what: a LogLine
    FAULT = "fault"  # the world does something to this node; what: the action
    HEAL = "heal"  # everything is mended
    PROBE = "probe"  # what: the node's public view of itself


EVERYTHING = frozenset(value for name, value in vars(Kind).items() if name.isupper())
"""All kinds: what a replay records."""

NOTICED = EVERYTHING - {
    Kind.SEND,
    Kind.DELIVER,
    Kind.DROP,
    Kind.TIMER,
    Kind.LOG,
    Kind.WRITE,
    Kind.PROBE,
}
"""What a sweep records: all that is seldom. Judges that need more say so."""


class Event(NamedTuple):
    """One thing that happened."""

    id: int
    """Rises through the run; the same in a replay whatever was recorded."""
    time: int
    """Microseconds since the start, as an outside observer sees it."""
    node: str
    incarnation: int
    kind: str
    cause: int
    """Id of the event that brought this about; 0 for none."""
    peer: str
    what: Any


class Trace:
    """The events of one run, in order."""

    def __init__(self, records: Iterable[tuple[Any, ...]] = ()) -> None:
        self._records = list(records)
        self._events: list[Event] = []
        self._by_kind: dict[str, list[Event]] = {}
        self._sorted = 0
        """How many of the events stand in ``_by_kind``."""

    @property
    def append(self) -> Any:
        """For worlds: takes a tuple of :class:`Event`'s fields."""
        return self._records.append

    @property
    def events(self) -> list[Event]:
        """All of them, named."""
        if len(self._events) < len(self._records):
            self._events += map(Event._make, self._records[len(self._events) :])
        return self._events

    def of(self, *kinds: str) -> Iterator[Event]:
        """The events of these kinds, in order."""
        if len(kinds) != 1:
            return (event for event in self.events if event.kind in kinds)
        # Judges go through one kind again and again: tell the kinds apart once.
        for event in self.events[self._sorted :]:
            self._by_kind.setdefault(event.kind, []).append(event)
        self._sorted = len(self._events)
        return iter(self._by_kind.get(kinds[0], ()))

    def story(self, event: int) -> list[Event]:
        """How it came to that event: the chain of its causes, oldest first, itself last."""
        known = self.by_id()
        chain: list[Event] = []
        while event in known:
            chain.append(known[event])
            event = known[event].cause
        return chain[::-1]

    def by_id(self) -> dict[int, Event]:
        return {event.id: event for event in self.events}

    def __len__(self) -> int:
        return len(self._records)
