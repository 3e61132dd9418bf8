"""Part 5B: a timed task alone, timers in processing time, and windows against the plain twin."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from distlab.core import MS
from distlab.core import effects as fx
from distlab.core.solo import Solo
from tests.labs.lab5 import Modules, lab

__all__ = ["lab"]


def window_task(lab: Modules, senders: tuple[str, ...] = ("a", "b"), **arguments: Any) -> Solo:
    stream = lab.stream
    config = stream.TaskConfig(
        "windows:WindowOperator",
        {"size": 10, **arguments},
        "window",
        0,
        1,
        (stream.Incoming(0, senders),),
        (stream.Outgoing(1, ("sink",), "global"), stream.Outgoing(2, ("late",), "global", "late")),
        9,
    )
    solo = Solo(lab.timed.TimedTask, config, "window-0")
    for peer in (*senders, "sink", "late"):
        solo.open_session(peer)
    solo.deliver(stream.Credit(99, 1), "sink")
    solo.deliver(stream.Credit(99, 2), "late")
    return solo


def rows(lab: Modules, *times: int) -> Any:
    records = lab.stream.records_of([("k", time, (time, 0)) for time in times])
    return lab.stream.Batch(records)


def to_sink(effects: list[Any]) -> list[Any]:
    return [e.message for e in effects if isinstance(e, fx.Sent) and e.to == "sink"]


def test_what_a_window_puts_out_goes_before_the_watermark(lab: Modules) -> None:
    solo, stream = window_task(lab), lab.stream
    solo.deliver(rows(lab, 3, 12), "a")
    solo.deliver(stream.Watermark(15), "a")
    batch, watermark = to_sink(solo.deliver(stream.Watermark(9), "b"))
    assert tuple(batch.records.values[0]) == (0, 10, 3)
    assert watermark == stream.Watermark(9, 1)


def test_nothing_is_said_while_the_slowest_stays(lab: Modules) -> None:
    solo, stream = window_task(lab), lab.stream
    solo.deliver(stream.Watermark(5), "b")
    assert to_sink(solo.deliver(stream.Watermark(5), "a")) == [stream.Watermark(5, 1)]
    assert to_sink(solo.deliver(stream.Watermark(99), "a")) == []


def test_a_late_element_goes_aside(lab: Modules) -> None:
    solo, stream = window_task(lab, ("a",)), lab.stream
    solo.deliver(stream.Watermark(9), "a")
    late = [e for e in solo.deliver(rows(lab, 4, 10), "a") if isinstance(e, fx.Sent)]
    assert [e.message.records.times for e in late if e.to == "late"] == [(4,)]


def test_all_idle_is_said_behind_the_last_watermark(lab: Modules) -> None:
    solo, stream = window_task(lab), lab.stream
    solo.deliver(stream.Watermark(5), "a")
    solo.deliver(stream.Status(True), "a")
    assert to_sink(solo.deliver(stream.Status(True), "b")) == [
        stream.Watermark(5, 1),
        stream.Status(True, 1),
    ]
    assert to_sink(solo.deliver(stream.Status(False), "b")) == [stream.Status(False, 1)]


def test_an_alarm_rings_by_the_clock(lab: Modules) -> None:
    due, rung = lab.eventtime.Due, []

    @dataclass
    class Bell(lab.operators.Operator):  # type: ignore[name-defined]
        def on_record(self, context: Any, key: Any, time: int, value: Any) -> None:
            context.alarms.set(due(context.now() + time * MS, key))

        def on_timer(self, context: Any, timer: Any) -> None:
            rung.append((context.now() // MS, timer.time // MS))

    solo = window_task(lab, ("a",))
    solo.node.operator = Bell()
    solo.deliver(rows(lab, 30, 10, 20, 10), "a")
    solo.advance(50 * MS)
    assert rung == [(10, 10), (20, 20), (30, 30)]


# -- windows against the twin -------------------------------------------------------------------------


@dataclass
class Script:
    """A context that plays elements and watermarks to an operator, with the solution's own timers."""

    timers: Any
    watermark: int
    fired: list[Any] = field(default_factory=list)
    late: list[Any] = field(default_factory=list)

    def emit(self, records: Any, tag: str = "") -> None:
        (self.late if tag else self.fired).extend(zip(records.keys, records.values, strict=True))

    def advance(self, operator: Any, time: int) -> None:
        self.watermark = time
        while (due := self.timers.due(time)) is not None:
            operator.on_timer(self, due)


@pytest.mark.parametrize("kind", ["tumbling", "sliding", "session"])
def test_windows_hold_what_the_twin_says(lab: Modules, kind: str) -> None:
    from grading.lab5_streaming.eventtime.twin import PlainWindows

    random = Random(8)
    for _ in range(120):
        shape = {
            "kind": kind,
            "size": random.choice([4, 7]),
            "slide": random.choice([2, 3, 9]),
            "offset": random.choice([0, 2, -1]),
            "lateness": random.choice([0, 5]),
        }
        operator, plain = lab.windows.WindowOperator(**shape), PlainWindows(shape)
        script = Script(lab.timers.Timers(), lab.eventtime.MIN_TIME)
        now = -12
        for name in range(25):
            key, time = random.choice("ab"), now + random.randrange(-8, 12)
            operator.on_record(script, key, time, (name, 0))
            plain.add(key, time, name, script.watermark)
            if random.random() < 0.5:
                now += random.randrange(6)
                script.advance(operator, now)
                newest = {(k, (v[0], v[1])): sorted(v[2:]) for k, v in script.fired}
                for (k, window), ids in plain.kept.items():
                    if window.last <= now:
                        assert newest[(k, (window.start, window.end))] == sorted(ids)
                plain.forget(now)
        script.advance(operator, lab.eventtime.MAX_TIME)
        assert sorted(value[0] for _, value in script.late) == sorted(plain.late)
        assert operator.windows() == 0
        assert script.timers.count() == 0
