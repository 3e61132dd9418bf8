"""Money is neither made nor lost: the total stays, no balance is negative, and the end follows from the transfers.

A *view* of the accounts is one answer that shows all of them at one moment, such as a read of every balance in one
transaction. Whoever builds a history of transfers chooses a workload in which the total never changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from distlab.check.history import Entry, History
from distlab.check.verdict import Verdict, broken, kept, unknown
from distlab.core.errors import ScenarioError
from distlab.core.values import Operation

View = tuple[Mapping[str, int], Entry | None]
"""Account -> balance, and the operation that showed it, if one did."""


class Transfer(Operation, frozen=True):
    """Move an amount from one account to another, wholly or not at all."""

    source: str
    target: str
    amount: int


def total_conserved(total: int, views: Iterable[View], *, frozen: int = 0) -> Verdict:
    """Every view adds up to the total. ``frozen``: what transfers under way hold, if it is constant."""
    number = 0
    for balances, entry in views:
        number += 1
        found = sum(_checked(balances).values()) + frozen
        if found != total:
            shown = ", ".join(
                f"{account} {balance}" for account, balance in sorted(balances.items())
            )
            change = f"{abs(found - total)} {'appeared' if found > total else 'disappeared'}"
            return broken(
                f"{change}: {_who(entry)} {shown}",
                *_events(entry),
                expected=f"{total} in all",
                got=found,
            )
    return kept() if number else unknown("nobody looked at the accounts")


def never_negative(views: Iterable[View]) -> Verdict:
    """No view shows a balance below nothing."""
    number = 0
    for balances, entry in views:
        for account, balance in sorted(_checked(balances).items()):
            number += 1
            if balance < 0:
                return broken(
                    f"the balance of {account} is negative: {_who(entry)} {balance}",
                    *_events(entry),
                    expected="0 or more",
                    got=balance,
                )
    return kept() if number else unknown("nobody looked at the accounts")


def explained_by_transfers(
    before: Mapping[str, int], history: History, after: Mapping[str, int], *, budget: int = 100_000
) -> Verdict:
    """The balances at the end are those at the start, every transfer that is ok, and some of those in doubt.

    Which ones is searched for, ``budget`` states at most; then unknown.
    """
    change = {account: -balance for account, balance in _checked(before).items()}
    for account, balance in _checked(after).items():
        change[account] = change.get(account, 0) + balance
    doubt: list[Entry] = []
    for entry in history:
        transfer = entry.operation
        if not isinstance(transfer, Transfer):
            raise ScenarioError(f"operation {entry.ticket} is no Transfer")
        _checked({"": transfer.amount})
        if entry.is_open:
            doubt.append(entry)
        elif entry.is_ok:
            for account, amount in _moves(transfer):
                change[account] = change.get(account, 0) - amount
    accounts = sorted(change)
    target = tuple(change[account] for account in accounts)
    if not any(target):
        return kept()
    reached: dict[tuple[int, ...], None] = {(0,) * len(accounts): None}
    for entry in doubt:
        moved = dict.fromkeys(accounts, 0)
        for account, amount in _moves(entry.operation):  # type: ignore[arg-type]
            if account not in moved:
                break
            moved[account] += amount
        else:
            step = tuple(moved.values())
            for state in list(reached):
                reached[tuple(a + b for a, b in zip(state, step, strict=True))] = None
            if target in reached:
                return kept()
            if len(reached) > budget:
                return unknown(
                    f"more than {budget} ways to choose among {len(doubt)} transfers in doubt"
                )
    left = ", ".join(f"{a} {c:+d}" for a, c in zip(accounts, target, strict=True) if c)
    return broken(
        "the balances do not follow from the transfers: those that were answered Ok leave a difference of "
        f"{left}, and no choice of the {len(doubt)} in doubt makes it",
        *(event for entry in doubt for event in _events(entry)),
        expected="no difference",
        got=left,
    )


def _moves(transfer: Transfer) -> tuple[tuple[str, int], tuple[str, int]]:
    return (transfer.source, -transfer.amount), (transfer.target, transfer.amount)


def _checked(balances: Mapping[str, int]) -> Mapping[str, int]:
    for account, balance in balances.items():
        if not isinstance(balance, int) or isinstance(balance, bool):
            raise ScenarioError(f"the balance of {account!r} is {balance!r}, not a whole number")
    return balances


def _events(entry: Entry | None) -> tuple[int, ...]:
    return tuple(event for event in (entry.call, entry.ret) if event) if entry else ()


def _who(entry: Entry | None) -> str:
    return f"{entry.client} (operation {entry.ticket}) saw" if entry else "at the end there was"
