"""Bugs of part 4F2: coordinators that decide twice, too early, for the wrong transaction, or not at all."""

from __future__ import annotations

from msgspec import structs

from distlab.core import Address, Message
from distlab.grade.lab import Mutant, bug
from labs.lab4_transactions.logtx import (
    COMPLETE_ABORT,
    COMPLETE_COMMIT,
    CONCURRENT_TRANSACTIONS,
    EMPTY,
    NONE,
    NOT_COORDINATOR,
    ONGOING,
    PREPARE_ABORT,
    PREPARE_COMMIT,
    PRODUCER_FENCED,
    AddPartitions,
    EndTxn,
    Fetched,
    Identity,
    InitDone,
    InitProducer,
    MarkerWritten,
    PartitionsAdded,
    Record,
    TxnEnded,
    TxnRecord,
    WriteMarker,
)
from labs.lab4_transactions.txn_coordinator import PREPARED, Coordinator, SayMarkers, TimeOut
from labs.lab4_transactions.txn_index import TransactionIndex
from labs.lab4_transactions.txn_log import Lead, Loaded
from labs.lab4_transactions.txn_reader import read_committed

# -- who may speak ----------------------------------------------------------------------------------------------------


class AnyEpochEnds(Coordinator):
    """Looks at the producer id of an EndTxn, not at its epoch: one that comes late, or again, ends the next one."""

    def on_end_txn(self, ask: EndTxn, sender: Address) -> None:
        record = self.known.get(ask.transactional_id)
        if record is not None and record.state == ONGOING and record.producer.id == ask.producer.id:
            ask = structs.replace(ask, producer=record.producer)
        super().on_end_txn(ask, sender)


class AnybodyAdds(Coordinator):
    """Adds partitions for any epoch: an old producer's batch becomes part of the new one's transaction."""

    def on_add_partitions(self, ask: AddPartitions, sender: Address) -> None:
        record = self.known.get(ask.transactional_id)
        if record is not None and record.producer.id == ask.producer.id:
            ask = structs.replace(ask, producer=record.producer)
        super().on_add_partitions(ask, sender)


class SameAgain(Coordinator):
    """A new producer of a known transactional id gets the identity of the old one: two of one name."""

    def on_init_producer(self, ask: InitProducer, sender: Address) -> None:
        record = self.known.get(ask.transactional_id)
        if not self.not_now(ask.transactional_id) and record and record.state == EMPTY:
            self.send(sender, InitDone(ask.id, NONE, record.producer))
            return
        super().on_init_producer(ask, sender)


class YesToBoth(Coordinator):
    """Asked again how it ended, it says yes: whatever was asked, and whoever had ended it."""

    def on_end_txn(self, ask: EndTxn, sender: Address) -> None:
        record = self.known.get(ask.transactional_id)
        is_over = record is not None and record.ended == ask.producer
        if is_over and record is not None and not self.not_now(ask.transactional_id):
            self.send(sender, TxnEnded(ask.id, NONE, record.producer))
            return
        super().on_end_txn(ask, sender)


class TimesOutInPlace(Coordinator):
    """Aborts by time-out and leaves the epoch as it is: the producer does not notice, and writes its second half."""

    def prepare(
        self, record: TxnRecord, *, commit: bool, asked: tuple[EndTxn, Address] | None = None
    ) -> None:
        if asked is not None or commit:
            super().prepare(record, commit=commit, asked=asked)
            return
        new = structs.replace(record, state=PREPARE_ABORT, ended=record.producer, asked=False)
        self.write(new)


class EndsWithoutBump(Coordinator):
    """The epoch rises at a beginning only, not with every transaction (as it was before KIP-890)."""

    def prepare(
        self, record: TxnRecord, *, commit: bool, asked: tuple[EndTxn, Address] | None = None
    ) -> None:
        following = record.producer if asked is not None else self.after(record.producer)
        state = PREPARE_COMMIT if commit else PREPARE_ABORT
        new = structs.replace(
            record,
            state=state,
            producer=following,
            ended=Identity(record.producer.id, record.producer.epoch),
            asked=asked is not None,
        )
        reply: tuple[Address, Message] | None = None
        if asked is not None:
            reply = asked[1], TxnEnded(asked[0].id, NONE, following)
        self.write(new, reply)


# -- epochs run out ---------------------------------------------------------------------------------------------------


