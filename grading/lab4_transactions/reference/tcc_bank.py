"""A bank that reserves, confirms and cancels: a participant of TCC (part 4C).

Rule: every step changes the account and the *fence row* of its branch in one local transaction, and nothing else
decides what may happen next: no clock, and nothing in memory.

Theory. Messages may be lost, repeated and overtaken, however late, so each of the three may meet each state:

===========  =================  =============================  ===================================
row          ``Try``            ``Confirm``                    ``Cancel``
===========  =================  =============================  ===================================
none         freeze, TRIED      an error                       SUSPENDED: empty rollback (空回滚)
TRIED        again: Tried       consume, COMMITTED             free, ROLLBACKED
COMMITTED    again: Tried       again: Confirmed (幂等)        an error
ROLLBACKED   refuse             an error                       again: Cancelled
SUSPENDED    refuse (悬挂)      an error                       again: Cancelled
===========  =================  =============================  ===================================

A row is a tombstone: it must stay as long as a ``Try`` may arrive, and on a network that delays without bound that is
for ever. So it goes only when something else stands for it: the *horizon*, one number below which every transaction is
over and every ``Try`` is an echo.
"""

from __future__ import annotations

from msgspec import structs

from distlab.core import Address, Node
from labs.lab4_transactions.database import Database, open_database
from labs.lab4_transactions.tcc import (
    COMMITTED,
    MAX_AMOUNT,
    ROLLBACKED,
    SUSPENDED,
    TRIED,
    Account,
    BankConfig,
    Cancel,
    Cancelled,
    Confirm,
    Confirmed,
    Fence,
    Forget,
    Horizon,
    Impossible,
    Refused,
    Show,
    Statement,
    Tried,
    Try,
)


class Bank(Node):
    """Accounts, and what is reserved of them."""

    config: BankConfig
    db: Database

    def on_start(self) -> None:
        self.db = open_database(self.disk, Account | Fence | Horizon)
        if not self.db.all(Account):
            self.db.commit(self.disk, *(Account(n, balance) for n, balance in self.config.accounts))

    def on_try(self, request: Try, sender: Address) -> None:
        """Freeze what the account is to pay; a second copy gets the first one's answer, and no second effect."""
        # BEGIN SOLUTION 4C: check, freeze and write the fence row in one commit; refuse where a tombstone stands
        fence = self.fence_of(request)
        reason = self.objection(request, fence)
        if not reason and fence is None:
            self.db.commit(self.disk, *self.reservation(request))
        answer = (
            Refused(request.xid, request.branch, reason)
            if reason
            else Tried(request.xid, request.branch)
        )
        self.send(sender, answer)
        # END SOLUTION

    def on_confirm(self, request: Confirm, sender: Address) -> None:
        """Consume what is frozen, or add what is received: once."""
        # BEGIN SOLUTION 4C: from TRIED to COMMITTED; say it again; anything else is Impossible
        fence = self.fence_of(request)
        if fence is not None and fence.state == TRIED:
            account = self.account_of(fence)
            if fence.amount < 0:
                account = structs.replace(account, frozen=account.frozen + fence.amount)
            else:
                account = structs.replace(account, available=account.available + fence.amount)
            self.db.commit(self.disk, account, structs.replace(fence, state=COMMITTED))
        elif not self.is_over(request.xid) and (fence is None or fence.state != COMMITTED):
            why = "it was never tried" if fence is None else "it is cancelled"
            self.send(sender, Impossible(request.xid, request.branch, why))
            return
        self.send(sender, Confirmed(request.xid, request.branch))
        # END SOLUTION

    def on_cancel(self, request: Cancel, sender: Address) -> None:
        """Free what is frozen; where nothing was tried, see to it that nothing ever will be."""
        # BEGIN SOLUTION 4C: from TRIED to ROLLBACKED; from nothing to SUSPENDED; say it again
        fence = self.fence_of(request)
        if fence is None and not self.is_over(request.xid):
            self.db.commit(self.disk, Fence(request.xid, request.branch, SUSPENDED))
        elif fence is not None and fence.state == TRIED:
            account = self.account_of(fence)
            if fence.amount < 0:
                account = structs.replace(
                    account,
                    available=account.available - fence.amount,
                    frozen=account.frozen + fence.amount,
                )
            self.db.commit(self.disk, account, structs.replace(fence, state=ROLLBACKED))
        elif fence is not None and fence.state == COMMITTED:
            self.send(sender, Impossible(request.xid, request.branch, "it is confirmed"))
            return
        self.send(sender, Cancelled(request.xid, request.branch))
        # END SOLUTION

    def on_forget(self, request: Forget) -> None:
        """Let rows go, and put the horizon in their place."""
        # BEGIN SOLUTION 4C: in one commit, raise the horizon and delete what lies below it
        if request.below > self.below:
            gone = tuple(
                f for f in self.db.all(Fence) if f.xid < request.below and f.state != TRIED
            )
            self.db.commit(self.disk, Horizon(request.below), gone=gone)
        # END SOLUTION

    # BEGIN SOLUTION 4C: your own helpers
    @property
    def below(self) -> int:
        horizon = self.db.get(Horizon, "")
        return horizon.below if horizon else 0

    def is_over(self, xid: int) -> bool:
        return xid < self.below

    def fence_of(self, request: Try | Confirm | Cancel) -> Fence | None:
        return self.db.get(Fence, (request.xid, request.branch))

    def account_of(self, fence: Fence) -> Account:
        account = self.db.get(Account, fence.account)
        assert account is not None, "nobody reserves on an account that there is not"
        return account

    def reservation(self, request: Try) -> tuple[Account, Fence]:
        """The account with the amount frozen, and the row that says so."""
        fence = Fence(request.xid, request.branch, TRIED, request.account, request.amount)
        account, pays = self.account_of(fence), max(0, -request.amount)
        return Account(account.name, account.available - pays, account.frozen + pays), fence

    def objection(self, request: Try, fence: Fence | None) -> str:
        """Why this cannot be reserved; empty if it can, or is."""
        if fence is not None and fence.state in (ROLLBACKED, SUSPENDED):
            return "it is cancelled"
        if fence is not None:
            same = (fence.account, fence.amount) == (request.account, request.amount)
            return "" if same else "something else was tried under this number"
        if self.is_over(request.xid):
            return "it is over"
        if not 0 < abs(request.amount) <= MAX_AMOUNT:
            return "not an amount"
        account = self.db.get(Account, request.account)
        if account is None:
            return f"there is no account {request.account}"
        return "" if account.available + request.amount >= 0 else "not enough money"

    # END SOLUTION

    # -- for all to see -------------------------------------------------------------------------------

    def on_show(self, request: Show, sender: Address) -> None:
        self.send(sender, self.statement(request.number))

    def probe(self) -> Statement:
        return self.statement(0)

    def statement(self, number: int) -> Statement:
        fences = self.db.all(Fence)
        tried = sum(fence.state == TRIED for fence in fences)
        return Statement(number, tuple(self.db.all(Account)), tried, len(fences))
