"""The judges of part 4C: what each promise says of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from distlab.check import Entry, Verdict, broken, kept, unknown
from distlab.check.money import never_negative
from distlab.core import MS, Address
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab4_transactions.patterns.tcc_world import IN_TIME, OPENING, banks_of
from grading.lab4_transactions.twophase.written import wish
from labs.lab4_transactions.tcc import (
    Cancel,
    Cancelled,
    Confirm,
    Confirmed,
    Forget,
    Leg,
    Look,
    Refused,
    Statement,
    Transfer,
    Tried,
    Try,
)

FEW_ROWS = 20
"""What a bank may keep of forty transactions that are over."""
FEW_MESSAGES = 6
"""For one branch, where nothing is lost: Try, Confirm, their answers, and something to spare."""


def sent(run: Run, *classes: type) -> Iterator[Event]:
    return (e for e in run.trace.of(Kind.SEND) if isinstance(e.what, classes))


def arrived(run: Run, *classes: type) -> Iterator[Event]:
    return (e for e in run.trace.of(Kind.DELIVER) if isinstance(e.what, classes))


def statements(run: Run) -> dict[str, Statement]:
    """What the banks that are up say of themselves at the end."""
    banks = [Address(bank) for bank in banks_of(run.scenario.shape)]
    return {str(bank): run.probes[bank] for bank in banks if bank in run.probes}


def committed(run: Run) -> dict[str, tuple[Leg, ...]]:
    """Key -> legs, of the transfers that were answered Ok."""
    return {
        entry.operation.key: entry.operation.legs  # type: ignore[attr-defined]
        for entry in run.history.of_type(Transfer)
        if entry.is_ok
    }


def is_quiet(run: Run) -> bool:
    """Everything was answered, and no branch waits for anything."""
    there = statements(run)
    return (
        len(there) == len(banks_of(run.scenario.shape))
        and not any(entry.is_open for entry in run.history)
        and not any(statement.tried for statement in there.values())
    )


# -- TX2-S4 -----------------------------------------------------------------------------------------------------------


def money_is_conserved(run: Run) -> Verdict:
    """Nothing is below zero at any time; at rest, each account has what the committed transfers leave it."""
    for views in (_seen(run), _at_the_end(run)):
        verdict = never_negative(views)
        if verdict.is_broken:
            return verdict
    if not is_quiet(run):
        return kept()
    expected: Counter[tuple[str, str]] = Counter()
    for bank in banks_of(run.scenario.shape):
        for name, balance in OPENING:
            expected[bank, name] = balance
    for key, legs in committed(run).items():
        if total := sum(leg.amount for leg in legs):
            return broken(
                f"transfer {key} was answered Ok, and its legs add up to {total}", got=legs
            )
        for leg in legs:
            expected[leg.bank, leg.account] += leg.amount
    for bank, statement in statements(run).items():
        for account in statement.accounts:
            owned = account.available + account.frozen
            if owned != expected[bank, account.name]:
                last = [e.id for e in sent(run, Confirmed, Cancelled) if e.node == bank][-1:]
                return broken(
                    f"everything is over, and {account.name} at {bank} has not what the transfers leave it",
                    *last,
                    expected=f"{expected[bank, account.name]}",
                    got=f"{owned}, of which {account.frozen} are frozen",
                )
    return kept()


def _seen(run: Run) -> Iterator[tuple[dict[str, int], Entry | None]]:
    for entry in run.history.of_type(Look):
        if entry.is_ok:
            yield _amounts(entry.value), entry


def _at_the_end(run: Run) -> Iterator[tuple[dict[str, int], Entry | None]]:
    for statement in statements(run).values():
        yield _amounts(statement), None


def _amounts(statement: Statement) -> dict[str, int]:
    return {a.name: a.available for a in statement.accounts} | {
        f"{a.name} (frozen)": a.frozen for a in statement.accounts
    }


# -- TX2-S5 -----------------------------------------------------------------------------------------------------------


def branches_end_once(run: Run) -> Verdict:
    """Each branch: nothing, or confirmed after it was tried; never tried once it is cancelled; one decision for all."""
    for check in (_banks_are_right, _manager_is_right):
        verdict = check(run)
        if not verdict.is_kept:
            return verdict
    return kept()


def _banks_are_right(run: Run) -> Verdict:
    said: dict[tuple[str, int, int], dict[type, int]] = {}
    for event in sent(run, Tried, Confirmed, Cancelled):
        what = event.what
        before = said.setdefault((event.node, what.xid, what.branch), {})
        name = f"branch {what.branch} of transaction {what.xid}"
        wrong = {
            Tried: (Cancelled, "is tried after it was cancelled: nobody will ever free it"),
            Confirmed: (Cancelled, "is cancelled, and confirmed"),
            Cancelled: (Confirmed, "is confirmed, and cancelled"),
        }[type(what)]
        if wrong[0] in before:
            return broken(f"{event.node}: {name} {wrong[1]}", before[wrong[0]], event.id)
        if isinstance(what, Confirmed) and Tried not in before:
            return broken(f"{event.node}: {name} is confirmed, and was never tried", event.id)
        before.setdefault(type(what), event.id)
    return kept()


def _manager_is_right(run: Run) -> Verdict:
    branches: dict[int, set[int]] = {}
    tried: dict[int, set[int]] = {}
    decided: dict[int, Event] = {}
    over: dict[int, set[int]] = {}
    for event in run.trace.of(Kind.SEND, Kind.DELIVER):
        if event.node != "manager":
            continue
        match event.kind, event.what:
            case Kind.SEND, Try(xid, branch):
                branches.setdefault(xid, set()).add(branch)
            case Kind.DELIVER, Tried(xid, branch):
                tried.setdefault(xid, set()).add(branch)
            case Kind.DELIVER, Confirmed(xid, branch) | Cancelled(xid, branch):
                over.setdefault(xid, set()).add(branch)
            case Kind.SEND, Forget(below):
                for xid in sorted(branches):
                    if xid < below and branches[xid] - over.get(xid, set()):
                        return broken(
                            f"Forget({below}) is said while transaction {xid} is not over: branch "
                            f"{min(branches[xid] - over.get(xid, set()))} has not said how it ended",
                            event.id,
                        )
            case Kind.SEND, Confirm(xid) | Cancel(xid):
                first = decided.setdefault(xid, event)
                if type(first.what) is not type(event.what):
                    return broken(
                        f"transaction {xid} is decided twice: {type(first.what).__name__}, then "
                        f"{type(event.what).__name__}",
                        first.id,
                        event.id,
                    )
                missing = branches.get(xid, set()) - tried.get(xid, set())
                if isinstance(event.what, Confirm) and missing:
                    return broken(
                        f"transaction {xid} is confirmed, and branch {min(missing)} did not say that it was tried",
                        event.id,
                    )
    return kept()


# -- TX2-S6 -----------------------------------------------------------------------------------------------------------


def one_key_one_transfer(run: Run) -> Verdict:
    """What has one business key and one content has one outcome; with another content it is refused."""
    happened: dict[str, Entry] = {}
    for entry in run.history.of_type(Transfer):
        if not entry.is_ok:
            continue
        key, legs = entry.operation.key, entry.operation.legs  # type: ignore[attr-defined]
        first = happened.setdefault(key, entry)
        if first.operation.legs != legs:  # type: ignore[attr-defined]
            return broken(
                f"two different transfers with the key {key} were answered Ok",
                first.ret,
                entry.ret,
                expected="the second one is refused",
            )
    for entry in run.history.of_type(Transfer):
        first = happened.get(entry.operation.key, entry)  # type: ignore[attr-defined]
        if entry.is_failed and first.operation == entry.operation and first is not entry:
            return broken(
                f"the same transfer, {entry.operation.key}, was answered Ok and Fail",  # type: ignore[attr-defined]
                first.ret,
                entry.ret,
                expected="one outcome",
                got=f"Ok, and Fail({entry.outcome.reason!r})",  # type: ignore[union-attr]
            )
    return kept()


# -- TX2-L7 and TX2-C3 ------------------------------------------------------------------------------------------------


def ends_in_time(run: Run) -> Verdict:
    """Within the bound after all is well: every transfer is answered, and nothing is frozen."""
    heal_at = run.scenario.plan.heal_at or 0
    for entry in run.history:
        deadline = max(heal_at, entry.began) + IN_TIME
        if (entry.ended or run.time) > deadline:
            return _late(f"{type(entry.operation).__name__} has no answer in time", entry, deadline)
        key = getattr(entry.operation, "key", "")
        if entry.is_failed and key in (wish(run, "paid") or ()):
            return broken(
                f"a bank was silent for longer than patience lasts; what {key} needs was frozen all the same",
                entry.ret,
                expected="Ok: the other transfer is aborted, and its money is free",
                got=entry.outcome,
            )
        if wish(run, "fine") and entry.is_failed:
            return broken(
                "nothing goes wrong, and a transfer that can be paid is not paid",
                entry.ret,
                expected="Ok",
                got=entry.outcome,
            )
    last = max((entry.ended or 0 for entry in run.history), default=0)
    if run.time < max(heal_at, last) + IN_TIME:
        return unknown("the run ended before the time was up")
    quiet_from = max(heal_at, last) + IN_TIME
    for event in sent(run, Try, Confirm, Cancel):
        if event.time > quiet_from:
            return broken(
                f"all was well for {IN_TIME // MS} ms, and {event.node} still says "
                f"{type(event.what).__name__} to {event.peer}",
                event.id,
                expected="every branch is over",
            )
    for bank, statement in statements(run).items():
        frozen = {a.name: a.frozen for a in statement.accounts if a.frozen}
        if frozen or statement.tried:
            return Verdict(
                broken("").finding,
                f"all was well for {IN_TIME // MS} ms, and {bank} still has branches that are TRIED: "
                f"{statement.tried}; frozen: {frozen or 'nothing'}",
                is_absence=True,
                expected="every branch is confirmed or cancelled",
            )
    return kept()


def _late(reason: str, entry: Entry, deadline: int) -> Verdict:
    took = "never" if entry.ended is None else f"at {entry.ended // MS} ms"
    return Verdict(
        broken("").finding,
        reason,
        (entry.call,),
        expected=f"by {deadline // MS} ms",
        got=took,
        is_absence=True,
    )


def costs_little(run: Run) -> Verdict:
    """Where nothing goes wrong: few messages for a branch; fence rows go when they can."""
    if not run.scenario.shape.get("cost"):
        return kept()
    branches = sum(len(legs) for legs in committed(run).values())
    messages = sum(1 for _ in sent(run, Try, Confirm, Cancel, Tried, Refused, Confirmed, Cancelled))
    if messages > FEW_MESSAGES * branches:
        return broken(
            "nothing was lost, and everything was said too often",
            expected=f"at most {FEW_MESSAGES} messages for each of {branches} branches",
            got=messages,
        )
    for bank, statement in statements(run).items():
        if statement.fences > FEW_ROWS:
            return broken(
                f"{len(committed(run))} transfers are over, and {bank} keeps rows of them",
                expected=f"at most {FEW_ROWS}",
                got=statement.fences,
            )
    return kept()


# -- situations -------------------------------------------------------------------------------------------------------


def some_committed(run: Run) -> bool:
    return bool(committed(run))


def some_refused(run: Run) -> bool:
    """For lack of money, not for nonsense: somebody was asked."""
    return any(True for _ in arrived(run, Refused))


def empty_rollback(run: Run) -> bool:
    """A Cancel reached a bank before its Try."""
    return _order(run, Cancel, Try)


def try_after_cancel(run: Run) -> bool:
    cancelled: set[tuple[int, int]] = set()
    for event in arrived(run, Try, Cancel):
        name = event.what.xid, event.what.branch
        if isinstance(event.what, Cancel):
            cancelled.add(name)
        elif name in cancelled:
            return True
    return False


def _order(run: Run, first: type, second: type) -> bool:
    """For some branch, ``first`` arrived and no ``second`` had."""
    had: set[tuple[int, int]] = set()
    for event in arrived(run, first, second):
        name = event.what.xid, event.what.branch
        if isinstance(event.what, second):
            had.add(name)
        elif name not in had:
            return True
    return False


def confirmed_twice(run: Run) -> bool:
    copies = Counter((e.what.xid, e.what.branch) for e in arrived(run, Confirm))
    return any(count > 1 for count in copies.values())


def died_between(run: Run) -> bool:
    """The manager crashed between a decision and its end."""
    decided: set[int] = set()
    for event in run.trace.of(Kind.SEND, Kind.CRASH):
        if event.node != "manager":
            continue
        if event.kind == Kind.CRASH and decided:
            return True
        if isinstance(event.what, (Confirm, Cancel)):
            decided.add(event.what.xid)
        elif isinstance(event.what, Forget):
            decided = {xid for xid in decided if xid >= event.what.below}
    return False


def bank_died_with_reservations(run: Run) -> bool:
    tried = False
    for event in run.trace.of(Kind.SEND, Kind.CRASH):
        if event.node.startswith("bank"):
            if event.kind == Kind.CRASH and tried:
                return True
            tried = tried or isinstance(event.what, Tried)
    return False
