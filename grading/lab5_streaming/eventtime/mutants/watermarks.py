"""Bugs of part 5B1: which input counts, when one is idle, and what goes on first."""

from __future__ import annotations

from typing import Any

from distlab.grade.lab import Mutant, bug
from labs.lab5_streaming.eventtime import MAX_TIME, MIN_TIME, Tick
from labs.lab5_streaming.stream import Channel, Element, Status, Watermark
from labs.lab5_streaming.timed import TimedTask
from labs.lab5_streaming.watermarks import BoundedDisorder, SourceClock, Valve

# -- one partition ------------------------------------------------------------------------------------


class NoBound(BoundedDisorder):
    """Takes the newest time itself for the watermark: what comes out of order is late."""

    def seen(self, times: tuple[int, ...]) -> int:
        self.newest = max(self.newest, *times)
        return self.newest - 1


class OneTooMany(BoundedDisorder):
    """Forgets the one where there is a bound: says that no event of time t - B will come, and one may."""

    def seen(self, times: tuple[int, ...]) -> int:
        return super().seen(times) + (self.bound > 0)


class LastNotNewest(BoundedDisorder):
    """Goes by the last event, not by the newest one: an old one takes the watermark back."""

    def seen(self, times: tuple[int, ...]) -> int:
        return times[-1] - self.bound - 1


class FirstOfBatch(BoundedDisorder):
    """Looks at the first event of a batch only: for batches of one it is right."""

    def seen(self, times: tuple[int, ...]) -> int:
        return super().seen(times[:1])


class BeginsAtZero(BoundedDisorder):
    """Begins at 0: before 1970 there is no time."""

    def __init__(self, bound: int) -> None:
        super().__init__(bound, newest=0)


# -- the valve ----------------------------------------------------------------------------------------


class Greatest(Valve):
    """The greatest of the inputs: one fast source makes all others late."""

    def progress(self) -> list[Watermark]:
        reached = max(self.marks)
        if reached <= self.last:
            return []
        self.last = reached
        return [Watermark(reached)]


class LastInput(Valve):
    """The watermark of whichever input spoke last."""

    def watermark(self, number: int, time: int) -> list[Watermark | Status]:
        if number in self.idle or time <= self.last:
            return []
        self.marks[number] = self.last = time
        return [Watermark(time)]


class GoesBack(Valve):
    """An input that was idle counts again at once, and pulls the watermark back to where it is."""

    def progress(self) -> list[Watermark]:
        active = [m for n, m in enumerate(self.marks) if n not in self.idle]
        reached = min(active) if active else max(self.marks)
        if reached == self.last:
            return []
        self.last = reached
        return [Watermark(reached)] if reached > MIN_TIME else []


class HeldByTheReturned(Valve):
    """An input that comes back holds the watermark until it has caught up: not back, but still."""

    def progress(self) -> list[Watermark]:
        active = [m for n, m in enumerate(self.marks) if n not in self.idle]
        reached = min(active) if active else max(self.marks)
        if reached <= self.last:
            return []
        self.last = reached
        return [Watermark(reached)]


class NeverAligned(Valve):
    """An input that was idle once never counts again, also when it has caught up."""

    idle_once: set[int] | None = None

    def status(self, number: int, is_idle: bool) -> list[Watermark | Status]:
        if is_idle:
            self.idle_once = (self.idle_once or set()) | {number}
        return super().status(number, is_idle)

    def progress(self) -> list[Watermark]:
        out = self.idle_once or set()
        aligned = [m for n, m in enumerate(self.marks) if n not in out and m >= self.last]
        reached = min(aligned, default=max(self.marks))
        if reached <= self.last:
            return []
        self.last = reached
        return [Watermark(reached)]


class RealignedStalls(Valve):
    """Who comes back exactly where the watermark is waits to be aligned, and nobody looks at it again."""

    waiting: set[int] | None = None

    def status(self, number: int, is_idle: bool) -> list[Watermark | Status]:
        waiting = self.waiting = self.waiting or set()
        if not is_idle and number in self.idle and self.marks[number] == self.last:
            waiting.add(number)
        return super().status(number, is_idle)

    def progress(self) -> list[Watermark]:
        waiting = self.waiting or set()
        self.idle |= waiting
        said = super().progress() if len(self.idle) < self.inputs or not waiting else []
        self.idle -= waiting
        return said


