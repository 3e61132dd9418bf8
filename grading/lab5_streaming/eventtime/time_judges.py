"""The judges of part 5B1: every watermark against what its sender could know, and how soon it came."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from distlab.check import Verdict, broken, kept
from distlab.core import MS, Address
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab5_streaming.eventtime.twin import PlainValve
from labs.lab5_streaming.eventtime import MAX_TIME, MIN_TIME, TICK
from labs.lab5_streaming.stream import Channel, Ended, Read, Status, Watermark

SOON = 50 * MS
"""ST-L2's bound: from what makes a watermark possible until it is said."""


class Source:
    """What a source can know: of each partition, when it was heard last, and how far it had come."""

    def __init__(self, run: Run, node: str, started: int) -> None:
        shape = run.scenario.shape
        feed = shape["feeds"][run.notes["configs"][Address(node)].subtask]
        self.bound, self.idle_after = shape["bound"], shape["idle_after"] * MS
        self.heard = [started] * len(feed)
        self.newest = [MIN_TIME] * len(feed)
        self.left = sum(map(len, feed))

    def read(self, event: Event) -> None:
        for time, value in zip(event.what.records.times, event.what.records.values, strict=True):
            self.heard[value[1]] = event.time
            self.newest[value[1]] = max(self.newest[value[1]], time)
            self.left -= 1

    def marks(self) -> list[int]:
        return [max(MIN_TIME, newest - self.bound - 1) for newest in self.newest]

    def all_silent(self, now: int) -> bool:
        return all(now - heard >= self.idle_after for heard in self.heard)

    def highest(self, now: int, said: int) -> int:
        """The greatest watermark that it may say, having said another. Who is behind that has not caught up yet."""
        if not self.left:
            return MAX_TIME
        if self.all_silent(now):
            return max(self.marks(), default=said)
        active = [now - heard < self.idle_after for heard in self.heard]
        pairs = zip(self.marks(), active, strict=True)
        return min((mark for mark, counts in pairs if counts and mark >= said), default=said)

    def lowest(self, now: int) -> int:
        """The one that it must have said by now: partitions that may just have fallen silent still count."""
        pairs = list(zip(self.marks(), self.heard, strict=True))
        counted = [mark for mark, heard in pairs if now - heard < self.idle_after + 2 * TICK]
        return min(counted) if counted else max(self.marks(), default=MIN_TIME)


def _by_node(run: Run) -> dict[str, list[Event]]:
    events: dict[str, list[Event]] = defaultdict(list)
    for event in run.trace.of(Kind.START, Kind.SEND, Kind.DELIVER):
        events[event.node].append(event)
    return {node: events[node] for node in sorted(run.notes["configs"]) if node in events}


def _numbers(run: Run, node: str) -> dict[Channel, int]:
    ends = run.notes["configs"][Address(node)].inputs
    channels = [Channel(end.edge, sender) for end in ends for sender in end.senders]
    return {channel: number for number, channel in enumerate(channels)}


def never_back_never_ahead(run: Run) -> Verdict:
    """ST-S4: on each channel watermarks rise; and none is greater than its sender could know."""
    for node, events in _by_node(run).items():
        is_source = node.startswith("feed")
        numbers = _numbers(run, node)
        source = Source(run, node, events[0].time) if is_source else None
        valve = PlainValve(len(numbers))
        said: dict[tuple[str, int], int] = {}
        for event in events:
            what = event.what
            if event.kind == Kind.DELIVER:
                _hear(valve, numbers, event)
            elif isinstance(what, Read) and source is not None:
                source.read(event)
            elif isinstance(what, Watermark):
                channel = (event.peer, what.edge)
                before = said.get(channel, MIN_TIME)
                if what.time <= before:
                    reason = f"{node} said watermark {what.time} to {event.peer}, behind {before}"
                    return broken(reason, event.id, expected=f"more than {before}", got=what.time)
                most = valve.last if source is None else source.highest(event.time, before)
                if what.time > max(before, most):
                    return broken(
                        f"{node} said watermark {_shown(what.time)}, and its slowest active input is not so far",
                        event.id,
                        expected=f"at most {_shown(max(before, most))}",
                        got=_shown(what.time),
                    )
                said[channel] = what.time
            elif isinstance(what, Status) and what.is_idle:
                silent = all(valve.idle) if source is None else source.all_silent(event.time)
                if not silent:
                    reason = f"{node} says that it is idle, and one of its inputs is active"
                    return broken(reason, event.id)
    return kept()


def _hear(valve: PlainValve, numbers: dict[Channel, int], event: Event) -> None:
    what = event.what
    if isinstance(what, Watermark):
        valve.watermark(numbers[Channel(what.edge, Address(event.peer))], what.time)
    elif isinstance(what, Status):
        valve.status(numbers[Channel(what.edge, Address(event.peer))], what.is_idle)


