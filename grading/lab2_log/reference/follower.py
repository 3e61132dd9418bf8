"""A follower's rules: ask for what comes next, append what came, learn what is committed."""

from __future__ import annotations

from distlab.core import Disk
from labs.lab2_log.batches import head_at
from labs.lab2_log.brokers import BrokerConfig, Fetch, Fetched
from labs.lab2_log.epochs import last_epoch, learn
from labs.lab2_log.replicas import Partition


def next_fetch(partition: Partition, number: int, config: BrokerConfig) -> Fetch:
    """What a follower asks its leader."""
    # BEGIN SOLUTION 2B: from the end of our log on; who we are, and in which epoch; the leader may wait for news
    return Fetch(
        id=number,
        partition=partition.name,
        offset=partition.log.end,
        max_bytes=config.fetch_bytes,
        min_bytes=1,
        max_wait=config.fetch_wait,
        replica=partition.address,
        leader_epoch=partition.leader_epoch,
        last_epoch=last_epoch(partition.epochs),
    )
    # END SOLUTION


def take(disk: Disk, partition: Partition, answer: Fetched) -> None:
    """Append what the leader sent, durably; then see how much of our log is committed. Raises ``Corrupt``."""
    # BEGIN SOLUTION 2B: batch after batch; learn() its epoch; flush_if_due(); the watermark is never beyond our end
    at = 0
    while (head := head_at(answer.records, at)) is not None:
        partition.log.append_copy(disk, answer.records[at : at + head.size])
        learn(partition.epochs, head.epoch, head.base_offset)
        at += head.size
    if at:
        partition.log.flush_if_due(disk)
    partition.high_watermark = min(answer.high_watermark, partition.log.end)
    # END SOLUTION
