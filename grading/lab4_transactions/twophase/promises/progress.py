"""Judges of time and cost: it ends, locks are waited for, syncs are few, nonsense is refused."""

from __future__ import annotations

from distlab.check import Verdict, bounded_liveness, broken, kept
from distlab.check.history import Entry
from distlab.core import MS, Fail, Info
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab4_transactions.twophase.promises.common import (
    ANSWERED_IN,
    CLEAN_IN,
    are_committed,
    is_quiet,
    shown_by,
    well_from,
    words,
)
from grading.lab4_transactions.twophase.written import wish
from labs.lab4_transactions.twophase import (
    Desk,
    Holdings,
    Transact,
)

# -- it ends (TX2-L1, TX2-L3) -----------------------------------------------------------------------------------------


def ends_in_time(run: Run) -> Verdict:
    """Once all is well every transaction is over in time, and nothing stays behind."""
    well = well_from(run)
    for entry in run.history:
        if not isinstance(entry.operation, Transact):
            continue
        deadline = max(entry.began, well) + ANSWERED_IN
        if run.time < deadline and entry.ended is None:
            continue
        if entry.ended is None or entry.ended > deadline or _gave_up(entry):
            verdict = bounded_liveness(
                None if entry.ended is None or _gave_up(entry) else entry.ended,
                deadline,
                f"an answer to {words(entry)}",
            )
            return shown_by(verdict, entry.call)
    despite = wish(run, "despite") or ()
    if not (verdict := are_committed(run, despite, "nothing stood in its way any more")).is_kept:
        return verdict
    if (most := wish(run, "patience")) is not None:
        for entry in run.history:
            if entry.ended is None or entry.ended > entry.began + most:
                goal = f"an answer to {words(entry)}"
                return shown_by(bounded_liveness(entry.ended, entry.began + most, goal), entry.call)
    return _nothing_is_left(run) if is_quiet(run) else kept()


def _gave_up(entry: Entry) -> bool:
    return isinstance(entry.outcome, Info) and not entry.outcome.reason.startswith("rejected")


def _nothing_is_left(run: Run) -> Verdict:
    for address, probe in run.probes.items():
        match probe:
            case Holdings(_, in_doubt, locked) if in_doubt or locked:
                what = (
                    f"in doubt about {in_doubt[0]}" if in_doubt else f"holding {locked[0]} locked"
                )
                return _still(run, address, what)
            case Desk(active, open_) if active or open_:
                what = f"at work on {active[0]}" if active else f"missing an Ack for {open_[0]}"
                return _still(run, address, what)
    return kept()


def _still(run: Run, address: str, what: str) -> Verdict:
    last = [event.id for event in run.trace.of(Kind.SEND) if event.node == address][-1:]
    return broken(
        f"{address} is still {what}, {CLEAN_IN // MS} ms after all was well and answered",
        *last,
        expected="nothing in doubt, locked or untold",
        got=what,
    )


def waits_for_locks(run: Run) -> Verdict:
    """Who wants what another one holds waits for it; and who waits for each other is told no, soon."""
    verdict = kept()
    if wish(run, "wait"):
        verdict = are_committed(run, wish(run, "ends") or (), "it could have waited")
    most = wish(run, "within")
    if most is None or not verdict.is_kept:
        return verdict
    for entry in run.history:
        if entry.ended is None or entry.ended > entry.began + most:
            late = bounded_liveness(entry.ended, entry.began + most, f"an answer to {words(entry)}")
            return shown_by(late, entry.call)
    return kept()


# -- cost (TX2-C1) ----------------------------------------------------------------------------------------------------


def few_syncs(run: Run) -> Verdict:
    """Where nothing goes wrong: so many syncs and messages for each transaction. ``shape["cost"]`` has the most."""
    most = wish(run, "cost")
    if most is None:
        return kept()
    since = min((call.at for call in run.scenario.calls), default=0)
    for address, limit in most["syncs"].items():
        syncs = [e for e in run.trace.of(Kind.SYNC) if e.node == address and e.time >= since]
        if len(syncs) > limit:
            return broken(
                f"{address} syncs {len(syncs)} times for {most['what']}",
                syncs[-1].id,
                expected=f"{limit} times",
                got=len(syncs),
            )
    if len(sent := _between_tm_and_rm(run)) > most["messages"]:
        return broken(
            f"coordinator and participants send {len(sent)} messages for {most['what']}",
            sent[-1].id,
            expected=f"{most['messages']} at most",
            got=len(sent),
        )
    return kept()


def _between_tm_and_rm(run: Run) -> list[Event]:
    sides = [set(run.cluster.with_role("coordinator")), set(run.cluster.with_role("participant"))]
    return [
        event
        for event in run.trace.of(Kind.SEND)
        if any(event.node in here and event.peer in there for here, there in (sides, sides[::-1]))
    ]


# -- nonsense (TX2-R1) ------------------------------------------------------------------------------------------------


def nonsense_is_refused(run: Run) -> Verdict:
    """What makes no sense is refused in words, and changes nothing."""
    for entry, want in zip(run.history, wish(run, "ends") or (), strict=False):
        said, is_committed = entry.value if want in ("unsaid", "first") else ("", False)
        if want == "first" and not is_committed:
            return broken(
                "other steps were asked for under a name that was taken, and the first ones came to nothing",
                entry.call,
                *([entry.ret] if entry.ret else []),
                expected="the first ones count: committed",
                got="not committed",
            )
        if want in ("unsaid", "first") and said not in ("rejected", "aborted"):
            return broken(
                "other steps were asked for under a name that was taken, or never given",
                entry.call,
                *([entry.ret] if entry.ret else []),
                expected="Rejected; or aborted, if that is how the first ended",
                got=said,
            )
        is_said = isinstance(entry.outcome, Fail) and entry.outcome.reason.strip()
        if want == "refused" and not is_said:
            return broken(
                f"{words(entry)} makes no sense",
                entry.call,
                *([entry.ret] if entry.ret else []),
                expected="Fail, with a reason",
                got=entry.outcome or "no answer",
            )
    return kept()
