"""Timers of an operator: a set of moments, from which those that are due are taken in order (part 5B2).

Rule: a timer is a value, and two equal ones are one. Nothing fires by itself: whoever knows the time asks what is due.

Theory. The order matters: a timer that fires may set another one that is due as well, or take one back that would
have been next. So they are taken out one by one, each time the earliest of those that are there *then*.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from labs.lab5_streaming.eventtime import Due


@dataclass
class Timers:
    """All timers of one operator, of one kind of time."""

    # BEGIN SOLUTION 5B2: what you remember
    queue: list[tuple[int, int, Due]] = field(default_factory=list)
    """A heap of (time, number, timer); those that are not in ``alive`` were taken back."""
    alive: dict[Due, int] = field(default_factory=dict)
    """Timer -> its number."""
    number: int = 0
    # END SOLUTION

    def set(self, due: Due) -> None:
        """It will be due at its time, once; setting it again changes nothing."""
        # BEGIN SOLUTION 5B2: one of each
        if due not in self.alive:
            self.number += 1
            self.alive[due] = self.number
            heapq.heappush(self.queue, (due.time, self.number, due))
        # END SOLUTION

    def delete(self, due: Due) -> None:
        """It will not be due; no error if it was not set."""
        # BEGIN SOLUTION 5B2: take it back
        self.alive.pop(due, None)
        # END SOLUTION

    def first(self) -> Due | None:
        """One of the earliest; None if there is none."""
        # BEGIN SOLUTION 5B2: look, and leave it
        while self.queue and self.alive.get(self.queue[0][2]) != self.queue[0][1]:
            heapq.heappop(self.queue)
        return self.queue[0][2] if self.queue else None
        # END SOLUTION

    def due(self, now: int) -> Due | None:
        """One of the earliest, if its time is ``now`` or before; it is taken out."""
        # BEGIN SOLUTION 5B2: the earliest, if its time has come
        first = self.first()
        if first is None or first.time > now:
            return None
        del self.alive[first]
        return first
        # END SOLUTION

    def count(self) -> int:
        """How many are set."""
        # BEGIN SOLUTION 5B2: count them
        return len(self.alive)
        # END SOLUTION
