"""Bugs of part 4D: what is undone, in which order, and what a restart makes of it."""

from __future__ import annotations

from msgspec import structs

from distlab.core import Address
from distlab.grade.lab import bug
from labs.lab4_transactions.database import open_database
from labs.lab4_transactions.saga import Begin, Declined, Do, Done, Ended, NotNow, Undo, Undone
from labs.lab4_transactions.saga_orchestrator import (
    GiveUp,
    Orchestrator,
    Saga,
    SayAgain,
    objection,
)


class UndoesTheDeclined(Orchestrator):
    """Begins to compensate with the step that failed, which has nothing to give back."""

    def on_declined(self, declined: Declined) -> None:
        saga = self.standing(declined.saga, declined.step, is_forward=True)
        if saga and saga.at <= saga.pivot:
            self.move(structs.replace(saga, is_forward=False, reason=declined.reason))


class ForwardOrder(Orchestrator):
    """Compensates in the order in which the steps were done."""

    def speak(self, saga: Saga) -> None:
        if saga.is_forward or saga.is_over:
            super().speak(saga)
            return
        first = self.turned_at(saga) - saga.at
        service = saga.steps[first].service
        self.send(Address(service), Undo(saga.name, first))
        self.set_timer(SayAgain(saga.name), self.config.retry)

    def turned_at(self, saga: Saga) -> int:
        return int(saga.reason.split("|")[0])

    def move(self, saga: Saga) -> None:
        if not saga.is_forward and "|" not in saga.reason:
            saga = structs.replace(saga, reason=f"{saga.at}|{saga.reason}")
        super().move(saga)

    def on_undone(self, undone: Undone) -> None:
        saga = self.db.get(Saga, undone.saga)
        is_back = saga is not None and not saga.is_over and not saga.is_forward
        if saga and is_back and undone.step == self.turned_at(saga) - saga.at:
            self.move(structs.replace(saga, at=saga.at - 1))


class AllAtOnce(Orchestrator):
    """Compensates all steps in parallel, and does not look at the answers."""

    def go_on(self, saga: Saga) -> None:
        while not saga.is_forward and not saga.is_over:
            service = saga.steps[saga.at].service
            self.send(Address(service), Undo(saga.name, saga.at))
            saga = structs.replace(saga, at=saga.at - 1)
            self.db.commit(self.disk, saga)
        super().go_on(saga)


class NotNowIsUndone(Orchestrator):
    """A compensation that fails is logged, and skipped."""

    def on_not_now(self, not_now: NotNow) -> None:
        saga = self.standing(not_now.saga, not_now.step, is_forward=False)
        if saga:
            self.move(structs.replace(saga, at=saga.at - 1))


class SparesTheUnknown(Orchestrator):
    """A step that does not answer counts as not done: its compensation is left out, and it was done."""

    def on_give_up(self, timer: GiveUp) -> None:
        saga = self.standing(timer.saga, timer.step, is_forward=True)
        if saga and saga.at < saga.pivot:
            reason = "no answer"
            self.move(structs.replace(saga, at=saga.at - 1, is_forward=False, reason=reason))


class SparesTheLast(Orchestrator):
    """One too few: the step before the one that failed is not undone."""

    def on_declined(self, declined: Declined) -> None:
        saga = self.standing(declined.saga, declined.step, is_forward=True)
        if saga and saga.at <= saga.pivot:
            at = max(-1, saga.at - 2)
            self.move(structs.replace(saga, at=at, is_forward=False, reason=declined.reason))


class SparesTheFirst(Orchestrator):
    """Stops at step 1: whoever counts from one forgets step 0."""

    def on_undone(self, undone: Undone) -> None:
        saga = self.standing(undone.saga, undone.step, is_forward=False)
        if saga:
            self.move(structs.replace(saga, at=-1 if saga.at == 1 else saga.at - 1))


class TurnsInMemory(Orchestrator):
    """That it goes back is not stored: a restart in the midst of it goes forward again."""

    def move(self, saga: Saga) -> None:
        if saga.is_forward or saga.is_over:
            super().move(saga)
        else:
            self.db.tables["Saga"][saga.key] = saga
            self.go_on(saga)