class NeverRotates(Coordinator):
    """Raises the epoch for ever: beyond the greatest one nothing takes it any more."""

    def after(self, identity: Identity) -> Identity:
        return Identity(identity.id, identity.epoch + 1)


class WrapsAround(Coordinator):
    """Behind the last epoch it begins at 0 again, with the same producer id."""

    def after(self, identity: Identity) -> Identity:
        if identity.epoch + 1 < self.config.max_epoch:
            return Identity(identity.id, identity.epoch + 1)
        return Identity(identity.id, 0)


class UsesTheLastEpoch(Coordinator):
    """Gives out the greatest epoch, too: and the marker of that transaction would need one more."""

    def after(self, identity: Identity) -> Identity:
        if identity.epoch + 1 <= self.config.max_epoch:
            return Identity(identity.id, identity.epoch + 1)
        return self.fresh()


class CountsIdsAnew(Coordinator):
    """Counts producer ids in memory: after a fail-over it gives those of the past again."""

    def on_loaded(self, answer: Loaded) -> None:
        before = self.next_id
        super().on_loaded(answer)
        self.next_id = before


# -- the log first ----------------------------------------------------------------------------------------------------


class AnswersBeforeTheLog(Coordinator):
    """Tells the producer that it is committed when the record leaves, not when it is in the log."""

    def write(self, record: TxnRecord, reply: tuple[Address, Message] | None = None) -> None:
        if reply is not None and isinstance(reply[1], TxnEnded):
            self.send(*reply)
            reply = None
        super().write(record, reply)


class TellsPartitionsFirst(Coordinator):
    """Sends the markers together with the Prepare record: if the record is lost, they are not."""

    def write(self, record: TxnRecord, reply: tuple[Address, Message] | None = None) -> None:
        super().write(record, reply)
        if record.state in PREPARED:
            marker = WriteMarker(
                record.transactional_id, self.marker_of(record), record.state == PREPARE_COMMIT
            )
            for partition in record.partitions:
                self.send(Address(partition), marker)


class AddsInMemory(Coordinator):
    """Says that a partition is added before the log has it: after a fail-over nobody writes a marker there."""

    def write(self, record: TxnRecord, reply: tuple[Address, Message] | None = None) -> None:
        if reply is not None and isinstance(reply[1], PartitionsAdded):
            self.send(*reply)
            reply = None
        super().write(record, reply)


class BeginsInMemory(Coordinator):
    """Hands out an identity before the log has it."""

    def write(self, record: TxnRecord, reply: tuple[Address, Message] | None = None) -> None:
        if reply is not None and isinstance(reply[1], InitDone):
            self.send(*reply)
            reply = None
        super().write(record, reply)


class TwoAtATime(Coordinator):
    """Lets the next question in while a record is being written: the time-out decides once more."""

    def not_now(self, transactional_id: str) -> str:
        return NONE if self.log_view.is_ready(self) else NOT_COORDINATOR


class DoesNotWait(Coordinator):
    """A new producer begins as soon as the old one's abort is in the log, before any marker is written."""

    def on_init_producer(self, ask: InitProducer, sender: Address) -> None:
        record = self.known.get(ask.transactional_id)
        if (
            record is not None
            and record.state in PREPARED
            and not self.not_now(record.transactional_id)
        ):
            self.markers.pop(record.transactional_id, None)
            done = structs.replace(record, state=COMPLETE_ABORT)
            self.known[record.transactional_id] = done
        super().on_init_producer(ask, sender)


class NextAtOnce(Coordinator):
    """The next transaction begins before the last one has all its markers: those that are missing are forgotten."""

    def on_add_partitions(self, ask: AddPartitions, sender: Address) -> None:
        record = self.known.get(ask.transactional_id)
        if record is not None and record.state in PREPARED and record.producer == ask.producer:
            self.known[ask.transactional_id] = structs.replace(record, state=COMPLETE_COMMIT)
            self.markers.pop(ask.transactional_id, None)
        super().on_add_partitions(ask, sender)


# -- fail-over --------------------------------------------------------------------------------------------------------


class AbortsWhatItFinds(Coordinator):
    """Takes over, finds a decision that is not complete, and aborts it to be on the safe side."""

    def on_loaded(self, answer: Loaded) -> None:
        records = tuple(
            structs.replace(r, state=PREPARE_ABORT) if r.state == PREPARE_COMMIT else r
            for r in answer.records
        )
        super().on_loaded(structs.replace(answer, records=records))


