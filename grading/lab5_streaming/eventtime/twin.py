"""The plainest programs that do what part 5B asks for: the oracle of its judges and exams."""

from __future__ import annotations

from typing import Any

from labs.lab5_streaming.eventtime import MIN_TIME, Due, Window


class PlainValve:
    """All inputs' watermarks and statuses in two lists, looked through every time."""

    def __init__(self, inputs: int) -> None:
        self.marks = [MIN_TIME] * inputs
        self.idle = [False] * inputs
        self.last = MIN_TIME

    def watermark(self, number: int, time: int) -> list[tuple[str, int]]:
        if not self.idle[number]:
            self.marks[number] = max(self.marks[number], time)
        return self._moved()

    def status(self, number: int, is_idle: bool) -> list[tuple[str, int]]:
        were_all = all(self.idle)
        self.idle[number] = is_idle
        said = self._moved()
        if all(self.idle) != were_all:
            said.append(("idle", int(all(self.idle))))
        return said

    def _moved(self) -> list[tuple[str, int]]:
        if all(self.idle):
            reached = max(self.marks)
        else:
            pairs = zip(self.marks, self.idle, strict=True)
            counted = [mark for mark, idle in pairs if not idle and mark >= self.last]
            reached = min(counted, default=self.last)
        if reached <= self.last:
            return []
        self.last = reached
        return [("watermark", reached)]


class PlainTimers:
    """A set, and the least of it."""

    def __init__(self) -> None:
        self.timers: set[Due] = set()

    def due(self, now: int) -> set[Due]:
        """Those of the earliest moment, if it has come: any of them may be next."""
        first = min((due.time for due in self.timers), default=now + 1)
        return {due for due in self.timers if due.time == first} if first <= now else set()


class PlainWindows:
    """What each window of each key should hold, given how far the watermark was when each element came."""

    def __init__(self, shape: dict[str, Any]) -> None:
        self.shape = shape
        self.kept: dict[tuple[Any, Window], list[Any]] = {}
        self.late: list[Any] = []

    def of(self, time: int) -> list[Window]:
        """The windows of an event, by trying all starts near it."""
        size = self.shape["size"]
        if self.shape["kind"] == "session":
            return [Window(time, time + size)]
        slide = self.shape["slide"] if self.shape["kind"] == "sliding" else size
        starts = [
            s for s in range(time - size + 1, time + 1) if (s - self.shape["offset"]) % slide == 0
        ]
        return [Window(start, start + size) for start in starts]

    def is_expired(self, window: Window, watermark: int) -> bool:
        return window.last + self.shape["lateness"] <= watermark

    def add(self, key: Any, time: int, name: Any, watermark: int) -> None:
        windows = self.of(time)
        if self.shape["kind"] == "session":
            windows = [self._joined(key, windows[0])]
        windows = [window for window in windows if not self.is_expired(window, watermark)]
        for window in windows:
            self.kept.setdefault((key, window), []).append(name)
        if not windows:
            self.late.append(name)

    def _joined(self, key: Any, fresh: Window) -> Window:
        """Swallow every window of the key that overlaps, until none does."""
        ids: list[Any] = []
        whole = fresh
        while True:
            found = [
                (k, w)
                for k, w in self.kept
                if k == key and w.start < whole.end and whole.start < w.end
            ]
            if not found:
                break
            for pair in found:
                ids += self.kept.pop(pair)
                whole = Window(min(whole.start, pair[1].start), max(whole.end, pair[1].end))
        if ids:
            self.kept[(key, whole)] = ids
        return whole

    def forget(self, watermark: int) -> None:
        self.kept = {p: ids for p, ids in self.kept.items() if not self.is_expired(p[1], watermark)}
