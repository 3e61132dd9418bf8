"""Bugs of part 4C: fences that are forgotten, timed, or written late; managers that forget, or change their mind."""

from __future__ import annotations

from msgspec import structs

from distlab.core import SECOND, Address, DiskFull
from distlab.grade.lab import bug
from labs.lab4_transactions.database import open_database
from labs.lab4_transactions.tcc import (
    COMMITTED,
    ROLLBACKED,
    SUSPENDED,
    TRIED,
    Account,
    Cancel,
    Cancelled,
    Confirm,
    Confirmed,
    Fence,
    Forget,
    Horizon,
    Impossible,
    Leg,
    Refused,
    Request,
    Result,
    Tried,
    Try,
)
from labs.lab4_transactions.tcc_bank import Bank
from labs.lab4_transactions.tcc_manager import (
    Global,
    Manager,
    OutOfPatience,
    SayAgain,
    objection,
)


class NoTombstone(Bank):
    """Answers an empty rollback with OK and writes nothing: the Try that comes later is taken, and hangs."""

    def on_cancel(self, request: Cancel, sender: Address) -> None:
        if self.fence_of(request) is None:
            self.send(sender, Cancelled(request.xid, request.branch))
        else:
            super().on_cancel(request, sender)


class TimedFence(Bank):
    """Refuses the Try of a cancelled transaction for 30 seconds: one that is 31 seconds late still hangs."""

    since: dict[tuple[int, int], int]

    def on_start(self) -> None:
        super().on_start()
        self.since = {}

    def on_cancel(self, request: Cancel, sender: Address) -> None:
        if self.fence_of(request) is None:
            self.since[request.xid, request.branch] = self.now()
            self.send(sender, Cancelled(request.xid, request.branch))
        else:
            super().on_cancel(request, sender)

    def on_try(self, request: Try, sender: Address) -> None:
        name = request.xid, request.branch
        if name in self.since and self.now() - self.since[name] < 30 * SECOND:
            self.send(sender, Refused(*name, "it was cancelled a moment ago"))
        else:
            super().on_try(request, sender)


class FenceInMemory(Bank):
    """Remembers empty rollbacks until it is started again."""

    barred: set[tuple[int, int]]

    def on_start(self) -> None:
        super().on_start()
        self.barred = set()

    def on_cancel(self, request: Cancel, sender: Address) -> None:
        if self.fence_of(request) is None:
            self.barred.add((request.xid, request.branch))
            self.send(sender, Cancelled(request.xid, request.branch))
        else:
            super().on_cancel(request, sender)

    def on_try(self, request: Try, sender: Address) -> None:
        if (request.xid, request.branch) in self.barred:
            self.send(sender, Refused(request.xid, request.branch, "it is cancelled"))
        else:
            super().on_try(request, sender)


class EmptyRollbackIsAnError(Bank):
    """Takes a Cancel without a Try for a mistake of the manager's, who repeats it for ever."""

    def on_cancel(self, request: Cancel, sender: Address) -> None:
        if self.fence_of(request) is None and not self.is_over(request.xid):
            self.send(sender, Impossible(request.xid, request.branch, "nothing was tried"))
        else:
            super().on_cancel(request, sender)


class FenceBehindTheEffect(Bank):
    """Freezes in one local transaction and writes the fence row in a second: a crash between them is never undone."""

    def on_try(self, request: Try, sender: Address) -> None:
        fence = self.fence_of(request)
        if self.objection(request, fence) or fence is not None:
            super().on_try(request, sender)
            return
        account, row = self.reservation(request)
        self.db.commit(self.disk, account)
        self.db.commit(self.disk, row)
        self.send(sender, Tried(request.xid, request.branch))


class FenceBeforeTheEffect(Bank):
    """Writes the fence row first and freezes in a second transaction: what is freed later was never frozen."""

    def on_try(self, request: Try, sender: Address) -> None:
        fence = self.fence_of(request)
        if self.objection(request, fence) or fence is not None:
            super().on_try(request, sender)
            return
        account, row = self.reservation(request)
        self.db.commit(self.disk, row)
        self.db.commit(self.disk, account)
        self.send(sender, Tried(request.xid, request.branch))


