"""The judges of part 5B2: what each window put out, against the elements that it was given."""

from __future__ import annotations

from collections import Counter
from typing import Any

from distlab.check import Verdict, broken, kept
from distlab.core import Address
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab5_streaming.eventtime.twin import PlainWindows
from labs.lab5_streaming.eventtime import MAX_TIME, MIN_TIME, Window
from labs.lab5_streaming.stream import Batch, Ended, Watermark

Firing = tuple[Event, Any, Window, list[Any]]


class Watched:
    """One window task: what it was given, what it has said, and how far its own watermark is."""

    def __init__(self, run: Run, node: str) -> None:
        config = run.notes["configs"][Address(node)]
        self.node = node
        self.main, self.late = (
            next(end.edge for end in config.outputs if end.tag == tag) for tag in ("", "late")
        )
        self.plain = PlainWindows(run.scenario.shape)
        self.watermark = MIN_TIME
        self.newest: dict[tuple[Any, Window], list[Any]] = {}
        self.fired: list[Firing] = []
        """Since the last event that came in."""
        self.passing: dict[tuple[Any, Window], list[Any]] = {}
        """What windows held when the records of the last batch were taken in, one after the other."""
        self.aside: Counter[Any] = Counter()

    def step(self, event: Event) -> Verdict | None:
        what = event.what
        if event.kind != Kind.SEND:
            verdict = self._was_early()
            self.fired, self.passing = [], {}
            if event.kind == Kind.DELIVER and isinstance(what, Batch):
                rows = zip(what.records.keys, what.records.times, what.records.values, strict=True)
                for key, time, value in rows:
                    self.plain.add(key, time, value[0], self.watermark)
                    self.passing |= {
                        pair: list(ids) for pair, ids in self.plain.kept.items() if pair[0] == key
                    }
            return verdict
        if isinstance(what, Watermark) and what.time > self.watermark:
            self.watermark = what.time
            return self._is_complete(event)
        if isinstance(what, Batch) and what.edge == self.main:
            return self._is_explained(event)
        if isinstance(what, Batch) and what.edge == self.late:
            return self._is_late(event)
        return None

    def _was_early(self) -> Verdict | None:
        for event, key, window, _ in self.fired:
            if window.last > self.watermark:
                return broken(
                    f"window [{window.start}, {window.end}) of {key!r} fired at watermark {self.watermark}",
                    event.id,
                    expected=f"not before {window.last}",
                )
        return None

    def _is_explained(self, event: Event) -> Verdict | None:
        for key, time, value in zip(
            event.what.records.keys,
            event.what.records.times,
            event.what.records.values,
            strict=True,
        ):
            window, ids = Window(value[0], value[1]), list(value[2:])
            pair = (key, window)
            held = self.plain.kept.get(pair, self.passing.get(pair, []))
            strange = Counter(ids) - Counter(held)
            if time != window.last or strange:
                return broken(
                    f"window [{window.start}, {window.end}) of {key!r} put out what is not in it",
                    event.id,
                    expected=f"of {held}",
                    got=ids,
                )
            self.newest[(key, window)] = ids
            self.fired.append((event, key, window, ids))
        return None

    def _is_late(self, event: Event) -> Verdict | None:
        for value in event.what.records.values:
            self.aside[value[0]] += 1
            if self.aside[value[0]] > self.plain.late.count(value[0]):
                return broken(
                    f"element {value[0]} was put aside, and it is in a window, or was put aside before",
                    event.id,
                )
        return None

    def _is_complete(self, event: Event) -> Verdict | None:
        """The watermark goes on: whatever it makes complete must have been put out before it."""
        for (key, window), held in sorted(self.plain.kept.items(), key=repr):
            got = self.newest.get((key, window), [])
            if window.last <= self.watermark and Counter(got) != Counter(held):
                shown = "MAX_TIME" if self.watermark == MAX_TIME else self.watermark
                return broken(
                    f"watermark {shown} went on, and window [{window.start}, {window.end}) of {key!r}"
                    " has not put out what is in it",
                    event.id,
                    expected=held,
                    got=got or "nothing",
                )
        self.plain.forget(self.watermark)
        return self._all_aside(event)

    def _all_aside(self, event: Event) -> Verdict | None:
        missing = Counter(self.plain.late) - self.aside
        if missing:
            name = min(missing)
            reason = f"element {name} came too late for all its windows, and was not put aside"
            return broken(reason, event.id)
        return None


def _events(run: Run, node: str) -> list[Event]:
    kinds = (Kind.SEND, Kind.DELIVER, Kind.TIMER)
    return [event for event in run.trace.of(*kinds) if event.node == node]


def _nodes(run: Run) -> list[str]:
    return [str(a) for a, config in run.notes["configs"].items() if config.name == "window"]


def in_its_windows_or_aside(run: Run) -> Verdict:
    """ST-S5: each window puts out all that came in time, when it is complete; what is late is put aside."""
    for node in _nodes(run):
        watched = Watched(run, node)
        for event in _events(run, node):
            verdict = watched.step(event)
            if verdict is not None:
                return verdict
    return kept()


def in_order(run: Run) -> Verdict:
    """ST-S6: of the windows that one watermark completes, those that end first fire first."""
    for node in _nodes(run):
        main = Watched(run, node).main
        watermark = last = MIN_TIME
        for event in _events(run, node):
            what = event.what
            if event.kind != Kind.SEND:
                last = MIN_TIME
            elif isinstance(what, Watermark):
                watermark = max(watermark, what.time)
            elif isinstance(what, Batch) and what.edge == main:
                # What was complete before fires again, when its operator sees fit.
                for time in (time for time in what.records.times if time > watermark):
                    if time < last:
                        return broken(
                            f"the window that ends at {time + 1} fired behind the one that ends at {last + 1}",
                            event.id,
                        )
                    last = time
    return kept()


def nothing_stays(run: Run) -> Verdict:
    """ST-C2: at the end of all input no window and no timer is kept."""
    ended = {event.node for event in run.trace.of(Kind.SEND) if isinstance(event.what, Ended)}
    for node in _nodes(run):
        view = run.probes.get(Address(node))
        if "sink-0" in ended and view is not None and (view.windows or view.timers):
            return broken(
                f"all input has ended, and {node} still keeps windows or timers",
                expected="none",
                got=f"{view.windows} windows, {view.timers} timers",
            )
    return kept()


# -- situations ---------------------------------------------------------------------------------------


def _batches(run: Run, tag: str) -> list[Event]:
    found = []
    for node in _nodes(run):
        watched = Watched(run, node)
        edge = watched.late if tag else watched.main
        events = [e for e in run.trace.of(Kind.SEND) if e.node == node]
        found += [e for e in events if isinstance(e.what, Batch) and e.what.edge == edge]
    return found


def was_late(run: Run) -> bool:
    return bool(_batches(run, "late"))


def fired_again(run: Run) -> bool:
    fired: Counter[Any] = Counter()
    for event in _batches(run, ""):
        for key, value in zip(event.what.records.keys, event.what.records.values, strict=True):
            fired[(key, value[0], value[1])] += 1
    return any(count > 1 for count in fired.values())


def several_at_once(run: Run) -> bool:
    """Windows with different ends fired together."""
    return len({time for e in _batches(run, "") for time in e.what.records.times}) > 1


def was_merged(run: Run) -> bool:
    return run.scenario.shape["kind"] == "session" and any(
        value[1] - value[0] > run.scenario.shape["size"]
        for event in _batches(run, "")
        for value in event.what.records.values
    )


def before_zero(run: Run) -> bool:
    return any(time < -1 for event in _batches(run, "") for time in event.what.records.times)
