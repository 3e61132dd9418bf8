"""Watermarks: how a source makes them, and what an operator with several inputs makes of theirs (part 5B1).

Rule: everything here is told what time it is; nothing looks at a clock, and nothing sends.

Theory. A watermark w says: no event up to w is expected any more. A partition whose disorder is bounded by B and that
has seen time t may say t - B - 1. Whoever has several inputs knows no more than the one that knows least: the
minimum. An input that is silent would hold back everybody for ever, so it is declared *idle* and left out. When it
comes back it may be behind: it must not pull the watermark back (a watermark never goes back), and it must not hold
it where it is. So it counts again only when it has caught up: the minimum is over those that are active **and
aligned**. When all are idle, nothing more is expected of any of them, and the watermark goes up to the greatest that
any has said, whatever the order in which they fell silent (FLINK-7728).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from labs.lab5_streaming.eventtime import MAX_TIME, MIN_TIME
from labs.lab5_streaming.stream import Status, Watermark


@dataclass
class BoundedDisorder:
    """The watermark of one partition: no event is more than ``bound`` older than the newest before it."""

    bound: int
    # TODO 5B1: what you remember

    def seen(self, times: tuple[int, ...]) -> int:
        """The watermark after these events; it never goes back."""
        raise NotImplementedError("5B1: the newest, less the bound, less one")


@dataclass
class Valve:
    """Several inputs' watermarks and statuses, made one. Inputs are active at first, and have said ``MIN_TIME``.

    Both methods return what is to be sent on, in order; mostly nothing. A watermark is sent on when it is greater than
    the last one; a status, when all have become idle (behind the last watermark), or the first of them is active again.
    """

    inputs: int
    # TODO 5B1: what you remember

    def watermark(self, number: int, time: int) -> list[Watermark | Status]:
        """Input ``number`` has come to ``time``. Of an idle input it counts for nothing; and it cannot go back."""
        raise NotImplementedError("5B1: note it, and look whether all have come on")

    def status(self, number: int, is_idle: bool) -> list[Watermark | Status]:
        """Input ``number`` has become idle, or active; or it says again what it is."""
        raise NotImplementedError("5B1: who is left? and what must those behind you know?")

    # TODO 5B1: your helpers


@dataclass
class SourceClock:
    """The watermarks of a source that reads several partitions, each with its own disorder, some of them silent.

    ``now`` is processing time in microseconds, and does not jump. All methods return what is to be sent on.
    """

    partitions: int
    bound: int
    idle_after: int
    now: int
    """When it was opened: a partition that never says anything becomes idle, too."""
    # TODO 5B1: what you remember

    def seen(self, partition: int, times: tuple[int, ...], now: int) -> list[Watermark | Status]:
        """These events were emitted; at least one."""
        raise NotImplementedError("5B1: it is active, and has come on")

    def tick(self, now: int) -> list[Watermark | Status]:
        """Time has passed. Idle is who was last heard ``idle_after`` ago or longer."""
        raise NotImplementedError("5B1: who has been silent for too long?")

    def end(self) -> list[Watermark | Status]:
        """There is nothing more to come: the watermark is ``MAX_TIME``, said by an active source."""
        raise NotImplementedError("5B1: the last word")
