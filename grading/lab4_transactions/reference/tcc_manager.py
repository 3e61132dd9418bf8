"""The transaction manager of TCC: tries every branch, decides, and drives the decision to the end (part 4C).

Rule: what must be known after a crash is on disk before anybody hears of it: the branches before the first ``Try``,
the decision before the first ``Confirm`` or ``Cancel``.

Theory. The manager is the coordinator of two-phase commit with a participant that is never blocked: between the phases
nothing is locked, some money is *frozen*, and everything else goes on. A transaction is committed at the instant at
which its row says so. It may say so once every branch was ``Tried``. One that was begun, and not decided when the
manager crashed, is aborted: nobody can have been told to confirm. An abort cancels *every* branch, tried or refused or
never heard of: the ``Try`` may still be under way, and only a tombstone stops it.

Numbers rise over all lives of the manager, so that the smallest number that is not over is a horizon: below it, every
branch of every transaction was confirmed or cancelled, and said so.
"""

from __future__ import annotations

from msgspec import structs

from distlab.core import Address, Node, Timer
from labs.lab4_transactions.database import Database, Row, open_database
from labs.lab4_transactions.tcc import (
    MAX_AMOUNT,
    Cancel,
    Cancelled,
    Confirm,
    Confirmed,
    Forget,
    Impossible,
    Leg,
    ManagerConfig,
    Refused,
    Request,
    Result,
    Tried,
    Try,
)


# BEGIN SOLUTION 4C: what the manager stores, and its timers
class Global(Row, frozen=True):
    """One transaction."""

    xid: int
    transfer: str
    """Its business key."""
    legs: tuple[Leg, ...]
    phase: str = "trying"
    """Then ``confirming`` or ``cancelling``, and from the moment it is in the table that is the decision."""
    reason: str = ""
    is_over: bool = False

    @property
    def key(self) -> int:
        return self.xid


class SayAgain(Timer, frozen=True):
    xid: int


class OutOfPatience(Timer, frozen=True):
    xid: int


def objection(legs: tuple[Leg, ...], banks: tuple[str, ...]) -> str:
    """Why this is no transfer; empty if it is one."""
    if not legs:
        return "a transfer has legs"
    if not all(0 < abs(leg.amount) <= MAX_AMOUNT for leg in legs):
        return f"an amount is not 0, and at most {MAX_AMOUNT}"
    if sum(leg.amount for leg in legs) != 0:
        return "what is paid is not what is received"
    unknown = [leg.bank for leg in legs if leg.bank not in banks]
    return f"there is no bank {unknown[0]}" if unknown else ""


# END SOLUTION


