"""The ResourceManager: knows who wants what and who has what; knows nothing of tasks (part 3A).

Theory of operation. The RM is a shell round a scheduler. The scheduler decides who gets what; the shell
sees to it that the scheduler's books are true although all it hears is late, repeated or lost:

* **A place is free when its node says so**, or when the node counts as dead. Not when the AM gives a
  container back, not when the application is over, not when a lease has not been used in time: in each
  of these cases something may be running there now, or be about to.
* **A node that was taken for dead is dead.** Its containers were given up, and their places would be
  given away; so that life of the node is over, whatever may still arrive from it.
* **A grant is told once.** The answer to an ``Allocate`` is kept until the next one proves that it has
  arrived. Counts in an ask are absolute, and the AM does not know yet of what waits for it here, so
  these grants are taken off: each from the ask that it answers, or from another one of its size and
  label, for the AM may have used an earlier lease for a task of that one.
"""

from __future__ import annotations

from msgspec import Struct, field, structs

from distlab.core import Address, Node, Timer
from labs.lab3_scheduler import leases
from labs.lab3_scheduler.cluster import (
    Allocate,
    Allocated,
    Books,
    Completed,
    Denied,
    Exit,
    FinishMaster,
    Lease,
    ManagerConfig,
    MasterFinished,
    MasterRefused,
    MasterRegistered,
    NodeAnswer,
    NodeHeartbeat,
    NodeRefused,
    NodeRegistered,
    RegisterMaster,
    RegisterNode,
    Resync,
    SignedLease,
)
from labs.lab3_scheduler.fifo import FifoScheduler
from labs.lab3_scheduler.scheduling import DUPLICATE, Ask, Grant, NodeView, Refused

FIRST_EPOCH = 1
EPOCH_BITS = 40


class NodeSilent(Timer, frozen=True):
    """A node's lease has run out."""

    node: str


class LeaseUnused(Timer, frozen=True):
    """Something should have been started in a container by now."""

    container: int


class Machine(Struct):
    """A node that lives."""

    view: NodeView
    life: int
    beats: int = 0
    """The number of its newest heartbeat."""
    containers: dict[int, None] = field(default_factory=dict)


class Container(Struct):
    """A grant that is not over."""

    grant: Grant
    lease: Lease
    is_used: bool = False
    """Its node has said that something was started in it."""
    is_unwanted: bool = False
    """To be killed."""
    is_overdue: bool = False
    """To be ended if nothing was started in it."""


class Application(Struct):
    """An application that is not over."""

    master: Address
    attempt: int
    granted: list[int] = field(default_factory=list)
    """Containers of which its master was not told."""
    completed: list[Completed] = field(default_factory=list)
    """What its master was not told either."""
    asked: dict[Ask, None] = field(default_factory=dict)
    """What it asks for, with count 1."""
    number: int = 0
    """Its newest ``Allocate``, and the answer to that."""
    answer: Allocated | None = None
    is_finished: bool = False
    """Its master is through; some of its containers are not."""


