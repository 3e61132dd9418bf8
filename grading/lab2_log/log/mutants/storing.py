"""Bugs of part 2A: checksums, indexes, recovery, retention, cleaning."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Sequence

from msgspec import structs

from distlab.core import Address, Disk
from distlab.grade.lab import bug
from labs.lab2_log import batch, cleaner, commitlog, segment
from labs.lab2_log.batches import (
    CHECKED_FROM,
    HEADER,
    Batch,
    Corrupt,
    Head,
    Record,
    head_at,
    unpack_records,
)
from labs.lab2_log.brokers import ALL, CORRUPT_MESSAGE, NONE, LogConfig, Produce, Produced
from labs.lab2_log.checksum import crc32c
from labs.lab2_log.commitlog import CommitLog, OutOfRange
from labs.lab2_log.segment import Segment
from labs.lab2_log.storage import Storage

_open_log = commitlog.open_log
_recover = segment.recover
_rewrite = cleaner.rewrite
_clean = cleaner.clean
_is_kept = cleaner.is_kept
_checked_head = batch.checked_head
_seal = batch.seal
_unseal = batch.unseal


def with_other_crc(blob: bytes, crc: int) -> bytes:
    return blob[: CHECKED_FROM - 4] + crc.to_bytes(4, "big") + blob[CHECKED_FROM:]


def zlibs_crc(sealed: Batch) -> bytes:
    """Seals with zlib.crc32: a good checksum, with another polynomial than everybody else's."""
    blob = _seal(sealed)
    return with_other_crc(blob, zlib.crc32(blob[CHECKED_FROM:]))


def seals_from_the_length_on(sealed: Batch) -> bytes:
    """The CRC covers the epoch as well; a leader that stamps its own breaks it."""
    blob = _seal(sealed)
    return with_other_crc(blob, crc32c(blob[12:17] + blob[CHECKED_FROM:]))


class Launders(CommitLog):
    """The broker computes the CRC anew when a batch arrives: what was damaged on the way is sound from now on."""

    def append(self, disk: Disk, blob: bytes, epoch: int) -> int:
        if head_at(blob) is None:
            raise Corrupt("no batch")
        return super().append(disk, with_other_crc(blob, crc32c(blob[CHECKED_FROM:])), epoch)


def launders_when_cleaning(blob: bytes) -> Batch:
    """Takes batches apart without a look at their CRC; the cleaner seals what it found."""
    head = head_at(blob)
    if head is None:
        raise Corrupt("no batch")
    base, _, epoch, _, _, attributes, last, first, latest, pid, pepoch, sequence, count = (
        HEADER.unpack_from(blob)
    )
    try:
        records = unpack_records(blob[HEADER.size : head.size], count, base, first)
    except Corrupt:
        records = ()
    return Batch(
        base_offset=base,
        epoch=epoch,
        attributes=attributes,
        last_delta=last,
        base_timestamp=first,
        max_timestamp=latest,
        producer_id=pid,
        producer_epoch=pepoch,
        base_sequence=sequence,
        records=records,
    )


def cleans_unchecked(disk: Disk, segments: Sequence[Segment], horizon: int, interval: int) -> None:
    """The cleaner takes batches apart without a look at their CRC, and seals what it found: damage made sound."""
    checked, cleaner.unseal = cleaner.unseal, launders_when_cleaning
    try:
        _clean(disk, segments, horizon, interval)
    finally:
        cleaner.unseal = checked


# -- recovery ---------------------------------------------------------------------------------------------------------


def length_is_enough(disk: Disk, folder: str, base: int, safe: int, interval: int) -> Segment:
    """A torn tail of the right length is accepted: recovery looks at lengths, and not at the CRC."""

    def whole(data: bytes, at: int = 0) -> Head:
        head = head_at(data, at)
        if head is None:
            raise Corrupt("short")
        return head

    segment.checked_head = whole
    try:
        return _recover(disk, folder, base, safe, interval)
    finally:
        segment.checked_head = _checked_head


