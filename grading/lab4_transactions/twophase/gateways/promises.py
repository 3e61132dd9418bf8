"""The judges of part 4B: heuristics, lists of what is in doubt and blocked, deadlocks.

What part 4A promises holds here, too, as long as nobody interferes: its judges are asked again.
"""

from __future__ import annotations

from collections.abc import Callable

from distlab.check import Verdict, bounded_liveness, broken, kept
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab4_transactions.twophase.chronicle import chronicle
from grading.lab4_transactions.twophase.promises.common import is_quiet, shown_by, words
from grading.lab4_transactions.twophase.written import wish
from labs.lab4_transactions.databases import (
    Force,
    Forced,
    Noticeboard,
    Report,
    Standing,
    Victim,
    Wait,
)
from labs.lab4_transactions.twophase import Refused, Transact, Txn, Work, Worked

Judge = Callable[[Run], Verdict]


def undisturbed(judge: Judge) -> Judge:
    """The judge, in runs in which nobody forces anything."""

    def judged(run: Run) -> Verdict:
        # A database may have forced something, and crashed before it could say so.
        interfered = any(isinstance(event.what, Force) for event in run.trace.of(Kind.DELIVER))
        return kept() if interfered else judge(run)

    return judged


def forcings(run: Run) -> list[Event]:
    """Where a database said that something was forced."""
    return [event for event in run.trace.of(Kind.SEND) if isinstance(event.what, Forced)]


# -- heuristics (TX2-H1) ----------------------------------------------------------------------------------------------


def mixes_are_reported(run: Run) -> Verdict:
    """What was forced one way and decided the other way is reported to the DBA, and nothing else is."""
    books = chronicle(run)
    forced = {(event.node, event.what.txn): event.what.commit for event in forcings(run)}
    for event in run.trace.of(Kind.SEND):
        if isinstance(event.what, Report):
            txn, decided, done = event.what.txn, event.what.decided, event.what.done
            wrong = forced.get((event.node, txn), done) != done
            if wrong or decided == done or decided != books.story(txn).is_committed:
                return broken(
                    f"{event.node} reports that {txn} was decided {_end(decided)} and is done {_end(done)}",
                    event.id,
                    expected=f"decided {_end(books.story(txn).is_committed)}, done as it was forced; and no report "
                    "where both agree",
                    got=event.what,
                )
    if not is_quiet(run):
        return kept()
    boards = [probe for probe in run.probes.values() if isinstance(probe, Noticeboard)]
    known = {report.txn for board in boards for report in board.reports}
    for event in forcings(run):
        txn, done = event.what.txn, event.what.commit
        decided = books.story(txn).is_committed
        if decided != done and txn not in known:
            return broken(
                f"{txn} was forced {_end(done)} at {event.node}, and decided {_end(decided)}, and the DBA was "
                "never told",
                event.id,
                expected="a Report, again and again until it is noted",
                got=f"reports of {', '.join(map(str, sorted(known))) or 'nothing'}",
            )
    for address, probe in run.probes.items():
        if isinstance(probe, Standing) and probe.forced:
            return broken(
                f"{address} has not forgotten {probe.forced[0]}, which was forced",
                expected="forgotten once it is known to agree, or noted",
                got=probe.forced,
            )
    return kept()


def yes_is_for_life(run: Run) -> Verdict:
    """Who has said yes does not say no, whatever was forced meanwhile, before it was told."""
    for story in chronicle(run).stories.values():
        for node, no in story.no.items():
            if story.yes.get(node, no) < no < story.told.get(node, no + 1):
                return broken(
                    f"{node} has said yes to {story.txn}, and now says no",
                    story.yes[node],
                    no,
                    expected="a yes is for life",
                    got="no",
                )
    return kept()


def _end(commit: bool) -> str:
    return "to commit" if commit else "to abort"


# -- lists (TX2-H2) ---------------------------------------------------------------------------------------------------


