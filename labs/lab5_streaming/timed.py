"""A task that knows event time: part 5A's, and what a watermark sets going (part 5B1).

Rule: first everything that a watermark makes happen here, then the watermark goes on. What a window puts out at w
bears a time up to w; sent behind the watermark it would be late at the next operator.
"""

from __future__ import annotations

from distlab.core import Address
from labs.lab5_streaming.eventtime import (
    MIN_TIME,
    TICK,
    Alarm,
    Due,
    Tick,
    TimedContext,
    TimeView,
    WindowBase,
)
from labs.lab5_streaming.hosting import Hosted
from labs.lab5_streaming.stream import Channel, Element, Status, Watermark
from labs.lab5_streaming.task import Task
from labs.lab5_streaming.timers import Timers
from labs.lab5_streaming.watermarks import SourceClock, Valve


class TimedTask(Task):
    """Hosts one subtask, with event time."""

    watermark: int
    valve: Valve
    numbers: dict[Channel, int]
    """Of the inputs, as the valve counts them."""
    clock: SourceClock | None
    timers: Timers
    alarms: Timers

    def on_start(self) -> None:
        self.watermark, self.clock = MIN_TIME, None
        self.timers, self.alarms = Timers(), Timers()
        senders = [(end.edge, sender) for end in self.config.inputs for sender in end.senders]
        self.numbers = {Channel(*sender): number for number, sender in enumerate(senders)}
        self.valve = Valve(len(self.numbers))
        super().on_start()

    def context(self, sender: Address) -> Hosted:
        return TimedContext(self, sender)

    def handle(self, channel: Channel, element: Element) -> None:
        """An element's turn has come: watermarks and statuses are yours, the others part 5A's."""
        raise NotImplementedError("5B1: what does the valve make of it?")

    def follow(self, said: list[Watermark | Status]) -> None:
        """Do what a valve, or a source's clock, has said, in its order."""
        raise NotImplementedError("5B1: time comes on, or a status goes on")

    def advance(self, time: int) -> None:
        """Event time has come to ``time``: all timers that are due, in order; the operator; those behind you."""
        raise NotImplementedError("5B1: in this order")

    # -- sources --------------------------------------------------------------------------------------

    def watch(self, partitions: int, bound: int, idle_after: int) -> None:
        self.clock = SourceClock(partitions, bound, idle_after, self.monotonic())
        self.set_timer(Tick(), TICK)

    def seen(self, partition: int, times: tuple[int, ...]) -> None:
        assert self.clock is not None
        self.follow(self.clock.seen(partition, times, self.monotonic()))

    def on_tick(self, timer: Tick) -> None:
        if self.clock is not None and not self.is_over:
            self.follow(self.clock.tick(self.monotonic()))
            self.set_timer(Tick(), TICK)

    def finish_up(self, context: Hosted) -> None:
        if self.clock is not None:
            self.follow(self.clock.end())
        super().finish_up(context)

    # -- processing time ------------------------------------------------------------------------------

    def arm(self) -> None:
        """Be woken when the next timer in processing time is due."""
        first: Due | None = self.alarms.first()
        if first is not None:
            self.set_timer(Alarm(), max(0, first.time - self.now()))

    def on_alarm(self, timer: Alarm) -> None:
        context = self.context(self.address)
        while (due := self.alarms.due(self.now())) is not None:
            self.operator.on_timer(context, due)
        self.arm()

    def probe(self) -> TimeView:
        operator = self.operator
        windows = operator.windows() if isinstance(operator, WindowBase) else 0
        return TimeView(self.watermark, self.timers.count(), windows)
