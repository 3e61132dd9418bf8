"""The producer: records go in one by one, batches go out, and each record's outcome comes back. Part 2F.

It is a node that is asked to ``Send`` and to ``Flush``. Everything that it does about a partition it does in
``pump``: give up what is too old, take back what was not answered, send what may be sent, and set one alarm for the
next moment at which any of this may change. Handlers write down what they heard, and pump.

**Three outcomes.** *Ok* says where the record stands. *Fail* says that it is not in the log and never will be: no copy
of it ever left, or the only attempt was refused for good. All else is *Info*: the answer may be lost, or the batch may
be.

**Holes.** When a batch is given up, what stands behind it in its partition is given up with it. Whoever gave us records
in an order hears of the hole before anything is sent over it, and can send again from there. What comes after begins a
new epoch: batches of the old one that are still somewhere in the network are refused from then on.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Address, Fail, Info, Node, Ok, Ticket, Timer
from labs.lab2_log.accumulator import (
    Draft,
    Queue,
    Waiting,
    add,
    begin_epoch,
    close,
    due_at,
    foremost,
    name,
    next_up,
)
from labs.lab2_log.batches import HEADER, NO_PRODUCER
from labs.lab2_log.brokers import (
    CORRUPT_MESSAGE,
    NONE,
    NOT_ENOUGH_REPLICAS,
    NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    NOT_LEADER,
    REQUEST_TIMED_OUT,
    STORAGE_ERROR,
    PartitionState,
    Produce,
    Produced,
)
from labs.lab2_log.partitioner import RoundRobin, Sticky, partition_for
from labs.lab2_log.producing import (
    OUT_OF_ORDER_SEQUENCE,
    UNKNOWN_PRODUCER_ID,
    Flush,
    InitProducerId,
    Metadata,
    MetadataIs,
    ProducerConfig,
    ProducerIdIs,
    Send,
)

APPENDED_PERHAPS = frozenset((NOT_ENOUGH_REPLICAS_AFTER_APPEND, REQUEST_TIMED_OUT, STORAGE_ERROR))
"""Answers that leave the attempt in doubt."""

PASSING = APPENDED_PERHAPS | {
    NOT_LEADER,
    NOT_ENOUGH_REPLICAS,
    CORRUPT_MESSAGE,
    OUT_OF_ORDER_SEQUENCE,
    UNKNOWN_PRODUCER_ID,
}
"""Answers after which the same batch may fare better. All others are final."""


class Wake(Timer, frozen=True):
    """Something becomes due in a partition."""

    partition: int


class Introduce(Timer, frozen=True):
    """No controller has given us an id."""


class Look(Timer, frozen=True):
    """We still do not know who leads."""


class Flushing(Struct):
    """A flush that has not returned."""

    ticket: Ticket
    tickets: set[int]
    """The records that it waits for."""


class Producer(Node):
    """One client of one topic."""

    config: ProducerConfig
    queues: list[Queue]
    chooser: RoundRobin | Sticky
    """The partitioner for records without a key."""
    states: dict[str, PartitionState]
    """Partition -> the newest that was heard of it."""
    wants_news: bool
    """Whether brokers are being asked who leads."""
    questions: int
    turn: int
    """Which broker to ask next."""
    flushes: list[Flushing]

    def on_start(self) -> None:
        self.queues = [Queue(partition) for partition in self.config.partitions]
        room = self.config.batch_size - HEADER.size
        is_sticky = self.config.partitioner == "sticky"
        self.chooser = Sticky(room) if is_sticky else RoundRobin()
        self.states = {}
        self.flushes = []
        self.turn = 0
        self.questions = self.random.getrandbits(40) << 20
        self.wants_news = False
        self.introduce()
        self.look()

    def next_id(self) -> int:
        """An id that no question had before, not in another life either."""
        self.questions += 1
        return self.questions

    # -- who we are, and who leads --------------------------------------------------------------------------------

    def introduce(self) -> None:
        """Ask for a producer id, as long as a queue needs one."""
        needs_one = any(queue.producer_id == NO_PRODUCER for queue in self.queues)
        if self.config.idempotent and needs_one:
            for controller in self.config.controllers:
                self.send(Address(controller), InitProducerId(self.next_id()))
            self.set_timer(Introduce(), self.config.metadata_retry)

    def on_introduce(self, _: Introduce) -> None:
        self.introduce()

    def on_producer_id_is(self, answer: ProducerIdIs) -> None:
        for queue in self.queues:
            if queue.producer_id == NO_PRODUCER and answer.producer_id != queue.spent_id:
                queue.producer_id, queue.epoch = answer.producer_id, answer.producer_epoch
        self.pump_all()

    def look(self) -> None:
        """Ask the next broker who leads, and go on asking until somebody answers; once at a time."""
        if not self.wants_news:
            self.wants_news = True
            self.on_look(Look())

    def on_look(self, _: Look) -> None:
        if self.wants_news:
            self.turn += 1
            to = Address(self.config.brokers[self.turn % len(self.config.brokers)])
            self.send(to, Metadata(self.next_id()))
            self.set_timer(Look(), self.config.metadata_retry)

    def on_metadata_is(self, answer: MetadataIs) -> None:
        for state in answer.partitions:
            known = self.states.get(state.partition)
            if known is None or known.version < state.version:
                self.states[state.partition] = state
        if len(self.available()) < len(self.queues):
            self.look()
        else:
            self.wants_news = False
        self.pump_all()

    def leader(self, queue: Queue) -> str:
        """Who leads the partition, as far as we know; empty: nobody."""
        state = self.states.get(queue.name)
        return state.leader if state is not None else ""

    def available(self) -> list[int]:
        """Numbers of the partitions that have a leader."""
        return [number for number, queue in enumerate(self.queues) if self.leader(queue)]

    # -- what we are asked to do ----------------------------------------------------------------------------------

    def on_send(self, op: Send, ticket: Ticket) -> None:
        """Choose the partition, once for all, and put the record into its queue."""
        raise NotImplementedError(
            "2F: the one that is asked for; else that of the key; else the chooser's"
        )

    def on_flush(self, _: Flush, ticket: Ticket) -> None:
        """Nothing waits for company any more; answer when all that was sent so far is settled."""
        raise NotImplementedError("2F: close the queues, remember who is waited for")

    # -- what leaves ----------------------------------------------------------------------------------------------

    def pump_all(self) -> None:
        for number in range(len(self.queues)):
            self.pump(number)

    def on_wake(self, timer: Wake) -> None:
        self.pump(timer.partition)

    def pump(self, number: int) -> None:
        """Do what can be done now for one partition, and wake up when there is more."""
        raise NotImplementedError(
            "2F: give up what is too old; take back what was not answered; send; set the alarm"
        )

    def can_send(self, queue: Queue) -> bool:
        """Whether we know whom to send to, and under which name."""
        is_named = queue.producer_id != NO_PRODUCER or not self.config.idempotent
        return is_named and self.leader(queue) != ""

    def next_due(self, queue: Queue) -> int | None:
        """When something happens in this queue, if nothing is heard until then; None if it is empty."""
        raise NotImplementedError(
            "2F: the oldest one is too old; an attempt is given up; the next batch may leave"
        )

    def attempt(self, queue: Queue, draft: Draft) -> None:
        """Send the batch, or send it again."""
        raise NotImplementedError("2F: named once; a new request each time")

    def take_back(self, draft: Draft) -> None:
        """The attempt is over, and did not help: try again later, and see who leads."""
        raise NotImplementedError("2F: the backoff doubles, and is never a round number")

    # -- what comes back ------------------------------------------------------------------------------------------

    def on_produced(self, answer: Produced) -> None:
        """An answer to some attempt: perhaps not the last one, perhaps of a batch that is settled."""
        raise NotImplementedError(
            "2F: delivered; or try again; or, where the broker has forgotten us, begin anew; or give up"
        )

    def answered(self, queue: Queue, draft: Draft, answer: Produced) -> None:
        """One attempt of that batch was answered."""
        raise NotImplementedError(
            "2F: a refused attempt is in doubt no more, if it was not too early"
        )

    def is_missing(self, queue: Queue, draft: Draft) -> bool:
        """Whether this batch, and so all behind it, is certainly not in the log."""
        raise NotImplementedError("2F: it is the oldest one, and every attempt of it was refused")

    def deliver(self, queue: Queue, draft: Draft, base: int) -> None:
        """The batch is in the log."""
        raise NotImplementedError("2F: each record stands one behind the other")

    def give_up(self, queue: Queue, why: str, refused: Draft | None = None) -> None:
        """A hole: whatever is in the queue is reported, and none of it is sent any more. ``refused`` was, for good."""
        raise NotImplementedError(
            "2F: failed is what never left, and what was refused if no attempt is in doubt; begin an epoch"
        )

    def settle(self, record: Waiting, outcome: Ok | Fail | Info) -> None:
        """The record's outcome is known; so may be that of a flush."""
        raise NotImplementedError(
            "2F: tell it; then the flushes that waited for it and for nothing else"
        )
