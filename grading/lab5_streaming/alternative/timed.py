"""A task that knows event time: one way for all that moves it, an agenda of what is to be said on."""

from __future__ import annotations

from distlab.core import Address
from labs.lab5_streaming.eventtime import (
    MIN_TIME,
    TICK,
    Alarm,
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
    clock: SourceClock | None
    timers: Timers
    alarms: Timers

    def on_start(self) -> None:
        self.watermark, self.clock = MIN_TIME, None
        self.timers, self.alarms, self.numbers = Timers(), Timers(), {}
        for end in self.config.inputs:
            for sender in end.senders:
                self.numbers[Channel(end.edge, sender)] = len(self.numbers)
        self.valve = Valve(len(self.numbers))
        super().on_start()

    def context(self, sender: Address) -> Hosted:
        return TimedContext(self, sender)

    def handle(self, channel: Channel, element: Element) -> None:
        if isinstance(element, Watermark):
            self.follow(self.valve.watermark(self.numbers[channel], element.time))
        elif isinstance(element, Status):
            self.follow(self.valve.status(self.numbers[channel], element.is_idle))
        else:
            super().handle(channel, element)
        self.wake()

    def follow(self, agenda: list[Watermark | Status]) -> None:
        for element in agenda:
            if isinstance(element, Watermark):
                self.come_to(element.time)
            self.broadcast(element)

    def come_to(self, time: int) -> None:
        self.watermark = time
        self.fire(self.timers, time)
        self.operator.on_watermark(self.context(self.address), time)

    def fire(self, timers: Timers, now: int) -> None:
        due = timers.due(now)
        while due is not None:
            self.operator.on_timer(self.context(self.address), due)
            due = timers.due(now)

    def watch(self, partitions: int, bound: int, idle_after: int) -> None:
        self.clock = SourceClock(partitions, bound, idle_after, self.monotonic())
        self.set_timer(Tick(), TICK)

    def seen(self, partition: int, times: tuple[int, ...]) -> None:
        assert self.clock is not None
        self.follow(self.clock.seen(partition, times, self.monotonic()))

    def on_tick(self, timer: Tick) -> None:
        if not self.is_over and self.clock is not None:
            self.set_timer(Tick(), TICK)
            self.follow(self.clock.tick(self.monotonic()))

    def finish_up(self, context: Hosted) -> None:
        self.follow(self.clock.end() if self.clock is not None else [])
        super().finish_up(context)

    def wake(self) -> None:
        if (first := self.alarms.first()) is not None:
            self.set_timer(Alarm(), max(0, first.time - self.now()))

    def on_alarm(self, timer: Alarm) -> None:
        self.fire(self.alarms, self.now())
        self.wake()

    def probe(self) -> TimeView:
        kept = self.operator.windows() if isinstance(self.operator, WindowBase) else 0
        return TimeView(self.watermark, self.timers.count(), kept)
