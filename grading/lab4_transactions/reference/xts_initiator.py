"""The initiator of payments: its local transaction decides, and a timer job does the rest (part 4E3).

Rule: the decision is a row of the local transaction itself, and nobody who pays waits for phase 2.

Theory. In XTS the initiator of a distributed transaction has a database of its own. An *activity* is stored before any
branch is tried. Once all are, one local transaction takes the buyer's money **and** marks the activity as committed:
that is the commit point, and no second log is needed. An activity that is found without that mark is cancelled. Phase
1 is over then, and the caller is answered. Phase 2, Confirm or Cancel for every branch, is work in a table: a job that
runs now and then says a few of them, those first that were said longest ago, until all have answered. So phase 2 can
be slow, can be limited, and can be put off: at a peak it is not done at all, and afterwards it is done at a pace that
the banks can bear.
"""

from __future__ import annotations

from msgspec import structs

from distlab.core import Address, Fail, Node, Ok, Ticket, Timer
from labs.lab4_transactions.database import Database, Row, open_database
from labs.lab4_transactions.tcc import (
    MAX_AMOUNT,
    Account,
    Cancel,
    Cancelled,
    Confirm,
    Confirmed,
    Impossible,
    Refused,
    Tried,
    Try,
)
from labs.lab4_transactions.xts import InitiatorConfig, InitiatorView, Pay, SetPeak, Share


# BEGIN SOLUTION 4E3: what the initiator stores, and its timers
class Activity(Row, frozen=True):
    """A payment."""

    id: int
    buyer: str
    shares: tuple[Share, ...]
    state: str = "begun"
    """Then ``committed`` or ``cancelled``."""
    reason: str = ""
    is_over: bool = False

    @property
    def key(self) -> int:
        return self.id

    @property
    def amount(self) -> int:
        return sum(share.amount for share in self.shares)


class Mode(Row, frozen=True):
    is_peak: bool

    @property
    def key(self) -> str:
        return ""


class TryAgain(Timer, frozen=True):
    id: int


class GiveUp(Timer, frozen=True):
    id: int


class PhaseTwo(Timer, frozen=True):
    pass


# END SOLUTION


