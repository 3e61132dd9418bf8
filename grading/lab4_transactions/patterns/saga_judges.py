"""The judges of part 4D: each saga's messages, in the order in which the orchestrator saw them.

An orchestrator that has crashed may not know what it had heard and not stored. So a decline counts only in the life
that heard it, and a step may be undone that it was about to begin.
"""

from __future__ import annotations

from collections import Counter
from weakref import WeakKeyDictionary

from msgspec import Struct

from distlab.check import Entry, Verdict, broken, kept
from distlab.core import MS, Address
from distlab.grade.lab import Run
from distlab.trace import Event, Kind, Trace
from grading.lab4_transactions.patterns.saga_world import IN_TIME, SERVICES, STOCK
from labs.lab4_transactions.saga import (
    MAX_AMOUNT,
    Begin,
    Book,
    Declined,
    Do,
    Done,
    Ended,
    NotNow,
    Undo,
    Undone,
)
from labs.lab4_transactions.saga_service import Books

PATIENCE = 200 * MS
"""The orchestrator's, as it is configured."""


class Course(Struct):
    """What the orchestrator did and heard of one saga."""

    begun: dict[int, int] = {}
    """Step -> event of its first Do."""
    done: set[int] = set()
    declined: dict[int, Event] = {}
    """Step -> when it was heard last."""
    undoing: dict[int, int] = {}
    undone: set[int] = set()

    @property
    def in_effect(self) -> set[int]:
        """Steps that are done, or may be."""
        return set(self.begun) - set(self.declined) - self.undone

    def is_over(self, steps: int) -> bool:
        return len(self.done) == steps or not self.in_effect


class Wrong(Struct, frozen=True):
    code: str
    verdict: Verdict


def bookings(run: Run) -> dict[str, Book]:
    """Name -> the saga that was run under it. Where two were asked for and nobody can tell which, neither."""
    asked: dict[str, list[Entry]] = {}
    for entry in run.history.of_type(Book):
        asked.setdefault(_op(entry).saga, []).append(entry)
    dos = [e for e in run.trace.of(Kind.SEND) if isinstance(e.what, Do)]
    found: dict[str, Book] = {}
    for name, entries in asked.items():
        begun = {
            (e.what.step, e.peer, e.what.item, e.what.amount) for e in dos if e.what.saga == name
        }
        fitting = [
            entry
            for entry in entries
            if begun <= {(n, s.service, s.item, s.amount) for n, s in enumerate(_op(entry).steps)}
        ]
        likely = [entry for entry in fitting if entry.is_ok] or fitting
        if likely and all(entry.operation == likely[0].operation for entry in likely):
            found[name] = _op(likely[0])
    return found


def _op(entry: Entry) -> Book:
    assert isinstance(entry.operation, Book)
    return entry.operation


_stories: WeakKeyDictionary[Trace, list[Wrong]] = WeakKeyDictionary()


def story(run: Run) -> list[Wrong]:
    """Everything that is wrong with the messages, first things first; read once for all judges."""
    found = _stories.get(run.trace)
    if found is None:
        found = _stories[run.trace] = _read(run)
    return found


def _read(run: Run) -> list[Wrong]:
    wrong: list[Wrong] = []
    courses: dict[str, Course] = {}
    books = bookings(run)
    has_crashed = False
    for event in run.trace.of(Kind.SEND, Kind.DELIVER, Kind.START):
        if event.node != "orchestrator":
            continue
        if event.kind == Kind.START:
            has_crashed = has_crashed or event.incarnation > 0
            continue
        what = event.what
        if isinstance(what, Begin | Ended | NotNow):
            continue
        course = courses.setdefault(what.saga, Course())
        op = books.get(what.saga)
        match event.kind, what:
            case Kind.DELIVER, Done():
                course.done.add(what.step)
            case Kind.DELIVER, Declined():
                course.declined[what.step] = event
            case Kind.DELIVER, Undone():
                course.undone.add(what.step)
            case Kind.SEND, Do():
                if what.step not in course.begun and op is not None:
                    wrong += _forward(event, what, course, courses, books)
                if course.undoing:
                    reason = f"{what.saga} goes forward again with step {what.step}, after it had turned round"
                    wrong.append(_wrong("TX2-S8", reason, *course.undoing.values(), event.id))
                course.begun.setdefault(what.step, event.id)
            case Kind.SEND, Undo():
                if op is not None:
                    wrong += _back(event, what, course, op, has_crashed)
                course.undoing.setdefault(what.step, event.id)
    return wrong


