"""Bugs of part 4E3: decisions beside the local transaction, and phase 2 at the wrong time."""

from __future__ import annotations

from msgspec import structs

from distlab.core import Fail, Ok, Ticket
from distlab.grade.lab import bug
from labs.lab4_transactions.tcc import Account, Confirmed, Tried
from labs.lab4_transactions.xts import Pay, SetPeak
from labs.lab4_transactions.xts_initiator import Activity, GiveUp, Initiator, PhaseTwo, TryAgain


class DecisionBeside(Initiator):
    """Takes the money in one local transaction, and notes the decision in a second one."""

    def commit_locally(self, payment: int) -> None:
        activity = self.activity(payment)
        buyer = self.db.get(Account, activity.buyer)
        assert buyer is not None
        if buyer.available >= activity.amount:
            paid = structs.replace(buyer, available=buyer.available - activity.amount)
            self.db.commit(self.disk, paid)
            decided = structs.replace(activity, state="committed")
            self.db.commit(self.disk, decided)
            self.decided(decided)
        else:
            super().commit_locally(payment)


class DecisionFirst(Initiator):
    """Notes the decision in one local transaction, and takes the money in a second one."""

    def commit_locally(self, payment: int) -> None:
        activity = self.activity(payment)
        buyer = self.db.get(Account, activity.buyer)
        assert buyer is not None
        if buyer.available >= activity.amount:
            decided = structs.replace(activity, state="committed")
            self.db.commit(self.disk, decided)
            paid = structs.replace(buyer, available=buyer.available - activity.amount)
            self.db.commit(self.disk, paid)
            self.decided(decided)
        else:
            super().commit_locally(payment)


class LooksOnce(Initiator):
    """Looks at the balance when it is asked, and not when it takes the money."""

    def commit_locally(self, payment: int) -> None:
        activity = self.activity(payment)
        buyer = self.db.get(Account, activity.buyer)
        assert buyer is not None
        paid = structs.replace(buyer, available=buyer.available - activity.amount)
        decided = structs.replace(activity, state="committed")
        self.db.commit(self.disk, paid, decided)
        self.decided(decided)


class KeepsTheLastCoin(Initiator):
    """Wants more than nothing to be left: nobody can pay with all that he has."""

    def objection(self, op: Pay) -> str:
        buyer = self.db.get(Account, op.buyer)
        if buyer is not None and buyer.available == sum(share.amount for share in op.shares):
            return "not enough money"
        return super().objection(op)


class AnyPaymentOfThatId(Initiator):
    """Recognises a payment by its id: another one under the same id is answered Ok, and never happens."""

    def on_pay(self, op: Pay, ticket: Ticket) -> None:
        activity = self.db.get(Activity, op.id)
        if activity is not None:
            op = Pay(op.id, activity.buyer, activity.shares)
        super().on_pay(op, ticket)


class BegunInMemory(Initiator):
    """Stores an activity with its decision: one that dies in phase 1 leaves branches that nobody cancels."""

    def on_pay(self, op: Pay, ticket: Ticket) -> None:
        if self.db.get(Activity, op.id) is not None or self.objection(op):
            super().on_pay(op, ticket)
            return
        activity = Activity(op.id, op.buyer, op.shares)
        self.db.tables.setdefault("Activity", {})[op.id] = activity
        self.trying[op.id] = set(range(len(op.shares)))
        self.set_timer(GiveUp(op.id), self.config.patience)
        self.on_try_again(TryAgain(op.id))
        self.asking.setdefault(op.id, []).append(ticket)


class CommitsTheUndecided(Initiator):
    """After a restart takes what it finds begun for committed."""

    def cancel(self, activity: Activity, reason: str) -> None:
        if "started again" in reason:
            decided = structs.replace(activity, state="committed")
            self.db.commit(self.disk, decided)
            self.decided(decided)
        else:
            super().cancel(activity, reason)


