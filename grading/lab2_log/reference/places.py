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
    # BEGIN SOLUTION G3: the high watermark minus what is committed
    return None if committed is None else max(0, high_watermark - committed)
    # END SOLUTION


def begin_at(place: Place, offset: int, is_committed: bool) -> None:
    """The place begins here: where the group had come to, or where it was reset to, which nobody has committed yet."""
    # BEGIN SOLUTION G3: nothing is fetched or handed out from there so far
    place.position = place.processed = offset
    place.committed = offset if is_committed else None
    place.needs_reset, place.fetched = False, []
    # END SOLUTION


def all_processed(places: Places) -> None:
    """The program asks for more, so it is done with all that it has got."""
    # BEGIN SOLUTION G3: whatever was handed out
    for place in places.values():
        if place.position is not None:
            place.processed = place.position
    # END SOLUTION


def to_commit(places: Places) -> tuple[Position, ...]:
    """What is processed and not committed."""
    # BEGIN SOLUTION G3: the next offset to read, where it is not committed already
    return tuple(
        Position(part, place.processed)
        for part, place in sorted(places.items())
        if place.position is not None and place.committed != place.processed
    )
    # END SOLUTION


def take(place: Place, found: Found) -> None:
    """Records have come that were asked for: those from ``position`` on. Where a log was cleaned, offsets have gaps."""
    # BEGIN SOLUTION G3: keep them, and how far the partition goes
    place.high_watermark = found.high_watermark
    place.fetched = list(found.records)
    # END SOLUTION


def hand_out(places: Places, allowed: Owned, most: int) -> tuple[Record, ...]:
    """Up to ``most`` records of the partitions that are allowed, in order within each; positions go on behind them.

    Nothing is handed out from a place where a reset put us, until that is committed: else, if we die, the next owner
    would reset anew, and ``latest`` is somewhere else by then.
    """
    # BEGIN SOLUTION G3: as much as there is, partition by partition
    taken: list[Record] = []
    for part in sorted(allowed, key=lambda p: (-len(places[p].fetched), p)):
        place = places[part]
        if place.position is None or place.committed is None:
            continue
        some = place.fetched[: most - len(taken)]
        if some:
            place.fetched = place.fetched[len(some) :]
            place.position = some[-1].offset + 1
            taken += some
    return tuple(taken)
    # END SOLUTION
