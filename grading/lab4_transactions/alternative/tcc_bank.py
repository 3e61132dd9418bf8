"""A second bank, without fence rows: a journal of what was done, and everything else worked out from it.

A branch is one of four things: held, consumed, freed, or barred. Its record in the journal *is* the change of the
balance: no two things need to be written together, because only one is.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Address, Node
from labs.lab4_transactions.tcc import (
    MAX_AMOUNT,
    Account,
    BankConfig,
    Cancel,
    Cancelled,
    Confirm,
    Confirmed,
    Forget,
    Impossible,
    Refused,
    Show,
    Statement,
    Tried,
    Try,
)

Name = tuple[int, int]


class Held(Struct, frozen=True, tag=True):
    name: Name
    account: str
    amount: int


class Settled(Struct, frozen=True, tag=True):
    name: Name
    verb: str
    """``consumed``, ``freed`` or ``barred``."""


class Checkpoint(Struct, frozen=True, tag=True):
    """Balances of what is over; the branches below are forgotten."""

    below: int
    balances: tuple[tuple[str, int], ...]


class Bank(Node):
    config: BankConfig
    below: int
    balances: dict[str, int]
    """What each account owns, frozen or not, by branches that are consumed."""
    held: dict[Name, Held]
    fate: dict[Name, str]

    def on_start(self) -> None:
        self.below, self.balances = 0, dict(self.config.accounts)
        self.held, self.fate = {}, {}
        for record in self.disk.recover("journal", Held | Settled | Checkpoint):
            self.apply(record)

    def write(self, record: Held | Settled | Checkpoint) -> None:
        is_new = not self.disk.exists("journal")
        self.disk.append("journal", record)
        self.disk.sync("journal", *(("/",) if is_new else ()))
        self.apply(record)

    def apply(self, record: Held | Settled | Checkpoint) -> None:
        match record:
            case Held(name):
                self.held[name] = record
            case Settled(name, verb):
                self.fate[name] = verb
                held = self.held.pop(name, None)
                if held and verb == "consumed":
                    self.balances[held.account] += held.amount
            case Checkpoint(below, balances):
                self.below, self.balances = below, dict(balances)
                self.fate = {name: verb for name, verb in self.fate.items() if name[0] >= below}

    def fate_of(self, name: Name) -> str:
        """Also ``held``, ``over``, or nothing."""
        if name in self.held:
            return "held"
        return self.fate.get(name) or ("over" if name[0] < self.below else "")

    def frozen(self, account: str) -> int:
        return sum(-h.amount for h in self.held.values() if h.account == account and h.amount < 0)

    def on_try(self, request: Try, sender: Address) -> None:
        name = request.xid, request.branch
        wish = Held(name, request.account, request.amount)
        fate = self.fate_of(name)
        if fate == "consumed":
            return
        if fate not in ("", "held") or (fate == "held" and self.held[name] != wish):
            self.send(sender, Refused(*name, f"it is {fate} already"))
        elif fate == "held" or self.can_hold(wish):
            if not fate:
                self.write(wish)
            self.send(sender, Tried(*name))
        else:
            self.write(Settled(name, "barred"))
            self.send(sender, Refused(*name, "no such account, amount, or money"))

    def can_hold(self, wish: Held) -> bool:
        if wish.account not in self.balances or not 0 < abs(wish.amount) <= MAX_AMOUNT:
            return False
        return self.balances[wish.account] - self.frozen(wish.account) + min(0, wish.amount) >= 0

    def on_confirm(self, request: Confirm, sender: Address) -> None:
        name = request.xid, request.branch
        fate = self.fate_of(name)
        if fate == "held":
            self.write(Settled(name, "consumed"))
        elif fate not in ("consumed", "over"):
            self.send(sender, Impossible(*name, f"it is {fate or 'unheard of'}"))
            return
        self.send(sender, Confirmed(*name))

    def on_cancel(self, request: Cancel, sender: Address) -> None:
        name = request.xid, request.branch
        fate = self.fate_of(name)
        if fate == "consumed":
            self.send(sender, Impossible(*name, "it is consumed"))
            return
        if fate in ("held", ""):
            self.write(Settled(name, "freed" if fate else "barred"))
        self.send(sender, Cancelled(*name))

    def on_forget(self, request: Forget) -> None:
        if request.below > self.below:
            self.write(Checkpoint(request.below, tuple(sorted(self.balances.items()))))

    def on_show(self, request: Show, sender: Address) -> None:
        self.send(sender, self.statement(request.number))

    def probe(self) -> Statement:
        return self.statement(0)

    def statement(self, number: int) -> Statement:
        accounts = tuple(
            Account(name, owned - self.frozen(name), self.frozen(name))
            for name, owned in sorted(self.balances.items())
        )
        return Statement(number, accounts, len(self.held), len(self.held) + len(self.fate))