class StandsInMemory(Orchestrator):
    """Stores the saga when it begins and when it ends, and nothing between: a restart begins it anew."""

    def move(self, saga: Saga) -> None:
        if saga.is_over or self.db.get(Saga, saga.name) is None:
            super().move(saga)
        else:
            self.db.tables["Saga"][saga.key] = saga
            self.go_on(saga)


class BeginsUnstored(Orchestrator):
    """Stores a saga when its first step is done: one that dies before that leaves a step that nobody knows of."""

    def move(self, saga: Saga) -> None:
        if saga.at == 0 and saga.is_forward:
            self.db.tables.setdefault("Saga", {})[saga.key] = saga
            self.go_on(saga)
        else:
            super().move(saga)


class StepAheadOfTheLog(Orchestrator):
    """Asks for the next step, and then stores that the one before is done."""

    def move(self, saga: Saga) -> None:
        self.go_on(saga)
        super().move(saga)

    def on_done(self, done: Done) -> None:
        saga = self.standing(done.saga, done.step, is_forward=True)
        if saga:
            further = structs.replace(saga, at=saga.at + 1)
            self.db.tables["Saga"][saga.key] = further
            self.go_on(further)


class ResumesAtTheNext(Orchestrator):
    """After a restart goes on behind the step at which it stood: whether that one was done, nobody asks."""

    def on_start(self) -> None:
        super().on_start()
        for saga in self.db.all(Saga):
            if saga.is_forward and not saga.is_over:
                self.move(structs.replace(saga, at=saga.at + 1))


class AbandonsWhatItFinds(Orchestrator):
    """After a restart answers for what has ended, and leaves the rest where it stands."""

    def on_start(self) -> None:
        self.db, self.asking = open_database(self.disk, Saga), {}


class UndoesThePivot(Orchestrator):
    """Loses its patience with the pivot like with any other step: it may have been done."""

    def on_give_up(self, timer: GiveUp) -> None:
        saga = self.standing(timer.saga, timer.step, is_forward=True)
        if saga and saga.at <= saga.pivot:
            self.move(structs.replace(saga, is_forward=False, reason="no answer"))


class TurnsBehindThePivot(Orchestrator):
    """Turns round wherever patience ends: behind the pivot, too, where what was done cannot be undone."""

    def on_give_up(self, timer: GiveUp) -> None:
        saga = self.standing(timer.saga, timer.step, is_forward=True)
        if saga and saga.at != saga.pivot:
            self.move(structs.replace(saga, is_forward=False, reason="no answer"))


class OnePatienceForAll(Orchestrator):
    """Sets its patience when a saga begins, and not for each step: a long one is given up though all is well."""

    def go_on(self, saga: Saga) -> None:
        super().go_on(saga)
        if saga.is_forward and saga.at:
            self.cancel_timer(GiveUp(saga.name, saga.at))

    def on_give_up(self, timer: GiveUp) -> None:
        saga = self.db.get(Saga, timer.saga)
        assert saga is not None
        super().on_give_up(GiveUp(timer.saga, saga.at))


class EndlessPatience(Orchestrator):
    """Asks for a step that could be undone until it is done: a service that is never in the mood holds the rest."""

    def on_give_up(self, timer: GiveUp) -> None:
        saga = self.standing(timer.saga, timer.step, is_forward=True)
        if saga:
            self.cancel_timer(SayAgain(saga.name))


class PatienceGoingBack(Orchestrator):
    """Gives a compensation three tries."""

    tries: dict[tuple[str, int], int]

    def on_start(self) -> None:
        self.tries = {}
        super().on_start()

    def on_say_again(self, timer: SayAgain) -> None:
        saga = self.db.get(Saga, timer.saga)
        if saga and not saga.is_forward and not saga.is_over:
            name = saga.name, saga.at
            self.tries[name] = self.tries.get(name, 0) + 1
            if self.tries[name] > 3:
                return
        super().on_say_again(timer)