class ConfirmsEveryTime(Bank):
    """Consumes with each Confirm that arrives: the second one takes, or gives, the same money again."""

    def on_confirm(self, request: Confirm, sender: Address) -> None:
        fence = self.fence_of(request)
        if fence is not None and fence.state == COMMITTED:
            account = self.account_of(fence)
            more = structs.replace(account, available=max(0, account.available + fence.amount))
            self.db.commit(self.disk, more)
        super().on_confirm(request, sender)


class FreesEveryTime(Bank):
    """Frees with each Cancel that arrives."""

    def on_cancel(self, request: Cancel, sender: Address) -> None:
        fence = self.fence_of(request)
        if fence is not None and fence.state == ROLLBACKED and fence.amount < 0:
            account = self.account_of(fence)
            more = structs.replace(account, available=account.available - fence.amount)
            self.db.commit(self.disk, more)
        super().on_cancel(request, sender)


class FreezesEveryTime(Bank):
    """Freezes with each Try that arrives."""

    def on_try(self, request: Try, sender: Address) -> None:
        fence = self.fence_of(request)
        if fence is not None and fence.state == TRIED and fence.amount < 0:
            account, _ = self.reservation(request)
            if account.available >= 0:
                self.db.commit(self.disk, account)
        super().on_try(request, sender)


class RefusesTheSecondTry(Bank):
    """Unique key violated, so refused: also where the first answer was lost and the manager only asks again."""

    def on_try(self, request: Try, sender: Address) -> None:
        if self.fence_of(request) is not None:
            self.send(sender, Refused(request.xid, request.branch, "duplicate key"))
        else:
            super().on_try(request, sender)


class SilentSecondTime(Bank):
    """Recognises a second Confirm or Cancel and says nothing: whoever lost the answer asks for ever."""

    def on_confirm(self, request: Confirm, sender: Address) -> None:
        fence = self.fence_of(request)
        if fence is None or fence.state != COMMITTED:
            super().on_confirm(request, sender)

    def on_cancel(self, request: Cancel, sender: Address) -> None:
        fence = self.fence_of(request)
        if fence is None or fence.state not in (ROLLBACKED, SUSPENDED):
            super().on_cancel(request, sender)


class ConfirmsTheUntried(Bank):
    """Answers Confirmed where there was no Try: the manager believes it, and half of a transfer is missing."""

    def on_confirm(self, request: Confirm, sender: Address) -> None:
        if self.fence_of(request) is None:
            self.send(sender, Confirmed(request.xid, request.branch))
        else:
            super().on_confirm(request, sender)


class RevivesTheCancelled(Bank):
    """Looks for TRIED or nothing before it freezes: a branch that was tried and cancelled is tried again."""

    def on_try(self, request: Try, sender: Address) -> None:
        fence = self.fence_of(request)
        if fence is not None and fence.state == ROLLBACKED:
            self.db.commit(self.disk, gone=(fence,))
        super().on_try(request, sender)


class CancelsTheConfirmed(Bank):
    """Cancel gives back what was confirmed, like a refund that nobody asked for."""

    def on_cancel(self, request: Cancel, sender: Address) -> None:
        fence = self.fence_of(request)
        if fence is not None and fence.state == COMMITTED:
            account = self.account_of(fence)
            back = structs.replace(account, available=max(0, account.available - fence.amount))
            self.db.commit(self.disk, back, structs.replace(fence, state=ROLLBACKED))
            self.send(sender, Cancelled(request.xid, request.branch))
        else:
            super().on_cancel(request, sender)


class OneFencePerTransaction(Bank):
    """The fence row is unique by transaction: of two branches at one bank the second one is taken for a copy."""

    def fence_of(self, request: Try | Confirm | Cancel) -> Fence | None:
        rows = [f for f in self.db.all(Fence) if f.xid == request.xid]
        return rows[0] if rows else None


class PurgesByAge(Bank):
    """Deletes fence rows that are a minute old: nobody said that a Try cannot be older than that."""

    born: dict[tuple[int, int], int]

    def on_start(self) -> None:
        super().on_start()
        self.born = {}

    def on_try(self, request: Try, sender: Address) -> None:
        for fence in self.db.all(Fence):
            age = self.now() - self.born.setdefault(fence.key, self.now())
            if fence.state != TRIED and age > 20 * SECOND:
                self.db.commit(self.disk, gone=(fence,))
        super().on_try(request, sender)

    def on_cancel(self, request: Cancel, sender: Address) -> None:
        self.born.setdefault((request.xid, request.branch), self.now())
        super().on_cancel(request, sender)


