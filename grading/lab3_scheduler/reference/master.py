"""The ApplicationMaster: gets room, puts tasks into it, and copes with what goes wrong (part 3A).

Theory of operation. A task *waits*, is *bound* to a lease, or is *done*. The RM alone says how a
container ended: ``DONE`` and the task is done; anything else, and it waits again. What is asked for
follows from what waits, each time anew: no counter is kept that could go wrong.
"""

from __future__ import annotations

from msgspec import Struct, field

from distlab.core import Address, Fail, Node, Ok, Ticket, Timer
from labs.lab3_scheduler import binding
from labs.lab3_scheduler.cluster import (
    KILLED,
    Allocate,
    Allocated,
    AppSpec,
    Completed,
    Exit,
    FinishMaster,
    KillApp,
    MasterConfig,
    MasterFinished,
    MasterRefused,
    MasterRegistered,
    RegisterMaster,
    RunApp,
    SignedLease,
    StartContainer,
    Started,
    StartRefused,
    Task,
)
from labs.lab3_scheduler.failover import MasterUnknown
from labs.lab3_scheduler.scheduling import DUPLICATE, TOO_LARGE, UNKNOWN_APP


class Speak(Timer, frozen=True):
    """Time to say again what an application wants."""

    app: str


class Bound(Struct):
    """A lease, and the task that runs with it."""

    lease: SignedLease
    task: Task
    is_started: bool = False


class Running(Struct):
    """An application that is not over."""

    ticket: Ticket
    spec: AppSpec
    waiting: dict[str, Task]
    bound: dict[int, Bound] = field(default_factory=dict)
    """Container -> what runs in it."""
    unwanted: set[int] = field(default_factory=set)
    """Containers that the RM is to take back."""
    wish: Allocate | None = None
    """The newest one."""
    is_answered: bool = True
    epoch: int = 0
    """The RM's life in which it knows us; 0 if there is none."""
    newest: int = 0
    """The newest life of the RM that we have heard of."""
    failure: str = ""
    """Why the application is given up."""
    killers: list[Ticket] = field(default_factory=list)
    """Who waits for its being killed."""

    @property
    def is_over(self) -> bool:
        return bool(self.failure) or not (self.waiting or self.bound)


