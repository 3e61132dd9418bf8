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
    # BEGIN SOLUTION 5B1: what you remember
    newest: int = MIN_TIME
    # END SOLUTION

    def seen(self, times: tuple[int, ...]) -> int:
        """The watermark after these events; it never goes back."""
        # BEGIN SOLUTION 5B1: the newest, less the bound, less one
        self.newest = max(self.newest, *times) if times else self.newest
        return max(MIN_TIME, self.newest - self.bound - 1)
        # END SOLUTION


@dataclass
class Valve:
    """Several inputs' watermarks and statuses, made one. Inputs are active at first, and have said ``MIN_TIME``.

    Both methods return what is to be sent on, in order; mostly nothing. A watermark is sent on when it is greater than
    the last one; a status, when all have become idle (behind the last watermark), or the first of them is active again.
    """

    inputs: int
    # BEGIN SOLUTION 5B1: what you remember
    marks: list[int] = field(default_factory=list)
    idle: set[int] = field(default_factory=set)
    last: int = MIN_TIME
    """What was sent on."""

    def __post_init__(self) -> None:
        self.marks = [MIN_TIME] * self.inputs

    # END SOLUTION

    def watermark(self, number: int, time: int) -> list[Watermark | Status]:
        """Input ``number`` has come to ``time``. Of an idle input it counts for nothing; and it cannot go back."""
        # BEGIN SOLUTION 5B1: note it, and look whether all have come on
        if number not in self.idle:
            self.marks[number] = max(self.marks[number], time)
        return [*self.progress()]
        # END SOLUTION

    def status(self, number: int, is_idle: bool) -> list[Watermark | Status]:
        """Input ``number`` has become idle, or active; or it says again what it is."""
        # BEGIN SOLUTION 5B1: who is left? and what must those behind you know?
        were_all = len(self.idle) == self.inputs
        if is_idle:
            self.idle.add(number)
        else:
            self.idle.discard(number)
        are_all = len(self.idle) == self.inputs
        if are_all and not were_all:
            return [*self.progress(), Status(True)]
        return [Status(False)] if were_all and not are_all else [*self.progress()]
        # END SOLUTION

    # BEGIN SOLUTION 5B1: your helpers
    def progress(self) -> list[Watermark]:
        """The new watermark, if it is one. An active input that is behind the last one has not caught up yet."""
        aligned = [m for n, m in enumerate(self.marks) if n not in self.idle and m >= self.last]
        reached = min(aligned, default=self.last)
        if len(self.idle) == self.inputs:
            reached = max(self.marks)
        if reached <= self.last:
            return []
        self.last = reached
        return [Watermark(reached)]

    # END SOLUTION


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
    # BEGIN SOLUTION 5B1: what you remember
    valve: Valve = field(default_factory=lambda: Valve(0))
    disorder: list[BoundedDisorder] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)
    """When each was last heard."""
    silent: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.valve = Valve(self.partitions)
        self.disorder = [BoundedDisorder(self.bound) for _ in range(self.partitions)]
        self.heard = [self.now] * self.partitions

    # END SOLUTION

    def seen(self, partition: int, times: tuple[int, ...], now: int) -> list[Watermark | Status]:
        """These events were emitted; at least one."""
        # BEGIN SOLUTION 5B1: it is active, and has come on
        self.heard[partition] = now
        said: list[Watermark | Status] = []
        if partition in self.silent:
            self.silent.remove(partition)
            said += self.valve.status(partition, False)
        return said + self.valve.watermark(partition, self.disorder[partition].seen(times))
        # END SOLUTION

    def tick(self, now: int) -> list[Watermark | Status]:
        """Time has passed. Idle is who was last heard ``idle_after`` ago or longer."""
        # BEGIN SOLUTION 5B1: who has been silent for too long?
        said: list[Watermark | Status] = []
        for partition, heard in enumerate(self.heard):
            if now - heard >= self.idle_after and partition not in self.silent:
                self.silent.add(partition)
                said += self.valve.status(partition, True)
        return said
        # END SOLUTION

    def end(self) -> list[Watermark | Status]:
        """There is nothing more to come: the watermark is ``MAX_TIME``, said by an active source."""
        # BEGIN SOLUTION 5B1: the last word
        is_idle = len(self.silent) == self.partitions
        return [*([Status(False)] if is_idle else []), Watermark(MAX_TIME)]
        # END SOLUTION
