"""A broker's word with the controllers: that it lives, which ISR it wants, whether it ended cleanly.

The shell round ``insync.py``: it knows the time, sends, and repeats. Nobody knows which of the controllers decides, so
all are told, and who does not decide says nothing. Whatever is asked is asked again until it is settled.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import MS, Address, Node, Ok, Ticket, Timer
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

BEAT = 40 * MS
"""How often a broker says that it lives, and looks at its followers."""
FAREWELL = "farewell"
"""The file that is there only between a clean end and the next start."""


class Farewell(Struct, frozen=True):
    """This life ended, and everything is on disk."""

    life: int


class Beat(Timer, frozen=True):
    """Time to say that we live."""


class InSync(Node):
    """The part of a broker that deals with controllers. ``Broker`` is a subclass, and adds all the rest."""

    config: BrokerConfig
    life: int
    previous: int
    """The life before, if it ended cleanly; else 0."""
    questions: int
    """Ids of this broker's questions, so far."""
    partitions: dict[str, Partition]

    def on_start(self) -> None:
        self.life = self.random.getrandbits(40)
        self.questions = 0
        self.partitions = {}
        self.previous = self.read_farewell()
        self.on_beat(Beat())

    def next_id(self) -> int:
        """An id that no question had before; not in another life either."""
        self.questions += 1
        return self.life % (1 << 32) * (1 << 20) + self.questions

    def on_beat(self, _: Beat) -> None:
        self.tell_controllers(Alive(self.life, self.previous))
        for partition in self.partitions.values():
            self.review(partition, again=True)
        self.set_timer(Beat(), BEAT)

    def tell_controllers(self, message: Alive | AlterPartition) -> None:
        for controller in self.config.controllers:
            self.send(Address(controller), message)

    # -- a clean end --------------------------------------------------------------------------------------------------

    def on_shut_down(self, _: ShutDown, ticket: Ticket) -> None:
        """All that we ever said is on disk already: it is enough to say so, and to say nothing more."""
        self.finish(ticket, Ok())
        raise NotImplementedError("2E: leave a farewell behind, and stop")

    def read_farewell(self) -> int:
        """The life that ended cleanly right before this one; 0 if none did."""
        raise NotImplementedError(
            "2E: it holds for one start; what is sent after the sync waits until it is gone"
        )

    # -- the ISR ------------------------------------------------------------------------------------------------------

    def review(self, partition: Partition, *, again: bool = False) -> None:
        """See whether we want another ISR. Called when a follower has fetched, and with every beat."""
        raise NotImplementedError(
            "2E: what is asked for already is asked for again with the beat only"
        )

    def wanted_isr(self, partition: Partition, state: PartitionState) -> tuple[str, ...]:
        """By what we know now of the followers."""
        raise NotImplementedError("2E: insync.wanted_isr, with the clock and the config")

    def on_partition_altered(self, answer: PartitionAltered, sender: Address) -> None:
        partition = self.partitions.get(answer.state.partition)
        raise NotImplementedError(
            "2E: of our own epoch it tells of the ISR; of a later one LeaderAndIsr will tell"
        )

    def take_isr(self, partition: Partition, state: PartitionState) -> None:
        """A state of the epoch that we are in, by an answer or by LeaderAndIsr: perhaps the ISR has changed."""
        raise NotImplementedError(
            "2E: settle the proposal, take the ISR if it is news, and let the broker act upon it"
        )

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