class _NoSync:
    """A disk that does not sync what ``is_skipped`` says."""

    def __init__(self, disk: Disk, is_skipped) -> None:  # type: ignore[no-untyped-def]
        self._disk = disk
        self._is_skipped = is_skipped

    def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
        return getattr(self._disk, name)

    def sync(self, *paths: str) -> None:
        left = [path for path in paths if not self._is_skipped(path)]
        if left:
            self._disk.sync(*left)


def cut_not_synced(disk: Disk, folder: str, config: LogConfig) -> CommitLog:
    """What recovery cuts off is not synced: after the next crash it is there again, behind newer batches."""
    unsynced = _NoSync(disk, lambda path: True)
    return _open_log(unsynced, folder, config)  # type: ignore[arg-type]


class FileWithoutName(CommitLog):
    """Syncs the new segment, and not the folder that has its name: a crash takes the whole file (T. Pillai et al.,
    OSDI 2014)."""

    def flush(self, disk: Disk) -> None:
        super().flush(_NoSync(disk, lambda path: path.endswith("/")))  # type: ignore[arg-type]

    def _write_recovery_point(self, disk: Disk) -> None:
        super()._write_recovery_point(_NoSync(disk, lambda path: path.endswith("/")))  # type: ignore[arg-type]


class RollsUnsynced(CommitLog):
    """A full segment is left behind unsynced; from then on only the new one is ever synced."""

    def _roll(self, disk: Disk) -> None:
        self.segments.append(Segment(self.folder, self.end, self.end))


class PointsAhead(CommitLog):
    """The recovery point is written down without a sync of what it vouches for."""

    def checkpoint(self, disk: Disk) -> None:
        self.recovery_point = self.end
        self._write_recovery_point(disk)


def cuts_at_the_first_bad_batch(disk: Disk, folder: str, config: LogConfig) -> CommitLog:
    """Checks the whole log at each start, and throws away what follows a bad batch, wherever it is: one bit of rot
    in an
    old segment takes everything that was ever written since."""
    disk.delete(f"{folder}/recovery-point")
    return _open_log(disk, folder, config)


def checks_everything(disk: Disk, folder: str, config: LogConfig) -> CommitLog:
    """Reads the whole log at each start, although nearly all of it is known to be on disk."""
    log = _open_log(disk, folder, config)
    for _ in log.batches(disk):
        pass
    return log


def starts_never_again(disk: Disk, folder: str, base: int, safe: int, interval: int) -> Segment:
    """A torn tail is an error: the broker refuses to start, until somebody repairs the file by hand."""
    before = disk.size(f"{folder}/{base:020}.log")
    found = _recover(disk, folder, base, safe, interval)
    if found.size < before:
        raise Corrupt("torn")
    return found


class TriesAgain(Storage):
    """A sync that failed is tried again, and the second one succeeds: the kernel has marked the pages clean
    (fsyncgate)."""

    def on_sync_failed(self, path: str, error: str) -> None:
        self.partition.flush(self.disk)


class AnswersFirst(Storage):
    """Answers, and then syncs."""

    def on_produce(self, request: Produce, sender: Address) -> None:
        try:
            base, error = self.partition.append(self.disk, request.records, 0), NONE
        except Corrupt:
            base, error = -1, CORRUPT_MESSAGE
        if request.acks:
            self.send(sender, Produced(request.id, request.partition, error, base))
        if request.acks == ALL:
            self.partition.flush(self.disk)


class AppendsInPlace(CommitLog):
    """A damaged batch takes an offset all the same, and leaves a hole."""

    def append(self, disk: Disk, blob: bytes, epoch: int) -> int:
        try:
            return super().append(disk, blob, epoch)
        except Corrupt:
            self.active.next += 1
            raise


