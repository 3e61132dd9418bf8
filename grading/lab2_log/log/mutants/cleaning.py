"""Bugs of part 2A: retention and cleaning."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from distlab.core import Disk
from distlab.grade.lab import bug
from grading.lab2_log.log.mutants.recovering import NoSync
from labs.lab2_log import batch, cleaner
from labs.lab2_log.batches import Batch, Record
from labs.lab2_log.commitlog import CommitLog
from labs.lab2_log.segment import Segment

_rewrite = cleaner.rewrite
_is_kept = cleaner.is_kept
_seal = batch.seal
_unseal = batch.unseal


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
        super().retain(NoSync(disk, lambda path: True), now)  # type: ignore[arg-type]


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
    bare = NoSync(disk, lambda path: path.endswith(".cleaned"))
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


CLEANING = (
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
