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
    raise NotImplementedError(
        "2A: map each key to its newest offset, then write anew every segment that has something to lose"
    )


def newest_offsets(disk: Disk, segments: Sequence[Segment]) -> dict[bytes, int]:
    """Key -> offset of its newest record."""
    raise NotImplementedError("2A: later records win")


def is_kept(record: Record, newest: dict[bytes, int], horizon: int) -> bool:
    """Whether the record survives: newest of its key, or without a key; and no outdated tombstone."""
    raise NotImplementedError("2A: mind the order of the rules")


def rewrite(
    disk: Disk, segment: Segment, newest: dict[bytes, int], horizon: int, interval: int
) -> None:
    """Replace the segment by one without what is outdated, in one step."""
    raise NotImplementedError(
        "2A: batches keep base offset, last delta and timestamps; empty ones go; then sync, then rename"
    )