class OneOffsetPerBatch(Segment):
    """The next offset is one more than that of the batch, however many records it has."""

    def note(self, disk: Disk, head: Head, interval: int) -> None:
        super().note(disk, head, interval)
        self.next = head.base_offset + 1


# -- look-ups ---------------------------------------------------------------------------------------------------------


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


# -- retention and cleaning -------------------------------------------------------------------------------------------


class AgeOfTheFirst(CommitLog):
    """A segment's age is that of its first record: the young ones go with it."""

    def _is_outdated(self, oldest: Segment, now: int) -> bool:
        if self.config.retention_time is None or oldest.first_timestamp is None:
            return super()._is_outdated(oldest, now)
        return oldest.first_timestamp < now - self.config.retention_time


class AgeOfTheFile(CommitLog):
    """A segment is as old as its file. A replica that is made anew has new files of old records, and keeps them all."""

    def _is_outdated(self, oldest: Segment, now: int) -> bool:
        if self.config.retention_time is None:
            return super()._is_outdated(oldest, now)
        written = self.__dict__.setdefault("written", {})
        return written.setdefault(oldest.base, now) < now - self.config.retention_time


class PointStays(CommitLog):
    """Cuts the log and leaves the recovery point where it was: what is appended next is taken for safe, and is not."""

    def truncate(self, disk: Disk, end: int) -> None:
        while len(self.segments) > 1 and self.active.base >= end:
            self._drop(disk, self.segments.pop())
        self.active.cut(disk, end, self.config.index_interval)
        disk.sync(f"{self.folder}/")


class CutsTooMuch(Segment):
    """Cuts the batch before the end, too."""

    def cut(self, disk: Disk, end: int, interval: int) -> None:
        super().cut(disk, max(self.base, end - 1), interval)


class TakesTheActive(CommitLog):
    """Retention takes all segments that are old, the one that is being written too."""

    def retain(self, disk: Disk, now: int) -> None:
        super().retain(disk, now)
        time = self.config.retention_time
        if time is not None and self.active.size and self.active.max_timestamp < now - time:
            self.restart_at(disk, self.end)


class OneTooMany(CommitLog):
    """Counts the segment that may go among those that are kept: less is left than was asked for."""

    def _is_outdated(self, oldest: Segment, now: int) -> bool:
        size = self.config.retention_bytes
        if size is None:
            return super()._is_outdated(oldest, now)
        return sum(segment.size for segment in self.segments) >= size


class ComesBack(CommitLog):
    """Deletes old segments and does not sync the folder: after a crash they are there again."""

    def retain(self, disk: Disk, now: int) -> None:
        super().retain(_NoSync(disk, lambda path: True), now)  # type: ignore[arg-type]


class NothingGoes(CommitLog):
    """The disk fills up: retention never finds a segment that is old enough."""

    def _is_outdated(self, oldest: Segment, now: int) -> bool:
        return False


def forgets_at_once(record: Record, newest: dict[bytes, int], horizon: int) -> bool:
    """A tombstone goes with the values that it ends: a consumer that is a little behind never hears of it."""
    return _is_kept(record, newest, horizon) and not (
        record.key is not None and record.value is None
    )


def tombstones_for_ever(record: Record, newest: dict[bytes, int], horizon: int) -> bool:
    """Tombstones are never forgotten: the log grows with every key that there ever was."""
    return _is_kept(record, newest, -1)


def keeps_the_oldest(disk: Disk, segments: Sequence[Segment]) -> dict[bytes, int]:
    """The map is filled from the wrong end."""
    newest: dict[bytes, int] = {}
    for part in segments:
        for at, head in part.heads(disk, 0, part.size):
            for record in _unseal(disk.read(part.path, at, head.size)).records:
                if record.key is not None:
                    newest.setdefault(record.key, record.offset)
    return newest


