"""A segment: one file of batches, and a sparse index that says where some of them stand.

An index entry ``(offset, position, timestamp)`` says: the batch with this base offset begins at this byte, and no
record
before it is younger than ``timestamp``. One file does what Kafka keeps in two, the offset and the time index. Both
look-ups are the same: the last entry that is certainly not too far, and a scan from there.

The index is a shortcut and nothing more: what is in it can be found by scanning, and is, where it cannot be trusted.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import Struct as Layout

from distlab.core import Disk
from labs.lab2_log.batch import checked_head
from labs.lab2_log.batches import HEADER, Corrupt, Head, head_at, head_of

Entry = tuple[int, int, int]
"""(offset, position, timestamp)."""

ENTRY = Layout(">IIq")
"""An entry in the file; the offset is relative to the segment's base."""

NEVER = -(1 << 62)
"""Before all timestamps."""


@dataclass
class Segment:
    """What is known of one segment; its batches are on disk."""

    folder: str
    base: int
    """Its name, and the offset of whatever comes first in it."""
    next: int
    """The offset behind its last batch."""
    size: int = 0
    """Bytes in the log file."""
    first_timestamp: int | None = None
    """Greatest timestamp of the first batch."""
    max_timestamp: int = NEVER
    index: list[Entry] = field(default_factory=list)
    unindexed: int = 0
    """Bytes since the last entry."""

    @property
    def path(self) -> str:
        return f"{self.folder}/{self.base:020}.log"

    @property
    def index_path(self) -> str:
        return f"{self.folder}/{self.base:020}.index"

    # -- writing --------------------------------------------------------------------------------------------------

    def append(self, disk: Disk, blob: bytes, head: Head, interval: int) -> None:
        """Add a batch that has its place."""
        disk.append(self.path, blob)
        self.note(disk, head, interval)

    def note(self, disk: Disk, head: Head, interval: int) -> None:
        """The next batch of the file stands at ``size``: keep the books; add an index entry if one is due."""
        # BEGIN SOLUTION 2A: an entry for this batch if `interval` bytes passed since the last; size, next, timestamps
        if self.unindexed >= interval:
            self.index.append((head.base_offset, self.size, self.max_timestamp))
            entry = ENTRY.pack(head.base_offset - self.base, self.size, self.max_timestamp)
            disk.append(self.index_path, entry)
            self.unindexed = 0
        if self.first_timestamp is None:
            self.first_timestamp = head.max_timestamp
        self.size += head.size
        self.unindexed += head.size
        self.next = head.next_offset
        self.max_timestamp = max(self.max_timestamp, head.max_timestamp)
        # END SOLUTION

    def rewind(self, disk: Disk, position: int) -> None:
        """Keep the books as they were when the file had no more than ``position`` bytes: at an index entry."""
        # BEGIN SOLUTION 2A: drop the entries that do not lie before it, on disk too; go on from the last that does
        self.index = [entry for entry in self.index if entry[1] < position]
        last = self.index[-1] if self.index else (self.base, 0, NEVER)
        self.next, self.size, self.max_timestamp = last
        self.unindexed = 0
        self.first_timestamp = None
        if self.size and (first := head_of(disk.read(self.path, 0, HEADER.size), 1 << 62)):
            self.first_timestamp = first.max_timestamp
        if disk.exists(self.index_path):
            disk.truncate(self.index_path, len(self.index) * ENTRY.size)
        # END SOLUTION

    def rebuild(self, disk: Disk, size: int, interval: int) -> None:
        """Keep the books anew over the first ``size`` bytes; nothing that lies before the last entry is read."""
        # BEGIN SOLUTION 2A: rewind, then note batch after batch
        self.rewind(disk, size)
        for _, head in self.heads(disk, self.size, size):
            self.note(disk, head, interval)
        # END SOLUTION

    def cut(self, disk: Disk, end: int, interval: int) -> None:
        """Forget the batches that reach beyond ``end``, for good."""
        # BEGIN SOLUTION 2A: find the first of them; the file, the index and the books end there; then sync
        for at, head in self.heads(disk, self.position_of(end), self.size):
            if head.next_offset > end:
                self.rebuild(disk, at, interval)
                disk.truncate(self.path, at)
                disk.sync(self.path)
                return
        # END SOLUTION

    # -- reading --------------------------------------------------------------------------------------------------

    def position_of(self, offset: int) -> int:
        """A byte at which a batch begins, at or before the batch that holds ``offset``: the index's floor."""
        # BEGIN SOLUTION 2A: the last entry whose offset is not greater
        place = bisect_right(self.index, (offset, 1 << 62, 0))
        return self.index[place - 1][1] if place else 0
        # END SOLUTION

    def position_before(self, timestamp: int) -> int:
        """A byte at which a batch begins, such that all records before it are older than ``timestamp``."""
        # BEGIN SOLUTION 2A: the last entry whose timestamp is smaller
        place = bisect_left(self.index, timestamp, key=lambda entry: entry[2])
        return self.index[place - 1][1] if place else 0
        # END SOLUTION

    def heads(self, disk: Disk, position: int, size: int) -> Iterator[tuple[int, Head]]:
        """(byte, head) of each batch from ``position`` up to ``size``. Checks no CRC; ends where no batch stands."""
        while position < size:
            head = head_of(disk.read(self.path, position, HEADER.size), size - position)
            if head is None:
                return
            yield position, head
            position += head.size

    def read(self, disk: Disk, offset: int, max_bytes: int) -> bytes:
        """Whole batches from the one that holds ``offset`` on; at least one, if there is one; else nothing."""
        # BEGIN SOLUTION 2A: find the first batch; read on from there, once; keep what is whole
        for at, head in self.heads(disk, self.position_of(offset), self.size):
            if head.next_offset > offset:
                data = disk.read(self.path, at, min(max(max_bytes, head.size), self.size - at))
                return data[: whole(data)]
        return b""
        # END SOLUTION


