"""Watermarks from what is known now: nothing is kept but what each input has said, and what was passed on."""

from __future__ import annotations

from dataclasses import dataclass, field

from labs.lab5_streaming.eventtime import MAX_TIME, MIN_TIME
from labs.lab5_streaming.stream import Status, Watermark

Said = list[Watermark | Status]


@dataclass
class BoundedDisorder:
    bound: int
    mark: int = MIN_TIME

    def seen(self, times: tuple[int, ...]) -> int:
        for time in times:
            if time - self.bound > self.mark + 1:
                self.mark = time - self.bound - 1
        return self.mark


@dataclass
class Entrance:
    """One input."""

    mark: int = MIN_TIME
    is_idle: bool = False


@dataclass
class Valve:
    """Compares what holds with what was said."""

    inputs: int
    entrances: list[Entrance] = field(default_factory=list)
    passed: int = MIN_TIME
    is_shut: bool = False
    """Those behind were told that everything is idle."""

    def __post_init__(self) -> None:
        self.entrances = [Entrance() for _ in range(self.inputs)]

    def watermark(self, number: int, time: int) -> Said:
        entrance = self.entrances[number]
        if not entrance.is_idle and time > entrance.mark:
            entrance.mark = time
        return self.compared()

    def status(self, number: int, is_idle: bool) -> Said:
        self.entrances[number].is_idle = is_idle
        return self.compared()

    def compared(self) -> Said:
        said: Said = []
        active = [entrance for entrance in self.entrances if not entrance.is_idle]
        shut = not active
        if self.is_shut and not shut:
            said.append(Status(False))
        reached = self.reached([entrance.mark for entrance in active])
        if reached > self.passed:
            self.passed = reached
            said.append(Watermark(reached))
        if shut and not self.is_shut:
            said.append(Status(True))
        self.is_shut = shut
        return said

    def reached(self, active: list[int]) -> int:
        if not active:
            return max(entrance.mark for entrance in self.entrances)
        caught_up = sorted(mark for mark in active if mark >= self.passed)
        return caught_up[0] if caught_up else self.passed


@dataclass
class Partition:
    disorder: BoundedDisorder
    quiet_since: int
    is_idle: bool = False


@dataclass
class SourceClock:
    partitions: int
    bound: int
    idle_after: int
    now: int
    parts: list[Partition] = field(default_factory=list)
    valve: Valve = field(default_factory=lambda: Valve(0))

    def __post_init__(self) -> None:
        self.valve = Valve(self.partitions)
        self.parts = [
            Partition(BoundedDisorder(self.bound), self.now) for _ in range(self.partitions)
        ]

    def seen(self, partition: int, times: tuple[int, ...], now: int) -> Said:
        part = self.parts[partition]
        part.quiet_since = now
        woken = self.valve.status(partition, False) if part.is_idle else []
        part.is_idle = False
        return woken + self.valve.watermark(partition, part.disorder.seen(times))

    def tick(self, now: int) -> Said:
        said: Said = []
        for number, part in enumerate(self.parts):
            if not part.is_idle and part.quiet_since + self.idle_after <= now:
                part.is_idle = True
                said.extend(self.valve.status(number, True))
        return said

    def end(self) -> Said:
        last: Said = [Status(False)] if self.valve.is_shut else []
        return [*last, Watermark(MAX_TIME)]