class AsksOnce(Orchestrator):
    """Sends each Do and each Undo once."""

    def on_say_again(self, timer: SayAgain) -> None:
        pass


class AnyDoneWillDo(Orchestrator):
    """Takes every Done for the step at which it stands: a repeated one is the next step's."""

    def on_done(self, done: Done) -> None:
        saga = self.db.get(Saga, done.saga)
        if saga and saga.is_forward and not saga.is_over:
            self.move(structs.replace(saga, at=saga.at + 1))


class AnyUndoneWillDo(Orchestrator):
    """Takes every Undone for the step that it undoes."""

    def on_undone(self, undone: Undone) -> None:
        saga = self.db.get(Saga, undone.saga)
        if saga and not saga.is_forward and not saga.is_over:
            self.move(structs.replace(saga, at=saga.at - 1))


class LateDoneTurnsAgain(Orchestrator):
    """A Done that comes after it turned round makes it go forward again."""

    def on_done(self, done: Done) -> None:
        saga = self.db.get(Saga, done.saga)
        if saga and not saga.is_forward and saga.at == done.step and not saga.is_over:
            self.move(structs.replace(saga, at=saga.at + 1, is_forward=True, reason=""))
        else:
            super().on_done(done)


class AnswersTooSoon(Orchestrator):
    """Answers Ok when the pivot is done: what is behind it cannot fail, and is not stored either."""

    def on_done(self, done: Done) -> None:
        saga = self.standing(done.saga, done.step, is_forward=True)
        if saga and saga.at == saga.pivot:
            over = structs.replace(saga, at=len(saga.steps))
            self.move(over)
        else:
            super().on_done(done)


class NoLock(Orchestrator):
    """Runs all sagas side by side."""

    def is_locked(self, subject: str) -> bool:
        return False


class LockInMemory(Orchestrator):
    """Locks subjects in memory: after a restart all are free, and their sagas go on."""

    locked: dict[str, str]

    def on_start(self) -> None:
        self.locked = {}
        super().on_start()

    def move(self, saga: Saga) -> None:
        if saga.at == 0 and saga.is_forward:
            self.locked[saga.name] = saga.subject
        super().move(saga)
        if saga.is_over:
            self.locked.pop(saga.name, None)

    def is_locked(self, subject: str) -> bool:
        return subject in self.locked.values()


class UnlocksGoingBack(Orchestrator):
    """Gives up its lock when it turns round."""

    def is_locked(self, subject: str) -> bool:
        return any(
            saga.subject == subject and saga.is_forward and not saga.is_over
            for saga in self.db.all(Saga)
        )


class NeverUnlocks(Orchestrator):
    """A subject stays locked when its saga has failed."""

    def is_locked(self, subject: str) -> bool:
        return any(
            saga.subject == subject and not (saga.is_over and saga.is_forward)
            for saga in self.db.all(Saga)
        )


class OneLockForAll(Orchestrator):
    """One saga at a time, and one that has failed keeps the others out."""

    def is_locked(self, subject: str) -> bool:
        return any(not (saga.is_over and saga.is_forward) for saga in self.db.all(Saga))


class RunsItAgain(Orchestrator):
    """A saga that has ended and is asked for again is begun again, when it had failed."""

    def on_begin(self, begin: Begin, sender: Address) -> None:
        saga = self.db.get(Saga, begin.saga)
        if saga and saga.is_over and not saga.is_forward and (sender, begin.number):
            self.db.tables["Saga"].pop(saga.name)
        super().on_begin(begin, sender)


class AnyContentWillDo(Orchestrator):
    """Recognises a saga by its name: another one of that name is answered as if it had been run."""

    def on_begin(self, begin: Begin, sender: Address) -> None:
        saga = self.db.get(Saga, begin.saga)
        if saga:
            self.asking[begin.saga] = sender, begin.number
            self.answer(saga)
        else:
            super().on_begin(begin, sender)


def any_amount(begin: Begin, services: tuple[str, ...]) -> str:
    """Lets any amount pass: less than nothing is taken, and more is left than there was."""
    reason = objection(begin, services)
    return "" if reason.startswith("an amount") else reason


