"""A node's alarms. Pure: whoever owns them says what time it is."""

from __future__ import annotations

from heapq import heappop, heappush

from distlab.core.values import Timer


class Timers:
    """Timers that are set, by value: setting one again moves it."""

    def __init__(self) -> None:
        self._set: dict[Timer, int] = {}
        """Timer -> the number of the heap entry that counts; older entries of the same timer do not."""
        self._heap: list[tuple[int, int, Timer, int]] = []
        self._number = 0

    def set(self, timer: Timer, due: int, cause: int) -> None:
        """Let it expire at ``due``; ``cause`` is the event that wants it."""
        self._number += 1
        self._set[timer] = self._number
        heappush(self._heap, (due, self._number, timer, cause))

    def cancel(self, timer: Timer) -> None:
        self._set.pop(timer, None)

    def next_due(self) -> int | None:
        """When the next one expires; None if none is set."""
        heap = self._heap
        while heap and self._set.get(heap[0][2]) != heap[0][1]:
            heappop(heap)
        return heap[0][0] if heap else None

    def pop_due(self, now: int) -> tuple[Timer, int] | None:
        """The next timer that has expired by ``now``, and its cause; None if none has. It is no longer set."""
        due = self.next_due()
        if due is None or due > now:
            return None
        _, _, timer, cause = heappop(self._heap)
        del self._set[timer]
        return timer, cause