class PurgesAtTheEnd(Bank):
    """Deletes the row as soon as the branch is over: it was needed for what comes after that."""

    def on_cancel(self, request: Cancel, sender: Address) -> None:
        fence = self.fence_of(request)
        super().on_cancel(request, sender)
        after = self.fence_of(request)
        if fence is not None and after is not None:
            self.db.commit(self.disk, gone=(after,))


class PurgesByNumber(Bank):
    """Keeps the last hundred rows: a busy day makes a hundred others in a minute."""

    def on_cancel(self, request: Cancel, sender: Address) -> None:
        super().on_cancel(request, sender)
        rows = [fence for fence in self.db.all(Fence) if fence.state != TRIED]
        if len(rows) > 100:
            self.db.commit(self.disk, gone=(rows[0],))


class ForgetsWithoutHorizon(Bank):
    """Deletes what it may forget, and puts nothing in its place: an echo is taken for news."""

    def on_forget(self, request: Forget) -> None:
        gone = tuple(f for f in self.db.all(Fence) if f.xid < request.below and f.state != TRIED)
        if gone:
            self.db.commit(self.disk, gone=gone)


class HorizonInMemory(Bank):
    """The rows are deleted on disk, the horizon is raised in memory: after a restart neither is there."""

    horizon: int

    def on_start(self) -> None:
        self.horizon = 0
        super().on_start()

    @property
    def below(self) -> int:
        return self.horizon

    def on_forget(self, request: Forget) -> None:
        self.horizon = max(self.horizon, request.below)
        gone = tuple(f for f in self.db.all(Fence) if f.xid < request.below and f.state != TRIED)
        if gone:
            self.db.commit(self.disk, gone=gone)


class HorizonGoesBack(Bank):
    """Believes every Forget, also one that was overtaken by a later one: the horizon sinks, and the rows are gone."""

    def on_forget(self, request: Forget) -> None:
        gone = tuple(f for f in self.db.all(Fence) if f.xid < request.below and f.state != TRIED)
        self.db.commit(self.disk, Horizon(request.below), gone=gone)


class NeverForgets(Bank):
    """Keeps every row for ever."""

    def on_forget(self, request: Forget) -> None:
        pass


class SpendsTheFrozen(Bank):
    """Checks the balance, frozen money and all: two transfers are promised the same money."""

    def objection(self, request: Try, fence: Fence | None) -> str:
        reason = super().objection(request, fence)
        account = self.db.get(Account, request.account)
        if reason == "not enough money" and account is not None:
            return "" if account.available + account.frozen + request.amount >= 0 else reason
        return reason


class TakesAnyAmount(Bank):
    """Nothing is checked but the balance: an amount that no ledger can hold is reserved like any other."""

    def objection(self, request: Try, fence: Fence | None) -> str:
        reason = super().objection(request, fence)
        return "" if reason == "not an amount" and request.amount >= 0 else reason


class AnyContentWillDo(Bank):
    """Recognises a branch by its number alone: another amount under the same number is answered Tried."""

    def objection(self, request: Try, fence: Fence | None) -> str:
        if fence is not None and fence.state == TRIED:
            return ""
        return super().objection(request, fence)


# -- the manager ------------------------------------------------------------------------------------------------------


class BeginsInMemory(Manager):
    """Stores nothing before the decision: after a crash nobody knows which branches were tried."""

    def begin_transaction(self, request: Request) -> int:
        transaction = Global(self.next_xid, request.key, request.legs)
        self.next_xid += 1
        self.db.tables.setdefault("Global", {})[transaction.xid] = transaction
        self.by_key[request.key] = transaction.xid
        self.begin_phase(transaction)
        self.set_timer(OutOfPatience(transaction.xid), self.config.patience)
        return transaction.xid


class DecidesInMemory(Manager):
    """Confirms first, and never stores it: a manager that dies in between aborts what others have confirmed."""

    def decide(self, transaction: Global, phase: str, reason: str = "") -> None:
        decided = structs.replace(transaction, phase=phase, reason=reason)
        self.db.tables["Global"][decided.xid] = decided
        self.begin_phase(decided)
        self.answer(decided)


