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
        # BEGIN SOLUTION 2E: leave a farewell behind, and stop
        self.disk.append(FAREWELL, Farewell(self.life))
        self.disk.sync(FAREWELL, "/")
        self.stop("asked to shut down")
        # END SOLUTION

    def read_farewell(self) -> int:
        """The life that ended cleanly right before this one; 0 if none did."""
        # BEGIN SOLUTION 2E: it holds for one start; what is sent after the sync waits until it is gone
        if not self.disk.exists(FAREWELL):
            return 0
        found = self.disk.recover(FAREWELL, Farewell)
        self.disk.delete(FAREWELL)
        self.disk.sync("/")
        return found[-1].life if found else 0
        # END SOLUTION

    # -- the ISR ------------------------------------------------------------------------------------------------------

    def review(self, partition: Partition, *, again: bool = False) -> None:
        """See whether we want another ISR. Called when a follower has fetched, and with every beat."""
        # BEGIN SOLUTION 2E: what is asked for already is asked for again with the beat only
        state = partition.state
        if state is None or not partition.leads or (partition.proposal is not None and not again):
            return
        wanted = self.wanted_isr(partition, state)
        proposal = proposal_now(state, partition.proposal, wanted)
        if proposal is None:
            return
        if proposal != partition.proposal:
            partition.proposal, partition.proposal_id = proposal, self.next_id()
        request = AlterPartition(
            partition.proposal_id,
            partition.name,
            partition.leader_epoch,
            proposal,
            partition.version,
        )
        self.tell_controllers(request)
        # END SOLUTION

    def wanted_isr(self, partition: Partition, state: PartitionState) -> tuple[str, ...]:
        """By what we know now of the followers."""
        # BEGIN SOLUTION 2E: insync.wanted_isr, with the clock and the config
        for broker in state.replicas:
            if broker != self.address:
                partition.progress.setdefault(broker, Progress())
        needed = max(partition.high_watermark, partition.epoch_start)
        now, lag_time = self.monotonic(), self.config.lag_time
        return wanted_isr(state, partition.progress, needed, now, lag_time)
        # END SOLUTION

    def on_partition_altered(self, answer: PartitionAltered, sender: Address) -> None:
        partition = self.partitions.get(answer.state.partition)
        # BEGIN SOLUTION 2E: of our own epoch it tells of the ISR; of a later one LeaderAndIsr will tell
        if partition is None or not partition.leads:
            return
        if answer.state.leader_epoch == partition.leader_epoch:
            self.take_isr(partition, answer.state)
        # END SOLUTION

    def take_isr(self, partition: Partition, state: PartitionState) -> None:
        """A state of the epoch that we are in, by an answer or by LeaderAndIsr: perhaps the ISR has changed."""
        # BEGIN SOLUTION 2E: settle the proposal, take the ISR if it is news, and let the broker act upon it
        known = partition.state
        assert known is not None
        partition.proposal = proposal_after(partition.proposal, known, state)
        if state.version > known.version:
            partition.state = state
        self.isr_changed(partition)
        # END SOLUTION

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