class ForgetsTheBacklog(Initiator):
    """Keeps the work of phase 2 in memory: a restart takes it."""

    def on_start(self) -> None:
        super().on_start()
        for name in list(self.left):
            if self.activity(name[0]).state == "committed":
                del self.left[name]


class CommitsTheFirst(Initiator):
    """Commits when the first bank has said Tried."""

    def on_tried(self, tried: Tried) -> None:
        if tried.xid in self.trying:
            self.commit_locally(tried.xid)


class AnswersFirst(Initiator):
    """Answers the buyer when all are tried, and then looks whether there is enough money."""

    def commit_locally(self, payment: int) -> None:
        for ticket in self.asking.pop(payment, ()):
            self.finish(ticket, Ok())
        super().commit_locally(payment)


class Synchronous(Initiator):
    """Answers when phase 2 is over: at a peak that is after the peak."""

    def answer(self, activity: Activity) -> None:
        if activity.is_over or activity.state == "cancelled":
            super().answer(activity)

    def done_with(self, payment: int, branch: int) -> None:
        super().done_with(payment, branch)
        self.answer(self.activity(payment))


class NeverDefers(Initiator):
    """Does phase 2 at a peak like at any other time."""

    @property
    def is_peak(self) -> bool:
        return False


class PeakInMemory(Initiator):
    """Forgets at a restart that it is a peak."""

    peak: bool

    def on_start(self) -> None:
        self.peak = False
        super().on_start()

    @property
    def is_peak(self) -> bool:
        return self.peak

    def on_set_peak(self, op: SetPeak, ticket: Ticket) -> None:
        self.peak = op.on
        self.finish(ticket, Ok())


class PeakForEver(Initiator):
    """Puts its job off at a peak, and does not set it again."""

    def on_phase_two(self, timer: PhaseTwo) -> None:
        if not self.is_peak:
            super().on_phase_two(timer)


class PutsItOff(Initiator):
    """Sets the job's timer with every payment, and so moves it: while payments keep coming, it never fires."""

    def begin_phase_two(self, activity: Activity) -> None:
        super().begin_phase_two(activity)
        self.set_timer(PhaseTwo(), self.config.tick)


class Floods(Initiator):
    """Says the whole backlog at once when the peak is over."""

    def on_phase_two(self, timer: PhaseTwo) -> None:
        if not self.is_peak:
            due = self.monotonic() - self.config.retry
            for (payment, branch), at in sorted(self.left.items()):
                if at <= due:
                    self.left[payment, branch] = self.monotonic()
                    self.say(self.activity(payment), branch)
        if self.left:
            self.set_timer(timer, self.config.tick)


class OldestFirst(Initiator):
    """Says the oldest again and again until they are confirmed: those of a bank that is away hold up all others."""

    def on_phase_two(self, timer: PhaseTwo) -> None:
        if not self.is_peak:
            for payment, branch in sorted(self.left)[: self.config.batch]:
                self.say(self.activity(payment), branch)
        if self.left:
            self.set_timer(timer, self.config.tick)


class SaysItOnce(Initiator):
    """Says Confirm once, and takes it for done."""

    def say(self, activity: Activity, branch: int) -> None:
        super().say(activity, branch)
        if activity.state == "committed":
            self.done_with(activity.id, branch)


class GivesUp(Initiator):
    """Cancels a committed payment whose bank does not confirm."""

    tries: dict[tuple[int, int], int]

    def on_start(self) -> None:
        self.tries = {}
        super().on_start()

    def say(self, activity: Activity, branch: int) -> None:
        name = activity.id, branch
        self.tries[name] = self.tries.get(name, 0) + 1
        if self.tries[name] > 4 and activity.state == "committed":
            self.db.commit(self.disk, structs.replace(activity, state="cancelled"))
        super().say(self.activity(activity.id), branch)


class OneAnswerForAll(Initiator):
    """Takes a payment for over when its first branch is confirmed."""

    def on_confirmed(self, confirmed: Confirmed) -> None:
        activity = self.activity(confirmed.xid)
        for branch in range(len(activity.shares)):
            self.done_with(confirmed.xid, branch)