class ForgetsTheUndecided(Manager):
    """Takes up what is decided after a restart, and leaves alone what is not: it stays frozen."""

    def on_start(self) -> None:
        self.db = open_database(self.disk, Global)
        self.by_key, self.missing, self.asking = {}, {}, {}
        self.next_xid, self.told = 1, 0
        for transaction in self.db.all(Global):
            self.by_key[transaction.transfer] = transaction.xid
            self.next_xid = transaction.xid + 1
            if not transaction.is_over and transaction.phase != "trying":
                self.begin_phase(transaction)


class ForgetsTheDecided(Manager):
    """After a restart it aborts what it had not decided; those who had not heard of a commit never do."""

    def begin_phase(self, transaction: Global) -> None:
        if transaction.phase != "confirming" or transaction.xid in self.missing:
            super().begin_phase(transaction)


class DecidesAgain(Manager):
    """A restarted manager aborts whatever is not over, decided or not."""

    def begin_phase(self, transaction: Global) -> None:
        if transaction.phase == "confirming" and transaction.xid not in self.missing:
            transaction = structs.replace(transaction, phase="cancelling", reason="restarted")
            self.db.commit(self.disk, transaction)
        super().begin_phase(transaction)


class NumbersFromOne(Manager):
    """Counts transactions from 1 in each of its lives: two have one number, and one fence stops both."""

    def on_start(self) -> None:
        super().on_start()
        self.next_xid = 1 + len(self.missing)


class CancelsOnlyTheTried(Manager):
    """Cancels the branches that said Tried: one whose answer was lost, or whose Try is under way, stays frozen."""

    def begin_phase(self, transaction: Global) -> None:
        before = self.missing.get(transaction.xid)
        super().begin_phase(transaction)
        if transaction.phase == "cancelling" and before is not None:
            self.missing[transaction.xid] -= before
            if not self.missing[transaction.xid]:
                del self.missing[transaction.xid]


class SparesTheRefused(Manager):
    """Does not cancel a branch that refused: the copy of its Try may find more money there."""

    def on_refused(self, refused: Refused) -> None:
        if self.is_in(refused.xid, "trying"):
            super().on_refused(refused)
            if len(self.missing[refused.xid]) > 1:
                self.missing[refused.xid].discard(refused.branch)


class CommitsTheMajority(Manager):
    """Commits when all but one were tried: the last one will surely be."""

    def on_tried(self, tried: Tried) -> None:
        super().on_tried(tried)
        if self.is_in(tried.xid, "trying") and len(self.missing[tried.xid]) == 1:
            self.decide(self.transaction(tried.xid), "confirming")


class CountsAnswers(Manager):
    """Counts how many Tried have come, not from which branches: a repeated one counts as the missing one."""

    def on_tried(self, tried: Tried) -> None:
        if self.is_in(tried.xid, "trying"):
            self.missing[tried.xid].pop()
            if not self.missing[tried.xid]:
                self.decide(self.transaction(tried.xid), "confirming")


class GivesUpConfirming(Manager):
    """Says Confirm three times, and takes the branch for confirmed."""

    def on_say_again(self, timer: SayAgain) -> None:
        transaction = self.transaction(timer.xid)
        if transaction.phase == "confirming":
            for branch in list(self.missing.get(timer.xid, ())):
                self.done_with(timer.xid, branch)
        else:
            super().on_say_again(timer)


class SaysItOnce(Manager):
    """Sends each phase once: what is lost is lost."""

    def on_say_again(self, timer: SayAgain) -> None:
        if self.is_in(timer.xid, "trying"):
            super().on_say_again(timer)


class AbortsTheCommitted(Manager):
    """Loses its patience with a branch that does not confirm, and cancels the transaction."""

    def on_say_again(self, timer: SayAgain) -> None:
        transaction = self.transaction(timer.xid)
        if transaction.phase == "confirming":
            self.decide(transaction, "cancelling", "a bank does not confirm")
        else:
            super().on_say_again(timer)


class KeepsTheLastCoin(Bank):
    """Wants more than nothing to be left: nobody can pay with all that he has."""

    def objection(self, request: Try, fence: Fence | None) -> str:
        account = self.db.get(Account, request.account)
        if fence is None and account is not None and account.available == -request.amount:
            return "not enough money"
        return super().objection(request, fence)


class TriedWhenFull(Bank):
    """Catches that the disk is full, and says Tried: nothing is reserved."""

    def on_try(self, request: Try, sender: Address) -> None:
        try:
            super().on_try(request, sender)
        except DiskFull:
            self.send(sender, Tried(request.xid, request.branch))