def _forward(
    event: Event, do: Do, course: Course, courses: dict[str, Course], books: dict[str, Book]
) -> list[Wrong]:
    wrong = []
    if missing := [i for i in range(do.step) if i not in course.done]:
        reason = f"{do.saga} begins step {do.step}, and step {missing[0]} is not done"
        wrong.append(_wrong("TX2-S8", reason, event.id))
    subject = books[do.saga].subject
    for name, other in courses.items():
        if name == do.saga or name not in books or books[name].subject != subject:
            continue
        if do.step == 0 and not other.is_over(len(books[name].steps)):
            reason = f"{do.saga} begins while {name} is not over, and both are about {subject}"
            wrong.append(_wrong("TX2-S9", reason, *list(other.begun.values())[:1], event.id))
    return wrong


def _back(event: Event, undo: Undo, course: Course, op: Book, has_crashed: bool) -> list[Wrong]:
    step, wrong = undo.step, []
    newest = max(course.begun, default=-1)
    if step > newest + (1 if has_crashed else 0):
        reason = f"{undo.saga}: step {step} is undone, and was never begun"
        wrong.append(_wrong("TX2-S8", reason, event.id))
    declined = course.declined.get(step)
    # Known to the handler that wanted this: in its own life, and before it ran. (A disk may delay what it sends.)
    if (
        declined
        and declined.incarnation == event.incarnation
        and declined.id <= event.cause
        and not course.undoing
    ):
        reason = f"{undo.saga}: step {step} is undone, which was declined: there is nothing to undo"
        wrong.append(_wrong("TX2-S8", reason, event.id))
    if later := [i for i in course.in_effect if i > step]:
        reason = (
            f"{undo.saga}: step {step} is undone before step {max(later)}, which came after it and "
            f"{'is done' if max(later) in course.done else 'may be done'}"
        )
        wrong.append(_wrong("TX2-S8", reason, event.id))
    if op.pivot in course.in_effect:
        reason = f"{undo.saga}: step {step} is undone, and the pivot, step {op.pivot}, " + (
            "is done" if op.pivot in course.done else "may be done"
        )
        wrong.append(_wrong("TX2-S10", reason, event.id))
    return wrong


def _wrong(code: str, reason: str, *events: int) -> Wrong:
    return Wrong(code, broken(reason, *events))


def _first(run: Run, code: str) -> Verdict:
    return next((wrong.verdict for wrong in story(run) if wrong.code == code), kept())


# -- the promises -----------------------------------------------------------------------------------------------------


def compensates_exactly(run: Run) -> Verdict:
    """TX2-S8: the order of things, and what is left in the end."""
    verdict = _first(run, "TX2-S8")
    return _ends_match(run) if verdict.is_kept else verdict


def one_saga_per_subject(run: Run) -> Verdict:
    """TX2-S9."""
    return _first(run, "TX2-S9")


def no_way_back(run: Run) -> Verdict:
    """TX2-S10."""
    return _first(run, "TX2-S10")


def _ends_match(run: Run) -> Verdict:
    """What clients were told is what the services have."""
    books: dict[str, Books] = {s: run.probes[Address(s)] for s in SERVICES if s in run.probes}
    if len(books) < len(SERVICES) or any(entry.is_open for entry in run.history):
        return kept()
    wanted = bookings(run)
    outcomes: dict[str, Entry] = {}
    for entry in run.history.of_type(Book):
        op = _op(entry)
        first = outcomes.setdefault(op.saga, entry)
        if entry.operation == first.operation and entry.is_ok != first.is_ok:
            return broken(f"{op.saga} was answered Ok and Fail", first.ret, entry.ret)
        if entry.is_ok and not all(0 < step.amount <= MAX_AMOUNT for step in op.steps):
            return broken(
                f"{op.saga} was answered Ok, and takes an amount that is none",
                entry.ret,
                got=op.steps,
            )
        if entry.is_ok and op != wanted.get(op.saga):
            return broken(
                f"{op.saga} was answered Ok, and another saga of that name was run", entry.ret
            )
        if entry.is_ok:
            outcomes[op.saga] = entry
    left = Counter({(s, item): count for s in SERVICES for item, count in STOCK})
    for entry in outcomes.values():
        op = _op(entry)
        for number, step in enumerate(op.steps):
            deeds = _deeds(books, step.service)
            state = deeds.get((op.saga, number), "not done")
            if entry.is_ok and state != "done":
                return broken(
                    f"{op.saga} was answered Ok, and its step {number} is {state}",
                    entry.ret,
                    expected="all steps are done",
                )
            if entry.is_failed and state == "done" and op == wanted.get(op.saga):
                return broken(
                    f"{op.saga} was answered Fail, and its step {number} is done",
                    entry.ret,
                    expected="no step is done",
                )
            if entry.is_ok:
                left[step.service, step.item] -= step.amount
    for service, shown in books.items():
        for stock in shown.stock:
            if stock.left != left[service, stock.item]:
                return broken(
                    f"the {service} has {stock.left} of {stock.item} left",
                    expected=f"{left[service, stock.item]}: what the sagas that were answered Ok leave",
                    got=stock.left,
                )
    return kept()


