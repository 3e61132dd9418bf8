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
        raise NotImplementedError(
            "2A: an entry for this batch if `interval` bytes passed since the last; size, next, timestamps"
        )

    def rewind(self, disk: Disk, position: int) -> None:
        """Keep the books as they were when the file had no more than ``position`` bytes: at an index entry."""
        raise NotImplementedError(
            "2A: drop the entries that do not lie before it, on disk too; go on from the last that does"
        )

    def rebuild(self, disk: Disk, size: int, interval: int) -> None:
        """Keep the books anew over the first ``size`` bytes; nothing that lies before the last entry is read."""
        raise NotImplementedError("2A: rewind, then note batch after batch")

    def cut(self, disk: Disk, end: int, interval: int) -> None:
        """Forget the batches that reach beyond ``end``, for good."""
        raise NotImplementedError(
            "2A: find the first of them; the file, the index and the books end there; then sync"
        )

    # -- reading --------------------------------------------------------------------------------------------------

    def position_of(self, offset: int) -> int:
        """A byte at which a batch begins, at or before the batch that holds ``offset``: the index's floor."""
        raise NotImplementedError("2A: the last entry whose offset is not greater")

    def position_before(self, timestamp: int) -> int:
        """A byte at which a batch begins, such that all records before it are older than ``timestamp``."""
        raise NotImplementedError("2A: the last entry whose timestamp is smaller")

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
        raise NotImplementedError(
            "2A: find the first batch; read on from there, once; keep what is whole"
        )


def whole(data: bytes) -> int:
    """How many bytes at the front of ``data`` are whole batches."""
    raise NotImplementedError("2A: hop from head to head")


def load(disk: Disk, folder: str, base: int, next_offset: int, interval: int) -> Segment:
    """A segment of which every byte was synced: nothing of it is read but the index, and what follows its last entry.

    It ends at ``next_offset``, where the following one begins. Its file may end earlier, if its last records were
    cleaned away.
    """
    raise NotImplementedError("2A: read the index file, and keep the books from there")


def recover(disk: Disk, folder: str, base: int, safe: int, interval: int) -> Segment:
    """A segment that a crash may have damaged: everything behind offset ``safe`` is checked.

    The first batch that is not whole, and all that follows it, is cut off. Raises ``Corrupt`` where the bad batch
    lies before ``safe``: it was synced once, and what follows it still stands.
    """
    raise NotImplementedError(
        "2A: begin at the index entry before `safe`; check batch after batch; cut where they end"
    )


def _entries(disk: Disk, segment: Segment, size: int) -> list[Entry]:
    """What stands in the index file, as far as it makes sense: entries rise, and lie inside the log file."""
    raise NotImplementedError("2A: stop at the first entry that does not")
