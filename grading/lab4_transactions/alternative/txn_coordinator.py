"""A second coordinator: questions wait for their turn, answers for the end, and one pulse does all that is repeated.

Where the reference says CONCURRENT_TRANSACTIONS, this one keeps the question and takes it up again when the record is
in the log or the transaction is complete. And it answers EndTxn only when every partition has its marker.
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct, structs

from distlab.core import Address, Message, Node, Timer
from labs.lab4_transactions.logtx import (
    COMPLETE_ABORT,
    COMPLETE_COMMIT,
    EMPTY,
    INVALID_TXN_STATE,
    NONE,
    NOT_COORDINATOR,
    ONGOING,
    PREPARE_ABORT,
    PREPARE_COMMIT,
    PRODUCER_FENCED,
    AddPartitions,
    EndTxn,
    Identity,
    InitDone,
    InitProducer,
    MarkerWritten,
    PartitionsAdded,
    TxnCoordinatorConfig,
    TxnEnded,
    TxnRecord,
    WriteMarker,
)
from labs.lab4_transactions.txn_log import Appended, AskLog, Lead, Loaded, TxnLog

Ask = InitProducer | AddPartitions | EndTxn
FINAL = {PREPARE_COMMIT: COMPLETE_COMMIT, PREPARE_ABORT: COMPLETE_ABORT}
WAITING = 8
"""Questions that wait for one transactional id, at most; who is forgotten asks again."""


class Pulse(Timer, frozen=True):
    pass


class Desk(Struct):
    """One transactional id."""

    record: TxnRecord | None = None
    is_writing: bool = False
    queue: deque[tuple[Ask, Address]] = deque()
    begun: int | None = None
    """The InitProducer for which the record was written."""
    told: set[str] = set()
    """Partitions that have the marker of the transaction that is ending."""
    deadline: int = 0
    said_at: int = -1
    """When the markers were last said; -1: not yet."""


class Coordinator(Node):
    config: TxnCoordinatorConfig
    log_view: TxnLog
    desks: dict[str, Desk]
    greatest: int

    def on_start(self) -> None:
        self.log_view = TxnLog(self.random.getrandbits(48))
        self.desks, self.greatest = {}, 0
        self.on_pulse(Pulse())

    def on_lead(self, lead: Lead, sender: Address) -> None:
        if self.log_view.heard(self, lead, sender):
            self.desks, self.greatest = {}, 0

    def on_ask_log(self, _: AskLog) -> None:
        self.log_view.ask(self)

    def on_loaded(self, answer: Loaded) -> None:
        records, is_last = self.log_view.loaded(self, answer)
        for record in records:
            self.desk(record.transactional_id).record = record
            self.greatest = max(self.greatest, record.producer.id)
        if is_last:
            for desk in self.desks.values():
                self.enter(desk)

    def on_appended(self, answer: Appended) -> None:
        for record in self.log_view.appended(self, answer):
            desk = self.desk(record.transactional_id)
            was = desk.record
            desk.record, desk.is_writing = record, False
            if was is None or was.state != record.state:
                self.enter(desk)
            self.serve(desk)

    def desk(self, name: str) -> Desk:
        return self.desks.setdefault(name, Desk(queue=deque(), told=set()))

    def enter(self, desk: Desk) -> None:
        """The desk's record is another state."""
        assert desk.record is not None
        if desk.record.state == ONGOING:
            desk.deadline = self.monotonic() + desk.record.timeout
        elif desk.record.state in FINAL:
            desk.told, desk.said_at = set(), -1
            self.say_markers(desk)

    def write(self, desk: Desk, record: TxnRecord) -> None:
        desk.is_writing = True
        self.log_view.write(self, record)

    # -- questions ------------------------------------------------------------------------------------------------

    def on_init_producer(self, ask: InitProducer, sender: Address) -> None:
        self.take(ask, sender, InitDone(ask.id, NOT_COORDINATOR))

    def on_add_partitions(self, ask: AddPartitions, sender: Address) -> None:
        self.take(ask, sender, PartitionsAdded(ask.id, NOT_COORDINATOR))

    def on_end_txn(self, ask: EndTxn, sender: Address) -> None:
        self.take(ask, sender, TxnEnded(ask.id, NOT_COORDINATOR))

    def take(self, ask: Ask, sender: Address, refusal: Message) -> None:
        if not self.log_view.is_ready(self):
            self.send(sender, refusal)
            return
        desk = self.desk(ask.transactional_id)
        if (ask, sender) not in desk.queue and len(desk.queue) < WAITING:
            desk.queue.append((ask, sender))
        self.serve(desk)

    def serve(self, desk: Desk) -> None:
        """Take questions in turn, as long as nothing is being written and no transaction is ending."""
        while desk.queue and not desk.is_writing:
            if desk.record is not None and desk.record.state in FINAL:
                return
            ask, sender = desk.queue[0]
            answer = self.answer_to(ask, desk)
            if answer is not None:
                desk.queue.popleft()
                self.send(sender, answer)

    def answer_to(self, ask: Ask, desk: Desk) -> Message | None:
        """The answer; or None, and then something is being written that will bring it nearer."""
        match ask:
            case InitProducer():
                return self.init(ask, desk)
            case AddPartitions():
                return self.add(ask, desk)
            case EndTxn():
                return self.end(ask, desk)

    def init(self, ask: InitProducer, desk: Desk) -> Message | None:
        record = desk.record
        if record is not None and record.state == ONGOING:
            self.decide(desk, commit=False, asked=False)
            return None
        if record is not None and record.state == EMPTY and desk.begun == ask.id:
            desk.begun = None
            return InitDone(ask.id, NONE, record.producer)
        producer = self.new_id() if record is None else self.next_of(record.producer)
        desk.begun = ask.id
        self.write(desk, TxnRecord(ask.transactional_id, EMPTY, producer, ask.timeout))
        return None

    def add(self, ask: AddPartitions, desk: Desk) -> Message | None:
        record = desk.record
        if record is None or record.producer != ask.producer:
            return PartitionsAdded(ask.id, PRODUCER_FENCED)
        before = record.partitions if record.state == ONGOING else ()
        together = tuple(sorted({*before, *ask.partitions}))
        if record.state == ONGOING and together == before:
            return PartitionsAdded(ask.id)
        new = structs.replace(record, state=ONGOING, partitions=together, ended=None, asked=False)
        self.write(desk, new)
        return None

    def end(self, ask: EndTxn, desk: Desk) -> Message | None:
        record = desk.record
        if record is not None and record.ended == ask.producer and record.asked:
            if (record.state == COMPLETE_COMMIT) == ask.commit:
                return TxnEnded(ask.id, NONE, record.producer)
        elif record is not None and record.producer == ask.producer:
            if record.state == ONGOING:
                self.decide(desk, commit=ask.commit, asked=True)
                return None
            return TxnEnded(ask.id, INVALID_TXN_STATE)
        return TxnEnded(ask.id, PRODUCER_FENCED)

    # -- deciding, and what follows -------------------------------------------------------------------------------

    def new_id(self) -> Identity:
        self.greatest += 1
        return Identity(self.greatest, 0)

    def next_of(self, producer: Identity) -> Identity:
        if producer.epoch + 2 > self.config.max_epoch:
            return self.new_id()
        return Identity(producer.id, producer.epoch + 1)

    def decide(self, desk: Desk, *, commit: bool, asked: bool) -> None:
        assert desk.record is not None
        new = structs.replace(
            desk.record,
            state=PREPARE_COMMIT if commit else PREPARE_ABORT,
            producer=self.next_of(desk.record.producer),
            ended=desk.record.producer,
            asked=asked,
        )
        self.write(desk, new)

    def marker(self, record: TxnRecord) -> WriteMarker:
        assert record.ended is not None
        identity = Identity(record.ended.id, record.ended.epoch + 1)
        return WriteMarker(record.transactional_id, identity, record.state == PREPARE_COMMIT)

    def say_markers(self, desk: Desk) -> None:
        assert desk.record is not None
        desk.said_at = self.monotonic()
        for partition in desk.record.partitions:
            if partition not in desk.told:
                self.send(Address(partition), self.marker(desk.record))

    def on_marker_written(self, answer: MarkerWritten, sender: Address) -> None:
        desk = self.desks.get(answer.transactional_id)
        if desk is None or desk.is_writing or desk.record is None or desk.record.state not in FINAL:
            return
        if answer.producer == self.marker(desk.record).producer:
            desk.told.add(sender)
            if desk.told >= set(desk.record.partitions):
                self.write(desk, structs.replace(desk.record, state=FINAL[desk.record.state]))

    def on_pulse(self, timer: Pulse) -> None:
        now = self.monotonic()
        for desk in self.desks.values() if self.log_view.is_ready(self) else ():
            if desk.record is None or desk.is_writing:
                continue
            if desk.record.state == ONGOING and now >= desk.deadline:
                self.decide(desk, commit=False, asked=False)
            elif desk.record.state in FINAL and now - desk.said_at >= self.config.retry:
                self.say_markers(desk)
        self.set_timer(timer, self.config.retry // 2)
