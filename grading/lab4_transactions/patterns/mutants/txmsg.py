"""Bugs of part 4E2: sellers that say no too soon, brokers that decide."""

from __future__ import annotations

from msgspec import structs

from distlab.core import Address, Ticket
from distlab.grade.lab import bug
from labs.lab4_transactions.database import open_database
from labs.lab4_transactions.txmsg import (
    Check,
    Decide,
    Half,
    HalfStored,
    Sell,
    Sold,
    StillRunning,
    Think,
)
from labs.lab4_transactions.txmsg_broker import Broker, CheckUp, DeliverAgain, Kept
from labs.lab4_transactions.txmsg_seller import AskAgain, GiveUp, Seller


class NoForTheRunning(Seller):
    """Looks for the row, and says no where it is not: also while the transaction is running."""

    def on_check(self, check: Check, sender: Address) -> None:
        self.send(sender, Decide(check.id, self.is_sold(check.id)))


class NoBeforeItBegins(Seller):
    """Says no to what has not begun yet; then HalfStored comes, and it begins."""

    def on_check(self, check: Check, sender: Address) -> None:
        if check.id in self.waiting:
            self.send(sender, Decide(check.id, False))
        else:
            super().on_check(check, sender)


class YesForTheUnknown(Seller):
    """Presumes commit: what died while it was running is delivered."""

    def on_check(self, check: Check, sender: Address) -> None:
        if check.id in self.running or check.id in self.waiting:
            super().on_check(check, sender)
        else:
            self.send(sender, Decide(check.id, True))


class AnswersFromMemory(Seller):
    """Remembers in memory what it has sold: after a restart all is no."""

    known: set[int]

    def on_start(self) -> None:
        super().on_start()
        self.known = set()

    def after_transaction(self, sale: int, committed: bool) -> None:
        if committed:
            self.known.add(sale)
        super().after_transaction(sale, committed)

    def is_sold(self, sale: int) -> bool:
        return sale in self.known


class NeverAnswers(Seller):
    """Leaves questions unanswered: it has sent its decision, once."""

    def on_check(self, check: Check, sender: Address) -> None:
        pass


class AlwaysStillRunning(Seller):
    """Says "not yet" about whatever it does not find: also what will never be."""

    def on_check(self, check: Check, sender: Address) -> None:
        if self.is_sold(check.id):
            super().on_check(check, sender)
        else:
            self.send(sender, StillRunning(check.id))


class BeginsAtOnce(Seller):
    """Starts the local transaction beside the half message: it commits, and the half message never arrives."""

    def on_sell(self, op: Sell, ticket: Ticket) -> None:
        self.send(Address(self.config.broker), Half(op.id, op.value))
        self.start_transaction(op, ticket)


class BeginsAnyway(Seller):
    """Loses its patience with the broker, and sells without it."""

    def on_give_up(self, timer: GiveUp) -> None:
        self.start_transaction(*self.waiting.pop(timer.id))


class BeginsWhatHasFailed(Seller):
    """A sale that was given up begins when HalfStored comes after all."""

    def on_give_up(self, timer: GiveUp) -> None:
        op, ticket = self.waiting[timer.id]
        super().on_give_up(timer)
        self.waiting[timer.id] = op, Ticket(-ticket)

    def on_think(self, timer: Think) -> None:
        op, ticket = self.running[timer.id]
        if ticket > 0:
            super().on_think(timer)
            return
        del self.running[timer.id]
        self.db.commit(self.disk, Sold(op.id, op.value))
        self.after_transaction(op.id, True)


class DecidesBeforeItCommits(Seller):
    """Says Decide when the transaction has thought, and commits it then: a crash between them."""

    def on_think(self, timer: Think) -> None:
        op, _ = self.running[timer.id]
        if not op.fails:
            self.send(Address(self.config.broker), Decide(timer.id, True))
        super().on_think(timer)


class HalfOnce(Seller):
    """Sends the half message once, and waits."""

    def on_ask_again(self, timer: AskAgain) -> None:
        super().on_ask_again(timer)
        self.cancel_timer(timer)

    def on_give_up(self, timer: GiveUp) -> None:
        pass


# -- the broker -------------------------------------------------------------------------------------------------------


class HalvesInMemory(Broker):
    """Keeps half messages in memory until they are decided."""

    def on_half(self, half: Half, sender: Address) -> None:
        if self.db.get(Kept, half.id) is None:
            self.db.tables.setdefault("Kept", {})[half.id] = Kept(half.id, half.value)
            self.set_timer(CheckUp(half.id), self.config.check_after)
        self.send(sender, HalfStored(half.id))


class StoredBeforeItIs(Broker):
    """Says HalfStored, and stores."""

    def on_half(self, half: Half, sender: Address) -> None:
        self.send(sender, HalfStored(half.id))
        super().on_half(half, sender)


class DeliversHalves(Broker):
    """Delivers a message when it has been half for long: its seller will have committed by now."""

    def on_check_up(self, timer: CheckUp) -> None:
        super().on_check_up(timer)
        kept = self.db.get(Kept, timer.id)
        if kept is not None and not kept.is_ready:
            self.on_decide(Decide(timer.id, True))