class ResourceManager(Node):
    """The master of the cluster."""

    config: ManagerConfig
    epoch: int
    scheduler: FifoScheduler
    machines: dict[str, Machine]
    lives: dict[str, int]
    """The newest life of each node that ever was, dead or alive."""
    apps: dict[str, Application]
    finished: set[str]
    containers: dict[int, Container]

    def on_start(self) -> None:
        # BEGIN SOLUTION 3A: nobody is known
        self.epoch = FIRST_EPOCH
        self.scheduler = FifoScheduler(self.config.queues, self.epoch << EPOCH_BITS | 1)
        self.machines = {}
        self.lives = {}
        self.apps = {}
        self.finished = set()
        self.containers = {}
        # END SOLUTION

    def probe(self) -> Books:
        """What the RM takes for granted. Judges look at it."""
        # BEGIN SOLUTION 3A: containers and applications that are not over
        return Books(tuple(self.containers), tuple(self.apps))
        # END SOLUTION

    # -- nodes ----------------------------------------------------------------------------------------

    def on_register_node(self, node: RegisterNode, sender: Address) -> None:
        """A machine begins a life, or repeats that it did, or this is an old message."""
        # BEGIN SOLUTION 3A: a newer life ends the older one; a life that is over stays over
        known = self.machines.get(sender)
        if node.life < self.lives.get(sender, 0):
            return
        if known is None and node.life == self.lives.get(sender):
            self.send(sender, Resync(node.life, self.epoch))
            return
        if known is None or node.life > known.life:
            self.lose(sender)
            view = NodeView(sender, node.capacity, node.rack, node.label)
            try:
                self.scheduler.add_node(view)
            except Refused as refused:
                self.send(sender, NodeRefused(node.life, refused.code))
                return
            self.machines[sender] = Machine(view, node.life)
            self.lives[sender] = node.life
        self.heard(sender)
        self.send(sender, NodeRegistered(node.life, self.epoch))
        # END SOLUTION

    def on_node_heartbeat(self, beat: NodeHeartbeat, sender: Address) -> None:
        """Learn what is true; have the scheduler fill what is free; say what is to be ended."""
        # BEGIN SOLUTION 3A: an older life, an older heartbeat; running, completed; then allocate
        machine = self.machines.get(sender)
        if machine is None or beat.life != machine.life:
            if beat.life >= self.lives.get(sender, 0):
                self.send(sender, Resync(beat.life, self.epoch))
            return
        if beat.number <= machine.beats:
            return
        machine.beats = beat.number
        self.heard(sender)
        for number in beat.running:
            if number in self.containers:
                self.containers[number].is_used = True
        for completed in beat.completed:
            self.complete(completed)
        for grant in self.scheduler.allocate(sender, self.now()):
            self.grant(grant)
        here = [(number, self.containers[number]) for number in machine.containers]
        answer = NodeAnswer(
            machine.life,
            self.epoch,
            self.monotonic(),
            kill=tuple(number for number, container in here if container.is_unwanted),
            void=tuple(number for number, container in here if container.is_overdue),
            noted=tuple(completed.container for completed in beat.completed),
        )
        self.send(sender, answer)
        # END SOLUTION

    def on_node_silent(self, timer: NodeSilent) -> None:
        # BEGIN SOLUTION 3A: the node is dead, with all that ran on it
        self.lose(timer.node)
        # END SOLUTION

    def on_lease_unused(self, timer: LeaseUnused) -> None:
        """Take a container back, unless something runs in it."""
        # BEGIN SOLUTION 3A: only its node can say that nothing does
        container = self.containers.get(timer.container)
        if container is not None and not container.is_used:
            container.is_overdue = True
        # END SOLUTION

    # BEGIN SOLUTION 3A: your own helpers
    def heard(self, node: str) -> None:
        """A sign of life."""
        self.set_timer(NodeSilent(node), self.config.node_lease)

    def lose(self, node: str) -> None:
        """That life of the node is over."""
        machine = self.machines.get(node)
        if machine is None:
            return
        for number in list(machine.containers):
            self.complete(Completed(number, Exit.LOST))
        self.scheduler.remove_node(node)
        del self.machines[node]
        self.cancel_timer(NodeSilent(node))

    def grant(self, grant: Grant) -> None:
        """A place is an application's from now on."""
        app, machine = self.apps[grant.app], self.machines[grant.node]
        lease = Lease(
            grant.container,
            grant.app,
            app.attempt,
            grant.node,
            machine.life,
            grant.ask.capability,
            grant.ask.label,
            self.monotonic() + self.config.unused_lease,
            self.epoch,
        )
        self.containers[grant.container] = Container(grant, lease)
        machine.containers[grant.container] = None
        app.granted.append(grant.container)
        self.set_timer(LeaseUnused(grant.container), self.config.unused_lease)

    def complete(self, completed: Completed) -> None:
        """Nothing is in this container any more: its place is free, and its master will be told."""
        container = self.containers.pop(completed.container, None)
        if container is None:
            return
        self.cancel_timer(LeaseUnused(completed.container))
        grant = container.grant
        del self.machines[grant.node].containers[completed.container]
        self.scheduler.release(grant.app, completed.container)
        app = self.apps[grant.app]
        if completed.container in app.granted:  # its master need never hear of it
            app.granted.remove(completed.container)
        else:
            app.completed.append(completed)
        self.bury(grant.app)

    def bury(self, name: str) -> None:
        """Forget an application, once it is over and nothing of it is left."""
        app = self.apps[name]
        if app.is_finished and not self.containers_of(name):
            self.scheduler.remove_app(name)
            del self.apps[name]
            self.finished.add(name)

    def containers_of(self, app: str) -> list[Container]:
        return [each for each in self.containers.values() if each.grant.app == app]

    # END SOLUTION

    # -- applications ---------------------------------------------------------------------------------

    def on_register_master(self, master: RegisterMaster, sender: Address) -> None:
        """An application begins, or its master repeats that it did, or this is an old message."""
        # BEGIN SOLUTION 3A: each name once, for ever
        app = self.apps.get(master.app)
        if app is None and master.app not in self.finished:
            try:
                self.scheduler.add_app(master.app, master.queue)
            except Refused as refused:
                self.send(sender, MasterRefused(master.app, refused.code))
                return
            app = self.apps[master.app] = Application(sender, master.attempt)
        if app is None or app.master != sender or app.is_finished:
            self.send(sender, MasterRefused(master.app, DUPLICATE))
        else:
            self.send(sender, MasterRegistered(master.app, app.attempt, self.epoch))
        # END SOLUTION

    def on_allocate(self, wish: Allocate, sender: Address) -> None:
        """Take note of what a master wants; tell it what it got since the last time."""
        # BEGIN SOLUTION 3A: the same wish, the same answer; else releases, asks, and a new answer
        app = self.apps.get(wish.app)
        if app is None or app.master != sender or app.is_finished or wish.number < app.number:
            return
        if app.answer is None or wish.number > app.number:
            for number in wish.releases:
                container = self.containers.get(number)
                if container is not None and container.grant.app == wish.app:
                    container.is_unwanted = True
            denied = self.ask(wish.app, app, wish.asks)
            granted = tuple(self.signed(number) for number in app.granted)
            over = tuple(app.completed)
            app.number = wish.number
            app.answer = Allocated(wish.app, wish.number, self.epoch, granted, over, denied)
            app.granted, app.completed = [], []
        self.send(sender, app.answer)
        # END SOLUTION

    def on_finish_master(self, finish: FinishMaster, sender: Address) -> None:
        """End whatever the application still has; it is over when its nodes have said so."""
        # BEGIN SOLUTION 3A: confirm; take back its asks; kill
        app = self.apps.get(finish.app)
        if app is not None and app.master == sender and not app.is_finished:
            app.is_finished = True
            self.ask(finish.app, app, ())
            for container in self.containers_of(finish.app):
                container.is_unwanted = True
            self.bury(finish.app)
        self.send(sender, MasterFinished(finish.app))
        # END SOLUTION

    # BEGIN SOLUTION 3A: your own helpers
    def ask(self, name: str, app: Application, asks: tuple[Ask, ...]) -> tuple[Denied, ...]:
        """Let the scheduler know what is wanted now: no more than that, and less what waits to be told."""
        waiting = [self.containers[number].grant.ask for number in app.granted]
        wanted = {structs.replace(ask, count=1): ask.count for ask in asks}
        for answered in waiting:
            alike = [
                one
                for one, count in wanted.items()
                if count > 0
                and (one.capability, one.label) == (answered.capability, answered.label)
            ]
            if alike:
                wanted[answered if answered in alike else alike[0]] -= 1
        before, app.asked = app.asked, {}
        denied = []
        for ask in asks:
            one = structs.replace(ask, count=1)
            try:
                self.scheduler.ask(name, [structs.replace(ask, count=wanted[one])])
                app.asked[one] = None
            except Refused as refused:
                denied.append(Denied(ask, refused.code))
        for one in before:
            if one not in app.asked:
                self.scheduler.ask(name, [structs.replace(one, count=0)])
        return tuple(denied)

    def signed(self, number: int) -> SignedLease:
        return leases.sign(self.config.key, self.containers[number].lease)

    # END SOLUTION
