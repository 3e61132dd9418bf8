"""A follower's rules: ask for what comes next, append what came, learn what is committed."""

from __future__ import annotations

from distlab.core import Disk
from labs.lab2_log.batches import head_at
from labs.lab2_log.brokers import BrokerConfig, Fetch, Fetched
from labs.lab2_log.epochs import last_epoch, learn
from labs.lab2_log.replicas import Partition


def next_fetch(partition: Partition, number: int, config: BrokerConfig) -> Fetch:
    """What a follower asks its leader."""
    raise NotImplementedError(
        "2B: from the end of our log on; who we are, and in which epoch; the leader may wait for news"
    )


def take(disk: Disk, partition: Partition, answer: Fetched) -> None:
    """Append what the leader sent, durably; then see how much of our log is committed. Raises ``Corrupt``."""
    raise NotImplementedError(
        "2B: batch after batch; learn() its epoch; flush_if_due(); the watermark is never beyond our end"
    )
