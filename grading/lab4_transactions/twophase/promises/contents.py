"""Judges of what is in the accounts: money, and what transactions see of each other."""

from __future__ import annotations

from distlab.check import History, Verdict, broken, kept
from distlab.check.history import Entry
from distlab.check.isolation import Level, isolation
from distlab.check.transactions import Read, Transaction, Write
from distlab.check.transactions import Step as Access
from distlab.core import Ok
from distlab.grade.lab import Run
from grading.lab4_transactions.twophase.chronicle import chronicle
from grading.lab4_transactions.twophase.promises.common import (
    events_of,
    is_quiet,
    opening,
    words,
)
from labs.lab4_transactions.twophase import (
    Holdings,
    Seen,
    Transact,
    Txn,
)

# -- money (TX2-S4) ---------------------------------------------------------------------------------------------------


def money_stays(run: Run) -> Verdict:
    """No account falls below 0, each change is what was asked for, and the total is what it was."""
    books = chronicle(run)
    for look in books.looks:
        seen, txn = look.seen, look.seen.by
        if seen.balance < 0:
            return broken(
                f"{seen.account} is at {seen.balance}", *events_of(look.event), expected="0 or more"
            )
        before = books.before(seen.account, txn) if txn is not None else None
        if txn is not None and before is not None:
            wanted = before.seen.balance + books.story(txn).amount(seen.account)
        else:
            wanted = opening(run).get(seen.account, seen.balance)
        if (txn is None and seen.balance != wanted) or (
            before is not None and seen.balance != wanted
        ):
            return broken(
                f"{seen.account} is {seen.balance}, and after {txn or 'its opening'} it was {wanted}",
                *events_of(before.event if before else 0, look.event),
                expected=wanted,
                got=seen.balance,
            )
    return _total(run)


def _total(run: Run) -> Verdict:
    """At the end, and in every committed transaction that looked at all accounts at once."""
    start = opening(run)
    views: list[tuple[str, tuple[Seen, ...], tuple[int, ...]]] = []
    for entry in run.history:
        if isinstance(entry.operation, Transact) and entry.is_ok:
            looked = tuple(s for s in entry.value or ())
            if {s.account for s in looked} == start.keys():
                views.append((f"{words(entry)} saw", looked, (entry.call, entry.ret)))
    holdings = [h for h in run.probes.values() if isinstance(h, Holdings)]
    shown = tuple(seen for h in holdings for seen in h.accounts)
    is_over = is_quiet(run) and not any(h.in_doubt for h in holdings)
    if is_over and {s.account for s in shown} == start.keys():
        views.append(("at the end there is", shown, ()))
    for who, seens, events in views:
        found, total = sum(seen.balance for seen in seens), sum(start.values())
        if found != total:
            change = f"{abs(found - total)} {'appeared' if found > total else 'disappeared'}"
            shown_as = ", ".join(f"{s.account} {s.balance}" for s in seens)
            return broken(
                f"{change}: {who} {shown_as}", *events, expected=f"{total} in all", got=found
            )
    return kept()


# -- isolation (TX2-I1) -----------------------------------------------------------------------------------------------


def isolated(run: Run) -> Verdict:
    """What was committed, and what it saw, could have happened one after the other, in real time's order."""
    if any(not isinstance(entry.operation, Transact) for entry in run.history):
        return kept()  # forgers write under names that no history has
    books = chronicle(run)
    tickets = {txn: ticket for ticket, txn in books.txn_of.items()}
    entries = []
    for entry in run.history:
        assert isinstance(entry.operation, Transact)
        accounts = [step.account for step in entry.operation.steps]
        if len(set(accounts)) < len(accounts):  # nonsense, and no business of this judge
            continue
        seen: dict[str, Seen] = {}
        if isinstance(entry.outcome, Ok):
            seen = {s.account: s for s in entry.value or ()}
            if accounts != list(seen):
                return broken(
                    f"{words(entry)} was answered with {entry.value!r}",
                    entry.call,
                    entry.ret,
                    expected="what each step saw, in the order of the steps",
                )
        entries.append(_as_transaction(entry, seen, tickets))
    result = isolation(History(entries))
    verdict = result.verdict(Level.STRICT_SERIALIZABLE)
    return kept() if not verdict.is_broken else verdict


def _as_transaction(entry: Entry, seen: dict[str, Seen], tickets: dict[Txn, int]) -> Entry:
    """The same for the checker: a register for each account, whose value is the ticket of who wrote it."""
    asked: list[Access] = []
    done: list[Access] = []
    assert isinstance(entry.operation, Transact)
    for step in entry.operation.steps:
        by = seen[step.account].by if step.account in seen else None
        asked.append(Read(step.account))
        done.append(Read(step.account, tickets.get(by, -1) if by is not None else None))
        if not step.is_look:
            asked.append(Write(step.account, entry.ticket))
            done.append(asked[-1])
    outcome = Ok(tuple(done)) if isinstance(entry.outcome, Ok) else entry.outcome
    return Entry(
        entry.ticket,
        f"{entry.client}, operation {entry.ticket}",  # its transactions may overlap
        Transaction(tuple(asked)),
        entry.began,
        entry.call,
        outcome,
        entry.ended,
        entry.ret,
    )
