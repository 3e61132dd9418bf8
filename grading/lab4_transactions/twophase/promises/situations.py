"""What must have been seen, or a promise was not put to the test."""

from __future__ import annotations

from distlab.core import MS
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab4_transactions.twophase.chronicle import chronicle
from labs.lab4_transactions.twophase import (
    Decision,
    Prepare,
    Transact,
    Txn,
)


def came_back_in_doubt(run: Run) -> bool:
    """A participant crashed after its yes and before it was told, and came back."""
    return any(event.incarnation > 0 and _doubts(run, event) for event in run.trace.of(Kind.START))


def _doubts(run: Run, start: Event) -> bool:
    return any(
        story.yes.get(start.node, start.id) < start.id
        and story.told.get(start.node, start.id) >= start.id
        for story in chronicle(run).stories.values()
    )


def died_behind_the_point(run: Run) -> bool:
    """A coordinator crashed with the decision to commit on disk, and told it in a later life."""
    asked: dict[Txn, int] = {}
    for event in run.trace.of(Kind.SEND):
        match event.what:
            case Prepare(txn):
                asked.setdefault(txn, event.incarnation)
            case Decision(txn, True) if event.incarnation > asked.get(txn, event.incarnation):
                return True
    return False


def died_before_the_point(run: Run) -> bool:
    """A coordinator crashed between asking for votes and the decision."""
    asked = {
        (event.node, event.incarnation, event.what.txn)
        for event in run.trace.of(Kind.SEND)
        if isinstance(event.what, Prepare)
    }
    books = chronicle(run)
    starts = [(e.node, e.incarnation) for e in run.trace.of(Kind.START)]
    return any(
        (node, incarnation + 1) in starts and not books.story(txn).is_committed
        for node, incarnation, txn in asked
    )


def was_in_doubt_for_long(run: Run) -> bool:
    """Somebody wanted an account that was locked by a transaction in doubt."""
    times = {event.id: event.time for event in run.trace.of(Kind.SEND, Kind.DELIVER)}
    for story in chronicle(run).stories.values():
        for node, said in story.yes.items():
            told = story.told.get(node)
            if told is None or times[told] - times[said] > 50 * MS:
                return True
    return False


def crossed(run: Run) -> bool:
    """Two transactions of which one writes an account that the other one names were under way at once."""
    open_: list[tuple[int, int, dict[str, int]]] = []
    for entry in run.history:
        if isinstance(entry.operation, Transact):
            names = {step.account: step.amount for step in entry.operation.steps}
            end = run.time if entry.ended is None else entry.ended
            if any(
                entry.began < other_end
                and any(a in names and (n or names[a]) for a, n in o.items())
                for _, other_end, o in open_
            ):
                return True
            open_.append((entry.began, end, names))
    return False


def unsynced_was_lost(run: Run) -> bool:
    """A crash took what was not synced."""
    return run.tally.get("unsynced bytes lost", 0) > 0


def somebody_was_refused(run: Run) -> bool:
    """A transaction was aborted because somebody refused it."""
    return any(entry.is_failed for entry in run.history)