class LooksIntoTheActive(CommitLog):
    """The cleaner's map looks into the active segment too: a crash takes the newer value, and the older one is gone."""

    def tend(self, disk: Disk, now: int) -> None:
        if self.config.compact:
            newest = cleaner.newest_offsets(disk, self.segments)
            for segment in self.segments[:-1]:
                _rewrite(disk, segment, newest, now - self.config.delete_retention, 200)
            self.retain(disk, now)
        else:
            super().tend(disk, now)


def cleans_in_place(
    disk: Disk, segment: Segment, newest: dict[bytes, int], horizon: int, interval: int
) -> None:
    """Empties the segment and writes it anew under the same name: a crash in between takes what was kept, too."""
    kept, changed = [], False
    for at, head in segment.heads(disk, 0, segment.size):
        found = _unseal(disk.read(segment.path, at, head.size))
        records = tuple(r for r in found.records if _is_kept(r, newest, horizon))
        changed = changed or len(records) < len(found.records)
        if records:
            kept.append(_seal(structs.replace(found, records=records)))
    if changed:
        end, latest = segment.next, segment.max_timestamp
        disk.truncate(segment.path, 0)
        disk.append(segment.path, b"".join(kept))
        disk.delete(segment.index_path)
        disk.sync(segment.path)
        segment.index = []
        segment.rebuild(disk, sum(map(len, kept)), interval)
        segment.next, segment.max_timestamp = end, latest


def renames_unsynced(
    disk: Disk, segment: Segment, newest: dict[bytes, int], horizon: int, interval: int
) -> None:
    """The cleaned file takes the old one's name before its bytes are on disk."""
    bare = _NoSync(disk, lambda path: path.endswith(".cleaned"))
    _rewrite(bare, segment, newest, horizon, interval)  # type: ignore[arg-type]


def closes_the_gaps(
    disk: Disk, segment: Segment, newest: dict[bytes, int], horizon: int, interval: int
) -> None:
    """Cleaning moves records up into the gaps: an offset that a consumer has committed names another record now."""

    def packed(found: Batch) -> bytes:
        moved = tuple(
            structs.replace(record, offset=found.base_offset + n)
            for n, record in enumerate(found.records)
        )
        return _seal(structs.replace(found, records=moved))

    cleaner.seal = packed
    try:
        _rewrite(disk, segment, newest, horizon, interval)
    finally:
        cleaner.seal = _seal


def never_cleans(disk: Disk, segments: Sequence[Segment], horizon: int, interval: int) -> None:
    """The cleaner has died, and nobody looks whether it runs: the log grows (KAFKA-3894 is one way to get there)."""


