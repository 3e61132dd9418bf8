"""The transaction coordinator: who may speak for a transactional id, and how each transaction ends (part 4F2).

Rule: what the log does not have has not happened. Nobody is answered, and no marker is written, before the record
stands there; while a record of a transactional id is being written, nobody else gets in (CONCURRENT_TRANSACTIONS).

Theory (KIP-98; KIP-890 for epochs)::

    Empty ──▶ Ongoing ──▶ PrepareCommit ──▶ CompleteCommit ──╮
      ▲          │                                           │
      │          ╰──────▶ PrepareAbort  ──▶ CompleteAbort ───┤
      │                                                      │
      ╰── InitProducer ── from any of these ◀────────────────┴──▶ Ongoing: the next one

The Prepare record **is** the decision: the commit point of two-phase commit, with the partitions as participants that
have always said yes. What follows can only be repeated: markers, to every partition of the record, until each has
answered; then Complete. Whoever takes over reads the log, and goes on from there.

Each transaction has an epoch of its own. The Prepare record already holds the next one: so an EndTxn of the past, late
or repeated, names a transaction that is over, and cannot end the one that runs. Aborting a transaction that nobody
asked to end (time-out, or a new producer of the same id) raises the epoch in the same way: that is what fences the
old producer, at the coordinator by the record, in the partitions by the marker.
"""

from __future__ import annotations

from msgspec import structs