class GivesUpAsking(Broker):
    """Asks three times, and rolls back: a seller that is away for a while has sold, and nobody hears of it."""

    asked: dict[int, int]

    def on_start(self) -> None:
        self.asked = {}
        super().on_start()

    def on_check_up(self, timer: CheckUp) -> None:
        self.asked[timer.id] = self.asked.get(timer.id, 0) + 1
        if self.asked[timer.id] > 3:
            self.on_decide(Decide(timer.id, False))
        else:
            super().on_check_up(timer)


class StopsAsking(Broker):
    """Asks three times, and then leaves the message where it is."""

    asked: dict[int, int]

    def on_start(self) -> None:
        self.asked = {}
        super().on_start()

    def on_check_up(self, timer: CheckUp) -> None:
        self.asked[timer.id] = self.asked.get(timer.id, 0) + 1
        if self.asked[timer.id] <= 3:
            super().on_check_up(timer)


class NeverAsks(Broker):
    """Waits for decisions, and never asks for one."""

    def on_check_up(self, timer: CheckUp) -> None:
        pass


class AsksOnlyTheNew(Broker):
    """Asks about what it has heard of in this life: half messages of an earlier one stay half."""

    def on_start(self) -> None:
        self.db = open_database(self.disk, Kept)
        for kept in self.db.all(Kept):
            if kept.is_ready:
                self.on_deliver_again(DeliverAgain(kept.id))


class NotYetIsNo(Broker):
    """Takes "still running" for a no."""

    def on_still_running(self, running: StillRunning) -> None:
        self.on_decide(Decide(running.id, False))


class DeliversOnce(Broker):
    """Delivers a message once, and takes it for delivered."""

    def on_deliver_again(self, timer: DeliverAgain) -> None:
        kept = self.db.get(Kept, timer.id)
        super().on_deliver_again(timer)
        self.cancel_timer(timer)
        if kept is not None:
            self.db.commit(self.disk, gone=(kept,))


class ReadyInMemory(Broker):
    """Deletes the half message when it is decided, and delivers from memory."""

    def on_decide(self, decide: Decide) -> None:
        kept = self.db.get(Kept, decide.id)
        if kept is not None and not kept.is_ready:
            self.cancel_timer(CheckUp(decide.id))
            self.db.commit(self.disk, gone=(kept,))
            if decide.committed:
                ready = structs.replace(kept, is_ready=True)
                self.db.tables["Kept"][kept.id] = ready
                self.on_deliver_again(DeliverAgain(kept.id))


class GivesUpDelivering(Broker):
    """Delivers five times: a consumer that is away for a while never gets the message."""

    tries: dict[int, int]

    def on_start(self) -> None:
        self.tries = {}
        super().on_start()

    def on_deliver_again(self, timer: DeliverAgain) -> None:
        kept = self.db.get(Kept, timer.id)
        self.tries[timer.id] = self.tries.get(timer.id, 0) + 1
        if kept is not None and self.tries[timer.id] > 5:
            self.db.commit(self.disk, gone=(kept,))
        else:
            super().on_deliver_again(timer)


SELLER, BROKER = "txmsg_seller:Seller", "txmsg_broker:Broker"
ROCKET = "RocketMQ: a message is given up after transactionCheckMax questions, 15 by default"


def _of(name, by, breaks, kind="safety", code="", source="ours", replaces=SELLER):  # type: ignore[no-untyped-def]
    return bug(
        name, by, part="E2", replaces=replaces, breaks=breaks, code=code, kind=kind, source=source
    )


TXMSG = (
    _of("no-for-the-running", NoForTheRunning, "TX2-S11"),
    _of("no-before-it-begins", NoBeforeItBegins, "TX2-S11"),
    _of("yes-for-the-unknown", YesForTheUnknown, "TX2-S11"),
    _of("answers-from-memory", AnswersFromMemory, "TX2-S11"),
    _of("never-answers", NeverAnswers, "TX2-L6", "liveness"),
    _of("always-still-running", AlwaysStillRunning, "TX2-L6", "liveness"),
    _of("begins-at-once", BeginsAtOnce, "TX2-S11"),
    _of("begins-anyway", BeginsAnyway, "TX2-S11"),
    _of("begins-what-has-failed", BeginsWhatHasFailed, "TX2-S11"),
    _of("decides-before-it-commits", DecidesBeforeItCommits, "TX2-S11"),
    _of("half-once", HalfOnce, "TX2-L6", "liveness"),
    _of("halves-in-memory", HalvesInMemory, "TX2-S11", replaces=BROKER),
    _of("stored-before-it-is", StoredBeforeItIs, "TX2-S11", replaces=BROKER),
    _of("delivers-halves", DeliversHalves, "TX2-S11", replaces=BROKER),
    _of("gives-up-asking", GivesUpAsking, "TX2-S11", replaces=BROKER, source=ROCKET),
    _of("broker-stops-asking", StopsAsking, "TX2-L6", "liveness", replaces=BROKER),
    _of("broker-never-asks", NeverAsks, "TX2-L6", "liveness", replaces=BROKER),
    _of("asks-only-the-new", AsksOnlyTheNew, "TX2-L6", "liveness", replaces=BROKER),
    _of("not-yet-is-no", NotYetIsNo, "TX2-S11", replaces=BROKER),
    _of("delivers-once", DeliversOnce, "TX2-S11", replaces=BROKER),
    _of("ready-in-memory", ReadyInMemory, "TX2-S11", replaces=BROKER),
    _of("gives-up-delivering", GivesUpDelivering, "TX2-S11", replaces=BROKER),
)
