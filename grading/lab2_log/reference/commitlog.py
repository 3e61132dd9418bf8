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
        # BEGIN SOLUTION 2A: check it, give it the next offset, store it
        if checked_head(blob).size != len(blob):
            raise Corrupt("there is more than one batch")
        base = self.end
        self._store(disk, stamped(blob, base, epoch))
        return base
        # END SOLUTION

    def append_copy(self, disk: Disk, blob: bytes) -> None:
        """Append a batch that has its offset and epoch, as a follower does.

        Raises ``Corrupt``, also where it begins before the end of the log. That it begins behind it is right: a leader
        whose log was cleaned has gaps, and so have its copies.
        """
        # BEGIN SOLUTION 2A: check it; it must not begin before the end of the log
        head = checked_head(blob)
        if head.base_offset < self.end:
            raise Corrupt(f"the log ends at {self.end}, not at {head.base_offset}")
        self._store(disk, blob)
        # END SOLUTION

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
        # BEGIN SOLUTION 2A: the active segment would grow beyond segment_bytes, or is older than segment_age
        first = self.active.first_timestamp
        if first is None:
            return False
        is_large = self.active.size + head.size > self.config.segment_bytes
        return is_large or head.max_timestamp - first > self.config.segment_age
        # END SOLUTION

    def _roll(self, disk: Disk) -> None:
        """Close the active segment, and begin another one."""
        # BEGIN SOLUTION 2A: what is closed is on disk, whatever happens; the new one begins at the end of the log
        self.checkpoint(disk)
        self.segments.append(Segment(self.folder, self.end, self.end))
        # END SOLUTION

    def flush(self, disk: Disk) -> None:
        """Make all of the log durable. Whatever the node says after this is said when that is done."""
        # BEGIN SOLUTION 2A: sync the active segment, and the folder if there are files that it did not have
        paths = [self.active.path] if self.active.size else []
        if self.has_new_names:
            paths.append(f"{self.folder}/")
        if paths:
            disk.sync(*paths)
        self.has_new_names = False
        self.recovery_point = self.end
        # END SOLUTION

    def flush_if_due(self, disk: Disk) -> None:
        """Flush, if ``flush_messages`` records are not known to be on disk."""
        if self.end - self.recovery_point >= self.config.flush_messages:
            self.flush(disk)

    def checkpoint(self, disk: Disk) -> None:
        """Flush, and write the recovery point down: from now on nothing before it is checked at a start."""
        # BEGIN SOLUTION 2A: the index first, then the data, then the number that says so
        if disk.exists(self.active.index_path):
            disk.sync(self.active.index_path)
        self.flush(disk)
        self._write_recovery_point(disk)
        # END SOLUTION

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
        # BEGIN SOLUTION 2A: lower the recovery point on disk first; then drop segments from the last one on, and cut
        if end >= self.end:
            return
        if end < self.recovery_point:
            self.recovery_point = end
            self._write_recovery_point(disk)
        while len(self.segments) > 1 and self.active.base >= end:
            self._drop(disk, self.segments.pop())
        self.active.cut(disk, end, self.config.index_interval)
        disk.sync(f"{self.folder}/")
        # END SOLUTION

    def restart_at(self, disk: Disk, offset: int) -> None:
        """Forget everything; the next batch will stand at ``offset``. For a follower that fell out of the leader's
        log."""
        # BEGIN SOLUTION 2A: as a truncation to nothing, with another base
        self.recovery_point = 0
        self._write_recovery_point(disk)
        while self.segments:
            self._drop(disk, self.segments.pop())
        disk.sync(f"{self.folder}/")
        self.segments = [Segment(self.folder, offset, offset)]
        # END SOLUTION

    # -- reading --------------------------------------------------------------------------------------------------

    def read(self, disk: Disk, offset: int, max_bytes: int) -> bytes:
        """Whole batches from the one that holds ``offset`` on; nothing at the end of the log. Raises ``OutOfRange``.

        No more than ``max_bytes``, but one batch in any case. Where cleaning took the batch away, the next one.
        """
        # BEGIN SOLUTION 2A: the last segment that does not begin behind offset; the next one if that has nothing
        if not self.start <= offset <= self.end:
            raise OutOfRange(f"{offset} is not between {self.start} and {self.end}")
        if offset == self.end:
            return b""
        for segment in self.segments[self._place_of(offset) :]:
            if segment.size and (found := segment.read(disk, offset, max_bytes)):
                return found
        return b""
        # END SOLUTION

    def _place_of(self, offset: int) -> int:
        """The number of the segment that holds ``offset``."""
        # BEGIN SOLUTION 2A: binary search by base offset
        return bisect_right(self.segments, offset, key=lambda segment: segment.base) - 1
        # END SOLUTION

    def offset_for_time(self, disk: Disk, timestamp: int) -> int | None:
        """The first record that is not older; None if all are."""
        # BEGIN SOLUTION 2A: the first segment with such a record, the index, then record by record
        for segment in self.segments:
            if segment.max_timestamp < timestamp:
                continue
            for at, head in segment.heads(disk, segment.position_before(timestamp), segment.size):
                if head.max_timestamp >= timestamp:
                    for record in unseal(disk.read(segment.path, at, head.size)).records:
                        if record.timestamp >= timestamp:
                            return record.offset
        return None
        # END SOLUTION

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
        # BEGIN SOLUTION 2A: whole segments, the oldest first; nothing that is gone may come back
        before = len(self.segments)
        while len(self.segments) > 1 and self._is_outdated(self.segments[0], now):
            self._drop(disk, self.segments.pop(0))
        if len(self.segments) < before:
            disk.sync(f"{self.folder}/")
        # END SOLUTION

    def _is_outdated(self, oldest: Segment, now: int) -> bool:
        # BEGIN SOLUTION 2A: the rest is enough (retention_bytes), or its youngest record is too old (retention_time)
        size, time = self.config.retention_bytes, self.config.retention_time
        rest = sum(segment.size for segment in self.segments[1:])
        is_spare = size is not None and rest >= size
        return is_spare or (time is not None and oldest.max_timestamp < now - time)
        # END SOLUTION

    def _drop(self, disk: Disk, segment: Segment) -> None:
        disk.delete(segment.index_path)
        disk.delete(segment.path)