def _deeds(books: dict[str, Books], service: str) -> dict[tuple[str, int], str]:
    return {(d.saga, d.step): d.state for d in books[service].deeds} if service in books else {}


def ends_in_time(run: Run) -> Verdict:
    """TX2-L8: every saga is answered within the bound."""
    heal_at = run.scenario.plan.heal_at or 0
    for entry in run.history:
        deadline = max(heal_at, entry.began) + IN_TIME
        if (entry.ended or run.time) > deadline or entry.is_open:
            took = "never" if entry.ended is None else f"at {entry.ended // MS} ms"
            return Verdict(
                broken("").finding,
                f"{entry.operation.saga} has not ended",  # type: ignore[attr-defined]
                (entry.call,),
                expected=f"by {deadline // MS} ms",
                got=took,
                is_absence=True,
            )
        if run.scenario.shape.get("fine") and entry.is_failed:
            return broken(
                "nothing goes wrong, and a saga that can be done is not done",
                entry.ret,
                expected="Ok",
                got=entry.outcome,
            )
    return kept()


# -- situations -------------------------------------------------------------------------------------------------------


def _undos(run: Run) -> list[Event]:
    return [e for e in run.trace.of(Kind.SEND) if isinstance(e.what, Undo)]


def several_undone(run: Run) -> bool:
    return any(e.what.step >= 1 for e in _undos(run))


def outcome_unknown(run: Run) -> bool:
    """A step that could be undone was asked for, and nobody had answered when patience ended."""
    pivots = {op.saga: op.pivot for op in bookings(run).values()}
    asked: dict[tuple[str, int], int] = {}
    for event in run.trace.of(Kind.SEND, Kind.DELIVER):
        if event.kind == Kind.SEND and isinstance(event.what, Do):
            if event.what.step < pivots.get(event.what.saga, 0):
                asked.setdefault((event.what.saga, event.what.step), event.time)
        elif event.kind == Kind.DELIVER and isinstance(event.what, (Done, Declined)):
            name = event.what.saga, event.what.step
            if name in asked and event.time - asked.pop(name) > PATIENCE:
                return True
    return any(run.time - time > PATIENCE for time in asked.values())


def died_going_back(run: Run) -> bool:
    is_going_back = False
    for event in run.trace.of(Kind.SEND, Kind.CRASH):
        is_going_back = is_going_back or isinstance(event.what, Undo)
        if event.kind == Kind.CRASH and event.node == "orchestrator" and is_going_back:
            return True
    return False


def waited_for_subject(run: Run) -> bool:
    """Two sagas about one subject were asked for at a time."""
    entries = run.history.of_type(Book)
    return any(
        a.operation.subject == b.operation.subject  # type: ignore[attr-defined]
        and a.operation.saga != b.operation.saga  # type: ignore[attr-defined]
        and a.ended is not None
        and a.began <= b.began < a.ended
        for a in entries
        for b in entries
    )


def pivot_in_doubt(run: Run) -> bool:
    """A pivot was asked for again: nobody had said how it ended."""
    pivots = {op.saga: op.pivot for op in bookings(run).values()}
    asked = Counter(
        e.what.saga
        for e in run.trace.of(Kind.SEND)
        if isinstance(e.what, Do) and pivots.get(e.what.saga) == e.what.step
    )
    return any(count > 6 for count in asked.values())


def refused_to_undo(run: Run) -> bool:
    """A compensation was answered NotNow."""
    undoing: set[tuple[str, int]] = set()
    for event in run.trace.of(Kind.SEND, Kind.DELIVER):
        if event.kind == Kind.SEND and isinstance(event.what, Undo):
            undoing.add((event.what.saga, event.what.step))
        is_mood = event.kind == Kind.DELIVER and isinstance(event.what, NotNow)
        if is_mood and (event.what.saga, event.what.step) in undoing:
            return True
    return False
