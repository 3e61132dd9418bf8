"""Bugs of part 2A: checksums, recovery, and what is on disk when it is promised."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from distlab.core import Address, Disk
from distlab.grade.lab import bug
from labs.lab2_log import batch, cleaner, commitlog, segment
from labs.lab2_log.batches import (
    CHECKED_FROM,
    HEADER,
    Batch,
    Corrupt,
    Head,
    head_at,
    unpack_records,
)
from labs.lab2_log.brokers import ALL, CORRUPT_MESSAGE, NONE, LogConfig, Produce, Produced
from labs.lab2_log.checksum import crc32c
from labs.lab2_log.commitlog import CommitLog
from labs.lab2_log.segment import Segment
from labs.lab2_log.storage import Storage

_open_log = commitlog.open_log
_recover = segment.recover
_clean = cleaner.clean
_checked_head = batch.checked_head
_seal = batch.seal


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


class NoSync:
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
    unsynced = NoSync(disk, lambda path: True)
    return _open_log(unsynced, folder, config)  # type: ignore[arg-type]


class FileWithoutName(CommitLog):
    """Syncs the new segment, and not the folder that has its name: a crash takes the whole file (T. Pillai et al.,
    OSDI 2014)."""

    def flush(self, disk: Disk) -> None:
        super().flush(NoSync(disk, lambda path: path.endswith("/")))  # type: ignore[arg-type]

    def _write_recovery_point(self, disk: Disk) -> None:
        super()._write_recovery_point(NoSync(disk, lambda path: path.endswith("/")))  # type: ignore[arg-type]


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


RECOVERING = (
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
)