class IdleByOrder(Valve):
    """When all are idle, goes up to the one that fell silent last: the result depends on the order."""

    def status(self, number: int, is_idle: bool) -> list[Watermark | Status]:
        others = [m for n, m in enumerate(self.marks) if n != number]
        marks, self.marks = self.marks, [*self.marks]
        if is_idle and len(self.idle | {number}) == self.inputs and others:
            self.marks = [min(m, max(self.last, marks[number])) for m in marks]
        said = super().status(number, is_idle)
        self.marks = marks
        return said


class NoFlush(Valve):
    """When all are idle, stays where it is: what the furthest one had completed waits."""

    def progress(self) -> list[Watermark]:
        return super().progress() if len(self.idle) < self.inputs else []


class IdleIsSilent(Valve):
    """Does not tell those behind that all its inputs are idle: one station further everything stands."""

    def status(self, number: int, is_idle: bool) -> list[Watermark | Status]:
        return [e for e in super().status(number, is_idle) if isinstance(e, Watermark)]


class IdleBeforeFlush(Valve):
    """Says that it is idle first and its last watermark afterwards, when it counts for nothing any more."""

    def status(self, number: int, is_idle: bool) -> list[Watermark | Status]:
        said = super().status(number, is_idle)
        return said[::-1]


class OneIdleIsAll(Valve):
    """Says that it is idle as soon as one of its inputs is."""

    def status(self, number: int, is_idle: bool) -> list[Watermark | Status]:
        said = [e for e in super().status(number, is_idle) if isinstance(e, Watermark)]
        return [*said, Status(is_idle)]


class HearsTheIdle(Valve):
    """Counts what an idle input says, though it did not say that it is active."""

    def watermark(self, number: int, time: int) -> list[Watermark | Status]:
        self.marks[number] = max(self.marks[number], time)
        return [*self.progress()]


class SaysItAgain(Valve):
    """Says its watermark again when an input says something, whether or not it is a new one."""

    def watermark(self, number: int, time: int) -> list[Watermark | Status]:
        said = super().watermark(number, time)
        return said or ([Watermark(self.last)] if self.last > MIN_TIME and self.inputs > 1 else [])


# -- sources ------------------------------------------------------------------------------------------


class NoIdleness(SourceClock):
    """No idleness at all: one empty partition stalls every window."""

    def tick(self, now: int) -> list[Watermark | Status]:
        return []


class FromTheFirstLook(SourceClock):
    """Counts silence from the first look at which nothing was new, not from the last word."""

    looked: dict[int, tuple[int, int]] | None = None
    """Partition -> (last word, first look after it)."""

    def tick(self, now: int) -> list[Watermark | Status]:
        looked, heard = self.looked or {}, list(self.heard)
        for partition, when in enumerate(heard):
            if looked.get(partition, (-1, 0))[0] != when:
                looked[partition] = when, now
            self.heard[partition] = looked[partition][1]
        self.looked = looked
        said = super().tick(now)
        self.heard = heard
        return said


class EmptyIsNotIdle(SourceClock):
    """A partition that has never said anything cannot fall silent, it thinks."""

    def tick(self, now: int) -> list[Watermark | Status]:
        heard = list(self.heard)
        for partition, disorder in enumerate(self.disorder):
            if disorder.newest == MIN_TIME:
                self.heard[partition] = now
        said = super().tick(now)
        self.heard = heard
        return said


class IdleForEver(SourceClock):
    """Who has been idle once stays so: what it says afterwards is out of all reckoning."""

    def seen(self, partition: int, times: tuple[int, ...], now: int) -> list[Watermark | Status]:
        self.heard[partition] = now
        if partition in self.silent:
            return []
        return super().seen(partition, times, now)


