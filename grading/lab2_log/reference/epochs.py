"""Leader epochs: which part of the log was written by whom (KIP-101).

The cache is a list of ``(epoch, offset of its first batch)``, derived from the batches and from nothing else: an epoch
in which nothing was appended is not in it. Where does an epoch end? Where the next one begins, or at the end of the
log.
"""

from __future__ import annotations

from bisect import bisect_right

from labs.lab2_log.brokers import (
    FENCED_LEADER_EPOCH,
    NO_EPOCH,
    NONE,
    UNKNOWN_LEADER_EPOCH,
    EpochEnd,
)

Epochs = list[tuple[int, int]]


def learn(epochs: Epochs, epoch: int, offset: int) -> None:
    """A batch of that epoch was appended at that offset."""
    # BEGIN SOLUTION 2C: note the first batch of each epoch
    if not epochs or epochs[-1][0] < epoch:
        epochs.append((epoch, offset))
    # END SOLUTION


def forget(epochs: Epochs, end: int) -> None:
    """The log ends at ``end`` now: epochs that began there or later are gone."""
    # BEGIN SOLUTION 2C: also where nothing was cut off
    while epochs and epochs[-1][1] >= end:
        epochs.pop()
    # END SOLUTION


def last_epoch(epochs: Epochs) -> int:
    """The epoch of the last batch; NO_EPOCH in an empty log."""
    return epochs[-1][0] if epochs else NO_EPOCH


def end_of(epochs: Epochs, log_end: int, epoch: int) -> EpochEnd:
    """The largest epoch that is not greater than ``epoch``, and where it ends; (NO_EPOCH, -1) if there is none."""
    # BEGIN SOLUTION 2C: binary search; the next epoch's beginning is its end
    place = bisect_right(epochs, epoch, key=lambda entry: entry[0])
    if place == 0:
        return EpochEnd(NO_EPOCH, -1)
    return EpochEnd(epochs[place - 1][0], epochs[place][1] if place < len(epochs) else log_end)
    # END SOLUTION


def fence(mine: int, theirs: int) -> str:
    """What a leader in epoch ``mine`` answers a follower that is in epoch ``theirs``: NONE, or an error (KIP-320)."""
    # BEGIN SOLUTION 2C: only the same epoch will do
    if theirs < mine:
        return FENCED_LEADER_EPOCH
    return NONE if theirs == mine else UNKNOWN_LEADER_EPOCH
    # END SOLUTION
