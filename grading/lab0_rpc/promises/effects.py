"""Part 0B: each effect once, outcomes that are true, a bounded memory, and attempts that do no harm.

What happened is read off the balances at the end, when everything has healed: a balance must be the sum of the amounts
that were answered Ok, and of some of those of which nobody knows. Amounts are mostly powers of ten, so that few
other sums come to the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from distlab.check import Entry, Verdict, broken, kept, unknown
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab0_rpc.promises import inner, is_a, messages


def adds(run: Run) -> list[Entry]:
    return [entry for entry in run.history if is_a(entry.operation, "Add")]


def account_of(entry: Entry) -> str:
    add: Any = entry.operation
    return str(add.account)


def amount_of(entry: Entry) -> int:
    add: Any = entry.operation
    return int(add.amount)


def balances_of(run: Run) -> dict[str, int] | None:
    """All accounts at the end; None where a server did not run then."""
    total: dict[str, int] = {}
    for server in run.cluster.with_role("server"):
        if (view := run.probes.get(server)) is None:
            return None
        total.update(view.balances)
    return total


def _sums(amounts: list[int]) -> set[int]:
    """All sums of some of the amounts."""
    found = {0}
    for amount in amounts:
        found |= {sum_ + amount for sum_ in found}
    return found


def by_account(run: Run) -> Iterator[tuple[str, list[Entry]]]:
    accounts: dict[str, list[Entry]] = defaultdict(list)
    for entry in adds(run):
        accounts[account_of(entry)].append(entry)
    yield from accounts.items()


# -- each effect once -------------------------------------------------------------------------------------------------


def each_effect_once(run: Run) -> Verdict:
    """Balances are what the outcomes say: every Ok once, an open one at most once. (Fails: see the next promise.)"""
    balances = balances_of(run)
    if balances is None:
        return unknown("a server was not running at the end")
    for account, entries in by_account(run):
        ok = [e for e in entries if e.is_ok]
        certain = sum(amount_of(e) for e in ok)
        # What a Fail did all the same is judged as a dishonest outcome, not here.
        doubtful = _sums([amount_of(e) for e in entries if not e.is_ok])
        balance = balances.get(account, 0)
        if balance - certain in doubtful:
            continue
        what, entry = _culprit(ok, doubtful, balance - certain)
        return broken(
            f"account {account}: {what}",
            *([entry.call, entry.ret, *_written(run, entry)] if entry else []),
            expected=f"{certain}"
            + (", and perhaps some of the unknown ones" if doubtful != {0} else ""),
            got=f"{balance}",
        )
    return kept()


def _written(run: Run, entry: Entry) -> list[int]:
    """Where servers wrote for the operation, if they did so several times: the last is one too many."""
    synced = {event.cause: event.id for event in run.trace.of(Kind.SYNCED)}
    syncs = {e.cause: synced.get(e.id, e.id) for e in run.trace.of(Kind.SYNC)}
    calls = [
        event.id
        for event in messages(run, Kind.DELIVER, "Call")
        if event.id in syncs
        and event.what.id.client == entry.client
        and (event.what.account, event.what.amount) == (account_of(entry), amount_of(entry))
    ]
    return [*calls, syncs[calls[-1]]] if len(calls) > 1 else []


def _culprit(ok: list[Entry], doubtful: set[int], excess: int) -> tuple[str, Entry | None]:
    """Which operations explain the balance: lost ones, or ones applied again."""
    for count in (1, 2, 3):
        for some in combinations(ok, count):
            amount = sum(amount_of(e) for e in some)
            names = ", ".join(f"{amount_of(e):+}" for e in some)
            if excess + amount in doubtful:
                return f"{names} was answered Ok, and its effect is not there", some[-1]
            if excess - amount in doubtful:
                return f"{names} was applied twice", some[-1]
    return "the balance is no sum of what was asked for", ok[-1] if ok else None


# -- honest outcomes --------------------------------------------------------------------------------------------------


class Talk:
    """What the messages say about each thing asked for: (client, account, amount) -> ids, and what became of them."""

    def __init__(self, run: Run) -> None:
        self.sent: dict[Any, set[Any]] = defaultdict(set)
        self.refused: dict[Any, set[Any]] = defaultdict(set)
        self.granted: dict[Any, set[Any]] = defaultdict(set)
        self.answered_at: dict[Any, Event] = {}
        """The first answer to each id that its client received."""
        what: dict[Any, Any] = {}
        clients = run.cluster.with_role("client")
        for event in run.trace.of(Kind.SEND, Kind.DELIVER):
            message = inner(event.what)
            if event.node not in clients:
                continue
            if event.kind == Kind.SEND and is_a(message, "Call"):
                what[message.id] = wish = (event.node, message.account, message.amount)
                self.sent[wish].add(message.id)
            elif event.kind == Kind.DELIVER and is_a(message, "Answer") and message.id in what:
                table = self.refused if message.refused else self.granted
                table[what[message.id]].add(message.id)
                self.answered_at.setdefault(message.id, event)


def outcomes_are_true(run: Run) -> Verdict:
    """A Fail has no effect and a reason, an Ok has an answer; an answer that came in time is not called unknown."""
    if (verdict := _fails_without_effect(run)).is_broken:
        return verdict
    talk = Talk(run)
    wishes: dict[Any, list[Entry]] = defaultdict(list)
    for entry in adds(run):
        wishes[entry.client, account_of(entry), amount_of(entry)].append(entry)
    for wish, entries in wishes.items():
        failed = [e for e in entries if e.is_failed]
        never_sent = len(entries) - len(talk.sent[wish])
        if len(failed) > max(0, never_sent) + len(talk.refused[wish]):
            return broken(
                f"{failed[-1].operation!r} was reported as certainly failed: it had been sent, "
                f"and no server refused it",
                failed[-1].call,
                failed[-1].ret,
                expected="Info",
                got=failed[-1].outcome,
            )
        ok = [e for e in entries if e.is_ok]
        if len(ok) > len(talk.granted[wish]):
            return broken(
                f"{ok[-1].operation!r} was reported as done, and no server had said so",
                ok[-1].call,
                ok[-1].ret,
                expected="Info",
                got=ok[-1].outcome,
            )
        if len(entries) == 1 and entries[0].outcome is not None and entries[0].is_open:
            for id_ in talk.sent[wish]:
                answer = talk.answered_at.get(id_)
                if answer is not None and answer.id < entries[0].ret:
                    return broken(
                        f"{entries[0].operation!r} was reported as unknown, though its answer had "
                        f"come",
                        entries[0].call,
                        answer.id,
                        entries[0].ret,
                        expected="Fail" if answer.what.refused else f"Ok({answer.what.balance})",
                        got=entries[0].outcome,
                    )
    return kept()


def _fails_without_effect(run: Run) -> Verdict:
    balances = balances_of(run)
    if balances is None:
        return unknown("a server was not running at the end")
    for account, entries in by_account(run):
        excess = balances.get(account, 0) - sum(amount_of(e) for e in entries if e.is_ok)
        doubtful = _sums([amount_of(e) for e in entries if e.is_open])
        if excess in doubtful:
            continue
        for entry in entries:
            if entry.is_failed and excess - amount_of(entry) in doubtful:
                return broken(
                    f"{entry.operation!r} was reported as certainly failed, and its effect is "
                    f"there",
                    entry.call,
                    entry.ret,
                    *_written(run, entry),
                    expected=f"{balances.get(account, 0) - amount_of(entry)}",
                    got=f"{balances.get(account, 0)}",
                )
    return kept()


def answers_are_true(run: Run) -> Verdict:
    """Each Ok says the balance right after its own effect: into accounts with deposits only, they form one ladder."""
    for account, entries in by_account(run):
        if any(amount_of(e) <= 0 for e in entries):
            continue
        open_sums = _sums([amount_of(e) for e in entries if e.is_open])
        before: Entry | None = None
        balance = 0
        for entry in sorted((e for e in entries if e.is_ok), key=lambda e: (e.value, e.call)):
            gap = entry.value - amount_of(entry) - balance
            if gap not in open_sums:
                return broken(
                    f"account {account}: {entry.operation!r} was answered with a balance that it "
                    f"never had",
                    *([before.ret] if before else []),
                    entry.ret,
                    expected=f"{balance + amount_of(entry)}, or more by what is unknown",
                    got=entry.value,
                )
            balance, before = entry.value, entry
    return kept()
