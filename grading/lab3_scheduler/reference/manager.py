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

An RM that dies takes all this with it, and nothing that runs (part 3E1). The next one claims an epoch, and asks:
nodes say what runs, masters say what they hold. Until both have had time to speak it grants nothing and
takes nothing for lost. What both know goes on; what only a node knows is killed; what only a master
knows is lost. Leases that were granted and not used are void, since no node takes them any more.
"""

from __future__ import annotations

from msgspec import Struct, field, structs

from distlab.core import Address, Node, Timer
from labs.lab3_scheduler import inheritance, leadership, leases
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
from labs.lab3_scheduler.failover import AppRecord, Leading, MasterUnknown
from labs.lab3_scheduler.fifo import FifoScheduler
from labs.lab3_scheduler.scheduling import DUPLICATE, Ask, Grant, NodeView, Refused

FIRST_EPOCH = 1
EPOCH_BITS = 40


class NodeSilent(Timer, frozen=True):
    """A node's lease has run out."""

    node: str


class Watch(Timer, frozen=True):
    """Time to look whether we still lead, and to tell the other RMs so."""


class Election(Timer, frozen=True):
    """No leader was heard of for too long."""


class Recovered(Timer, frozen=True):
    """Who has not spoken by now will not be waited for."""

    epoch: int


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
    is_known: bool = True
    """Its master has spoken to us; not only to the RM before."""
    held: set[int] = field(default_factory=set)
    """Containers that its master holds from before, and of which no node has told us yet."""


