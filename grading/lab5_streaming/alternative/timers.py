"""Timers in one sorted list."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from labs.lab5_streaming.eventtime import Due


@dataclass
class Timers:
    line: list[tuple[int, str, str, Due]] = field(default_factory=list)

    @staticmethod
    def entry(due: Due) -> tuple[int, str, str, Due]:
        return due.time, due.namespace, repr(due.key), due

    def place(self, due: Due) -> tuple[int, bool]:
        """Where it stands or would stand, and whether it does."""
        place = bisect_left(self.line, self.entry(due)[:3], key=lambda entry: entry[:3])
        return place, place < len(self.line) and self.line[place][3] == due

    def set(self, due: Due) -> None:
        place, is_there = self.place(due)
        if not is_there:
            self.line.insert(place, self.entry(due))

    def delete(self, due: Due) -> None:
        place, is_there = self.place(due)
        if is_there:
            del self.line[place]

    def first(self) -> Due | None:
        return self.line[0][3] if self.line else None

    def due(self, now: int) -> Due | None:
        return self.line.pop(0)[3] if self.line and self.line[0][0] <= now else None

    def count(self) -> int:
        return len(self.line)
