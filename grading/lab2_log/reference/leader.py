"""A leader's rules: what may be appended, what is committed, what may be seen, who waits how long."""

from __future__ import annotations

from labs.lab2_log.batches import head_at
from labs.lab2_log.brokers import (
    ALL,
    NONE,
    NOT_ENOUGH_REPLICAS,
    NOT_ENOUGH_REPLICAS_AFTER_APPEND,
)
from labs.lab2_log.replicas import Partition, Progress, WaitingProduce


def may_append(partition: Partition, acks: int, min_insync: int) -> str:
    """NONE, or why a batch is refused before it is appended."""
    # BEGIN SOLUTION 2B: who wants `acks` of ALL wants min_insync replicas
    if acks == ALL and len(partition.isr) < min_insync:
        return NOT_ENOUGH_REPLICAS
    return NONE
    # END SOLUTION


def note_fetch(partition: Partition, follower: str, offset: int, now: int) -> None:
    """A follower fetches at ``offset``, in our epoch: it has everything before that, on disk.

    It was caught up now, if it has all that we have; or at its last fetch, if it has all that we had then (KIP-16).
    """
    # BEGIN SOLUTION 2B: its end (fetches may overtake each other), and when it was caught up
    progress = partition.progress.setdefault(follower, Progress())
    if offset >= partition.log.end:
        progress.caught_up = now
    elif offset >= progress.leader_end:
        progress.caught_up = max(progress.caught_up, progress.fetched_at)
    progress.end = max(progress.end, offset)
    progress.leader_end, progress.fetched_at = partition.log.end, now
    # END SOLUTION


def committed(partition: Partition, min_insync: int) -> int:
    """The high watermark: everything before it is in the log of each replica that is, or may be, in sync.

    It never goes back while we lead. It stands still while the ISR is too small, and while a member has not fetched in
    our epoch.
    """
    # BEGIN SOLUTION 2B: the least end of the maximal ISR
    if len(partition.isr) < min_insync:
        return partition.high_watermark
    others = partition.maximal_isr - {partition.address}
    ends = [partition.progress.get(member, Progress()).end for member in others]
    return max(partition.high_watermark, min([partition.log.end, *ends]))
    # END SOLUTION


def outcome(waiting: WaitingProduce, partition: Partition, min_insync: int) -> str | None:
    """How a produce ends that waits for its batch to be committed: NONE, an error, or None: it goes on waiting."""
    # BEGIN SOLUTION 2B: below the high watermark it is committed, whatever became of the ISR since
    if waiting.end <= partition.high_watermark:
        return NONE
    if len(partition.isr) < min_insync:
        return NOT_ENOUGH_REPLICAS_AFTER_APPEND
    return None
    # END SOLUTION


def visible(records: bytes, end: int) -> bytes:
    """The batches that lie before ``end``: what a consumer may see."""
    # BEGIN SOLUTION 2B: batch after batch
    at = 0
    while (head := head_at(records, at)) is not None and head.next_offset <= end:
        at += head.size
    return records[:at]
    # END SOLUTION


def is_enough(records: bytes, min_bytes: int, now: int, due: int) -> bool:
    """Whether a fetch is answered now: there is enough, or it has waited long enough."""
    # BEGIN SOLUTION 2B: one line
    return len(records) >= min_bytes or now >= due
    # END SOLUTION
