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
        # BEGIN SOLUTION 2F: the one that is asked for; else that of the key; else the chooser's
        key = None if op.key is None else op.key.encode()
        record = Waiting(ticket, key, op.value.encode(), self.now())
        number, count = op.partition, len(self.queues)
        if number < 0 and key is not None:
            number = partition_for(key, count)
        elif number < 0:
            draw = self.random.getrandbits(30)
            number = self.chooser.choose(self.available(), count, record.size, draw)
        if number >= count:
            self.finish(ticket, Fail("there is no such partition"))
            return
        add(self.queues[number], record, self.monotonic(), self.config)
        self.pump(number)
        # END SOLUTION

    def on_flush(self, _: Flush, ticket: Ticket) -> None:
        """Nothing waits for company any more; answer when all that was sent so far is settled."""
        # BEGIN SOLUTION 2F: close the queues, remember who is waited for
        tickets = {r.ticket for queue in self.queues for d in queue.batches for r in d.records}
        if not tickets:
            self.finish(ticket, Ok())
            return
        self.flushes.append(Flushing(ticket, tickets))
        for queue in self.queues:
            close(queue)
        self.pump_all()
        # END SOLUTION

    # -- what leaves ----------------------------------------------------------------------------------------------

    def pump_all(self) -> None:
        for number in range(len(self.queues)):
            self.pump(number)

    def on_wake(self, timer: Wake) -> None:
        self.pump(timer.partition)

    def pump(self, number: int) -> None:
        """Do what can be done now for one partition, and wake up when there is more."""
        # BEGIN SOLUTION 2F: give up what is too old; take back what was not answered; send; set the alarm
        queue, now = self.queues[number], self.monotonic()
        if queue.batches and now >= queue.batches[0].created + self.config.delivery_timeout:
            self.give_up(queue, "not delivered in time")
        for draft in foremost(queue, self.config):
            if draft.request and now >= draft.due:
                self.take_back(draft)
        while self.can_send(queue) and (up := next_up(queue, now, self.config)) is not None:
            self.attempt(queue, up)
        if (due := self.next_due(queue)) is not None:
            self.set_timer(Wake(number), max(0, due - now))
        # END SOLUTION

    def can_send(self, queue: Queue) -> bool:
        """Whether we know whom to send to, and under which name."""
        is_named = queue.producer_id != NO_PRODUCER or not self.config.idempotent
        return is_named and self.leader(queue) != ""

    def next_due(self, queue: Queue) -> int | None:
        """When something happens in this queue, if nothing is heard until then; None if it is empty."""
        # BEGIN SOLUTION 2F: the oldest one is too old; an attempt is given up; the next batch may leave
        if not queue.batches:
            return None
        times = [queue.batches[0].created + self.config.delivery_timeout]
        drafts = foremost(queue, self.config)
        times += [draft.due for draft in drafts if draft.request]
        resting = [draft for draft in drafts if not draft.request]
        if resting and self.can_send(queue):
            times.append(due_at(resting[0], self.config))
        # What is due already waits for an answer, not for time.
        return min([t for t in times if t > self.monotonic()], default=None)
        # END SOLUTION

    def attempt(self, queue: Queue, draft: Draft) -> None:
        """Send the batch, or send it again."""
        # BEGIN SOLUTION 2F: named once; a new request each time
        if not draft.blob:
            name(queue, draft, self.config)
        draft.attempts += 1
        draft.request = self.next_id()
        draft.in_doubt.add(draft.request)
        if draft is not queue.batches[0]:
            draft.early.add(draft.request)
        draft.due = self.monotonic() + self.config.request_timeout
        acks = self.config.acks
        # The broker says that it takes too long before we lose patience.
        patience = self.config.request_timeout * 4 // 5
        self.send(
            Address(self.leader(queue)),
            Produce(draft.request, queue.name, acks, draft.blob, patience),
        )
        if acks == 0:
            self.deliver(queue, draft, -1)
        # END SOLUTION

    def take_back(self, draft: Draft) -> None:
        """The attempt is over, and did not help: try again later, and see who leads."""
        # BEGIN SOLUTION 2F: the backoff doubles, and is never a round number
        wait = self.config.retry_backoff << min(draft.attempts - 1, 20)
        wait = min(wait, self.config.retry_backoff_max)
        draft.request = 0
        draft.due = self.monotonic() + wait - int(self.random.random() * wait / 4)
        self.look()
        # END SOLUTION

    # -- what comes back ------------------------------------------------------------------------------------------

    def on_produced(self, answer: Produced) -> None:
        """An answer to some attempt: perhaps not the last one, perhaps of a batch that is settled."""
        # BEGIN SOLUTION 2F: delivered; or try again; or, where the broker has forgotten us, begin anew; or give up
        for number, queue in enumerate(self.queues):
            for draft in foremost(queue, self.config):
                if answer.id in draft.in_doubt:
                    self.answered(queue, draft, answer)
                    self.pump(number)
                    return
        # END SOLUTION

    def answered(self, queue: Queue, draft: Draft, answer: Produced) -> None:
        """One attempt of that batch was answered."""
        # BEGIN SOLUTION 2F: a refused attempt is in doubt no more, if it was not too early
        if answer.error == NONE:
            self.deliver(queue, draft, answer.base_offset)
            return
        if answer.error not in APPENDED_PERHAPS and answer.id not in draft.early:
            draft.in_doubt.discard(answer.id)
        if answer.error not in PASSING:
            self.give_up(queue, answer.error, draft)
        elif answer.error == UNKNOWN_PRODUCER_ID and self.is_missing(queue, draft):
            begin_epoch(queue)
            self.introduce()
        elif answer.id == draft.request:
            self.take_back(draft)
        # END SOLUTION

    def is_missing(self, queue: Queue, draft: Draft) -> bool:
        """Whether this batch, and so all behind it, is certainly not in the log."""
        # BEGIN SOLUTION 2F: it is the oldest one, and every attempt of it was refused
        return draft is queue.batches[0] and not draft.in_doubt
        # END SOLUTION

    def deliver(self, queue: Queue, draft: Draft, base: int) -> None:
        """The batch is in the log."""
        # BEGIN SOLUTION 2F: each record stands one behind the other
        queue.batches.remove(draft)
        number = self.queues.index(queue)
        for place, record in enumerate(draft.records):
            self.settle(record, Ok([number, base + place if base >= 0 else base]))
        # END SOLUTION

    def give_up(self, queue: Queue, why: str, refused: Draft | None = None) -> None:
        """A hole: whatever is in the queue is reported, and none of it is sent any more. ``refused`` was, for good."""
        # BEGIN SOLUTION 2F: failed is what never left, and what was refused if no attempt is in doubt; begin an epoch
        batches, queue.batches = queue.batches, []
        for draft in batches:
            is_refused = draft is refused and not draft.in_doubt
            is_out = is_refused or not draft.attempts
            for record in draft.records:
                self.settle(record, Fail(why) if is_out else Info(why))
        if any(draft.attempts for draft in batches):
            begin_epoch(queue)
            self.introduce()
        # END SOLUTION

    def settle(self, record: Waiting, outcome: Ok | Fail | Info) -> None:
        """The record's outcome is known; so may be that of a flush."""
        # BEGIN SOLUTION 2F: tell it; then the flushes that waited for it and for nothing else
        self.finish(Ticket(record.ticket), outcome)
        for flushing in self.flushes:
            flushing.tickets.discard(record.ticket)
            if not flushing.tickets:
                self.finish(flushing.ticket, Ok())
        self.flushes = [flushing for flushing in self.flushes if flushing.tickets]
        # END SOLUTION