from distlab.core import Address, Message, Node, Timer
from labs.lab4_transactions.logtx import (
    COMPLETE_ABORT,
    COMPLETE_COMMIT,
    CONCURRENT_TRANSACTIONS,
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

# BEGIN SOLUTION 4F2: your timers, and tables if you like
COMMITS = (PREPARE_COMMIT, COMPLETE_COMMIT)
PREPARED = (PREPARE_COMMIT, PREPARE_ABORT)


class TimeOut(Timer, frozen=True):
    """This transaction has been open for long enough."""

    transactional_id: str
    producer: Identity


class SayMarkers(Timer, frozen=True):
    """Time to repeat the markers that have not been answered."""

    transactional_id: str


# END SOLUTION


class Coordinator(Node):
    """One of several; the log says who leads."""

    config: TxnCoordinatorConfig
    log_view: TxnLog
    # BEGIN SOLUTION 4F2: declare your state
    known: dict[str, TxnRecord]
    """Transactional id -> its last record in the log."""
    writing: dict[str, tuple[Address, Message] | None]
    """Ids of which a record is being written, and what to say to whom once it stands there."""
    markers: dict[str, set[str]]
    """Ids whose transaction is ending, and the partitions that have not answered."""
    next_id: int
    """Producer id that nobody has had."""
    # END SOLUTION

    def on_start(self) -> None:
        """Nothing is known before the log says who leads."""
        self.log_view = TxnLog(self.random.getrandbits(48))
        # BEGIN SOLUTION 4F2: begin with nothing
        self.forget()
        # END SOLUTION

    # -- the log --------------------------------------------------------------------------------------------------

    def on_lead(self, lead: Lead, sender: Address) -> None:
        """News of who coordinates. See ``TxnLog.heard``."""
        # BEGIN SOLUTION 4F2: in a new epoch everything is forgotten
        if self.log_view.heard(self, lead, sender):
            self.forget()
        # END SOLUTION

    def on_loaded(self, answer: Loaded) -> None:
        """Records of earlier coordinators. See ``TxnLog.loaded``."""
        # BEGIN SOLUTION 4F2: take them in; once they are all there, go on with what was under way
        records, is_last = self.log_view.loaded(self, answer)
        for record in records:
            self.known[record.transactional_id] = record
            self.next_id = max(self.next_id, record.producer.id + 1)
        if is_last:
            for record in list(self.known.values()):
                self.go_on(record)
        # END SOLUTION

    def on_appended(self, answer: Appended) -> None:
        """Records that stand in the log now. See ``TxnLog.appended``."""
        # BEGIN SOLUTION 4F2: now it has happened: answer, and go on
        for record in self.log_view.appended(self, answer):
            before = self.known.get(record.transactional_id)
            self.known[record.transactional_id] = record
            if (reply := self.writing.pop(record.transactional_id, None)) is not None:
                self.send(*reply)
            if before is None or (before.state, before.producer) != (record.state, record.producer):
                self.go_on(record)  # more partitions do not give a transaction more time
        # END SOLUTION

    def on_ask_log(self, _: AskLog) -> None:
        self.log_view.ask(self)

    # -- producers ------------------------------------------------------------------------------------------------

    def on_init_producer(self, ask: InitProducer, sender: Address) -> None:
        """A new producer: an identity that nobody has had, once nothing of the old one is open.

        If a transaction is open, abort it first; the producer may be told CONCURRENT_TRANSACTIONS, and asks again.
        """
        # BEGIN SOLUTION 4F2: a new id, or the next epoch; an open transaction is aborted first
        error = self.not_now(ask.transactional_id)
        record = self.known.get(ask.transactional_id)
        if not error and record is not None and record.state == ONGOING:
            self.prepare(record, commit=False)
            error = CONCURRENT_TRANSACTIONS
        if not error and record is not None and record.state in PREPARED:
            error = CONCURRENT_TRANSACTIONS
        if error:
            self.send(sender, InitDone(ask.id, error))
            return
        identity = self.fresh() if record is None else self.after(record.producer)
        new = TxnRecord(ask.transactional_id, EMPTY, identity, ask.timeout)
        self.write(new, (sender, InitDone(ask.id, NONE, identity)))
        # END SOLUTION

    def on_add_partitions(self, ask: AddPartitions, sender: Address) -> None:
        """The first one begins the transaction, and its time. Those that are in it already cost nothing."""
        # BEGIN SOLUTION 4F2: only for who may speak, and not before the last transaction is complete
        error = self.not_now(ask.transactional_id)
        record = self.known.get(ask.transactional_id)
        if not error and (record is None or record.producer != ask.producer):
            error = PRODUCER_FENCED
        if not error and record is not None and record.state in PREPARED:
            error = CONCURRENT_TRANSACTIONS
        answer = PartitionsAdded(ask.id, error)
        if error or record is None:
            self.send(sender, answer)
            return
        before = record.partitions if record.state == ONGOING else ()
        together = tuple(sorted({*before, *ask.partitions}))
        if record.state == ONGOING and together == before:
            self.send(sender, answer)
            return
        new = TxnRecord(record.transactional_id, ONGOING, record.producer, record.timeout, together)
        self.write(new, (sender, answer))
        # END SOLUTION

    def on_end_txn(self, ask: EndTxn, sender: Address) -> None:
        """Decide. Asked again about what it has decided itself, a producer gets the same answer again.

        PRODUCER_FENCED: it is not its transaction any more, or was ended otherwise than it asks.
        """
        # BEGIN SOLUTION 4F2: the open transaction of exactly that identity; or the answer that was lost
        error = self.not_now(ask.transactional_id)
        record = self.known.get(ask.transactional_id)
        answer = TxnEnded(ask.id, PRODUCER_FENCED)
        if error:
            answer = TxnEnded(ask.id, error)
        elif record is None:
            pass
        elif record.ended == ask.producer and record.asked:
            if (record.state in COMMITS) == ask.commit:
                answer = TxnEnded(ask.id, NONE, record.producer)
        elif record.producer == ask.producer and record.state == ONGOING:
            self.prepare(record, commit=ask.commit, asked=(ask, sender))
            return
        elif record.producer == ask.producer:
            answer = TxnEnded(ask.id, INVALID_TXN_STATE)
        self.send(sender, answer)
        # END SOLUTION

    # -- partitions -----------------------------------------------------------------------------------------------

    def on_marker_written(self, answer: MarkerWritten, sender: Address) -> None:
        """A partition has it. When all have, the transaction is complete."""
        # BEGIN SOLUTION 4F2: tick it off; the last one completes it
        record = self.known.get(answer.transactional_id)
        if record is None or not self.markers.get(record.transactional_id):
            return
        if answer.producer == self.marker_of(record):
            self.markers[record.transactional_id].discard(sender)
            self.complete_if_done(record)
        # END SOLUTION

    # BEGIN SOLUTION 4F2: your timers and helpers
    def on_time_out(self, timer: TimeOut) -> None:
        record = self.known.get(timer.transactional_id)
        if record is None or (record.state, record.producer) != (ONGOING, timer.producer):
            return
        if self.not_now(timer.transactional_id):
            self.set_timer(timer, self.config.retry)
        else:
            self.prepare(record, commit=False)

    def on_say_markers(self, timer: SayMarkers) -> None:
        record = self.known.get(timer.transactional_id)
        if record is not None and self.markers.get(timer.transactional_id):
            self.say_markers(record)

    def forget(self) -> None:
        self.known, self.writing, self.markers = {}, {}, {}
        self.next_id = 1

    def not_now(self, transactional_id: str) -> str:
        """Why nothing can be said at the moment; empty if it can."""
        if not self.log_view.is_ready(self):
            return NOT_COORDINATOR
        return CONCURRENT_TRANSACTIONS if transactional_id in self.writing else NONE

    def write(self, record: TxnRecord, reply: tuple[Address, Message] | None = None) -> None:
        self.writing[record.transactional_id] = reply
        self.log_view.write(self, record)

    def fresh(self) -> Identity:
        self.next_id += 1
        return Identity(self.next_id - 1, 0)

    def after(self, identity: Identity) -> Identity:
        """The next epoch; or another id, if a marker of that one's could not have an epoch above it."""
        if identity.epoch + 1 < self.config.max_epoch:
            return Identity(identity.id, identity.epoch + 1)
        return self.fresh()

    def prepare(
        self, record: TxnRecord, *, commit: bool, asked: tuple[EndTxn, Address] | None = None
    ) -> None:
        """Write the decision down."""
        following = self.after(record.producer)
        new = structs.replace(
            record,
            state=PREPARE_COMMIT if commit else PREPARE_ABORT,
            producer=following,
            ended=record.producer,
            asked=asked is not None,
        )
        reply: tuple[Address, Message] | None = None
        if asked is not None:
            ask, sender = asked
            reply = sender, TxnEnded(ask.id, NONE, following)
        self.write(new, reply)

    def go_on(self, record: TxnRecord) -> None:
        """What a record in the log asks for."""
        if record.state == ONGOING:
            timer = TimeOut(record.transactional_id, record.producer)
            self.set_timer(timer, record.timeout)
        elif record.state in PREPARED:
            self.markers[record.transactional_id] = set(record.partitions)
            self.say_markers(record)

    def marker_of(self, record: TxnRecord) -> Identity:
        assert record.ended is not None
        return Identity(record.ended.id, record.ended.epoch + 1)

    def say_markers(self, record: TxnRecord) -> None:
        marker = WriteMarker(
            record.transactional_id, self.marker_of(record), record.state == PREPARE_COMMIT
        )
        for partition in sorted(self.markers[record.transactional_id]):
            self.send(Address(partition), marker)
        self.set_timer(SayMarkers(record.transactional_id), self.config.retry)

    def complete_if_done(self, record: TxnRecord) -> None:
        if not self.markers[record.transactional_id]:
            del self.markers[record.transactional_id]
            state = COMPLETE_COMMIT if record.state == PREPARE_COMMIT else COMPLETE_ABORT
            self.write(structs.replace(record, state=state, partitions=()))

    # END SOLUTION