class ResourceManager(Node):
    """The master of the cluster."""

    config: ManagerConfig
    epoch: int
    """The life in which we lead; 0 while we do not."""
    is_recovered: bool
    """All who run or hold something have had time to say so."""
    scheduler: FifoScheduler
    machines: dict[str, Machine]
    lives: dict[str, int]
    """The newest life of each node that ever was, dead or alive."""
    apps: dict[str, Application]
    finished: set[str]
    containers: dict[int, Container]

    def on_start(self) -> None:
        # BEGIN SOLUTION 3A: nobody is known; lead, in the first epoch
        self.begin_epoch(0)
        if self.config.peers:
            self.follow()
        else:
            self.take_over()
        # END SOLUTION

    # BEGIN SOLUTION 3A: your own helpers
    def begin_epoch(self, epoch: int) -> None:
        """Nobody is known."""
        self.epoch = epoch
        self.is_recovered = epoch == FIRST_EPOCH
        self.scheduler = FifoScheduler(self.config.queues, epoch << EPOCH_BITS | 1)
        self.machines = {}
        self.lives = {}
        self.apps = {}
        self.finished = set()
        self.containers = {}

    # END SOLUTION

    # -- who leads (part 3E1) -------------------------------------------------------------------------

    # BEGIN SOLUTION 3E1: claim an epoch and begin with what was left; or wait for your turn
    def take_over(self) -> None:
        """Lead, unless somebody was faster."""
        epoch = leadership.claim(self.store, self.address)
        if not epoch:
            self.follow()
            return
        self.begin_epoch(epoch)
        self.finished = inheritance.ended(self.store)
        for record in inheritance.applications(self.store):
            if record.app not in self.finished:
                self.inherit(record)
        self.set_timer(Recovered(epoch), self.config.recovery)
        self.watch()

    def inherit(self, record: AppRecord) -> Application:
        """An application from before, whose master has not spoken yet."""
        self.scheduler.add_app(record.app, record.queue)
        app = Application(Address(record.master), record.attempt, is_known=False)
        self.apps[record.app] = app
        return app

    def follow(self) -> None:
        """Not to lead, until there is no leader."""
        if self.epoch:
            self.begin_epoch(0)
        self.set_timer(Election(), self.config.election)

    def leads(self) -> bool:
        """Whether we still lead; if somebody else does, make way.

        First write, then ask this, then answer. Whoever takes over claims first, and reads then: either it reads
        what we wrote, or we see its claim, and say nothing that it does not know of.
        """
        if self.epoch and leadership.newest(self.store) > self.epoch:
            self.follow()
        return bool(self.epoch)

    def watch(self) -> None:
        """Go on leading, or find that somebody else does."""
        if not self.leads():
            return
        for peer in self.config.peers:
            self.send(Address(peer), Leading(self.epoch))
        self.set_timer(Watch(), self.config.watch)

    # END SOLUTION

    def on_watch(self) -> None:
        # BEGIN SOLUTION 3E1: if we lead
        if self.epoch:
            self.watch()
        # END SOLUTION

    def on_election(self) -> None:
        # BEGIN SOLUTION 3E1: our turn, if we do not lead
        if not self.epoch:
            self.take_over()
        # END SOLUTION

    def on_leading(self, leading: Leading, rm: Address) -> None:
        """Somebody else leads."""
        # BEGIN SOLUTION 3E1: wait; or make way for a newer one
        if not self.epoch or leading.epoch > self.epoch:
            self.follow()
        # END SOLUTION

    def on_recovered(self, timer: Recovered) -> None:
        """Go about the daily business; what nobody has spoken of is lost."""
        # BEGIN SOLUTION 3E1: for this epoch; what masters hold and no node runs is lost
        if timer.epoch == self.epoch:
            self.is_recovered = True
            for app in self.apps.values():
                self.settle(app)
        # END SOLUTION

    # BEGIN SOLUTION 3E1: your own helpers
    def settle(self, app: Application) -> None:
        """What is held, and of which no node has spoken, is lost."""
        if self.is_recovered:
            lost = sorted(app.held - self.containers.keys())
            app.completed += [Completed(number, Exit.LOST) for number in lost]
            app.held.difference_update(lost)

    def adopt(self, signed: SignedLease, node: str) -> None:
        """A node runs this from before: it counts from now on, and goes on if its master holds it."""
        lease = signed.lease
        if lease.app not in self.apps:
            records = {record.app: record for record in inheritance.applications(self.store)}
            if lease.app not in records:
                return
            self.inherit(records[lease.app]).is_finished = lease.app in self.finished
        app = self.apps[lease.app]
        grant = Grant(lease.container, lease.app, node, Ask(lease.resources, label=lease.label))
        self.scheduler.recover(grant)
        unwanted = app.is_finished or (app.is_known and lease.container not in app.held)
        self.containers[lease.container] = Container(grant, lease, True, is_unwanted=unwanted)
        self.machines[node].containers[lease.container] = None

    def is_for_us(self, epoch: int) -> bool:
        """Whether somebody who has last heard of that epoch means us. Who never heard of one means the first."""
        return (epoch or FIRST_EPOCH) == self.epoch

    # END SOLUTION

    def probe(self) -> Books:
        """What the RM takes for granted. Judges look at it."""
        # BEGIN SOLUTION 3A: containers and applications that are not over
        return Books(self.epoch, tuple(self.containers), tuple(self.apps))
        # END SOLUTION

    # -- nodes ----------------------------------------------------------------------------------------

    def on_register_node(self, node: RegisterNode, sender: Address) -> None:
        """A machine begins a life, or repeats that it did, or this is an old message."""
        # BEGIN SOLUTION 3A: a newer life ends the older one; a life that is over stays over
        if not self.epoch:
            return
        if not self.is_for_us(node.epoch):
            if self.leads():
                self.send(sender, Resync(node.life, self.epoch, node.epoch))
            return
        known = self.machines.get(sender)
        if node.life < self.lives.get(sender, 0):
            return
        if known is None and node.life == self.lives.get(sender):
            self.send(sender, Resync(node.life, self.epoch, node.epoch))
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
            for signed in node.running:
                self.adopt(signed, sender)
        self.heard(sender)
        self.send(sender, NodeRegistered(node.life, self.epoch))
        # END SOLUTION

    def on_node_heartbeat(self, beat: NodeHeartbeat, sender: Address) -> None:
        """Learn what is true; have the scheduler fill what is free; say what is to be ended."""
        # BEGIN SOLUTION 3A: an older life, an older heartbeat; running, completed; then allocate
        if not self.epoch:
            return
        if beat.epoch != self.epoch:
            if self.leads():
                self.send(sender, Resync(beat.life, self.epoch, beat.epoch))
            return
        machine = self.machines.get(sender)
        if machine is None or beat.life != machine.life:
            if beat.life >= self.lives.get(sender, 0):
                self.send(sender, Resync(beat.life, self.epoch, beat.epoch))
            return
        if beat.number <= machine.beats:
            return
        machine.beats = beat.number
        self.heard(sender)
        for number in beat.running:
            if number in self.containers:
                self.containers[number].is_used = True
        noted = [each.container for each in beat.completed if self.note(each)]
        if self.is_recovered:
            for grant in self.scheduler.allocate(sender, self.now()):
                self.grant(grant)
        here = [(number, self.containers[number]) for number in machine.containers]
        answer = NodeAnswer(
            machine.life,
            self.epoch,
            self.monotonic(),
            kill=tuple(number for number, container in here if container.is_unwanted),
            void=tuple(number for number, container in here if container.is_overdue),
            noted=tuple(noted),
        )
        self.send(sender, answer)
        # END SOLUTION

    def on_node_silent(self, timer: NodeSilent) -> None:
        # BEGIN SOLUTION 3A: the node is dead, with all that ran on it
        if self.leads():
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

    def note(self, completed: Completed) -> bool:
        """A node says that a container is over. Whether it need not say so again."""
        number = completed.container
        if number in self.containers:
            self.complete(completed)
            return True
        for app in self.apps.values():
            if number in app.held:  # from before, and over before its node spoke to us
                app.held.discard(number)
                app.completed.append(completed)
                return True
        return self.is_recovered  # else its master may still say that it holds it

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
        app.held.discard(completed.container)
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
        if not self.epoch:
            return
        if not self.is_for_us(master.epoch):
            self.send(sender, MasterUnknown(master.app, self.epoch))
            return
        app = self.apps.get(master.app)
        if app is None and master.app not in self.finished:
            try:
                self.scheduler.add_app(master.app, master.queue)
            except Refused as refused:
                self.send(sender, MasterRefused(master.app, refused.code))
                return
            record = AppRecord(master.app, master.queue, master.attempt, sender)
            inheritance.let_in(self.store, record)
            if not self.leads():
                return
            app = self.apps[master.app] = Application(sender, master.attempt)
        if app is not None and app.master == sender and not (app.is_known or app.is_finished):
            self.meet(app, master)
        if app is None or app.master != sender or app.is_finished:
            self.send(sender, MasterRefused(master.app, DUPLICATE))
        else:
            self.send(sender, MasterRegistered(master.app, app.attempt, self.epoch))
        # END SOLUTION

    def on_allocate(self, wish: Allocate, sender: Address) -> None:
        """Take note of what a master wants; tell it what it got since the last time."""
        # BEGIN SOLUTION 3A: the same wish, the same answer; else releases, asks, and a new answer
        app = self.apps.get(wish.app)
        if self.epoch and (wish.epoch != self.epoch or (app is not None and not app.is_known)):
            self.send(sender, MasterUnknown(wish.app, self.epoch))
            return
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
        if not self.epoch or (app is not None and app.master != sender):
            return
        inheritance.end(self.store, finish.app)
        if not self.leads():
            return
        if app is not None and not app.is_finished:
            app.is_finished = True
            self.ask(finish.app, app, ())
            for container in self.containers_of(finish.app):
                container.is_unwanted = True
            self.bury(finish.app)
        self.send(sender, MasterFinished(finish.app))
        # END SOLUTION

    # BEGIN SOLUTION 3E1: your own helpers
    def meet(self, app: Application, master: RegisterMaster) -> None:
        """The master of an application from before says what it holds."""
        app.is_known = True
        app.held = set(master.holding) - {each.container for each in app.completed}
        for container in self.containers_of(master.app):
            container.is_unwanted = container.grant.container not in app.held
        self.settle(app)

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
