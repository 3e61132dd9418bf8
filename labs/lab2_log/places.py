"""Where a member stands in the partitions that it owns (part G3): what is fetched, handed out, processed, committed.

Theory of operation. Four offsets of one partition, and they are easily mixed up::

    committed  <=  processed  <=  position  <=  position + what is fetched

What was *fetched* waits for the program. What was *handed out* it works on; *position* is what comes next. When it asks
for more it says that all of that is *processed*, and only what is processed may be *committed*: whoever takes over
begins there, and what was handed out and not processed is handed out again, at least once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from labs.lab2_log.groups import Found, Owned, Position, Record, TopicPartition


@dataclass
class Place:
    """Where a member stands in one partition; all offsets are those of the next record."""

    position: int | None = None
    """Handed out so far; None: nobody knows yet where to begin."""
    needs_reset: bool = False
    """Nothing is committed, or what is committed is gone: ``reset`` says where to begin."""
    processed: int = 0
    committed: int | None = None
    fetched: list[Record] = field(default_factory=list)
    high_watermark: int = 0


Places = dict[TopicPartition, Place]


def lag(high_watermark: int, committed: int | None) -> int | None:
    """How many records a group has not processed yet. None if it has committed nothing: nobody can say.

    Both numbers come from different places at different times, and a high watermark may be old: a lag is never
    negative.
    """
    raise NotImplementedError("G3: the high watermark minus what is committed")


def begin_at(place: Place, offset: int, is_committed: bool) -> None:
    """The place begins here: where the group had come to, or where it was reset to, which nobody has committed yet."""
    raise NotImplementedError("G3: nothing is fetched or handed out from there so far")


def all_processed(places: Places) -> None:
    """The program asks for more, so it is done with all that it has got."""
    raise NotImplementedError("G3: whatever was handed out")


def to_commit(places: Places) -> tuple[Position, ...]:
    """What is processed and not committed."""
    raise NotImplementedError("G3: the next offset to read, where it is not committed already")


def take(place: Place, found: Found) -> None:
    """Records have come that were asked for: those from ``position`` on. Where a log was cleaned, offsets have gaps."""
    raise NotImplementedError("G3: keep them, and how far the partition goes")


def hand_out(places: Places, allowed: Owned, most: int) -> tuple[Record, ...]:
    """Up to ``most`` records of the partitions that are allowed, in order within each; positions go on behind them.

    Nothing is handed out from a place where a reset put us, until that is committed: else, if we die, the next owner
    would reset anew, and ``latest`` is somewhere else by then.
    """
    raise NotImplementedError("G3: as much as there is, partition by partition")