def open_log(disk: Disk, folder: str, config: LogConfig) -> CommitLog:
    """The log as the last life of this node left it: a prefix of what it was, with all that had been synced.

    Raises ``DamagedFile`` where bytes before the recovery point are no longer what was written.
    """
    # BEGIN SOLUTION 2A: load what is safe, recover what is not; what follows a torn batch never happened
    safe = read_recovery_point(disk, folder)
    log = CommitLog(folder, config, recovery_point=safe)
    names = [name for name in disk.files(f"{folder}/") if name.endswith(".log")]
    bases = [int(name.rpartition("/")[2].removesuffix(".log")) for name in names]
    for place, base in enumerate(bases):
        following = bases[place + 1] if place + 1 < len(bases) else None
        if following is not None and following <= safe:
            log.segments.append(load(disk, folder, base, following, config.index_interval))
            continue
        if log.segments and base != log.end:
            log._drop(disk, Segment(folder, base, base))
            continue
        try:
            log.segments.append(recover(disk, folder, base, safe, config.index_interval))
        except Corrupt as bad:
            raise DamagedFile(f"{folder}: {bad}") from None
    if not log.segments:
        log.segments = [Segment(folder, safe, safe)]
    if found := disk.files(f"{folder}/"):
        disk.sync(*found, f"{folder}/")  # the process may have died, and the machine not
    log.checkpoint(disk)
    return log
    # END SOLUTION


def read_recovery_point(disk: Disk, folder: str) -> int:
    """What was written down last; 0 if there is nothing that makes sense."""
    path = f"{folder}/recovery-point"
    text = disk.read(path) if disk.exists(path) else b""
    return int(text) if len(text) == 20 and text.isdigit() else 0
