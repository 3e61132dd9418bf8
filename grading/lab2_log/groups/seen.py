"""What must have been seen in some run of part 2G."""

from __future__ import annotations

from distlab.grade.lab import Run
from distlab.trace import Kind
from grading.lab2_log.groups.about import settings
from grading.lab2_log.groups.books import books
from labs.lab2_log.groups import (
    OffsetCommitted,
    TopicPartition,
)


def was_taken_over(run: Run) -> bool:
    """A partition went from one member to another, which was told of an offset."""
    first: dict[TopicPartition, str] = {}
    for tenure in books(run).tenures:
        if first.setdefault(tenure.part, tenure.life[0]) != tenure.life[0] and tenure.begin:
            return True
    return False


def was_refused(run: Run) -> bool:
    """A member committed, and was told that it may not."""
    return any(
        told.answer.error in ("ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID")
        for told in books(run).by_kind[OffsetCommitted]
    )


def failed_over(run: Run) -> bool:
    """Two coordinators told members of their shares, or of committed offsets, one after the other."""
    epochs = [e for e, *_ in books(run).elections]
    return len(epochs) > 1 and any(a.event.id > epochs[1] for a in books(run).answers)


def was_stuck(run: Run) -> bool:
    """A program did not poll for longer than it may."""
    return any(
        call.operation == "Stall"
        and call.arguments["duration"] > settings(run, call.client).max_poll_interval
        for call in run.scenario.calls
    )


def kept_some(run: Run) -> bool:
    """A member kept a partition through a rebalance."""
    joins = [e.what for e in run.trace.of(Kind.SEND) if type(e.what).__name__ == "JoinGroup"]
    return any(join.owned and join.assignor == "cooperative-sticky" for join in joins)
