"""The cleaner: of each key, the newest value stays (log compaction).

It works below the active segment only. What it keeps keeps its offset, so gaps appear. A segment is written anew beside
the old one, synced, and takes its name: at every instant one of the two is there, whole.

The map from keys to newest offsets must not look into the active segment: what is there may be lost in a crash, and the
older value with it. A tombstone stays until every consumer had time to read it.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from distlab.core import Disk
from labs.lab2_log.batch import seal, unseal
from labs.lab2_log.batches import Corrupt, Record
from labs.lab2_log.segment import Segment


def clean(disk: Disk, segments: Sequence[Segment], horizon: int, interval: int) -> None:
    """Clean these segments, oldest first; tombstones older than ``horizon`` may go."""
    # BEGIN SOLUTION 2A: map each key to its newest offset, then write anew every segment that has something to lose
    try:
        newest = newest_offsets(disk, segments)
        for segment in segments:
            rewrite(disk, segment, newest, horizon, interval)
    except Corrupt:
        return  # what is damaged is left as it is, for its readers to see
    # END SOLUTION


def newest_offsets(disk: Disk, segments: Sequence[Segment]) -> dict[bytes, int]:
    """Key -> offset of its newest record."""
    # BEGIN SOLUTION 2A: later records win
    newest = {}
    for segment in segments:
        for at, head in segment.heads(disk, 0, segment.size):
            for record in unseal(disk.read(segment.path, at, head.size)).records:
                if record.key is not None:
                    newest[record.key] = record.offset
    return newest
    # END SOLUTION


def is_kept(record: Record, newest: dict[bytes, int], horizon: int) -> bool:
    """Whether the record survives: newest of its key, or without a key; and no outdated tombstone."""
    # BEGIN SOLUTION 2A: mind the order of the rules
    if record.key is None:
        return True
    if newest.get(record.key) != record.offset:
        return False
    return record.value is not None or record.timestamp >= horizon
    # END SOLUTION


def rewrite(
    disk: Disk, segment: Segment, newest: dict[bytes, int], horizon: int, interval: int
) -> None:
    """Replace the segment by one without what is outdated, in one step."""
    # BEGIN SOLUTION 2A: batches keep base offset, last delta and timestamps; empty ones go; then sync, then rename
    kept: list[bytes] = []
    changed = False
    for at, head in segment.heads(disk, 0, segment.size):
        blob = disk.read(segment.path, at, head.size)
        batch = unseal(blob)
        records = tuple(record for record in batch.records if is_kept(record, newest, horizon))
        if len(records) < len(batch.records):
            blob = seal(structs.replace(batch, records=records)) if records else b""
            changed = True
        kept.append(blob)
    if not changed:
        return
    fresh = f"{segment.path}.cleaned"
    disk.delete(fresh)
    disk.append(fresh, b"".join(kept))
    disk.sync(fresh)
    disk.delete(segment.index_path)
    disk.replace(fresh, segment.path)
    disk.sync(f"{segment.folder}/")
    end, latest = segment.next, segment.max_timestamp
    segment.index = []
    segment.rebuild(disk, sum(map(len, kept)), interval)
    segment.next, segment.max_timestamp = end, latest
    # END SOLUTION