class OneForAll(SourceClock):
    """One watermark for all partitions together: the one that is ahead makes the others late."""

    def seen(self, partition: int, times: tuple[int, ...], now: int) -> list[Watermark | Status]:
        self.heard[partition] = now
        said: list[Watermark | Status] = []
        mark = self.disorder[0].seen(times)
        for other in range(self.partitions):
            if other in self.silent and other == partition:
                self.silent.remove(other)
                said += self.valve.status(other, False)
            said += self.valve.watermark(other, mark)
        return said


class SilentAtTheEnd(SourceClock):
    """Says MAX_TIME though it is idle: those behind do not listen to it."""

    def end(self) -> list[Watermark | Status]:
        return [Watermark(MAX_TIME)]


# -- the task -----------------------------------------------------------------------------------------


class ByTheWallClock(TimedTask):
    """Measures silence by the wall clock, which can jump."""

    def on_tick(self, timer: Tick) -> None:
        if self.clock is not None:
            jumped = self.now() - self.monotonic()
            self.follow(self.clock.tick(self.monotonic() + jumped) if jumped else [])
        super().on_tick(timer)


class PassesStatusesOn(TimedTask):
    """Sends statuses on as they come, input by input."""

    def handle(self, channel: Channel, element: Element) -> None:
        if isinstance(element, Status) and len(self.numbers) > 1:
            self.valve.status(self.numbers[channel], element.is_idle)
            self.broadcast(Status(element.is_idle))
        else:
            super().handle(channel, element)


def mark(name: str, by: Any, breaks: str, **more: Any) -> Mutant:
    base = next(base for base in by.__mro__[1:] if base.__module__.startswith("labs."))
    replaces = f"{base.__module__.rpartition('.')[2]}:{base.__name__}"
    return bug(name, by, part="B1", replaces=replaces, breaks=breaks, **more)


WATERMARKS = (
    mark("no-bound", NoBound, "ST-S4"),
    mark("one-too-many", OneTooMany, "ST-S4"),
    mark("last-not-newest", LastNotNewest, "ST-S4"),
    mark("first-of-batch", FirstOfBatch, "ST-S4"),
    mark("begins-at-zero", BeginsAtZero, "ST-S4"),
    mark("greatest", Greatest, "ST-S4", code="m4", source="classic"),
    mark("last-input", LastInput, "ST-S4", source="classic"),
    mark("goes-back", GoesBack, "ST-S4"),
    mark("held-by-the-returned", HeldByTheReturned, "ST-S4", kind="liveness"),
    mark("never-aligned", NeverAligned, "ST-S4"),
    mark("realigned-stalls", RealignedStalls, "ST-S4", code="m7", source="FLINK-40475"),
    mark("idle-by-order", IdleByOrder, "ST-S4", code="m6", source="FLINK-7728, FLINK-38454"),
    mark("no-flush", NoFlush, "ST-L2", kind="liveness"),
    mark("idle-is-silent", IdleIsSilent, "ST-L2", kind="liveness"),
    mark("idle-before-flush", IdleBeforeFlush, "ST-S4"),
    mark("one-idle-is-all", OneIdleIsAll, "ST-S4"),
    mark("hears-the-idle", HearsTheIdle, "ST-S4"),
    mark("says-it-again", SaysItAgain, "ST-S4", kind="cost"),
    mark("no-idleness", NoIdleness, "ST-L2", code="m26", kind="liveness", source="classic"),
    mark(
        "from-the-first-look",
        FromTheFirstLook,
        "ST-L2",
        code="m25",
        kind="liveness",
        source="FLINK-40503",
    ),
    mark("empty-is-not-idle", EmptyIsNotIdle, "ST-L2", kind="liveness"),
    mark("idle-for-ever", IdleForEver, "ST-L2", kind="liveness"),
    mark("one-for-all", OneForAll, "ST-S4", source="classic"),
    mark("silent-at-the-end", SilentAtTheEnd, "ST-L2", kind="liveness"),
    mark("by-the-wall-clock", ByTheWallClock, "ST-S4"),
    mark("passes-statuses-on", PassesStatusesOn, "ST-S4"),
)