def _shown(time: int) -> str:
    return {MAX_TIME: "MAX_TIME", MIN_TIME: "none"}.get(time, str(time))


def nobody_is_held_back(run: Run) -> Verdict:
    """ST-L2: where nothing goes wrong, watermarks and statuses follow soon; and every job ends."""
    if run.scenario.plan.faults or run.scenario.noise.straggle:
        return _ends(run)
    for node, events in _by_node(run).items():
        verdict = _source_follows(run, node, events) if node.startswith("feed") else None
        if verdict is None and not node.startswith(("sink", "late")):
            verdict = _valve_follows(run, node, events)
        if verdict is not None:
            return verdict
    return _ends(run)


def _source_follows(run: Run, node: str, events: list[Event]) -> Verdict | None:
    source = Source(run, node, events[0].time)
    reads = [event for event in events if isinstance(event.what, Read)]
    timers = [event for event in run.trace.of(Kind.TIMER) if event.node == node]
    said, passed = MIN_TIME, 0
    first = run.notes["configs"][Address(node)].outputs[0].targets[0]
    watermarks = [e for e in events if isinstance(e.what, Watermark) and e.peer == first]
    for event in sorted([*timers, *watermarks], key=lambda one: one.id):
        while passed < len(reads) and reads[passed].time < event.time - TICK:
            source.read(reads[passed])
            passed += 1
        if event.kind == Kind.SEND:
            said = event.what.time
        elif said < (least := source.lowest(event.time)):
            return broken(
                f"{node} has said watermark {_shown(said)}; partitions that are silent for long hold it back",
                event.id,
                expected=f"at least {_shown(least)}",
                got=_shown(said),
            )
    return None


def _valve_follows(run: Run, node: str, events: list[Event]) -> Verdict | None:
    numbers = _numbers(run, node)
    if not numbers:
        return None
    valve = PlainValve(len(numbers))
    past: list[tuple[int, int, bool]] = [(0, MIN_TIME, False)]
    said, is_idle = MIN_TIME, False
    for event in events:
        what = event.what
        if event.kind == Kind.DELIVER:
            while len(past) > 1 and past[1][0] < event.time - SOON:
                past.pop(0)
            if past[0][0] < event.time - SOON or len(past) == 1:
                _, least, was_idle = past[0]
                settled = len(past) == 1 and past[0][0] < event.time - SOON
                if said < least or (settled and is_idle != was_idle):
                    return broken(
                        f"{node} has said watermark {_shown(said)}{' and idle' * is_idle}, and its inputs are further",
                        event.id,
                        expected=_shown(least) + " and idle" * was_idle,
                        got=_shown(said) + " and idle" * is_idle,
                    )
            _hear(valve, numbers, event)
            if (valve.last, all(valve.idle)) != past[-1][1:]:
                past.append((event.time, valve.last, all(valve.idle)))
        elif isinstance(what, Watermark):
            said = max(said, what.time)
        elif isinstance(what, Status):
            is_idle = what.is_idle
    return None


def _ends(run: Run) -> Verdict:
    ended = {event.node for event in run.trace.of(Kind.SEND) if isinstance(event.what, Ended)}
    for sink in ("sink-0", "late-0"):
        if sink not in ended:
            return broken(f"{sink} never saw the end of its input", expected="an end", got="none")
    return kept()


# -- situations ---------------------------------------------------------------------------------------


def _statuses(run: Run) -> list[Event]:
    return [event for event in run.trace.of(Kind.SEND) if isinstance(event.what, Status)]


def one_fell_silent(run: Run) -> bool:
    """A partition was silent for longer than allowed, while another one of its source went on."""
    gap = run.scenario.shape["idle_after"]
    for feed in run.scenario.shape["feeds"]:
        times = sorted(row[0] for rows in feed for row in rows)
        for rows in feed:
            ats = [row[0] for row in rows]
            for before, after in zip([0, *ats], [*ats, 10**9], strict=True):
                if sum(before + gap < at < after for at in times) > 1:
                    return True
    return False


def all_fell_silent(run: Run) -> bool:
    return any(event.what.is_idle for event in _statuses(run))


def came_back(run: Run) -> bool:
    return any(not event.what.is_idle for event in _statuses(run))


def several_inputs(run: Run) -> bool:
    return len(run.scenario.shape["feeds"]) > 1


def out_of_order(run: Run) -> Any:
    return any(
        rows[n][2] > rows[n + 1][2]
        for feed in run.scenario.shape["feeds"]
        for rows in feed
        for n in range(len(rows) - 1)
    )
