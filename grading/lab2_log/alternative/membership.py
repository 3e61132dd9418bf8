"""The second solution's word with the controllers: it looks at followers with the beat, not when they fetch."""

from __future__ import annotations

from msgspec import Struct, structs

from distlab.core import MS, Address, Message, Node, Ok, Ticket, Timer
from labs.lab2_log.brokers import (
    Alive,
    AlterPartition,
    BrokerConfig,
    BrokerProbe,
    PartitionAltered,
    PartitionState,
    Replica,
    ShutDown,
    Stored,
    crc_of,
)
from labs.lab2_log.insync import proposal_after, proposal_now, wanted_isr
from labs.lab2_log.replicas import Partition, Progress


class Ended(Struct, frozen=True, tag=True):
    """The last record of this broker's diary: a life, ended well. A later ``Began`` takes it back."""

    life: int


class Began(Struct, frozen=True, tag=True):
    life: int


class Pulse(Timer, frozen=True):
    """Every 30 ms."""


class InSync(Node):
    config: BrokerConfig
    life: int
    previous: int
    questions: int
    partitions: dict[str, Partition]

    def on_start(self) -> None:
        self.life, self.questions, self.partitions = self.random.getrandbits(40), 0, {}
        self.previous = 0
        if self.disk.exists("diary"):
            for record in self.disk.recover("diary", Ended | Began):
                self.previous = record.life if isinstance(record, Ended) else 0
            self.disk.append("diary", Began(self.life))
            self.disk.sync("diary", "/")
        self.on_pulse(Pulse())

    def next_id(self) -> int:
        self.questions += 1
        return self.life % (1 << 32) * (1 << 20) + self.questions

    def say(self, message: Message) -> None:
        for controller in self.config.controllers:
            self.send(Address(controller), message)

    def on_pulse(self, _: Pulse) -> None:
        self.set_timer(Pulse(), 30 * MS)
        self.say(Alive(self.life, self.previous))
        for partition in self.partitions.values():
            if partition.leads:
                self.propose(partition)

    def on_shut_down(self, _: ShutDown, ticket: Ticket) -> None:
        self.finish(ticket, Ok())
        self.disk.append("diary", Ended(self.life))
        self.disk.sync("diary", "/")
        self.stop("shut down")

    def review(self, partition: Partition) -> None:
        """A follower has fetched. The next beat is soon enough."""

    def propose(self, partition: Partition) -> None:
        state = partition.state
        assert state is not None
        for broker in state.replicas:
            if broker != self.address:
                partition.progress.setdefault(broker, Progress())
        needed = max(partition.epoch_start, partition.high_watermark)
        wanted = wanted_isr(
            state, partition.progress, needed, self.monotonic(), self.config.lag_time
        )
        partition.proposal = proposal_now(state, partition.proposal, wanted)
        if partition.proposal is not None:
            partition.proposal_id = self.next_id()
            self.say(
                AlterPartition(
                    partition.proposal_id,
                    partition.name,
                    state.leader_epoch,
                    partition.proposal,
                    state.version,
                )
            )

    def on_partition_altered(self, answer: PartitionAltered, sender: Address) -> None:
        for partition in self.partitions.values():
            is_ours = partition.leads and partition.name == answer.state.partition
            if is_ours and answer.state.leader_epoch == partition.leader_epoch:
                self.take_isr(partition, answer.state)

    def take_isr(self, partition: Partition, state: PartitionState) -> None:
        known = partition.state
        assert known is not None
        partition.proposal = proposal_after(partition.proposal, known, state)
        if state.version > known.version:
            partition.state = structs.replace(known, isr=state.isr, version=state.version)
        self.isr_changed(partition)

    def isr_changed(self, partition: Partition) -> None:
        """For the broker to act upon."""

    def probe(self) -> BrokerProbe:
        return BrokerProbe(tuple(map(self.shown, self.partitions.values())))

    def shown(self, partition: Partition) -> Replica:
        return Replica(
            partition=partition.name,
            leader=partition.leader,
            leader_epoch=partition.leader_epoch,
            isr=partition.isr,
            log_start=partition.log.start,
            end=partition.log.end,
            high_watermark=partition.high_watermark,
            epochs=tuple(partition.epochs),
            batches=tuple(
                Stored(head.base_offset, head.epoch, crc_of(blob))
                for head, blob in partition.log.batches(self.disk)
            ),
        )