class SkipsAhead(Orchestrator):
    """Asks for the next step together with this one, to save a round trip."""

    def speak(self, saga: Saga) -> None:
        super().speak(saga)
        if saga.is_forward and saga.at + 1 < len(saga.steps):
            step = saga.steps[saga.at + 1]
            self.send(Address(step.service), Do(saga.name, saga.at + 1, step.item, step.amount))


class ForgetsToAnswer(Orchestrator):
    """Tells the client once how its saga ended; if that is lost, it asks for ever."""

    def on_begin(self, begin: Begin, sender: Address) -> None:
        saga = self.db.get(Saga, begin.saga)
        if saga is None or not saga.is_over:
            super().on_begin(begin, sender)
        elif (saga.subject, saga.steps) != (begin.subject, begin.steps):
            self.send(sender, Ended(begin.number, False, "another saga has this name"))


def _of(name, by, breaks, kind="safety", code="", source="ours", replaces=""):  # type: ignore[no-untyped-def]
    return bug(
        name,
        by,
        part="D",
        replaces=replaces or "saga_orchestrator:Orchestrator",
        breaks=breaks,
        code=code,
        kind=kind,
        source=source,
    )


SAGA = (
    _of(
        "undoes-the-declined", UndoesTheDeclined, "TX2-S8", code="m19", source="workflow-core #191"
    ),
    _of("forward-order", ForwardOrder, "TX2-S8", source="workflow-core #192"),
    _of("undoes-all-at-once", AllAtOnce, "TX2-S8"),
    _of("not-now-is-undone", NotNowIsUndone, "TX2-S8"),
    _of("spares-the-unknown", SparesTheUnknown, "TX2-S8"),
    _of("spares-the-last", SparesTheLast, "TX2-S8"),
    _of("spares-the-first", SparesTheFirst, "TX2-S8"),
    _of("turns-in-memory", TurnsInMemory, "TX2-S8"),
    _of("stands-in-memory", StandsInMemory, "TX2-S8"),
    _of("begins-unstored", BeginsUnstored, "TX2-S9"),
    _of("step-ahead-of-the-log", StepAheadOfTheLog, "TX2-S8"),
    _of("resumes-at-the-next", ResumesAtTheNext, "TX2-S8"),
    _of("abandons-what-it-finds", AbandonsWhatItFinds, "TX2-L8", "liveness"),
    _of("undoes-the-pivot", UndoesThePivot, "TX2-S10"),
    _of("turns-behind-the-pivot", TurnsBehindThePivot, "TX2-S10"),
    _of("asks-for-ever", EndlessPatience, "TX2-L8", "liveness"),
    _of("one-patience-for-all", OnePatienceForAll, "TX2-L8", "liveness"),
    _of("patience-going-back", PatienceGoingBack, "TX2-L8", "liveness"),
    _of("asks-once", AsksOnce, "TX2-L8", "liveness"),
    _of("any-done-will-do", AnyDoneWillDo, "TX2-S8"),
    _of("any-undone-will-do", AnyUndoneWillDo, "TX2-S8"),
    _of("late-done-turns-again", LateDoneTurnsAgain, "TX2-S8"),
    _of("ends-at-the-pivot", AnswersTooSoon, "TX2-S8"),
    _of("no-lock", NoLock, "TX2-S9"),
    _of("lock-in-memory", LockInMemory, "TX2-S9"),
    _of("unlocks-going-back", UnlocksGoingBack, "TX2-S9"),
    _of("never-unlocks", NeverUnlocks, "TX2-L8", "liveness"),
    _of("one-lock-for-all", OneLockForAll, "TX2-L8", "liveness"),
    _of("runs-it-again", RunsItAgain, "TX2-S8"),
    _of("any-saga-of-that-name", AnyContentWillDo, "TX2-S8"),
    _of("any-amount", any_amount, "TX2-S8", replaces="saga_orchestrator:objection"),
    _of("skips-ahead", SkipsAhead, "TX2-S8"),
    _of("answers-the-end-once", ForgetsToAnswer, "TX2-L8", "liveness"),
)
