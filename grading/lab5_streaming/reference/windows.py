"""Windows: to which an event belongs, when they fire, and when they are forgotten (part 5B2).

Rule: an element goes into all its windows that are still there, or to the side, and never is it lost without a word.

Theory. A window is complete when the watermark has reached its last moment; then it *fires*. With an allowed lateness
it is kept for so much longer in event time: an element that comes then joins it, and it fires again, with everything.
Beyond that it is *expired*: forgotten, and what comes for it is late. Sessions have no fixed bounds: each element is
a window of its own, as long as the gap, and windows that overlap are merged into one. Whether an element is late is
asked of the merged one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from labs.lab5_streaming.eventtime import Due, Window, WindowBase
from labs.lab5_streaming.stream import Key


def tumbling(time: int, size: int, offset: int = 0) -> Window:
    """The one window of ``size`` that an event belongs to; windows begin at ``offset`` plus multiples of ``size``."""
    # BEGIN SOLUTION 5B2: also before the year 1970
    start = time - (time - offset) % size
    return Window(start, start + size)
    # END SOLUTION


def sliding(time: int, size: int, slide: int, offset: int = 0) -> list[Window]:
    """All windows of ``size`` that an event belongs to, one of which begins every ``slide``; the latest one first."""
    # BEGIN SOLUTION 5B2: from the latest that has begun, back to the first that has not ended
    latest = time - (time - offset) % slide
    return [Window(start, start + size) for start in range(latest, time - size, -slide)]
    # END SOLUTION


def merged(windows: list[Window]) -> list[Window]:
    """Windows that overlap made one, in order. [10, 20) overlaps [19, 22), and it does not overlap [20, 30)."""
    # BEGIN SOLUTION 5B2: from left to right
    result: list[Window] = []
    for window in sorted(windows):
        if result and window.start < result[-1].end:
            result[-1] = Window(result[-1].start, max(result[-1].end, window.end))
        else:
            result.append(window)
    return result
    # END SOLUTION


@dataclass
class WindowOperator(WindowBase):
    """Collects, for each key and window, what is in it."""

    # BEGIN SOLUTION 5B2: what you remember
    kept: dict[Key, dict[Window, list[Any]]] = field(default_factory=dict)
    """Key -> window -> the ids of its elements."""
    # END SOLUTION

    def on_record(self, context: Any, key: Key, time: int, value: Any) -> None:
        """An element: into its windows, or, when it is too late for all of them, ``aside``, on the output "late"."""
        # BEGIN SOLUTION 5B2: which windows are still there?
        if self.kind == "session":
            windows = [self.join_session(context, key, Window(time, time + self.size))]
        elif self.kind == "sliding":
            windows = sliding(time, self.size, self.slide, self.offset)
        else:
            windows = [tumbling(time, self.size, self.offset)]
        windows = [w for w in windows if w.last + self.lateness > context.watermark]
        for window in windows:
            self.kept.setdefault(key, {}).setdefault(window, []).append(value[0])
            if window.last <= context.watermark:
                self.fire(context, key, window)
            else:
                context.timers.set(Due(window.last, key, f"fire {window.start}"))
            context.timers.set(Due(window.last + self.lateness, key, f"forget {window.start}"))
        if not windows:
            context.emit(self.aside(key, time, value), "late")
        # END SOLUTION

    def on_timer(self, context: Any, due: Due) -> None:
        """A timer that you have set: a window fires, or is forgotten."""
        # BEGIN SOLUTION 5B2: which window, and which of the two?
        what, start = due.namespace.split()
        last = due.time if what == "fire" else due.time - self.lateness
        window = Window(int(start), last + 1)
        if what == "fire":
            self.fire(context, due.key, window)
        else:
            del self.kept[due.key][window]
            if not self.kept[due.key]:
                del self.kept[due.key]
        # END SOLUTION

    def windows(self) -> int:
        # BEGIN SOLUTION 5B2: count them
        return sum(map(len, self.kept.values()))
        # END SOLUTION

    # BEGIN SOLUTION 5B2: your helpers
    def fire(self, context: Any, key: Key, window: Window) -> None:
        context.emit(self.result(key, window, self.kept[key][window]))

    def join_session(self, context: Any, key: Key, fresh: Window) -> Window:
        """The session that the new window becomes a part of; those that it joins are one from now on."""
        there = self.kept.get(key, {})
        whole = next(w for w in merged([*there, fresh]) if w.start <= fresh.start < w.end)
        parts = [w for w in there if whole.start <= w.start and w.end <= whole.end]
        if parts and parts != [whole]:
            ids = [one for window in parts for one in there.pop(window)]
            there[whole] = ids
            for window in parts:
                context.timers.delete(Due(window.last, key, f"fire {window.start}"))
                context.timers.delete(
                    Due(window.last + self.lateness, key, f"forget {window.start}")
                )
        return whole

    # END SOLUTION
