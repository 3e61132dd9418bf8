"""Who leads, and who follows: what the controller says, and what it changes in us.

The leader epoch orders everything. Whoever hears of a newer one forgets what it knew as a leader or follower of an
older
one; who hears of an older one has heard an echo.
"""

from __future__ import annotations

from labs.lab2_log.brokers import PartitionState
from labs.lab2_log.replicas import Partition, Progress


def is_news(partition: Partition, controller_epoch: int, state: PartitionState) -> bool:
    """Whether this says more than we know."""
    raise NotImplementedError(
        "2C: an older controller's word counts for nothing; else it is the version that tells"
    )


def begin_epoch(partition: Partition, state: PartitionState, now: int) -> None:
    """A new leader epoch: begin as its leader, or as one of its followers."""
    raise NotImplementedError(
        "2C: nothing is known of any follower, and nothing of the leader's log"
    )
