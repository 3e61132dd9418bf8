"""Bugs of part 2A: indexes, and finding an offset or a time by them."""

from __future__ import annotations

from bisect import bisect_right

from msgspec import structs

from distlab.core import Disk
from distlab.grade.lab import bug
from labs.lab2_log import batch
from labs.lab2_log.batches import (
    Head,
    head_at,
)
from labs.lab2_log.commitlog import CommitLog, OutOfRange
from labs.lab2_log.segment import Segment

_seal = batch.seal
_unseal = batch.unseal


class PreviousSegment(CommitLog):
    """At a boundary between segments the look-up picks the one before, and finds nothing there."""

    def read(self, disk: Disk, offset: int, max_bytes: int) -> bytes:
        if not self.start <= offset <= self.end:
            raise OutOfRange(str(offset))
        place = max(0, sum(segment.base < offset for segment in self.segments) - 1)
        return self.segments[place].read(disk, offset, max_bytes)


class IndexCeiling(Segment):
    """Takes the index entry behind the offset, not the one before it."""

    def position_of(self, offset: int) -> int:
        place = bisect_right(self.index, (offset, 1 << 62, 0))
        return self.index[place][1] if place < len(self.index) else super().position_of(offset)


class YoungestIndex(Segment):
    """Looks a time up by the last entry that is not younger: records of that very time may lie before it."""

    def position_before(self, timestamp: int) -> int:
        place = bisect_right(self.index, timestamp, key=lambda entry: entry[2])
        return self.index[place - 1][1] if place else 0


class NewestTimeOnly(Segment):
    """The time index has the time of the batch before, not the greatest so far: clocks go back, and records are
    missed."""

    def note(self, disk: Disk, head: Head, interval: int) -> None:
        super().note(disk, head, interval)
        self.max_timestamp = head.max_timestamp


class ScansAll(Segment):
    """Never uses the index: each read scans its segment from the beginning."""

    def position_of(self, offset: int) -> int:
        return 0

    def position_before(self, timestamp: int) -> int:
        return 0


class ReadsNothingLarge(Segment):
    """A batch that is larger than ``max_bytes`` is never handed out: its consumer asks for ever (KIP-74)."""

    def read(self, disk: Disk, offset: int, max_bytes: int) -> bytes:
        found = super().read(disk, offset, max_bytes)
        return found if len(found) <= max_bytes else b""


class TrimsBatches(CommitLog):
    """Cuts off what a consumer has read already, and seals the rest: one batch looks different to each who asks."""

    def read(self, disk: Disk, offset: int, max_bytes: int) -> bytes:
        found = super().read(disk, offset, max_bytes)
        head = head_at(found)
        if head is None or head.base_offset >= offset:
            return found
        whole = _unseal(found[: head.size])
        rest = structs.replace(
            whole,
            base_offset=offset,
            last_delta=whole.last_offset - offset,
            records=tuple(record for record in whole.records if record.offset >= offset),
        )
        return _seal(rest) + found[head.size :]


class BeginsWhereItCan(CommitLog):
    """A read before the log's start, or behind its end, is moved to where there is something; nobody is told."""

    def read(self, disk: Disk, offset: int, max_bytes: int) -> bytes:
        return super().read(disk, min(max(offset, self.start), self.end), max_bytes)


class EndIsOutside(CommitLog):
    """A read at the end of the log is out of range: each consumer that has caught up is sent back to the beginning."""

    def read(self, disk: Disk, offset: int, max_bytes: int) -> bytes:
        if offset == self.end and offset > self.start:
            raise OutOfRange(str(offset))
        return super().read(disk, offset, max_bytes)


FINDING = (
    bug(
        "previous-segment",
        PreviousSegment,
        part="A",
        replaces="commitlog:CommitLog",
        breaks="LOG-S4",
        code="2A-m8",
    ),
    bug("index-ceiling", IndexCeiling, part="A", replaces="segment:Segment", breaks="LOG-S4"),
    bug("youngest-index", YoungestIndex, part="A", replaces="segment:Segment", breaks="LOG-S4"),
    bug("time-goes-back", NewestTimeOnly, part="A", replaces="segment:Segment", breaks="LOG-S4"),
    bug("scans-all", ScansAll, part="A", replaces="segment:Segment", breaks="LOG-C1", kind="cost"),
    bug(
        "reads-nothing-large",
        ReadsNothingLarge,
        part="A",
        replaces="segment:Segment",
        breaks="LOG-S4",
        kind="liveness",
        source="KIP-74",
    ),
    bug("trims-batches", TrimsBatches, part="A", replaces="commitlog:CommitLog", breaks="LOG-S2"),
    bug(
        "begins-where-it-can",
        BeginsWhereItCan,
        part="A",
        replaces="commitlog:CommitLog",
        breaks="LOG-S7",
    ),
    bug(
        "end-is-outside",
        EndIsOutside,
        part="A",
        replaces="commitlog:CommitLog",
        breaks="LOG-S7",
        kind="liveness",
    ),
)
