"""Bugs of the ApplicationMaster."""

from __future__ import annotations

from msgspec import structs

from distlab.core import Address, Fail, Ok, Ticket
from distlab.grade.lab import Mutant, bug
from labs.lab3_scheduler import binding
from labs.lab3_scheduler.cluster import (
    KILLED,
    Allocate,
    Allocated,
    Completed,
    Exit,
    FinishMaster,
    KillApp,
    MasterFinished,
)
from labs.lab3_scheduler.master import ApplicationMaster, Running
from labs.lab3_scheduler.scheduling import TOO_LARGE


class AsksUntilItRuns(ApplicationMaster):
    """Asks for a container for each task of which it does not know that it runs, also for those
    that have one."""

    def next_wish(self, app: Running) -> Allocate:
        wish = super().next_wish(app)
        tasks = [
            *app.waiting.values(),
            *(bound.task for bound in app.bound.values() if not bound.is_started),
        ]
        app.wish = structs.replace(wish, asks=binding.asks_for(tasks))
        return app.wish


class OverIsDone(ApplicationMaster):
    """A container is over, so its task is done: also when it was killed, or its node was lost."""

    def completed(self, app: Running, completed: Completed) -> None:
        super().completed(app, structs.replace(completed, exit=Exit.DONE))


class ForgetsTheTask(ApplicationMaster):
    """A container that came to nothing is struck off, and the task that was bound to it with it."""

    def give_back(self, app: Running, container: int) -> None:
        del app.bound[container]


class EveryAnswer(ApplicationMaster):
    """Takes every answer for news, also one that comes twice or late: leases in it are bound once
    more."""

    def on_allocated(self, answer: Allocated, rm: Address) -> None:
        app = self.apps.get(answer.app)
        if app is not None and app.wish is not None and answer.number <= app.wish.number:
            was = app.is_answered
            app.is_answered = False
            super().on_allocated(structs.replace(answer, number=app.wish.number), rm)
            app.is_answered = was or answer.number == app.wish.number


class AsksAtOnce(ApplicationMaster):
    """Has the next wish ready as soon as the last one is answered: the RM hears of nothing else."""

    def on_allocated(self, answer: Allocated, rm: Address) -> None:
        super().on_allocated(answer, rm)
        if answer.app in self.apps:
            self.speak(answer.app)


class NeverTooLarge(ApplicationMaster):
    """Gives up an application as soon as no node is large enough, although nodes come and go."""

    def on_allocated(self, answer: Allocated, rm: Address) -> None:
        denied = tuple(
            structs.replace(each, code="NO_SUCH_NODE") if each.code == TOO_LARGE else each
            for each in answer.denied
        )
        super().on_allocated(structs.replace(answer, denied=denied), rm)


class HopesOn(ApplicationMaster):
    """Asks on and on for what was refused for good."""

    def on_allocated(self, answer: Allocated, rm: Address) -> None:
        super().on_allocated(structs.replace(answer, denied=()), rm)


class GoodByeOnce(ApplicationMaster):
    """Says once that an application is over. If that is lost, its user waits for ever."""

    said: set[str]

    def on_start(self) -> None:
        super().on_start()
        self.said = set()

    def speak(self, name: str) -> None:
        if self.apps[name].is_over and self.apps[name].epoch:
            if name in self.said:
                return
            self.said.add(name)
        super().speak(name)


class KillsAndGoes(ApplicationMaster):
    """Tells its user at once that the application is killed, and the RM once, if it hears it: the
    rest runs on."""

    def on_kill_app(self, op: KillApp, ticket: Ticket) -> None:
        app = self.apps.pop(op.app, None)
        if app is None:
            super().on_kill_app(op, ticket)
            return
        self.send(Address(self.config.rm), FinishMaster(op.app, 1))
        self.finish(app.ticket, Fail(KILLED))
        self.finish(ticket, Ok())


class NotConfirmed(ApplicationMaster):
    """Tells its user that all is over before the RM has heard it, and then says no more: the RM
    keeps the application."""

    def speak(self, name: str) -> None:
        super().speak(name)
        if self.apps[name].epoch and self.apps[name].is_over:
            self.on_master_finished(MasterFinished(name), Address(self.config.rm))


_AM = "master:ApplicationMaster"


def _bug(name: str, by: type, breaks: str, kind: str = "safety", **more: str) -> Mutant:
    return bug(name, by, part="A", replaces=_AM, breaks=breaks, kind=kind, **more)


MASTERS = (
    _bug("asks-until-it-runs", AsksUntilItRuns, "SC-C1", "cost", source="SPARK-2687"),
    _bug("over-is-done", OverIsDone, "SC-L1"),
    _bug("forgets-the-task", ForgetsTheTask, "SC-L1"),
    _bug("every-answer", EveryAnswer, "SC-L1"),
    _bug("asks-at-once", AsksAtOnce, "SC-C3", "cost"),
    _bug("never-too-large", NeverTooLarge, "SC-L1", "liveness"),
    _bug("hopes-on", HopesOn, "SC-L1", "liveness"),
    _bug("good-bye-once", GoodByeOnce, "SC-L1", "liveness"),
    _bug("kills-and-goes", KillsAndGoes, "SC-L2", "cost"),
    _bug("not-confirmed", NotConfirmed, "SC-L2", "cost"),
)
