"""Another log: the segments are what a *manifest* says they are.

Files have numbers and no meaning. A manifest, itself a file of records, says which of them is which segment, how far it
is known to be on disk, and where in it some batches stand. A log is a fold over the manifest; rolling, cleaning,
deleting and truncating are one record each, and happened if the record did. So there are no index files, no recovery
point and no renaming; at a start nothing is read but the manifest and what the active segment has beyond it. (LevelDB
and Pebble keep their files so.)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec import Struct, structs

from distlab.core import Disk
from labs.lab2_log.batch import checked_head, seal, stamped, unseal
from labs.lab2_log.batches import HEADER, Corrupt, Head, Record, head_at, head_of
from labs.lab2_log.brokers import LogConfig

Mark = tuple[int, int, int]
"""(base offset of a batch, where it begins, the greatest timestamp before it)."""


class OutOfRange(Exception):
    """There is nothing at this offset, and it is not the end either."""


class Row(Struct, frozen=True, tag=True):
    """This is the segment that begins at ``base``, as far as it is on disk."""

    base: int
    next: int
    file: int
    size: int = 0
    first: int = 0
    latest: int = -(1 << 60)
    marks: tuple[Mark, ...] = ()


class Gone(Struct, frozen=True, tag=True):
    """There is no segment that begins here any more."""

    base: int


@dataclass
class CommitLog:
    """One partition's log."""

    folder: str
    config: LogConfig
    rows: list[Row] = field(default_factory=list)
    """Oldest first; the last one is active, and may be ahead of the manifest."""
    written: dict[int, Row] = field(default_factory=dict)
    """What the manifest says of each base."""
    files: int = 0
    """The highest number of a file so far."""
    has_new_names: bool = True

    @property
    def manifest(self) -> str:
        return f"{self.folder}/manifest"

    @property
    def start(self) -> int:
        return self.rows[0].base

    @property
    def end(self) -> int:
        return self.rows[-1].next

    def path(self, row: Row) -> str:
        return f"{self.folder}/{row.file:06}"

    # -- writing --------------------------------------------------------------------------------------------------

    def append(self, disk: Disk, blob: bytes, epoch: int) -> int:
        if checked_head(blob).size != len(blob):
            raise Corrupt("there is more than one batch")
        base = self.end
        self.append_copy(disk, stamped(blob, base, epoch))
        return base

    def append_copy(self, disk: Disk, blob: bytes) -> None:
        head = checked_head(blob)
        if head.base_offset < self.end:
            raise Corrupt(f"the log ends at {self.end}")
        row = self.rows[-1]
        is_old = head.max_timestamp - row.first > self.config.segment_age
        if row.size and (row.size + head.size > self.config.segment_bytes or is_old):
            self.roll(disk)
            row = self.rows[-1]
        if not row.size:
            self.has_new_names = True
        disk.append(self.path(row), blob)
        self.rows[-1] = self.grown(row, head)

    def grown(self, row: Row, head: Head) -> Row:
        """The row, with one more batch at its end."""
        marks = row.marks
        since = row.size - (marks[-1][1] if marks else 0)
        if since >= self.config.index_interval:
            marks = (*marks, (head.base_offset, row.size, row.latest))
        return structs.replace(
            row,
            next=head.next_offset,
            size=row.size + head.size,
            first=row.first if row.size else head.max_timestamp,
            latest=max(row.latest, head.max_timestamp),
            marks=marks,
        )

    def roll(self, disk: Disk) -> None:
        self.flush(disk)
        self.note(disk, self.rows[-1], self.begun(self.end))

    def begun(self, base: int) -> Row:
        """A new segment, in a file of its own."""
        self.files += 1
        self.rows.append(Row(base, base, self.files))
        return self.rows[-1]

    def note(self, disk: Disk, *changes: Row | Gone) -> None:
        """Write changes into the manifest; from then on that is how it is."""
        for change in changes:
            disk.append(self.manifest, change)
            if isinstance(change, Row):
                self.written[change.base] = change
            else:
                self.written.pop(change.base, None)
        disk.sync(self.manifest)

    def flush(self, disk: Disk) -> None:
        row = self.rows[-1]
        paths = [self.path(row)] if row.size else []
        if self.has_new_names:
            paths.append(f"{self.folder}/")
            self.has_new_names = False
        if paths:
            disk.sync(*paths)

    def truncate(self, disk: Disk, end: int) -> None:
        if end >= self.end:
            return
        dropped = [row for row in self.rows[1:] if row.base >= end]
        self.rows = [row for row in self.rows if row not in dropped]
        row = self.rows[-1]
        shorter = Row(row.base, row.base, row.file)
        for _, head in self.heads(disk, row, 0):
            if head.next_offset > end:
                break
            shorter = self.grown(shorter, head)
        self.note(disk, *(Gone(gone.base) for gone in dropped), shorter)
        self.rows[-1] = shorter
        if disk.exists(self.path(row)):
            disk.truncate(self.path(row), shorter.size)
            disk.sync(self.path(row))
        self.sweep(disk)

    def restart_at(self, disk: Disk, offset: int) -> None:
        gone = [Gone(row.base) for row in self.rows]
        self.rows = []
        self.note(disk, *gone, self.begun(offset))
        self.sweep(disk)

    # -- reading --------------------------------------------------------------------------------------------------

    def heads(self, disk: Disk, row: Row, position: int) -> Iterator[tuple[int, Head]]:
        path = self.path(row)
        while position < row.size:
            head = head_of(disk.read(path, position, HEADER.size), row.size - position)
            if head is None:
                return
            yield position, head
            position += head.size

    def read(self, disk: Disk, offset: int, max_bytes: int) -> bytes:
        if offset < self.start or offset > self.end:
            raise OutOfRange(str(offset))
        first = bisect_right(self.rows, offset, key=lambda row: row.base) - 1
        for row in self.rows[first:]:
            place = bisect_right(row.marks, offset, key=lambda mark: mark[0])
            taken: list[bytes] = []
            room = max_bytes
            for at, head in self.heads(disk, row, row.marks[place - 1][1] if place else 0):
                if head.next_offset <= offset:
                    continue
                if taken and head.size > room:
                    break
                taken.append(disk.read(self.path(row), at, head.size))
                room -= head.size
            if taken:
                return b"".join(taken)
        return b""

    def offset_for_time(self, disk: Disk, timestamp: int) -> int | None:
        for row in self.rows:
            if row.latest < timestamp:
                continue
            older = [at for _, at, before in row.marks if before < timestamp]
            for at, head in self.heads(disk, row, older[-1] if older else 0):
                if head.max_timestamp < timestamp:
                    continue
                for record in unseal(disk.read(self.path(row), at, head.size)).records:
                    if record.timestamp >= timestamp:
                        return record.offset
        return None

    def batches(self, disk: Disk) -> Iterator[tuple[Head, bytes]]:
        for row in self.rows:
            for at, head in self.heads(disk, row, 0):
                yield head, disk.read(self.path(row), at, head.size)

    # -- housekeeping ---------------------------------------------------------------------------------------------

    def tend(self, disk: Disk, now: int) -> None:
        self.flush(disk)
        if self.written.get(self.rows[-1].base) != self.rows[-1]:
            self.note(disk, self.rows[-1])
        if self.config.compact:
            self.clean(disk, now - self.config.delete_retention)
        self.retain(disk, now)

    def retain(self, disk: Disk, now: int) -> None:
        bytes_left, age = self.config.retention_bytes, self.config.retention_time
        gone = []
        while len(self.rows) > 1:
            is_spare = bytes_left is not None and sum(r.size for r in self.rows[1:]) >= bytes_left
            if not is_spare and (age is None or self.rows[0].latest >= now - age):
                break
            gone.append(Gone(self.rows.pop(0).base))
        if gone:
            self.note(disk, *gone)
            self.sweep(disk)

    def clean(self, disk: Disk, horizon: int) -> None:
        try:
            newest: dict[bytes, int] = {}
            for row in self.rows[:-1]:
                for at, head in self.heads(disk, row, 0):
                    for record in unseal(disk.read(self.path(row), at, head.size)).records:
                        if record.key is not None:
                            newest[record.key] = record.offset
            for place, row in enumerate(self.rows[:-1]):
                self.clean_one(disk, place, row, newest, horizon)
        except Corrupt:
            return
        self.sweep(disk)

    def clean_one(
        self, disk: Disk, place: int, row: Row, newest: dict[bytes, int], horizon: int
    ) -> None:
        def stays(record: Record) -> bool:
            if record.key is None:
                return True
            is_newest = newest.get(record.key) == record.offset
            return is_newest and (record.value is not None or record.timestamp >= horizon)

        blobs: list[bytes] = []
        is_clean = True
        for at, head in self.heads(disk, row, 0):
            blob = disk.read(self.path(row), at, head.size)
            batch = unseal(blob)
            left = tuple(filter(stays, batch.records))
            if left != batch.records:
                is_clean = False
                blob = seal(structs.replace(batch, records=left)) if left else b""
            blobs.append(blob)
        if is_clean:
            return
        self.files += 1
        fresh = Row(row.base, row.base, self.files)
        for blob in filter(None, blobs):
            head_ = head_at(blob)
            assert head_ is not None
            fresh = self.grown(fresh, head_)
        fresh = structs.replace(fresh, next=row.next, latest=row.latest)
        disk.append(self.path(fresh), b"".join(blobs))
        disk.sync(self.path(fresh), f"{self.folder}/")
        self.note(disk, fresh)
        self.rows[place] = fresh

    def sweep(self, disk: Disk) -> None:
        """Delete the files that the manifest does not name."""
        named = {self.manifest, *map(self.path, self.rows)}
        for path in disk.files(f"{self.folder}/"):
            if path not in named:
                disk.delete(path)


