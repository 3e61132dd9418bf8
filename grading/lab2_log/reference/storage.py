"""A broker without replicas, round the log of part 2A: nothing to write here, but read it.

Whatever is appended can be read. ``acks`` of ALL means here: it is on disk.
"""

from __future__ import annotations

from distlab.core import Address, Node, Timer
from labs.lab2_log.batches import Corrupt
from labs.lab2_log.brokers import (
    ALL,
    CORRUPT_MESSAGE,
    NONE,
    OFFSET_OUT_OF_RANGE,
    Fetch,
    Fetched,
    ListedOffset,
    ListOffsets,
    Produce,
    Produced,
    StorageConfig,
)
from labs.lab2_log.commitlog import CommitLog, OutOfRange, open_log


class Tend(Timer, frozen=True):
    """Time to look after the log."""


class Storage(Node):
    """One partition on one machine."""

    config: StorageConfig
    partition: CommitLog

    def on_start(self) -> None:
        self.partition = open_log(self.disk, self.config.partition, self.config.log)
        self.set_timer(Tend(), self.config.tend_every)

    def on_produce(self, request: Produce, sender: Address) -> None:
        try:
            base, error = self.partition.append(self.disk, request.records, 0), NONE
        except Corrupt:
            base, error = -1, CORRUPT_MESSAGE
        if request.acks == ALL:
            self.partition.flush(self.disk)
        if request.acks:
            self.send(sender, Produced(request.id, request.partition, error, base))

    def on_fetch(self, request: Fetch, sender: Address) -> None:
        log = self.partition
        try:
            records, error = log.read(self.disk, request.offset, request.max_bytes), NONE
        except OutOfRange:
            records, error = b"", OFFSET_OUT_OF_RANGE
        answer = Fetched(request.id, request.partition, error, log.end, log.start, records=records)
        self.send(sender, answer)

    def on_list_offsets(self, request: ListOffsets, sender: Address) -> None:
        found = self.partition.offset_for_time(self.disk, request.timestamp)
        offset = -1 if found is None else found
        self.send(sender, ListedOffset(request.id, request.partition, offset=offset))

    def on_tend(self, _: Tend) -> None:
        self.partition.tend(self.disk, self.now())
        self.set_timer(Tend(), self.config.tend_every)
