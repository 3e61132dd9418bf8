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
    # BEGIN SOLUTION 2C: that of the last batch
    return NO_EPOCH if partition.is_reconciled else last_epoch(partition.epochs)
    # END SOLUTION


def cut_point(partition: Partition, answer: EpochEnd) -> tuple[int, bool]:
    """Where to cut our log, by the leader's answer to our question; and whether the logs agree then.

    If they do not, ask again.
    """
    # BEGIN SOLUTION 2C: the smaller one of both ends of that epoch; they agree if the epoch is one that we have
    if answer.epoch == NO_EPOCH:
        return partition.log.start, True
    mine = end_of(partition.epochs, partition.log.end, answer.epoch)
    if mine.epoch == NO_EPOCH:
        return partition.log.start, True
    if mine.epoch != answer.epoch:
        return mine.end_offset, False
    return min(mine.end_offset, answer.end_offset), True
    # END SOLUTION


def divergence(partition: Partition, offset: int, epoch: int) -> EpochEnd | None:
    """A follower fetches at ``offset``, and its last batch is of ``epoch``. None if its log is a prefix of ours."""
    # BEGIN SOLUTION 2C: it is, if our log has that epoch and it does not end before `offset`
    if epoch == NO_EPOCH:
        return None
    mine = end_of(partition.epochs, partition.log.end, epoch)
    return mine if mine.epoch != epoch or mine.end_offset < offset else None
    # END SOLUTION