class Manager(Node):
    """Begins transactions, decides them, and does not rest before they are over."""

    config: ManagerConfig
    # BEGIN SOLUTION 4C: declare your state
    db: Database
    by_key: dict[str, int]
    missing: dict[int, set[int]]
    """Transactions that are not over -> branches that have not answered in the present phase."""
    asking: dict[int, tuple[Address, int]]
    """Who waits for the end of one, and the number of the question."""
    next_xid: int
    told: int
    """The horizon that the banks were told last."""
    # END SOLUTION

    def on_start(self) -> None:
        """Take up again whatever is not over."""
        # BEGIN SOLUTION 4C: read what was stored; abort what is undecided, drive on what is not over
        self.db = open_database(self.disk, Global)
        self.by_key, self.missing, self.asking = {}, {}, {}
        self.next_xid, self.told = 1, 0
        for transaction in self.db.all(Global):
            self.by_key[transaction.transfer] = transaction.xid
            self.next_xid = transaction.xid + 1
            if transaction.is_over:
                continue
            if transaction.phase == "trying":
                self.decide(transaction, "cancelling", "the manager was started again")
            else:
                self.begin_phase(transaction)
        # END SOLUTION

    def on_request(self, request: Request, sender: Address) -> None:
        """A transfer: a new one, or one we know."""
        # BEGIN SOLUTION 4C: recognise the key; refuse nonsense; store the branches, then try them
        known = self.by_key.get(request.key)
        if known is None:
            reason = objection(request.legs, self.config.banks)
            if reason:
                self.send(sender, Result(request.number, False, reason))
                return
            known = self.begin_transaction(request)
        transaction = self.transaction(known)
        if transaction.legs != request.legs:
            reason = "another transfer has this key"
            self.send(sender, Result(request.number, False, reason))
            return
        self.asking[known] = sender, request.number
        self.answer(transaction)
        # END SOLUTION

    def on_tried(self, tried: Tried) -> None:
        # BEGIN SOLUTION 4C: once every branch is, commit
        if self.is_in(tried.xid, "trying"):
            self.missing[tried.xid].discard(tried.branch)
            if not self.missing[tried.xid]:
                self.decide(self.transaction(tried.xid), "confirming")
        # END SOLUTION

    def on_refused(self, refused: Refused) -> None:
        # BEGIN SOLUTION 4C: abort, unless it is decided
        if self.is_in(refused.xid, "trying"):
            self.decide(self.transaction(refused.xid), "cancelling", refused.reason)
        # END SOLUTION

    def on_confirmed(self, confirmed: Confirmed) -> None:
        # BEGIN SOLUTION 4C: one branch less to confirm
        if self.is_in(confirmed.xid, "confirming"):
            self.done_with(confirmed.xid, confirmed.branch)
        # END SOLUTION

    def on_cancelled(self, cancelled: Cancelled) -> None:
        # BEGIN SOLUTION 4C: one branch less to cancel
        if self.is_in(cancelled.xid, "cancelling"):
            self.done_with(cancelled.xid, cancelled.branch)
        # END SOLUTION

    def on_impossible(self, impossible: Impossible) -> None:
        """A bank says that we are wrong: somebody should look at it."""
        self.log.warning("manager", "impossible", xid=impossible.xid, why=impossible.reason)

    # BEGIN SOLUTION 4C: your timers and helpers
    def on_say_again(self, timer: SayAgain) -> None:
        self.drive(self.transaction(timer.xid))

    def on_out_of_patience(self, timer: OutOfPatience) -> None:
        if self.is_in(timer.xid, "trying"):
            self.decide(self.transaction(timer.xid), "cancelling", "a bank does not answer")

    def begin_transaction(self, request: Request) -> int:
        transaction = Global(self.next_xid, request.key, request.legs)
        self.next_xid += 1
        self.db.commit(self.disk, transaction)
        self.by_key[request.key] = transaction.xid
        self.begin_phase(transaction)
        self.set_timer(OutOfPatience(transaction.xid), self.config.patience)
        return transaction.xid

    def decide(self, transaction: Global, phase: str, reason: str = "") -> None:
        """The commit point, or the abort."""
        decided = structs.replace(transaction, phase=phase, reason=reason)
        self.db.commit(self.disk, decided)
        self.cancel_timer(OutOfPatience(decided.xid))
        self.begin_phase(decided)
        self.answer(decided)

    def begin_phase(self, transaction: Global) -> None:
        self.missing[transaction.xid] = set(range(len(transaction.legs)))
        self.drive(transaction)

    def drive(self, transaction: Global) -> None:
        """Say what the phase wants to every branch that has not answered; and again, later."""
        xid = transaction.xid
        for branch in sorted(self.missing.get(xid, ())):
            leg = transaction.legs[branch]
            match transaction.phase:
                case "trying":
                    self.send(Address(leg.bank), Try(xid, branch, leg.account, leg.amount))
                case "confirming":
                    self.send(Address(leg.bank), Confirm(xid, branch))
                case _:
                    self.send(Address(leg.bank), Cancel(xid, branch))
        if self.missing.get(xid):
            self.set_timer(SayAgain(xid), self.config.retry)

    def done_with(self, xid: int, branch: int) -> None:
        self.missing[xid].discard(branch)
        if not self.missing[xid]:
            del self.missing[xid]
            self.cancel_timer(SayAgain(xid))
            self.db.commit(self.disk, structs.replace(self.transaction(xid), is_over=True))
            self.raise_horizon()

    def raise_horizon(self) -> None:
        """Tell the banks below which number everything is over."""
        below = min(self.missing, default=self.next_xid)
        if below > self.told:
            self.told = below
            for bank in self.config.banks:
                self.send(Address(bank), Forget(below))

    def answer(self, transaction: Global) -> None:
        if transaction.phase != "trying" and transaction.xid in self.asking:
            client, number = self.asking.pop(transaction.xid)
            is_committed = transaction.phase == "confirming"
            self.send(client, Result(number, is_committed, transaction.reason))

    def transaction(self, xid: int) -> Global:
        transaction = self.db.get(Global, xid)
        assert transaction is not None, "whoever names it has heard of it from us"
        return transaction

    def is_in(self, xid: int, phase: str) -> bool:
        return xid in self.missing and self.transaction(xid).phase == phase

    # END SOLUTION
