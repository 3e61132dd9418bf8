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
        raise NotImplementedError(
            "4C: check, freeze and write the fence row in one commit; refuse where a tombstone stands"
        )

    def on_confirm(self, request: Confirm, sender: Address) -> None:
        """Consume what is frozen, or add what is received: once."""
        raise NotImplementedError(
            "4C: from TRIED to COMMITTED; say it again; anything else is Impossible"
        )

    def on_cancel(self, request: Cancel, sender: Address) -> None:
        """Free what is frozen; where nothing was tried, see to it that nothing ever will be."""
        raise NotImplementedError(
            "4C: from TRIED to ROLLBACKED; from nothing to SUSPENDED; say it again"
        )

    def on_forget(self, request: Forget) -> None:
        """Let rows go, and put the horizon in their place."""
        raise NotImplementedError(
            "4C: in one commit, raise the horizon and delete what lies below it"
        )

    # TODO 4C: your own helpers

    # -- for all to see -------------------------------------------------------------------------------

    def on_show(self, request: Show, sender: Address) -> None:
        self.send(sender, self.statement(request.number))

    def probe(self) -> Statement:
        return self.statement(0)

    def statement(self, number: int) -> Statement:
        fences = self.db.all(Fence)
        tried = sum(fence.state == TRIED for fence in fences)
        return Statement(number, tuple(self.db.all(Account)), tried, len(fences))