class TriesForEver(Manager):
    """Says Try until all have answered, however long: what others have frozen waits with it."""

    def on_out_of_patience(self, timer: OutOfPatience) -> None:
        pass


class PatienceInOneLifeOnly(Manager):
    """After a restart goes on with what was undecided, and sets no timer for its patience."""

    def decide(self, transaction: Global, phase: str, reason: str = "") -> None:
        if reason == "the manager was started again":
            self.begin_phase(transaction)
        else:
            super().decide(transaction, phase, reason)


class EndlessPatience(Manager):
    """Waits for every branch, however long: one that is down keeps the money of all others frozen."""

    def on_out_of_patience(self, timer: OutOfPatience) -> None:
        pass

    def on_say_again(self, timer: SayAgain) -> None:
        if not self.is_in(timer.xid, "trying"):
            super().on_say_again(timer)


class AnswersEarly(Manager):
    """Answers the teller when the branches are tried and before the decision is stored."""

    def decide(self, transaction: Global, phase: str, reason: str = "") -> None:
        self.answer(structs.replace(transaction, phase=phase, reason=reason))
        super().decide(transaction, phase, reason)


class NoBusinessKey(Manager):
    """Each request is a new transaction: who asks twice pays twice."""

    def on_request(self, request: Request, sender: Address) -> None:
        reason = objection(request.legs, self.config.banks)
        if reason:
            self.send(sender, Result(request.number, False, reason))
            return
        xid = self.begin_transaction(request)
        self.asking[xid] = sender, request.number


class KeyInMemory(Manager):
    """Knows business keys until it is started again."""

    def on_start(self) -> None:
        super().on_start()
        self.by_key = {}


class AnyKeyContent(Manager):
    """Recognises a transfer by its key alone: another one under the same key is answered Ok, and never happens."""

    def on_request(self, request: Request, sender: Address) -> None:
        known = self.by_key.get(request.key)
        if known is not None:
            request = structs.replace(request, legs=self.transaction(known).legs)
        super().on_request(request, sender)


def uneven(legs: tuple[Leg, ...], banks: tuple[str, ...]) -> str:
    """Does not add up the legs: money appears from nothing."""
    reason = objection(legs, banks)
    return "" if reason.startswith("what is paid") else reason


class HorizonAtTheNewest(Manager):
    """Tells the banks to forget everything up to the newest transaction that is over, older ones under way or not."""

    def raise_horizon(self) -> None:
        self.told = self.next_xid
        for bank in self.config.banks:
            self.send(Address(bank), Forget(self.next_xid))


class NeverRaisesTheHorizon(Manager):
    """Never says what is over: the banks keep every row."""

    def raise_horizon(self) -> None:
        pass


class Chatters(Manager):
    """Says everything again after every answer."""

    def on_tried(self, tried: Tried) -> None:
        super().on_tried(tried)
        self.drive(self.transaction(tried.xid))

    def on_confirmed(self, confirmed: Confirmed) -> None:
        super().on_confirmed(confirmed)
        self.drive(self.transaction(confirmed.xid))


BANK, MANAGER = "tcc_bank:Bank", "tcc_manager:Manager"
SEATA = "Seata's tcc_fence_log"


def _of(name, by, breaks, kind="safety", code="", source="ours", replaces=BANK):  # type: ignore[no-untyped-def]
    return bug(
        name,
        by,
        part="C",
        replaces=replaces,
        breaks=breaks,
        code=code,
        kind=kind,
        source=source,
    )


