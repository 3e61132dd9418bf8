"""The log of one partition: a row of segments, of which only the last one grows.

Everything up to the *recovery point* is known to be on disk: bytes, names and index. What lies behind it is checked,
batch by batch, at the next start. It moves when a segment is rolled, and whenever the log is looked after.

A :class:`CommitLog` is plain data; the disk is an argument, so that the node that has the log keeps a value.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from distlab.core import DamagedFile, Disk
from labs.lab2_log.batch import checked_head, stamped, unseal
from labs.lab2_log.batches import Corrupt, Head, head_at
from labs.lab2_log.brokers import LogConfig
from labs.lab2_log.cleaner import clean
from labs.lab2_log.segment import Segment, load, recover


class OutOfRange(Exception):
    """There is nothing at this offset, and it is not the end either."""


@dataclass
class CommitLog:
    """One partition's log."""

    folder: str
    config: LogConfig
    segments: list[Segment] = field(default_factory=list)
    recovery_point: int = 0
    has_new_names: bool = False
    """Whether files were made since the folder was synced."""

    @property
    def active(self) -> Segment:
        """The segment that grows."""
        return self.segments[-1]

    @property
    def start(self) -> int:
        """The first offset that is still there."""
        return self.segments[0].base

    @property
    def end(self) -> int:
        """The log end offset: where the next record will stand."""
        return self.active.next

    # -- writing --------------------------------------------------------------------------------------------------

    def append(self, disk: Disk, blob: bytes, epoch: int) -> int:
        """Append a producer's batch as a leader of ``epoch`` does; returns its base offset. Raises ``Corrupt``."""
        raise NotImplementedError("2A: check it, give it the next offset, store it")

    def append_copy(self, disk: Disk, blob: bytes) -> None:
        """Append a batch that has its offset and epoch, as a follower does.

        Raises ``Corrupt``, also where it begins before the end of the log. That it begins behind it is right: a leader
        whose log was cleaned has gaps, and so have its copies.
        """
        raise NotImplementedError("2A: check it; it must not begin before the end of the log")

    def _store(self, disk: Disk, blob: bytes) -> None:
        head = head_at(blob)
        assert head is not None
        if self._is_full(head):
            self._roll(disk)
        if self.active.size == 0:
            self.has_new_names = True
        self.active.append(disk, blob, head, self.config.index_interval)

    def _is_full(self, head: Head) -> bool:
        """Whether this batch belongs into a new segment."""
        raise NotImplementedError(
            "2A: the active segment would grow beyond segment_bytes, or is older than segment_age"
        )

    def _roll(self, disk: Disk) -> None:
        """Close the active segment, and begin another one."""
        raise NotImplementedError(
            "2A: what is closed is on disk, whatever happens; the new one begins at the end of the log"
        )

    def flush(self, disk: Disk) -> None:
        """Make all of the log durable. Whatever the node says after this is said when that is done."""
        raise NotImplementedError(
            "2A: sync the active segment, and the folder if there are files that it did not have"
        )

    def flush_if_due(self, disk: Disk) -> None:
        """Flush, if ``flush_messages`` records are not known to be on disk."""
        if self.end - self.recovery_point >= self.config.flush_messages:
            self.flush(disk)

    def checkpoint(self, disk: Disk) -> None:
        """Flush, and write the recovery point down: from now on nothing before it is checked at a start."""
        raise NotImplementedError(
            "2A: the index first, then the data, then the number that says so"
        )

    def _write_recovery_point(self, disk: Disk) -> None:
        path = f"{self.folder}/recovery-point"
        if read_recovery_point(disk, self.folder) == self.recovery_point:
            return
        disk.delete(f"{path}.new")
        disk.append(f"{path}.new", b"%020d" % self.recovery_point)
        disk.sync(f"{path}.new")
        disk.replace(f"{path}.new", path)
        disk.sync(f"{self.folder}/")

    def truncate(self, disk: Disk, end: int) -> None:
        """Forget the batches that reach beyond ``end``, for good. Part 2C needs it."""
        raise NotImplementedError(
            "2A: lower the recovery point on disk first; then drop segments from the last one on, and cut"
        )

    def restart_at(self, disk: Disk, offset: int) -> None:
        """Forget everything; the next batch will stand at ``offset``. For a follower that fell out of the leader's
        log."""
        raise NotImplementedError("2A: as a truncation to nothing, with another base")

    # -- reading --------------------------------------------------------------------------------------------------

    def read(self, disk: Disk, offset: int, max_bytes: int) -> bytes:
        """Whole batches from the one that holds ``offset`` on; nothing at the end of the log. Raises ``OutOfRange``.

        No more than ``max_bytes``, but one batch in any case. Where cleaning took the batch away, the next one.
        """
        raise NotImplementedError(
            "2A: the last segment that does not begin behind offset; the next one if that has nothing"
        )

    def _place_of(self, offset: int) -> int:
        """The number of the segment that holds ``offset``."""
        raise NotImplementedError("2A: binary search by base offset")

    def offset_for_time(self, disk: Disk, timestamp: int) -> int | None:
        """The first record that is not older; None if all are."""
        raise NotImplementedError(
            "2A: the first segment with such a record, the index, then record by record"
        )

    def batches(self, disk: Disk) -> Iterator[tuple[Head, bytes]]:
        """All batches, oldest first: for what is derived from the log at a start. A scan, so not for every day."""
        for segment in self.segments:
            for at, head in segment.heads(disk, 0, segment.size):
                yield head, disk.read(segment.path, at, head.size)

    # -- housekeeping ---------------------------------------------------------------------------------------------

    def tend(self, disk: Disk, now: int) -> None:
        """Look after the log: clean, let old segments go, move the recovery point."""
        if self.config.compact:
            horizon = now - self.config.delete_retention
            clean(disk, self.segments[:-1], horizon, self.config.index_interval)
        self.retain(disk, now)
        self.checkpoint(disk)

    def retain(self, disk: Disk, now: int) -> None:
        """Let the oldest segments go while they are too many or too old; never the active one."""
        raise NotImplementedError(
            "2A: whole segments, the oldest first; nothing that is gone may come back"
        )

    def _is_outdated(self, oldest: Segment, now: int) -> bool:
        raise NotImplementedError(
            "2A: the rest is enough (retention_bytes), or its youngest record is too old (retention_time)"
        )

    def _drop(self, disk: Disk, segment: Segment) -> None:
        disk.delete(segment.index_path)
        disk.delete(segment.path)


def open_log(disk: Disk, folder: str, config: LogConfig) -> CommitLog:
    """The log as the last life of this node left it: a prefix of what it was, with all that had been synced.

    Raises ``DamagedFile`` where bytes before the recovery point are no longer what was written.
    """
    raise NotImplementedError(
        "2A: load what is safe, recover what is not; what follows a torn batch never happened"
    )


def read_recovery_point(disk: Disk, folder: str) -> int:
    """What was written down last; 0 if there is nothing that makes sense."""
    path = f"{folder}/recovery-point"
    text = disk.read(path) if disk.exists(path) else b""
    return int(text) if len(text) == 20 and text.isdigit() else 0
