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
    raise NotImplementedError("2B: who wants `acks` of ALL wants min_insync replicas")


def note_fetch(partition: Partition, follower: str, offset: int, now: int) -> None:
    """A follower fetches at ``offset``, in our epoch: it has everything before that, on disk.

    It was caught up now, if it has all that we have; or at its last fetch, if it has all that we had then (KIP-16).
    """
    raise NotImplementedError(
        "2B: its end (fetches may overtake each other), and when it was caught up"
    )


def committed(partition: Partition, min_insync: int) -> int:
    """The high watermark: everything before it is in the log of each replica that is, or may be, in sync.

    It never goes back while we lead. It stands still while the ISR is too small, and while a member has not fetched in
    our epoch.
    """
    raise NotImplementedError("2B: the least end of the maximal ISR")


def outcome(waiting: WaitingProduce, partition: Partition, min_insync: int) -> str | None:
    """How a produce ends that waits for its batch to be committed: NONE, an error, or None: it goes on waiting."""
    raise NotImplementedError(
        "2B: below the high watermark it is committed, whatever became of the ISR since"
    )


def visible(records: bytes, end: int) -> bytes:
    """The batches that lie before ``end``: what a consumer may see."""
    raise NotImplementedError("2B: batch after batch")


def is_enough(records: bytes, min_bytes: int, now: int, due: int) -> bool:
    """Whether a fetch is answered now: there is enough, or it has waited long enough."""
    raise NotImplementedError("2B: one line")