TCC = (
    _of("no-tombstone", NoTombstone, "TX2-S5", code="m12", source="code of many tutorials"),
    _of("timed-fence", TimedFence, "TX2-S5", code="m13", source="the default of XTS: 30 s"),
    _of("fence-in-memory", FenceInMemory, "TX2-S5"),
    _of(
        "empty-rollback-error", EmptyRollbackIsAnError, "TX2-L7", "liveness", "m15", "seata-go #685"
    ),
    _of(
        "fence-behind-the-effect",
        FenceBehindTheEffect,
        "TX2-L7",
        code="m16",
        source="seata #5256, #6374",
    ),
    _of("fence-before-the-effect", FenceBeforeTheEffect, "TX2-S4"),
    _of("confirms-every-time", ConfirmsEveryTime, "TX2-S6", code="m18"),
    _of("frees-every-time", FreesEveryTime, "TX2-S6"),
    _of("freezes-every-time", FreezesEveryTime, "TX2-S6"),
    _of("refuses-the-second-try", RefusesTheSecondTry, "TX2-S6"),
    _of("silent-second-time", SilentSecondTime, "TX2-L7", "liveness"),
    _of("confirms-the-untried", ConfirmsTheUntried, "TX2-S5"),
    _of("revives-the-cancelled", RevivesTheCancelled, "TX2-S5"),
    _of("cancels-the-confirmed", CancelsTheConfirmed, "TX2-S5"),
    _of(
        "one-fence-per-transaction",
        OneFencePerTransaction,
        "TX2-S5",
        source=SEATA + ": unique by xid and branch",
    ),
    _of("purges-by-age", PurgesByAge, "TX2-S5", code="m22"),
    _of("purges-at-the-end", PurgesAtTheEnd, "TX2-S5"),
    _of("purges-by-number", PurgesByNumber, "TX2-S5"),
    _of("forgets-without-horizon", ForgetsWithoutHorizon, "TX2-S5"),
    _of("horizon-in-memory", HorizonInMemory, "TX2-S5"),
    _of("horizon-goes-back", HorizonGoesBack, "TX2-S5"),
    _of("tcc-never-forgets", NeverForgets, "TX2-C3", "cost"),
    _of("spends-the-frozen", SpendsTheFrozen, "TX2-S4"),
    _of("takes-any-amount", TakesAnyAmount, "TX2-S4"),
    _of("any-content-will-do", AnyContentWillDo, "TX2-S4"),
    _of("begins-in-memory", BeginsInMemory, "TX2-L7", "liveness", replaces=MANAGER),
    _of("tcc-decides-in-memory", DecidesInMemory, "TX2-S5", replaces=MANAGER, source="dble #1192"),
    _of("forgets-the-undecided", ForgetsTheUndecided, "TX2-L7", "liveness", replaces=MANAGER),
    _of(
        "forgets-the-decided",
        ForgetsTheDecided,
        "TX2-L7",
        "liveness",
        replaces=MANAGER,
        source="dble #1077",
    ),
    _of("tcc-decides-again", DecidesAgain, "TX2-S5", replaces=MANAGER),
    _of("numbers-from-one", NumbersFromOne, "TX2-S5", replaces=MANAGER),
    _of("cancels-only-the-tried", CancelsOnlyTheTried, "TX2-L7", "liveness", replaces=MANAGER),
    _of("spares-the-refused", SparesTheRefused, "TX2-L7", "liveness", replaces=MANAGER),
    _of("commits-the-majority", CommitsTheMajority, "TX2-S5", replaces=MANAGER),
    _of("counts-answers", CountsAnswers, "TX2-S5", replaces=MANAGER),
    _of("gives-up-confirming", GivesUpConfirming, "TX2-L7", "liveness", replaces=MANAGER),
    _of("tcc-says-it-once", SaysItOnce, "TX2-L7", "liveness", replaces=MANAGER),
    _of("aborts-the-committed", AbortsTheCommitted, "TX2-S5", replaces=MANAGER),
    _of("endless-patience", EndlessPatience, "TX2-L7", "liveness", replaces=MANAGER),
    _of("keeps-the-last-coin-frozen", KeepsTheLastCoin, "TX2-L7", "liveness"),
    _of("tried-when-full", TriedWhenFull, "TX2-L7", "liveness"),
    _of("tries-for-ever", TriesForEver, "TX2-L7", "liveness", replaces=MANAGER),
    _of("patience-in-one-life-only", PatienceInOneLifeOnly, "TX2-L7", "liveness", replaces=MANAGER),
    _of("answers-early", AnswersEarly, "TX2-S4", replaces=MANAGER),
    _of("no-business-key", NoBusinessKey, "TX2-S4", replaces=MANAGER),
    _of("key-in-memory", KeyInMemory, "TX2-S4", replaces=MANAGER),
    _of("any-key-content", AnyKeyContent, "TX2-S6", replaces=MANAGER),
    _of("uneven", uneven, "TX2-S4", replaces="tcc_manager:objection"),
    _of("horizon-at-the-newest", HorizonAtTheNewest, "TX2-S5", replaces=MANAGER),
    _of("never-raises-the-horizon", NeverRaisesTheHorizon, "TX2-C3", "cost", replaces=MANAGER),
    _of("chatters", Chatters, "TX2-C3", "cost", replaces=MANAGER),
)