class PreparedIsDone(Coordinator):
    """Takes over, and takes a Prepare record for the end of the story: nobody writes the markers that are missing."""

    def on_loaded(self, answer: Loaded) -> None:
        final = {PREPARE_COMMIT: COMPLETE_COMMIT, PREPARE_ABORT: COMPLETE_ABORT}
        records = tuple(
            structs.replace(r, state=final.get(r.state, r.state)) for r in answer.records
        )
        super().on_loaded(structs.replace(answer, records=records))


class TimelessAfterFailover(Coordinator):
    """Takes over, and sets no time-outs for what it finds open."""

    def on_loaded(self, answer: Loaded) -> None:
        super().on_loaded(answer)
        for record in self.known.values():
            self.cancel_timer(TimeOut(record.transactional_id, record.producer))


class GoesOnTooEarly(Coordinator):
    """Goes on with each record as it reads it: those at the front are of the past."""

    def on_loaded(self, answer: Loaded) -> None:
        records, _ = self.log_view.loaded(self, answer)
        for record in records:
            self.known[record.transactional_id] = record
            self.next_id = max(self.next_id, record.producer.id + 1)
            self.go_on(record)


class RemembersItsReign(Coordinator):
    """Does not forget what it knew when another coordinator had led meanwhile."""

    def on_lead(self, lead: Lead, sender: Address) -> None:
        known = dict(self.known)
        super().on_lead(lead, sender)
        if not self.known and not self.log_view.leads(self):
            self.known = known

    def on_loaded(self, answer: Loaded) -> None:
        old = {r.transactional_id for r in answer.records} & set(self.known)
        if old and self.log_view.is_loading:
            keep = tuple(r for r in answer.records if r.transactional_id not in old)
            self.log_view.end += len(answer.records) - len(keep)
            answer = structs.replace(answer, at=self.log_view.end, records=keep)
        super().on_loaded(answer)


# -- ending -----------------------------------------------------------------------------------------------------------


class MarkersOnce(Coordinator):
    """Says each marker once: one that is lost is missed for ever."""

    def on_say_markers(self, timer: SayMarkers) -> None:
        pass


class DoneAtTheFirst(Coordinator):
    """Complete as soon as the first partition has answered."""

    def on_marker_written(self, answer: MarkerWritten, sender: Address) -> None:
        record = self.known.get(answer.transactional_id)
        is_ending = record is not None and self.markers.get(record.transactional_id)
        if is_ending and record is not None and answer.producer == self.marker_of(record):
            self.markers[record.transactional_id] = {str(sender)}
        super().on_marker_written(answer, sender)


class OnlyTheLastPartition(Coordinator):
    """Each AddPartitions replaces what was added before it."""

    def write(self, record: TxnRecord, reply: tuple[Address, Message] | None = None) -> None:
        known = self.known.get(record.transactional_id)
        if record.state == ONGOING and known is not None and known.state == ONGOING:
            new = tuple(p for p in record.partitions if p not in known.partitions)
            record = structs.replace(record, partitions=new)
        super().write(record, reply)


class LeavesItOpen(Coordinator):
    """A new producer gets the next epoch, and the transaction that is open is not aborted: it hangs."""

    def on_init_producer(self, ask: InitProducer, sender: Address) -> None:
        record = self.known.get(ask.transactional_id)
        if (
            record is not None
            and record.state == ONGOING
            and not self.not_now(ask.transactional_id)
        ):
            identity = self.after(record.producer)
            new = TxnRecord(ask.transactional_id, EMPTY, identity, ask.timeout)
            self.write(new, (sender, InitDone(ask.id, NONE, identity)))
            return
        super().on_init_producer(ask, sender)


class EndlessTransactions(Coordinator):
    """Has no time-outs: a producer that dies leaves its transaction open for ever."""

    def on_time_out(self, timer: TimeOut) -> None:
        pass


