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
    raise NotImplementedError("5B2: also before the year 1970")


def sliding(time: int, size: int, slide: int, offset: int = 0) -> list[Window]:
    """All windows of ``size`` that an event belongs to, one of which begins every ``slide``; the latest one first."""
    raise NotImplementedError(
        "5B2: from the latest that has begun, back to the first that has not ended"
    )


def merged(windows: list[Window]) -> list[Window]:
    """Windows that overlap made one, in order. [10, 20) overlaps [19, 22), and it does not overlap [20, 30)."""
    raise NotImplementedError("5B2: from left to right")


@dataclass
class WindowOperator(WindowBase):
    """Collects, for each key and window, what is in it."""

    # TODO 5B2: what you remember

    def on_record(self, context: Any, key: Key, time: int, value: Any) -> None:
        """An element: into its windows, or, when it is too late for all of them, ``aside``, on the output "late"."""
        raise NotImplementedError("5B2: which windows are still there?")

    def on_timer(self, context: Any, due: Due) -> None:
        """A timer that you have set: a window fires, or is forgotten."""
        raise NotImplementedError("5B2: which window, and which of the two?")

    def windows(self) -> int:
        raise NotImplementedError("5B2: count them")

    # TODO 5B2: your helpers
