"""What must have been seen before a promise of parts 4F2 and 4F3 counts as kept."""

from __future__ import annotations

from distlab.grade.lab import Run
from distlab.trace import Kind
from grading.lab4_transactions.logtx.sight import sight
from grading.lab4_transactions.logtx.world import PROCESSORS
from labs.lab4_transactions.logtx import (
    ABORT,
    COMPLETE_ABORT,
    ILLEGAL_GENERATION,
    INVALID_PRODUCER_EPOCH,
    PREPARE_ABORT,
    PREPARE_COMMIT,
    PRODUCER_FENCED,
    UNSTABLE_OFFSET_COMMIT,
    MarkerWritten,
    OffsetsAre,
    OffsetsCommitted,
    Produced,
    Transact,
    TxnEnded,
    WriteMarker,
)
from labs.lab4_transactions.txn_log import Loaded


def timed_out(run: Run) -> bool:
    """An abort that nobody had asked for."""
    return any(
        logged.record.state == PREPARE_ABORT and not logged.record.asked
        for logged in sight(run).logged
    )


def took_over(run: Run) -> bool:
    """The identity that came after an abort that nobody had asked for was another client's."""
    last: dict[str, str] = {}
    for logged in sight(run).logged:
        record = logged.record
        before = last.get(record.transactional_id)
        if before == COMPLETE_ABORT and record.state == "Empty":
            return True
        last[record.transactional_id] = record.state
    return False


def late_end(run: Run) -> bool:
    """Somebody asked to end a transaction that was another one's, or over."""
    return any(
        isinstance(e.what, TxnEnded) and e.what.error == PRODUCER_FENCED
        for e in run.trace.of(Kind.SEND)
    )


def ran_out(run: Run) -> bool:
    """A transactional id had more than one producer id."""
    return any(len({i.id for i in line}) > 1 for line in sight(run).lineage.values())


def decided_elsewhere(run: Run) -> bool:
    """A coordinator read a decision from the log, and the transaction was not complete."""
    last: dict[str, str] = {}
    for event in run.trace.of(Kind.DELIVER):
        if isinstance(event.what, Loaded):
            last |= {r.transactional_id: r.state for r in event.what.records}
            is_last = event.what.at + len(event.what.records) == event.what.end
            if is_last and {PREPARE_COMMIT, PREPARE_ABORT} & set(last.values()):
                return True
    return False


def late_data(run: Run) -> bool:
    """A batch of a transaction that had ended was refused."""
    return any(
        isinstance(e.what, Produced) and e.what.error == INVALID_PRODUCER_EPOCH
        for e in run.trace.of(Kind.SEND)
    )


def aborted(run: Run) -> bool:
    return any(placed.fate == ABORT for placed in sight(run).everything())


def lost_marker(run: Run) -> bool:
    return any(isinstance(e.what[0], (WriteMarker, MarkerWritten)) for e in run.trace.of(Kind.DROP))


def read_and_wrote(run: Run) -> bool:
    """A committed transaction had read something, and wrote."""
    for entry in run.history.of_type(Transact):
        op = entry.operation
        assert isinstance(op, Transact)
        if entry.is_ok and op.reads and op.writes and any(entry.outcome.value.values()):  # type: ignore[union-attr]
            return True
    return False


def moved(run: Run) -> bool:
    """Two processors have committed offsets of one partition."""
    owners: dict[str, set[str]] = {}
    for event in run.trace.of(Kind.SEND):
        if event.node in PROCESSORS and hasattr(event.what, "generation"):
            for name in event.what.positions:
                owners.setdefault(name, set()).add(event.node)
    return any(len(who) > 1 for who in owners.values())


def refused(run: Run) -> bool:
    return any(
        isinstance(e.what, OffsetsCommitted) and e.what.error == ILLEGAL_GENERATION
        for e in run.trace.of(Kind.SEND)
    )


def unstable(run: Run) -> bool:
    return any(
        isinstance(e.what, OffsetsAre) and e.what.error == UNSTABLE_OFFSET_COMMIT
        for e in run.trace.of(Kind.SEND)
    )