class ApplicationMaster(Node):
    """Runs the applications that it is asked for."""

    config: MasterConfig
    apps: dict[str, Running]
    names: set[str]
    """Of all applications that ever began here."""
    rms: list[Address]
    """The one that we speak to, then the others."""
    unanswered: int
    """How often we have spoken since it last answered."""

    def on_start(self) -> None:
        # BEGIN SOLUTION 3A: nothing to run
        self.apps = {}
        self.names = set()
        self.rms = [Address(rm) for rm in (self.config.rm, *self.config.standby)]
        self.unanswered = 0
        # END SOLUTION

    def on_run_app(self, op: RunApp, ticket: Ticket) -> None:
        """An application begins; ``finish`` the ticket when all its tasks are done, or when it is refused."""
        # BEGIN SOLUTION 3A: all tasks wait
        spec = op.spec
        if spec.name in self.names:
            self.finish(ticket, Fail(DUPLICATE))
            return
        self.names.add(spec.name)
        self.apps[spec.name] = Running(ticket, spec, {task.name: task for task in spec.tasks})
        self.speak(spec.name)
        # END SOLUTION

    def on_kill_app(self, op: KillApp, ticket: Ticket) -> None:
        """Give the application up, whatever runs; ``finish`` the ticket when the RM has confirmed it."""
        # BEGIN SOLUTION 3A: it is over, unless it is not here
        app = self.apps.get(op.app)
        if app is None:
            self.finish(ticket, Fail(UNKNOWN_APP))
            return
        app.killers.append(ticket)
        app.failure = app.failure or KILLED
        self.speak(op.app)
        # END SOLUTION

    def on_speak(self, timer: Speak) -> None:
        # BEGIN SOLUTION 3A: say it again
        if timer.app in self.apps:
            self.speak(timer.app)
        # END SOLUTION

    # BEGIN SOLUTION 3A: your own helpers
    def speak(self, name: str) -> None:
        """Say what is not answered yet: to the RM, and to the nodes."""
        app = self.apps[name]
        self.turn_to_the_next()
        rm = self.rms[0]
        self.set_timer(Speak(name), self.config.heartbeat)
        if not app.epoch and not (app.is_over and app.newest):
            holding = tuple(app.bound)
            self.send(rm, RegisterMaster(name, app.spec.queue, 1, app.newest, holding))
        elif app.is_over:
            self.send(rm, FinishMaster(name, 1))
            return
        else:
            self.send(rm, self.next_wish(app))
        for bound in app.bound.values():
            if not bound.is_started:
                self.start(bound)

    def turn_to_the_next(self) -> None:
        """Count words without an answer; after too many, the next RM is in front."""
        self.unanswered += 1
        if self.unanswered > self.config.patience * max(1, len(self.apps)):
            self.rms.append(self.rms.pop(0))
            self.unanswered = 1

    def heard(self, rm: Address) -> None:
        """That RM leads: speak to it from now on."""
        self.unanswered = 0
        if rm in self.rms:
            self.rms.remove(rm)
            self.rms.insert(0, rm)

    def next_wish(self, app: Running) -> Allocate:
        """The last wish again, if it was not answered; else what is wanted now."""
        if app.is_answered or app.wish is None:
            number = app.wish.number + 1 if app.wish is not None else 1
            asks = binding.asks_for(app.waiting.values())
            unwanted = tuple(sorted(app.unwanted))
            app.wish = Allocate(app.spec.name, 1, app.epoch, number, asks, unwanted)
            app.is_answered = False
        return app.wish

    def start(self, bound: Bound) -> None:
        node = Address(bound.lease.lease.node)
        self.send(node, StartContainer(bound.lease, bound.task))

    def give_back(self, app: Running, container: int) -> None:
        """The task that was bound to it waits again."""
        bound = app.bound.pop(container)
        app.waiting[bound.task.name] = bound.task

    # END SOLUTION

    def on_master_registered(self, registered: MasterRegistered, rm: Address) -> None:
        # BEGIN SOLUTION 3A: from now on it can be asked
        app = self.apps.get(registered.app)
        if app is not None and not app.epoch and registered.epoch >= app.newest:
            self.heard(rm)
            app.epoch = app.newest = registered.epoch
            app.wish, app.is_answered = None, True
            app.unwanted = set()
            self.speak(registered.app)
        # END SOLUTION

    def on_master_unknown(self, unknown: MasterUnknown, rm: Address) -> None:
        """There is a new RM: register with it, and say what the application holds."""
        # BEGIN SOLUTION 3E1: if it is newer than ours
        app = self.apps.get(unknown.app)
        if app is not None and unknown.epoch > app.newest:
            self.heard(rm)
            app.newest = unknown.epoch
            app.epoch = 0
        # END SOLUTION

    def on_master_refused(self, refused: MasterRefused, rm: Address) -> None:
        # BEGIN SOLUTION 3A: there will be no such application
        app = self.apps.get(refused.app)
        if app is not None and not app.epoch:
            self.heard(rm)
            del self.apps[refused.app]
            self.finish(app.ticket, Fail(refused.code))
            for ticket in app.killers:
                self.finish(ticket, Fail(UNKNOWN_APP))
        # END SOLUTION

    def on_allocated(self, answer: Allocated, rm: Address) -> None:
        """Bind tasks to what was granted; let those wait again whose container is over."""
        # BEGIN SOLUTION 3A: only the answer to the newest wish, and once
        app = self.apps.get(answer.app)
        if app is None or app.wish is None or app.is_answered:
            return
        if (answer.epoch, answer.number) != (app.epoch, app.wish.number):
            return
        self.heard(rm)
        app.is_answered = True
        app.unwanted -= set(app.wish.releases)
        for completed in answer.completed:
            self.completed(app, completed)
        for signed in answer.grants:
            self.bind(app, signed)
        for denied in answer.denied:
            if denied.code != TOO_LARGE:  # a larger node may come
                app.failure = denied.code
        if app.is_over:
            self.speak(answer.app)
        # END SOLUTION

    # BEGIN SOLUTION 3A: your own helpers
    def completed(self, app: Running, completed: Completed) -> None:
        """A container is over."""
        if completed.container in app.bound:
            if completed.exit is Exit.DONE:
                del app.bound[completed.container]
            else:
                self.give_back(app, completed.container)

    def bind(self, app: Running, signed: SignedLease) -> None:
        """Use a lease for the task that it suits best, or give it back."""
        lease = signed.lease
        task = binding.choose(app.waiting.values(), lease)
        if task is None:
            app.unwanted.add(lease.container)
            return
        del app.waiting[task.name]
        app.bound[lease.container] = Bound(signed, task)
        self.start(app.bound[lease.container])

    # END SOLUTION

    def on_started(self, started: Started, node: Address) -> None:
        # BEGIN SOLUTION 3A: no need to say it again
        for app in self.apps.values():
            if started.container in app.bound:
                app.bound[started.container].is_started = True
        # END SOLUTION

    def on_start_refused(self, refused: StartRefused, node: Address) -> None:
        """The lease is of no use: the task waits for another one."""
        # BEGIN SOLUTION 3A: and the RM is to take it back
        for app in self.apps.values():
            bound = app.bound.get(refused.container)
            if bound is not None and not bound.is_started:
                self.give_back(app, refused.container)
                app.unwanted.add(refused.container)
        # END SOLUTION

    def on_master_finished(self, finished: MasterFinished, rm: Address) -> None:
        # BEGIN SOLUTION 3A: it is over
        app = self.apps.get(finished.app)
        if app is not None and app.is_over:
            self.heard(rm)
            del self.apps[finished.app]
            outcome = Fail(app.failure) if app.failure else Ok(len(app.spec.tasks))
            self.finish(app.ticket, outcome)
            for ticket in app.killers:
                self.finish(ticket, Ok())
        # END SOLUTION
