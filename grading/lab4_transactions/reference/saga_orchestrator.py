"""The orchestrator of sagas: forward, step by step; or back, last step first (part 4D).

Rule: where a saga stands is on disk before anybody hears of it, and it turns at most once.

Theory (H. Garcia-Molina and K. Salem, "Sagas", SIGMOD 1987). A saga is a row of local transactions T1 .. Tn, each with
a compensation C1 .. Cn. It ends as T1 .. Tn, or as T1 .. Ti, Ci .. C1. Where it stands is two things: which way it
goes, and at which step it is. A step at which it stands going forward has been begun, perhaps; whether it was done
nobody knows until it has answered. So there are two ways to turn round:

* the step was *declined*: it has no effect, and the first to be undone is the one before it;
* we are out of patience: its outcome is *unknown*, so it is the first to be undone itself.

The second is forbidden at the *pivot*, which cannot be undone, and behind it, where steps are asked for until they are
done. Going back there is no patience either: a compensation that fails is asked for again.
"""

from __future__ import annotations

from msgspec import structs

from distlab.core import Address, Node, Timer
from labs.lab4_transactions.database import Database, Row, open_database
from labs.lab4_transactions.saga import (
    MAX_AMOUNT,
    Begin,
    Declined,
    Do,
    Done,
    Ended,
    NotNow,
    OrchestratorConfig,
    Step,
    Undo,
    Undone,
)


# BEGIN SOLUTION 4D: what the orchestrator stores, and its timers
class Saga(Row, frozen=True):
    """Where a saga stands."""

    name: str
    subject: str
    steps: tuple[Step, ...]
    pivot: int
    at: int = 0
    """The step that is being done, or undone."""
    is_forward: bool = True
    reason: str = ""
    """Why it turned."""

    @property
    def key(self) -> str:
        return self.name

    @property
    def is_over(self) -> bool:
        return self.at == (len(self.steps) if self.is_forward else -1)


class SayAgain(Timer, frozen=True):
    saga: str


class GiveUp(Timer, frozen=True):
    saga: str
    step: int


def objection(begin: Begin, services: tuple[str, ...]) -> str:
    """Why this is no saga; empty if it is one."""
    if not begin.steps:
        return "a saga has steps"
    if not all(0 < step.amount <= MAX_AMOUNT for step in begin.steps):
        return f"an amount is at least 1, and at most {MAX_AMOUNT}"
    unknown = [step.service for step in begin.steps if step.service not in services]
    return f"there is no service {unknown[0]}" if unknown else ""


# END SOLUTION


class Orchestrator(Node):
    """Takes each saga to one of its two ends."""

    config: OrchestratorConfig
    # BEGIN SOLUTION 4D: declare your state
    db: Database
    asking: dict[str, tuple[Address, int]]
    """Who waits for the end of a saga, and the number of the question."""
    # END SOLUTION

    def on_start(self) -> None:
        """Take up again whatever is not over."""
        # BEGIN SOLUTION 4D: read what was stored, and go on where each saga stands
        self.db, self.asking = open_database(self.disk, Saga), {}
        for saga in self.db.all(Saga):
            self.go_on(saga)
        # END SOLUTION

    def on_begin(self, begin: Begin, sender: Address) -> None:
        """A saga: a new one, or one we know. One whose subject is locked waits; its client will ask again."""
        # BEGIN SOLUTION 4D: recognise the name; refuse nonsense; respect the lock; store it, then begin
        saga = self.db.get(Saga, begin.saga)
        if saga is None:
            reason = objection(begin, self.config.services)
            if reason:
                self.send(sender, Ended(begin.number, False, reason))
                return
            if self.is_locked(begin.subject):
                return
            self.asking[begin.saga] = sender, begin.number
            self.move(Saga(begin.saga, begin.subject, begin.steps, begin.pivot))
        elif (saga.subject, saga.steps, saga.pivot) != (begin.subject, begin.steps, begin.pivot):
            self.send(sender, Ended(begin.number, False, "another saga has this name"))
        else:
            self.asking[begin.saga] = sender, begin.number
            self.answer(saga)
        # END SOLUTION

    def on_done(self, done: Done) -> None:
        # BEGIN SOLUTION 4D: the next step, or the end
        saga = self.standing(done.saga, done.step, is_forward=True)
        if saga:
            self.move(structs.replace(saga, at=saga.at + 1))
        # END SOLUTION

    def on_declined(self, declined: Declined) -> None:
        # BEGIN SOLUTION 4D: turn round, to the step before
        saga = self.standing(declined.saga, declined.step, is_forward=True)
        if saga and saga.at <= saga.pivot:
            reason = declined.reason
            self.move(structs.replace(saga, at=saga.at - 1, is_forward=False, reason=reason))
        # END SOLUTION

    def on_undone(self, undone: Undone) -> None:
        # BEGIN SOLUTION 4D: the step before, or the end
        saga = self.standing(undone.saga, undone.step, is_forward=False)
        if saga:
            self.move(structs.replace(saga, at=saga.at - 1))
        # END SOLUTION

    def on_not_now(self, not_now: NotNow) -> None:
        """Nothing has happened: it will be said again anyway."""

    # BEGIN SOLUTION 4D: your timers and helpers
    def on_say_again(self, timer: SayAgain) -> None:
        saga = self.db.get(Saga, timer.saga)
        assert saga is not None
        self.speak(saga)

    def on_give_up(self, timer: GiveUp) -> None:
        saga = self.standing(timer.saga, timer.step, is_forward=True)
        if saga and saga.at < saga.pivot:
            reason = f"{saga.steps[saga.at].service} does not answer"
            self.move(structs.replace(saga, is_forward=False, reason=reason))

    def move(self, saga: Saga) -> None:
        """The saga stands somewhere else now."""
        self.db.commit(self.disk, saga)
        self.go_on(saga)

    def go_on(self, saga: Saga) -> None:
        if saga.is_over:
            self.cancel_timer(SayAgain(saga.name))
            self.answer(saga)
            return
        if saga.is_forward:
            self.set_timer(GiveUp(saga.name, saga.at), self.config.patience)
        self.speak(saga)

    def speak(self, saga: Saga) -> None:
        """Ask for the step at which it stands; and again, later."""
        if saga.is_over:
            return
        step = saga.steps[saga.at]
        if saga.is_forward:
            self.send(Address(step.service), Do(saga.name, saga.at, step.item, step.amount))
        else:
            self.send(Address(step.service), Undo(saga.name, saga.at))
        self.set_timer(SayAgain(saga.name), self.config.retry)

    def answer(self, saga: Saga) -> None:
        if saga.is_over and saga.name in self.asking:
            client, number = self.asking.pop(saga.name)
            self.send(client, Ended(number, saga.is_forward, saga.reason))

    def standing(self, name: str, step: int, *, is_forward: bool) -> Saga | None:
        """The saga, if it stands at this step and goes this way: else the answer is an echo."""
        saga = self.db.get(Saga, name)
        if saga and not saga.is_over and (saga.at, saga.is_forward) == (step, is_forward):
            return saga
        return None

    def is_locked(self, subject: str) -> bool:
        return any(saga.subject == subject and not saga.is_over for saga in self.db.all(Saga))

    # END SOLUTION