class Initiator(Node):
    """Takes payments."""

    config: InitiatorConfig
    # BEGIN SOLUTION 4E3: declare your state
    db: Database
    asking: dict[int, list[Ticket]]
    trying: dict[int, set[int]]
    """Payments in phase 1 -> branches that have not said Tried."""
    left: dict[tuple[int, int], int]
    """Branches that phase 2 has not ended -> when it was last said."""
    # END SOLUTION

    def on_start(self) -> None:
        # BEGIN SOLUTION 4E3: read what was stored; what is undecided is cancelled, what is not over goes on
        self.db = open_database(self.disk, Account | Activity | Mode)
        if not self.db.all(Account):
            self.db.commit(self.disk, *(Account(n, balance) for n, balance in self.config.accounts))
        self.asking, self.trying, self.left = {}, {}, {}
        for activity in self.db.all(Activity):
            if activity.state == "begun":
                self.cancel(activity, "the initiator was started again")
            elif not activity.is_over:
                self.begin_phase_two(activity)
        # END SOLUTION

    # -- phase 1 --------------------------------------------------------------------------------------

    def on_pay(self, op: Pay, ticket: Ticket) -> None:
        # BEGIN SOLUTION 4E3: recognise the id; refuse nonsense; store the activity, then try every branch
        activity = self.db.get(Activity, op.id)
        if activity is None:
            if reason := self.objection(op):
                self.finish(ticket, Fail(reason))
                return
            activity = Activity(op.id, op.buyer, op.shares)
            self.db.commit(self.disk, activity)
            self.trying[op.id] = set(range(len(op.shares)))
            self.set_timer(GiveUp(op.id), self.config.patience)
            self.on_try_again(TryAgain(op.id))
        elif (activity.buyer, activity.shares) != (op.buyer, op.shares):
            self.finish(ticket, Fail("another payment has this id"))
            return
        self.asking.setdefault(op.id, []).append(ticket)
        self.answer(activity)
        # END SOLUTION

    def on_tried(self, tried: Tried) -> None:
        # BEGIN SOLUTION 4E3: once all are, the local transaction: the buyer's money and the decision
        if tried.xid in self.trying:
            self.trying[tried.xid].discard(tried.branch)
            if not self.trying[tried.xid]:
                self.commit_locally(tried.xid)
        # END SOLUTION

    def on_refused(self, refused: Refused) -> None:
        # BEGIN SOLUTION 4E3: cancel, unless it is decided
        if refused.xid in self.trying:
            self.cancel(self.activity(refused.xid), refused.reason)
        # END SOLUTION

    # -- phase 2 --------------------------------------------------------------------------------------

    def on_confirmed(self, confirmed: Confirmed) -> None:
        # BEGIN SOLUTION 4E3: one branch less
        self.done_with(confirmed.xid, confirmed.branch)
        # END SOLUTION

    def on_cancelled(self, cancelled: Cancelled) -> None:
        # BEGIN SOLUTION 4E3: one branch less
        self.done_with(cancelled.xid, cancelled.branch)
        # END SOLUTION

    def on_impossible(self, impossible: Impossible) -> None:
        """A bank says that we are wrong: somebody should look at it."""
        self.log.warning("initiator", "impossible", xid=impossible.xid, why=impossible.reason)

    def on_set_peak(self, op: SetPeak, ticket: Ticket) -> None:
        """From now on nothing is said of phase 2; or it is again."""
        # BEGIN SOLUTION 4E3: store it
        self.db.commit(self.disk, Mode(op.on))
        self.finish(ticket, Ok())
        # END SOLUTION

    # BEGIN SOLUTION 4E3: your timers and helpers
    def on_try_again(self, timer: TryAgain) -> None:
        if timer.id in self.trying:
            shares = self.activity(timer.id).shares
            for branch in sorted(self.trying[timer.id]):
                share = shares[branch]
                request = Try(timer.id, branch, share.account, share.amount)
                self.send(Address(share.bank), request)
            self.set_timer(timer, self.config.retry)

    def on_give_up(self, timer: GiveUp) -> None:
        if timer.id in self.trying:
            self.cancel(self.activity(timer.id), "a bank does not answer")

    def commit_locally(self, payment: int) -> None:
        """The commit point."""
        activity = self.activity(payment)
        buyer = self.db.get(Account, activity.buyer)
        assert buyer is not None
        if buyer.available < activity.amount:
            self.cancel(activity, "not enough money")
            return
        paid = structs.replace(buyer, available=buyer.available - activity.amount)
        decided = structs.replace(activity, state="committed")
        self.db.commit(self.disk, paid, decided)
        self.decided(decided)

    def cancel(self, activity: Activity, reason: str) -> None:
        decided = structs.replace(activity, state="cancelled", reason=reason)
        self.db.commit(self.disk, decided)
        self.decided(decided)

    def decided(self, activity: Activity) -> None:
        self.trying.pop(activity.id, None)
        self.answer(activity)
        self.begin_phase_two(activity)

    def answer(self, activity: Activity) -> None:
        if activity.state != "begun":
            outcome = Ok() if activity.state == "committed" else Fail(activity.reason)
            for ticket in self.asking.pop(activity.id, ()):
                self.finish(ticket, outcome)

    def begin_phase_two(self, activity: Activity) -> None:
        if not self.left:  # else the job is due, and setting its timer again would put it off
            self.set_timer(PhaseTwo(), self.config.tick)
        for branch in range(len(activity.shares)):
            self.left[activity.id, branch] = self.monotonic() - self.config.retry

    def on_phase_two(self, timer: PhaseTwo) -> None:
        """The job: a batch of what was said longest ago."""
        if not self.is_peak:
            due = self.monotonic() - self.config.retry
            waiting = sorted((at, name) for name, at in self.left.items() if at <= due)
            for _, (payment, branch) in waiting[: self.config.batch]:
                self.left[payment, branch] = self.monotonic()
                self.say(self.activity(payment), branch)
        if self.left:
            self.set_timer(timer, self.config.tick)

    def say(self, activity: Activity, branch: int) -> None:
        verb = Confirm if activity.state == "committed" else Cancel
        self.send(Address(activity.shares[branch].bank), verb(activity.id, branch))

    def done_with(self, payment: int, branch: int) -> None:
        if self.left.pop((payment, branch), None) is None:
            return
        activity = self.activity(payment)
        if not any((payment, other) in self.left for other in range(len(activity.shares))):
            self.db.commit(self.disk, structs.replace(activity, is_over=True))

    @property
    def is_peak(self) -> bool:
        mode = self.db.get(Mode, "")
        return mode is not None and mode.is_peak

    def activity(self, payment: int) -> Activity:
        activity = self.db.get(Activity, payment)
        assert activity is not None, "whoever names it has heard of it from us"
        return activity

    def objection(self, op: Pay) -> str:
        """Why this cannot be paid; empty if it can."""
        buyer = self.db.get(Account, op.buyer)
        if buyer is None:
            return f"there is no account {op.buyer}"
        if not op.shares or not all(0 < share.amount <= MAX_AMOUNT for share in op.shares):
            return "not an amount"
        if any(share.bank not in self.config.banks for share in op.shares):
            return "there is no such bank"
        is_enough = buyer.available >= sum(share.amount for share in op.shares)
        return "" if is_enough else "not enough money"

    # END SOLUTION

    def probe(self) -> InitiatorView:
        """Accounts, what was committed, and what is not over."""
        # BEGIN SOLUTION 4E3: show it
        activities = self.db.all(Activity)
        committed = tuple(a.id for a in activities if a.state == "committed")
        pending = sum(not activity.is_over for activity in activities)
        return InitiatorView(tuple(self.db.all(Account)), committed, pending)
        # END SOLUTION