def open_log(disk: Disk, folder: str, config: LogConfig) -> CommitLog:
    log = CommitLog(folder, config)
    rows: dict[int, Row] = {}
    changes = disk.recover(log.manifest, Row | Gone)
    for change in changes:
        if isinstance(change, Row):
            rows[change.base] = change
        else:
            rows.pop(change.base, None)
        log.files = max(log.files, getattr(change, "file", 0))
    log.rows = [rows[base] for base in sorted(rows)]
    log.written = rows
    numbers = [path.rpartition("/")[2] for path in disk.files(f"{folder}/")]
    log.files = max([log.files, *(int(number) for number in numbers if number.isdigit())])
    if not log.rows:
        log.note(disk, log.begun(0))
    if len(changes) > 3 * len(rows) + 20:
        _rewrite(disk, log)
    _catch_up(disk, log)
    log.sweep(disk)
    disk.sync(*disk.files(f"{folder}/"), f"{folder}/")
    return log


def _catch_up(disk: Disk, log: CommitLog) -> None:
    """What the active segment has beyond what the manifest says, as far as it is sound."""
    row = log.rows[-1]
    path = log.path(row)
    data = disk.read(path, row.size) if disk.exists(path) else b""
    at = 0
    while at < len(data):
        try:
            head = checked_head(data, at)
        except Corrupt:
            break
        if head.base_offset < row.next:
            break
        row = log.grown(row, head)
        at += head.size
    if at < len(data):
        disk.truncate(path, row.size)
        disk.sync(path)
    log.rows[-1] = row


def _rewrite(disk: Disk, log: CommitLog) -> None:
    """The manifest, without what is no longer true."""
    fresh = f"{log.manifest}.new"
    disk.delete(fresh)
    for row in log.rows:
        disk.append(fresh, row)
    disk.sync(fresh)
    disk.replace(fresh, log.manifest)
    disk.sync(f"{log.folder}/")