class WaitsForTheBacklog(Initiator):
    """Takes a new payment when the backlog is empty, to be fair to the old ones."""

    queue: list[tuple[Pay, Ticket]]

    def on_start(self) -> None:
        self.queue = []
        super().on_start()

    def on_pay(self, op: Pay, ticket: Ticket) -> None:
        if len(self.left) > 10:
            self.queue.append((op, ticket))
            self.set_timer(PhaseTwo(), self.config.tick)
        else:
            super().on_pay(op, ticket)

    def on_phase_two(self, timer: PhaseTwo) -> None:
        super().on_phase_two(timer)
        queue, self.queue = self.queue, []
        for op, ticket in queue:
            self.on_pay(op, ticket)


class NoPatience(Initiator):
    """Waits for every Try, however long."""

    def on_give_up(self, timer: GiveUp) -> None:
        pass

    def on_try_again(self, timer: TryAgain) -> None:
        super().on_try_again(timer)
        self.cancel_timer(timer)


class AnyAmount(Initiator):
    """Checks only that there is money enough: a share below nothing is money from the seller."""

    def objection(self, op: Pay) -> str:
        reason = super().objection(op)
        return "" if reason == "not an amount" and op.shares else reason


class CancelsInMemory(Initiator):
    """Answers Fail and leaves the branches to themselves, until a restart finds them begun."""

    def cancel(self, activity: Activity, reason: str) -> None:
        self.trying.pop(activity.id, None)
        for ticket in self.asking.pop(activity.id, ()):
            self.finish(ticket, Fail(reason))


def _of(name, by, breaks, kind="safety", source="ours"):  # type: ignore[no-untyped-def]
    return bug(
        name,
        by,
        part="E3",
        replaces="xts_initiator:Initiator",
        breaks=breaks,
        kind=kind,
        source=source,
    )


XTS = (
    _of("keeps-the-last-coin-unpaid", KeepsTheLastCoin, "TX2-L2", "liveness"),
    _of("any-payment-of-that-id", AnyPaymentOfThatId, "TX2-S12"),
    _of("decision-beside", DecisionBeside, "TX2-S12"),
    _of("decision-first", DecisionFirst, "TX2-S12"),
    _of("looks-once", LooksOnce, "TX2-S12"),
    _of("begun-in-memory", BegunInMemory, "TX2-L2", "liveness"),
    _of("commits-the-undecided", CommitsTheUndecided, "TX2-S12"),
    _of("forgets-the-backlog", ForgetsTheBacklog, "TX2-L2", "liveness"),
    _of("commits-the-first", CommitsTheFirst, "TX2-L2", "liveness"),
    _of("answers-the-buyer-first", AnswersFirst, "TX2-S12"),
    _of("synchronous", Synchronous, "TX2-L2", "cost"),
    _of("never-defers", NeverDefers, "TX2-L2", "cost"),
    _of("peak-in-memory", PeakInMemory, "TX2-L2", "cost"),
    _of("peak-for-ever", PeakForEver, "TX2-L2", "liveness"),
    _of("puts-it-off", PutsItOff, "TX2-L2", "liveness"),
    _of("floods-the-banks", Floods, "TX2-L2", "cost"),
    _of("oldest-first", OldestFirst, "TX2-L2", "liveness"),
    _of("confirms-once", SaysItOnce, "TX2-L2", "liveness"),
    _of("cancels-what-is-paid", GivesUp, "TX2-S12"),
    _of("one-answer-for-all", OneAnswerForAll, "TX2-L2", "liveness"),
    _of("waits-for-the-backlog", WaitsForTheBacklog, "TX2-L2", "cost"),
    _of("no-patience", NoPatience, "TX2-L2", "liveness"),
    _of("shares-below-nothing", AnyAmount, "TX2-S12"),
    _of("cancels-in-memory", CancelsInMemory, "TX2-L2", "liveness"),
)