class ShortOfTime(Coordinator):
    """Times out after half the time."""

    def go_on(self, record: TxnRecord) -> None:
        super().go_on(structs.replace(record, timeout=record.timeout // 2))


class ForgetsItsAnswer(Coordinator):
    """Asked again about what it has decided, it says that the producer is fenced: who is right is told nothing."""

    def on_end_txn(self, ask: EndTxn, sender: Address) -> None:
        record = self.known.get(ask.transactional_id)
        if (
            record is not None
            and record.ended == ask.producer
            and not self.not_now(record.transactional_id)
        ):
            self.send(sender, TxnEnded(ask.id, PRODUCER_FENCED))
            return
        super().on_end_txn(ask, sender)


class AlwaysBusy(Coordinator):
    """When time is up it aborts, and the new producer is told to ask again, for ever: Complete is not written."""

    def complete_if_done(self, record: TxnRecord) -> None:
        if not self.markers[record.transactional_id] and not record.asked:
            return
        super().complete_if_done(record)


class AnyAnswerCounts(Coordinator):
    """Takes any answer from a partition for the answer to the marker of now: one that came late counts for the next
    transaction."""

    def on_marker_written(self, answer: MarkerWritten, sender: Address) -> None:
        record = self.known.get(answer.transactional_id)
        if record is not None and record.ended is not None:
            answer = structs.replace(answer, producer=self.marker_of(record))
        super().on_marker_written(answer, sender)


class AnyTimeOut(Coordinator):
    """A time-out ends whatever runs when it goes off, though it was set for a transaction before."""

    def on_time_out(self, timer: TimeOut) -> None:
        record = self.known.get(timer.transactional_id)
        if record is not None:
            timer = structs.replace(timer, producer=record.producer)
        super().on_time_out(timer)


class SpeaksWhileLoading(Coordinator):
    """Answers as soon as it leads, with what it has read so far: it takes known producers for new ones."""

    def not_now(self, transactional_id: str) -> str:
        if not self.log_view.leads(self):
            return NOT_COORDINATOR
        return CONCURRENT_TRANSACTIONS if transactional_id in self.writing else NONE


class WritesForEver(Coordinator):
    """Keeps what it was writing when another coordinator took over: back in office, it waits for it for ever."""

    def on_lead(self, lead: Lead, sender: Address) -> None:
        writing = dict(self.writing)
        super().on_lead(lead, sender)
        self.writing = writing


# -- cost -------------------------------------------------------------------------------------------------------------


class NotesEachMarker(Coordinator):
    """Writes a record for each partition that has its marker."""

    def on_marker_written(self, answer: MarkerWritten, sender: Address) -> None:
        super().on_marker_written(answer, sender)
        record = self.known.get(answer.transactional_id)
        if record is not None and self.markers.get(record.transactional_id):
            self.log_view.write(self, record)


class AddsAgain(Coordinator):
    """Writes a record for each AddPartitions, though the partition is in the transaction already."""

    def on_add_partitions(self, ask: AddPartitions, sender: Address) -> None:
        record = self.known.get(ask.transactional_id)
        is_known = record is not None and (record.state, record.producer) == (ONGOING, ask.producer)
        is_known = is_known and not self.not_now(ask.transactional_id)
        if is_known and record is not None and set(ask.partitions) <= set(record.partitions):
            self.write(record, (sender, PartitionsAdded(ask.id)))
            return
        super().on_add_partitions(ask, sender)


class InsistsOnMarkers(Coordinator):
    """Says the markers again after each answer, to all that have not answered."""

    def on_marker_written(self, answer: MarkerWritten, sender: Address) -> None:
        super().on_marker_written(answer, sender)
        record = self.known.get(answer.transactional_id)
        if record is not None and self.markers.get(record.transactional_id):
            self.say_markers(record)


class TellsEverybody(Coordinator):
    """Sends its markers to every partition it has ever heard of."""

    heard_of: set[str]

    def forget(self) -> None:
        super().forget()
        self.heard_of = set()

    def go_on(self, record: TxnRecord) -> None:
        self.heard_of |= set(record.partitions)
        super().go_on(record)
        if record.state in PREPARED:
            marker = WriteMarker(
                record.transactional_id, self.marker_of(record), record.state == PREPARE_COMMIT
            )
            for partition in sorted(self.heard_of - set(record.partitions)):
                self.send(Address(partition), marker)


# -- with another partition or reader under it ------------------------------------------------------------------------


class ShowsTheUndecided(TransactionIndex):
    """The partition shows all that it has: who reads may build upon what is then aborted."""

    def last_stable_offset(self, high_watermark: int) -> int:
        return high_watermark


def reads_everything(fetched: Fetched, position: int) -> tuple[list[Record], int]:
    """Reads up to the LSO, and does not look at what was aborted: everything there is decided, is it not?"""
    return read_committed(structs.replace(fetched, aborted=()), position)


def _bug(
    name: str, by: type, breaks: str, kind: str = "safety", source: str = "ours", code: str = ""
) -> Mutant:
    return bug(
        name,
        by,
        part="F2",
        replaces="txn_coordinator:Coordinator",
        breaks=breaks,
        kind=kind,
        source=source,
        code=code,
    )


BUFSTREAM = "Jepsen, Bufstream 0.1.0; KIP-890"

COORDINATING = (
    bug(
        "shows-the-undecided",
        ShowsTheUndecided,
        part="F2",
        replaces="txn_index:TransactionIndex",
        breaks="TX-G1",
        source=BUFSTREAM,
    ),
    bug(
        "reads-everything",
        reads_everything,
        part="F2",
        replaces="txn_reader:read_committed",
        breaks="TX-G1",
        source="KIP-98",
    ),
    _bug("any-epoch-ends", AnyEpochEnds, "TX-S1", source=BUFSTREAM, code="m1"),
    _bug("anybody-adds", AnybodyAdds, "TX-S3"),
    _bug("same-again", SameAgain, "TX-S3"),
    _bug("yes-to-both", YesToBoth, "TX-S4"),
    _bug("times-out-in-place", TimesOutInPlace, "TX-S1", source="KAFKA-6119", code="m3"),
    _bug("ends-without-bump", EndsWithoutBump, "TX-L1", source=BUFSTREAM, code="m1"),
    _bug("never-rotates", NeverRotates, "TX-L1", "liveness", "KAFKA-20090", "m6"),
    _bug("wraps-around", WrapsAround, "TX-S3", code="m6"),
    _bug("uses-the-last-epoch", UsesTheLastEpoch, "TX-L1", "liveness", code="m6"),
    _bug("counts-ids-anew", CountsIdsAnew, "TX-S3"),
    _bug("answers-before-the-log", AnswersBeforeTheLog, "TX-S4"),
    _bug("tells-partitions-first", TellsPartitionsFirst, "TX-S4"),
    _bug("adds-in-memory", AddsInMemory, "TX-S4"),
    _bug("producers-in-memory", BeginsInMemory, "TX-S4"),
    _bug("two-at-a-time", TwoAtATime, "TX-S4"),
    _bug("does-not-wait-for-markers", DoesNotWait, "TX-L1", "liveness"),
    _bug("next-at-once", NextAtOnce, "TX-L1", "liveness"),
    _bug("aborts-what-it-finds", AbortsWhatItFinds, "TX-S4"),
    _bug("prepared-is-done", PreparedIsDone, "TX-L1", "liveness"),
    _bug("timeless-after-failover", TimelessAfterFailover, "TX-L1", "liveness"),
    _bug("goes-on-too-early", GoesOnTooEarly, "TX-S4"),
    _bug("remembers-its-reign", RemembersItsReign, "TX-S4"),
    _bug("markers-once", MarkersOnce, "TX-L1", "liveness"),
    _bug("done-at-the-first", DoneAtTheFirst, "TX-L1", "liveness"),
    _bug("only-the-last-partition", OnlyTheLastPartition, "TX-L1", "liveness"),
    _bug("leaves-it-open", LeavesItOpen, "TX-L1", "liveness"),
    _bug("endless-transactions", EndlessTransactions, "TX-L1", "liveness"),
    _bug("short-of-time", ShortOfTime, "TX-L1", "liveness"),
    _bug("forgets-its-answer", ForgetsItsAnswer, "TX-L1", "liveness"),
    _bug("always-busy", AlwaysBusy, "TX-L1", "liveness"),
    _bug("any-answer-counts", AnyAnswerCounts, "TX-L1", "liveness"),
    _bug("any-time-out", AnyTimeOut, "TX-L1", "liveness"),
    _bug("speaks-while-loading", SpeaksWhileLoading, "TX-S3"),
    _bug("writes-for-ever", WritesForEver, "TX-L1", "liveness"),
    _bug("notes-each-marker", NotesEachMarker, "TX-C1", "cost"),
    _bug("adds-again", AddsAgain, "TX-C1", "cost"),
    _bug("insists-on-markers", InsistsOnMarkers, "TX-C1", "cost"),
    _bug("tells-everybody", TellsEverybody, "TX-S4"),
)