def whole(data: bytes) -> int:
    """How many bytes at the front of ``data`` are whole batches."""
    # BEGIN SOLUTION 2A: hop from head to head
    end = 0
    while (head := head_at(data, end)) is not None:
        end += head.size
    return end
    # END SOLUTION


def load(disk: Disk, folder: str, base: int, next_offset: int, interval: int) -> Segment:
    """A segment of which every byte was synced: nothing of it is read but the index, and what follows its last entry.

    It ends at ``next_offset``, where the following one begins. Its file may end earlier, if its last records were
    cleaned away.
    """
    # BEGIN SOLUTION 2A: read the index file, and keep the books from there
    segment = Segment(folder, base, base)
    size = disk.size(segment.path)
    segment.index = _entries(disk, segment, size)
    segment.rebuild(disk, size, interval)
    segment.next = next_offset
    return segment
    # END SOLUTION


def recover(disk: Disk, folder: str, base: int, safe: int, interval: int) -> Segment:
    """A segment that a crash may have damaged: everything behind offset ``safe`` is checked.

    The first batch that is not whole, and all that follows it, is cut off. Raises ``Corrupt`` where the bad batch
    lies before ``safe``: it was synced once, and what follows it still stands.
    """
    # BEGIN SOLUTION 2A: begin at the index entry before `safe`; check batch after batch; cut where they end
    segment = Segment(folder, base, base)
    size = disk.size(segment.path)
    segment.index = [e for e in _entries(disk, segment, size) if e[0] <= safe]
    segment.rewind(disk, segment.index[-1][1] + 1 if segment.index else 0)
    begin = segment.size
    data = disk.read(segment.path, begin)
    while segment.size < size:
        try:
            head = checked_head(data, segment.size - begin)
            if head.base_offset < segment.next:
                raise Corrupt(f"offset {head.base_offset} comes after {segment.next - 1}")
        except Corrupt:
            if segment.next < safe:
                raise
            disk.truncate(segment.path, segment.size)
            disk.sync(segment.path)
            break
        segment.note(disk, head, interval)
    return segment
    # END SOLUTION


def _entries(disk: Disk, segment: Segment, size: int) -> list[Entry]:
    """What stands in the index file, as far as it makes sense: entries rise, and lie inside the log file."""
    # BEGIN SOLUTION 2A: stop at the first entry that does not
    data = disk.read(segment.index_path) if disk.exists(segment.index_path) else b""
    entries: list[Entry] = []
    before = (segment.base, 0, NEVER)
    for at in range(0, len(data) - ENTRY.size + 1, ENTRY.size):
        offset, position, timestamp = ENTRY.unpack_from(data, at)
        entry = (segment.base + offset, position, timestamp)
        if entry[0] <= before[0] or not before[1] < position < size or timestamp < before[2]:
            break
        entries.append(entry)
        before = entry
    return entries
    # END SOLUTION
