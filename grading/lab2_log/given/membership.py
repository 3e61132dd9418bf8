"""Who is in sync: a broker that tells the controller that it lives, and which ISR it wants. Given, until part 2E.

A leader takes a follower out of the ISR that has not been caught up for ``lag_time``, and takes it in again when it has
fetched, in this epoch and lately, up to the high watermark and up to where the epoch began. It cannot decide that: it
asks the controller (AlterPartition), with the version that it knows, and asks again until it is answered. Until then
the new members *may* be in the ISR, so nothing is committed that they do not have: see ``Partition.maximal_isr``.
"""

from __future__ import annotations

from msgspec import structs

from distlab.core import MS, Address, Node, Timer
from labs.lab2_log.brokers import (
    Alive,
    AlterPartition,
    BrokerConfig,
    BrokerProbe,
    PartitionAltered,
    PartitionState,
    Replica,
    Stored,
    crc_of,
)
from labs.lab2_log.replicas import Partition, Progress

BEAT = 40 * MS


class Beat(Timer, frozen=True):
    """Time to say that we live."""


class InSync(Node):
    """The part of a broker that deals with the ISR."""

    config: BrokerConfig
    life: int
    questions: int
    """Ids of this broker's questions, so far."""
    partitions: dict[str, Partition]

    def on_start(self) -> None:
        self.life = self.random.getrandbits(40)
        self.questions = 0
        self.partitions = {}
        self.on_beat(Beat())

    def next_id(self) -> int:
        """An id that no question had before; not in another life either."""
        self.questions += 1
        return self.life % (1 << 32) * (1 << 20) + self.questions

    def on_beat(self, _: Beat) -> None:
        for controller in self.config.controllers:
            self.send(Address(controller), Alive(self.life))
        for partition in self.partitions.values():
            if partition.leads and partition.proposal is not None:
                self.propose(partition)
            else:
                self.review(partition)
        self.set_timer(Beat(), BEAT)

    def review(self, partition: Partition) -> None:
        """Ask for another ISR, if we want one. Call it when a follower has fetched."""
        if partition.leads and partition.proposal is None:
            wanted = self.wanted_isr(partition)
            if wanted != partition.isr:
                partition.proposal, partition.proposal_id = wanted, self.next_id()
                self.propose(partition)

    def propose(self, partition: Partition) -> None:
        assert partition.proposal is not None
        request = AlterPartition(
            partition.proposal_id,
            partition.name,
            partition.leader_epoch,
            partition.proposal,
            partition.version,
        )
        for controller in self.config.controllers:
            self.send(Address(controller), request)

    def wanted_isr(self, partition: Partition) -> tuple[str, ...]:
        assert partition.state is not None
        needed = max(partition.high_watermark, partition.epoch_start)

        def belongs(broker: str) -> bool:
            if broker == partition.address:
                return True
            progress = partition.progress.setdefault(broker, Progress())
            if broker in partition.isr:
                return self.monotonic() - progress.caught_up <= self.config.lag_time
            is_there = self.monotonic() - progress.fetched_at <= self.config.lag_time
            return is_there and progress.end >= needed

        return tuple(filter(belongs, partition.state.replicas))

    def on_partition_altered(self, answer: PartitionAltered, sender: Address) -> None:
        partition = self.partitions.get(answer.state.partition)
        if partition is None or answer.id != partition.proposal_id:
            return
        if partition.leads and answer.state.leader_epoch == partition.leader_epoch:
            partition.proposal = None
            self.take_isr(partition, answer.state)

    def take_isr(self, partition: Partition, state: PartitionState) -> None:
        """The ISR has changed, in the same epoch."""
        assert partition.state is not None
        if state.version > partition.version:
            partition.state = structs.replace(partition.state, isr=state.isr, version=state.version)
            if partition.proposal is not None and set(partition.proposal) <= set(state.isr):
                partition.proposal = None
        self.isr_changed(partition)

    def isr_changed(self, partition: Partition) -> None:
        """For the broker to act upon."""

    def probe(self) -> BrokerProbe:
        found = []
        for partition in self.partitions.values():
            batches = tuple(
                Stored(head.base_offset, head.epoch, crc_of(blob))
                for head, blob in partition.log.batches(self.disk)
            )
            found.append(
                Replica(
                    partition.name,
                    partition.leader,
                    partition.leader_epoch,
                    partition.isr,
                    partition.log.start,
                    partition.log.end,
                    partition.high_watermark,
                    tuple(partition.epochs),
                    batches,
                )
            )
        return BrokerProbe(tuple(found))
