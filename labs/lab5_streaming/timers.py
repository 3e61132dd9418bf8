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

    # TODO 5B2: what you remember

    def set(self, due: Due) -> None:
        """It will be due at its time, once; setting it again changes nothing."""
        raise NotImplementedError("5B2: one of each")

    def delete(self, due: Due) -> None:
        """It will not be due; no error if it was not set."""
        raise NotImplementedError("5B2: take it back")

    def first(self) -> Due | None:
        """One of the earliest; None if there is none."""
        raise NotImplementedError("5B2: look, and leave it")

    def due(self, now: int) -> Due | None:
        """One of the earliest, if its time is ``now`` or before; it is taken out."""
        raise NotImplementedError("5B2: the earliest, if its time has come")

    def count(self) -> int:
        """How many are set."""
        raise NotImplementedError("5B2: count them")
