"""Part 5B: windows, timers of operators, and what an operator's context can do more when there is event time. Given.

=============================  ===================================================================================
``context.watermark``          how far event time has come here; ``MIN_TIME`` at first, ``MAX_TIME`` at the end
``context.timers``             timers in event time: due when the watermark has reached them
``context.alarms``             timers in processing time: due when the clock has
``context.watch(...)``         a source: how many partitions it reads, and how its watermarks are made
``context.seen(p, times)``     a source: these event times were just emitted from partition ``p``
=============================  ===================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from distlab.core import MS, Timer
from labs.lab5_streaming.hosting import Hosted
from labs.lab5_streaming.operators import Operator
from labs.lab5_streaming.stream import Key, Read, Records, records_of

MIN_TIME = -(2**62)
MAX_TIME = 2**62
TICK = 10 * MS
"""How often a source looks whether a partition has fallen silent."""


class Window(Struct, frozen=True, order=True):
    """An interval of event time: from ``start`` to before ``end``."""

    start: int
    end: int

    @property
    def last(self) -> int:
        """The last moment that belongs to it. It is complete when the watermark has come so far."""
        return self.end - 1


class Due(Struct, frozen=True, order=True):
    """A timer of an operator. Two equal ones are one."""

    time: int
    key: Key = ""
    namespace: str = ""
    """What for: an operator can have several at the same moment for one key."""


class Tick(Timer, frozen=True):
    """A source looks round."""


class Alarm(Timer, frozen=True):
    """A timer in processing time may be due."""


class TimeView(Struct, frozen=True):
    """What a task shows of itself."""

    watermark: int
    timers: int
    windows: int


@dataclass
class TimedContext(Hosted):
    """The context of an operator that knows event time."""

    @property
    def watermark(self) -> int:
        return int(self.task.watermark)

    @property
    def timers(self) -> Any:
        return self.task.timers

    @property
    def alarms(self) -> Any:
        return self.task.alarms

    def watch(self, partitions: int, bound: int, idle_after: int) -> None:
        self.task.watch(partitions, bound, idle_after)

    def seen(self, partition: int, times: tuple[int, ...]) -> None:
        self.task.seen(partition, times)

    def monotonic(self) -> int:
        return int(self.task.monotonic())


@dataclass
class Feed(Operator):
    """A source of several partitions: ``shares[i][p]`` are the rows (at, key, time, id) of subtask i's partition p.

    A row is there ``at`` so many microseconds after the start. What has come by then goes out as one batch for each
    partition. Values are (id, partition).
    """

    shares: Any = ()
    bound: int = 0
    """An event is at most so much older than the newest one before it, of the same partition."""
    idle_after: int = 100 * MS
    """A partition that has been silent for so long, in processing time, is idle."""
    until: int = 0
    """The input ends so long after the start, or behind the last row."""
    start: int = 0
    read: list[int] = field(default_factory=list)
    """How many rows of each partition."""

    def open(self, context: Any) -> None:
        self.start = context.monotonic()
        self.read = [0 for _ in self.shares[context.subtask]]
        context.watch(len(self.read), self.bound, self.idle_after)

    def poll(self, context: Any) -> int | None:
        now, nexts = context.monotonic() - self.start, []
        for number, rows in enumerate(self.shares[context.subtask]):
            first = self.read[number]
            there = [row for row in rows[first:] if row[0] <= now]
            self.read[number] += len(there)
            if there:
                batch = records_of([(key, time, (name, number)) for _, key, time, name in there])
                context.tell(Read(batch))
                context.emit(batch)
                context.seen(number, batch.times)
            nexts += [row[0] for row in rows[self.read[number] :][:1]]
        if not nexts and now >= self.until:
            return None
        return max(1, min([*nexts, self.until] if now < self.until else nexts) - now)


@dataclass
class WindowBase(Operator):
    """What a window operator is told, and what it keeps of a window's elements: their ids, in order."""

    kind: str = "tumbling"
    """``tumbling``, ``sliding`` or ``session``."""
    size: int = 10
    """Of a window; of a session, the gap that ends it."""
    slide: int = 5
    offset: int = 0
    lateness: int = 0
    """A window takes in elements, and fires again, until the watermark is so far beyond its last moment."""

    def result(self, key: Key, window: Window, ids: Iterable[Any]) -> Records:
        """What a window puts out when it fires: everything that is in it, also what it had put out before."""
        return records_of([(key, window.last, (window.start, window.end, *ids))])

    def aside(self, key: Key, time: int, value: Any) -> Records:
        """An element that came too late for all its windows."""
        return records_of([(key, time, value)])

    def windows(self) -> int:
        """How many windows it keeps."""
        raise NotImplementedError
