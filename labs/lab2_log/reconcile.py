"""Reconciling a follower's log with its leader's, before the first fetch of an epoch (KIP-101, KIP-279).

The follower asks where the epoch of its last batch ends in the leader's log, and cuts its own log there. If the leader
never heard of that epoch it answers with an earlier one; then the follower cuts to what it has of that one, and asks
again about what is its last epoch now. Each round names an earlier epoch, so there is an end to it.
"""

from __future__ import annotations

from labs.lab2_log.brokers import NO_EPOCH, EpochEnd
from labs.lab2_log.epochs import end_of, last_epoch
from labs.lab2_log.replicas import Partition


def question(partition: Partition) -> int:
    """The epoch to ask the leader about; NO_EPOCH: there is nothing to reconcile, fetch."""
    raise NotImplementedError("2C: that of the last batch")


def cut_point(partition: Partition, answer: EpochEnd) -> tuple[int, bool]:
    """Where to cut our log, by the leader's answer to our question; and whether the logs agree then.

    If they do not, ask again.
    """
    raise NotImplementedError(
        "2C: the smaller one of both ends of that epoch; they agree if the epoch is one that we have"
    )


def divergence(partition: Partition, offset: int, epoch: int) -> EpochEnd | None:
    """A follower fetches at ``offset``, and its last batch is of ``epoch``. None if its log is a prefix of ours."""
    raise NotImplementedError(
        "2C: it is, if our log has that epoch and it does not end before `offset`"
    )