def lists_are_true(run: Run) -> Verdict:
    """A look in the midst of it: who is in doubt, and who waits for whom. ``shape["look_at"]`` is when, and
    everything had come to rest 20 ms before."""
    if wish(run, "look_at") is None:
        return kept()
    books = chronicle(run)
    for address, probe in run.probes.items():
        if not isinstance(probe, Standing):
            continue
        doubts = {
            story.txn
            for story in books.stories.values()
            if address in story.yes and address not in story.told
        }
        if set(probe.in_doubt) != doubts:
            return broken(
                f"{address} lists {_names(probe.in_doubt)} as in doubt",
                *(books.story(txn).yes[address] for txn in sorted(doubts)),
                expected=_names(doubts),
                got=_names(probe.in_doubt),
            )
        waits = _waits(run, address)
        if set(probe.blocked) != waits:
            return broken(
                f"{address} does not say rightly who waits for whom",
                expected=_lines(waits),
                got=_lines(set(probe.blocked)),
            )
    return kept()


def _waits(run: Run, address: str) -> set[Wait]:
    """From the messages: who has come for which accounts, who has worked, and who is over."""
    books = chronicle(run)
    came: dict[Txn, dict[str, bool]] = {}
    worked: set[Txn] = set()
    for event in run.trace.of(Kind.SEND, Kind.DELIVER):
        if event.node != address:
            continue
        match event.what:
            case Work(txn, steps) if event.kind == Kind.DELIVER and txn not in came:
                came[txn] = {step.account: step.is_look for step in steps}
            case Worked(txn):
                worked.add(txn)
            case Refused(txn):
                came.pop(txn, None)
    for story in books.stories.values():
        if address in story.told or (address in story.votes and address not in story.yes):
            came.pop(story.txn, None)
    return {
        Wait(waiter, holder, account)
        for waiter, wants in came.items()
        for account, is_look in wants.items()
        for holder, has in list(came.items())[: list(came).index(waiter)]
        if waiter not in worked and account in has
        if not (is_look and has[account])
    }


def _names(txns: object) -> str:
    return ", ".join(sorted(map(str, txns))) or "nothing"  # type: ignore[call-overload]


def _lines(waits: set[Wait]) -> str:
    return (
        "; ".join(f"{w.waiter} for {w.holder} ({w.account})" for w in sorted(waits))
        or "nobody waits"
    )


# -- deadlocks (TX2-L4) -----------------------------------------------------------------------------------------------


def few_victims(run: Run) -> Verdict:
    """A deadlock is broken soon, and costs one; where there is none nobody is a victim.

    ``shape["victims"]``: how many transactions may fail. ``shape["within"]``: how long each may take.
    """
    most = wish(run, "victims")
    if most is None:
        return kept()
    calls = [entry for entry in run.history if isinstance(entry.operation, Transact)]
    failed = [entry for entry in calls if not entry.is_ok]
    if len(failed) > most:
        return broken(
            f"{len(failed)} of {len(calls)} transactions failed, and {most} would have been enough",
            *(entry.ret for entry in failed if entry.ret),
            expected=f"{most} victims",
            got="; ".join(words(entry) for entry in failed),
        )
    within = wish(run, "within")
    for entry in calls:
        if entry.ended is None or entry.ended > entry.began + within:
            late = bounded_liveness(
                entry.ended, entry.began + within, f"an answer to {words(entry)}"
            )
            return shown_by(late, entry.call)
    return kept()


# -- situations -------------------------------------------------------------------------------------------------------


def mixed(run: Run) -> bool:
    """Something was forced one way and decided the other way."""
    books = chronicle(run)
    return any(e.what.commit != books.story(e.what.txn).is_committed for e in forcings(run))


def agreed(run: Run) -> bool:
    """Something was forced, and then decided in the same way."""
    books = chronicle(run)
    return any(e.what.commit == books.story(e.what.txn).is_committed for e in forcings(run))


def crashed_after_force(run: Run) -> bool:
    """A gateway crashed when something had been forced there."""
    starts = [event for event in run.trace.of(Kind.START) if event.incarnation > 0]
    return any(start.node == e.node and start.id > e.id for e in forcings(run) for start in starts)


def somebody_gave_way(run: Run) -> bool:
    """A victim was named."""
    return any(isinstance(event.what, Victim) for event in run.trace.of(Kind.SEND))


def looked_at_doubt(run: Run) -> bool:
    """A list was looked at with somebody in doubt, and somebody blocked."""
    probes = [probe for probe in run.probes.values() if isinstance(probe, Standing)]
    return (
        "look_at" in run.scenario.shape
        and any(probe.in_doubt for probe in probes)
        and any(probe.blocked for probe in probes)
    )