STORING = (
    bug(
        "seals-with-zlib", zlibs_crc, part="A", replaces="batch:seal", breaks="LOG-S8", code="2A-m3"
    ),
    bug(
        "crc-covers-the-epoch",
        seals_from_the_length_on,
        part="A",
        replaces="batch:seal",
        breaks="LOG-S8",
    ),
    bug(
        "launders",
        Launders,
        part="A",
        replaces="commitlog:CommitLog",
        breaks="LOG-S8",
        code="2A-m2",
    ),
    bug("cleans-unchecked", cleans_unchecked, part="A", replaces="cleaner:clean", breaks="LOG-S8"),
    bug(
        "length-is-enough",
        length_is_enough,
        part="A",
        replaces="segment:recover",
        breaks="LOG-S3",
        code="2A-m1",
    ),
    bug("cut-not-synced", cut_not_synced, part="A", replaces="commitlog:open_log", breaks="LOG-S3"),
    bug(
        "file-without-name",
        FileWithoutName,
        part="A",
        replaces="commitlog:CommitLog",
        breaks="LOG-S3",
        code="2A-m10",
    ),
    bug("rolls-unsynced", RollsUnsynced, part="A", replaces="commitlog:CommitLog", breaks="LOG-S3"),
    bug("points-ahead", PointsAhead, part="A", replaces="commitlog:CommitLog", breaks="LOG-S3"),
    bug(
        "one-bit-takes-all",
        cuts_at_the_first_bad_batch,
        part="A",
        replaces="commitlog:open_log",
        breaks="LOG-S3",
    ),
    bug(
        "checks-everything",
        checks_everything,
        part="A",
        replaces="commitlog:open_log",
        breaks="LOG-C1",
        kind="cost",
    ),
    bug(
        "starts-never-again",
        starts_never_again,
        part="A",
        replaces="segment:recover",
        breaks="LOG-S3",
        kind="liveness",
    ),
    bug(
        "syncs-again",
        TriesAgain,
        part="A",
        replaces="storage:Storage",
        breaks="LOG-S3",
        code="2A-m13",
        source="A. Rebello et al., USENIX ATC 2020; PostgreSQL's fsyncgate, 2018",
    ),
    bug("answers-first", AnswersFirst, part="A", replaces="storage:Storage", breaks="LOG-S3"),
    bug(
        "damage-takes-an-offset",
        AppendsInPlace,
        part="A",
        replaces="commitlog:CommitLog",
        breaks="LOG-S1",
    ),
    bug(
        "one-offset-per-batch",
        OneOffsetPerBatch,
        part="A",
        replaces="segment:Segment",
        breaks="LOG-S1",
    ),
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
    bug(
        "age-of-the-file",
        AgeOfTheFile,
        part="A",
        replaces="commitlog:CommitLog",
        breaks="LOG-S5",
        code="2A-m7",
    ),
    bug(
        "recovery-point-stays",
        PointStays,
        part="A",
        replaces="commitlog:CommitLog",
        breaks="LOG-S3",
    ),
    bug("cuts-too-much", CutsTooMuch, part="A", replaces="segment:Segment", breaks="LOG-S3"),
    bug(
        "age-of-the-first",
        AgeOfTheFirst,
        part="A",
        replaces="commitlog:CommitLog",
        breaks="LOG-S5",
    ),
    bug(
        "takes-the-active",
        TakesTheActive,
        part="A",
        replaces="commitlog:CommitLog",
        breaks="LOG-S5",
    ),
    bug("one-too-many", OneTooMany, part="A", replaces="commitlog:CommitLog", breaks="LOG-S5"),
    bug("comes-back", ComesBack, part="A", replaces="commitlog:CommitLog", breaks="LOG-S5"),
    bug(
        "nothing-goes",
        NothingGoes,
        part="A",
        replaces="commitlog:CommitLog",
        breaks="LOG-S5",
        kind="liveness",
    ),
    bug(
        "forgets-at-once",
        forgets_at_once,
        part="A",
        replaces="cleaner:is_kept",
        breaks="LOG-S6",
        code="2A-m11",
    ),
    bug(
        "tombstones-for-ever",
        tombstones_for_ever,
        part="A",
        replaces="cleaner:is_kept",
        breaks="LOG-S6",
        kind="cost",
    ),
    bug(
        "keeps-the-oldest",
        keeps_the_oldest,
        part="A",
        replaces="cleaner:newest_offsets",
        breaks="LOG-S6",
    ),
    bug(
        "looks-into-the-active",
        LooksIntoTheActive,
        part="A",
        replaces="commitlog:CommitLog",
        breaks="LOG-S6",
    ),
    bug("cleans-in-place", cleans_in_place, part="A", replaces="cleaner:rewrite", breaks="LOG-S6"),
    bug(
        "renames-unsynced", renames_unsynced, part="A", replaces="cleaner:rewrite", breaks="LOG-S6"
    ),
    bug("closes-the-gaps", closes_the_gaps, part="A", replaces="cleaner:rewrite", breaks="LOG-S6"),
    bug(
        "never-cleans",
        never_cleans,
        part="A",
        replaces="cleaner:clean",
        breaks="LOG-S6",
        kind="liveness",
        source="KAFKA-3894",
    ),
)
