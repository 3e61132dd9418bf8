"""Bugs of the ResourceManager."""

from __future__ import annotations

from msgspec import structs

from distlab.core import Address
from distlab.grade.lab import Mutant, bug
from labs.lab3_scheduler.cluster import (
    Allocate,
    Allocated,
    Completed,
    Denied,
    Exit,
    FinishMaster,
    NodeHeartbeat,
    NodeRegistered,
    RegisterMaster,
    RegisterNode,
)
from labs.lab3_scheduler.manager import Application, LeaseUnused, Machine, ResourceManager
from labs.lab3_scheduler.scheduling import Ask, NodeView


class FreeAtTheEnd(ResourceManager):
    """An application is over, and so its places count as free; its containers still run until
    their nodes hear of it."""

    def on_finish_master(self, finish: FinishMaster, sender: Address) -> None:
        super().on_finish_master(finish, sender)
        for container in self.containers_of(finish.app):
            grant = container.grant
            if grant.container in self.scheduler.grants:
                self.scheduler.release(grant.app, grant.container)

    def complete(self, completed: Completed) -> None:
        container = self.containers.get(completed.container)
        if container is not None and completed.container not in self.scheduler.grants:
            self.scheduler.grants[completed.container] = container.grant
            book = self.scheduler.nodes[container.grant.node]
            book.free = book.free.minus(container.grant.ask.capability)
        super().complete(completed)


class FreeWhenOverdue(ResourceManager):
    """A lease was not used in time, so its place is free: the start that is on its way finds it
    taken by another one."""

    def on_lease_unused(self, timer: LeaseUnused) -> None:
        container = self.containers.get(timer.container)
        if container is not None and not container.is_used:
            self.complete(Completed(timer.container, Exit.UNUSED))


class WaitsForEver(ResourceManager):
    """A lease that nobody uses is never taken back: a master that sleeps keeps its places."""

    def on_lease_unused(self, timer: LeaseUnused) -> None:
        """Nothing."""


class AbsentIsOver(ResourceManager):
    """A container that a heartbeat does not name has ended. One that was started a moment ago is
    not named either."""

    def on_node_heartbeat(self, beat: NodeHeartbeat, sender: Address) -> None:
        machine = self.machines.get(sender)
        if machine is not None and machine.life == beat.life:
            for number in list(machine.containers):
                if self.containers[number].is_used and number not in beat.running:
                    self.complete(Completed(number, Exit.DONE))
        super().on_node_heartbeat(beat, sender)


class ForgetsTheDead(ResourceManager):
    """A node that was taken for dead is forgotten: an old registration brings that life back, as
    if nothing ran in it."""

    def lose(self, node: str) -> None:
        super().lose(node)
        self.lives.pop(node, None)


class BackFromTheDead(ResourceManager):
    """A node that was taken for dead and is heard of again is taken in as it was: empty, for all
    that the RM knows."""

    def on_node_heartbeat(self, beat: NodeHeartbeat, sender: Address) -> None:
        if sender not in self.machines and beat.life == self.lives.get(sender):
            del self.lives[sender]
            node = self.views[sender]
            self.on_register_node(node, sender)
        super().on_node_heartbeat(beat, sender)

    views: dict[str, RegisterNode]

    def on_start(self) -> None:
        super().on_start()
        self.views = {}

    def on_register_node(self, node: RegisterNode, sender: Address) -> None:
        self.views[sender] = node
        super().on_register_node(node, sender)


class NobodyDies(ResourceManager):
    """A silent node is waited for: what ran on it is never done again."""

    def heard(self, node: str) -> None:
        """No lease."""


class OldLifeGoesOn(ResourceManager):
    """A node is back in a new life, and its books go on: containers of the old one never end."""

    def on_register_node(self, node: RegisterNode, sender: Address) -> None:
        machine = self.machines.get(sender)
        if machine is not None and node.life > machine.life:
            machine.life, machine.beats = node.life, 0
            self.lives[sender] = node.life
        super().on_register_node(node, sender)


class OldLivesCome(ResourceManager):
    """Takes every registration for news: one that comes twice empties the books of a node that is
    full."""

    def on_register_node(self, node: RegisterNode, sender: Address) -> None:
        if sender in self.machines and node.life <= self.lives[sender]:
            self.lose(sender)
            view = NodeView(sender, node.capacity, node.rack, node.label)
            self.scheduler.add_node(view)
            self.machines[sender] = Machine(view, node.life)
            self.lives[sender] = node.life
            self.heard(sender)
            self.send(sender, NodeRegistered(node.life, self.epoch))
            return
        super().on_register_node(node, sender)


class Ghosts(ResourceManager):
    """An application that is over is forgotten, name and all: when its registration comes once
    more, there it is again."""

    def bury(self, name: str) -> None:
        super().bury(name)
        self.finished.discard(name)


class KillsOnce(ResourceManager):
    """The order to kill is given once. If the answer that has it is lost, the container runs to
    its end."""

    def on_node_heartbeat(self, beat: NodeHeartbeat, sender: Address) -> None:
        super().on_node_heartbeat(beat, sender)
        machine = self.machines.get(sender)
        for number in machine.containers if machine is not None else ():
            self.containers[number].is_unwanted = False


class KillsNothing(ResourceManager):
    """An application is over; what it left running is waited for."""

    def on_finish_master(self, finish: FinishMaster, sender: Address) -> None:
        super().on_finish_master(finish, sender)
        for container in self.containers_of(finish.app):
            container.is_unwanted = False


class NotesNewsOnly(ResourceManager):
    """Confirms an end when it is news, and not again: if that answer is lost, the node tells of it
    for ever."""

    news: set[int]

    def on_start(self) -> None:
        super().on_start()
        self.news = set()

    def complete(self, completed: Completed) -> None:
        self.news.add(completed.container)
        super().complete(completed)

    def on_node_heartbeat(self, beat: NodeHeartbeat, sender: Address) -> None:
        fresh = tuple(each for each in beat.completed if each.container not in self.news)
        super().on_node_heartbeat(structs.replace(beat, completed=fresh), sender)


class WallClock(ResourceManager):
    """Writes its wall clock into leases and answers: when that is set back, every new lease has
    run out already."""

    def monotonic(self) -> int:
        return self.now()


class AnybodysContainers(ResourceManager):
    """A master may give back any container, also another one's."""

    def on_allocate(self, wish: Allocate, sender: Address) -> None:
        for number in wish.releases:
            if number in self.containers:
                self.containers[number].is_unwanted = True
        super().on_allocate(wish, sender)


class CountsAreMore(ResourceManager):
    """Takes counts for "so many more": each repetition of a wish is another wish."""

    def ask(self, name: str, app: Application, asks: tuple[Ask, ...]) -> tuple[Denied, ...]:
        book = self.scheduler.apps[name].asks
        more = [
            structs.replace(ask, count=ask.count + book.get(structs.replace(ask, count=1), 0))
            for ask in asks
        ]
        return super().ask(name, app, tuple(more))


class SameAskOnly(ResourceManager):
    """Takes grants that wait to be told off the very ask that they answer. But the master has used an earlier lease
    of that ask for a task of another one: it asks for that one no more, and is given both."""

    def ask(self, name: str, app: Application, asks: tuple[Ask, ...]) -> tuple[Denied, ...]:
        waiting, app.granted = app.granted, []
        answered = [self.containers[number].grant.ask for number in waiting]
        fewer = tuple(
            structs.replace(
                ask, count=max(0, ask.count - answered.count(structs.replace(ask, count=1)))
            )
            if ask.count > 0
            else ask
            for ask in asks
        )
        denied = super().ask(name, app, fewer)
        app.granted = waiting
        return denied


class OldWishesCount(ResourceManager):
    """Takes a wish that was overtaken for the newest one: asks again for what has long been
    granted."""

    def on_allocate(self, wish: Allocate, sender: Address) -> None:
        app = self.apps.get(wish.app)
        if app is not None and app.answer is not None and wish.number < app.number:
            self.ask(wish.app, app, wish.asks)
        super().on_allocate(wish, sender)


class AnswersAnew(ResourceManager):
    """A wish that comes again gets a new answer: the leases that were in the first one are gone
    with it."""

    def on_allocate(self, wish: Allocate, sender: Address) -> None:
        app = self.apps.get(wish.app)
        if app is not None and wish.number == app.number:
            app.answer = None
        super().on_allocate(wish, sender)


class TellsAgain(ResourceManager):
    """Every answer has all leases in which nothing runs yet, also those that were told before: a master takes them
    for new ones, and starts twice in one container."""

    def on_allocate(self, wish: Allocate, sender: Address) -> None:
        app = self.apps.get(wish.app)
        if app is not None and app.master == sender and wish.number > app.number:
            told = [
                number
                for number, container in self.containers.items()
                if container.grant.app == wish.app
                and not container.is_used
                and not container.is_unwanted
                and number not in app.granted
            ]
            super().on_allocate(wish, sender)
            if isinstance(app.answer, Allocated) and told:
                again = (*app.answer.grants, *(self.signed(number) for number in told))
                app.answer = structs.replace(app.answer, grants=again)
                self.send(sender, app.answer)
            return
        super().on_allocate(wish, sender)


class LastComeFirstServed(ResourceManager):
    """A name is whoever's that used it last: the first master is not heard any more."""

    def on_register_master(self, master: RegisterMaster, sender: Address) -> None:
        app = self.apps.get(master.app)
        if app is not None:
            app.master = sender
            app.number, app.answer = 0, None
        super().on_register_master(master, sender)


class ForgetsTheRest(ResourceManager):
    """What an application does not ask for any more is still granted: asks that are not named stay
    as they were."""

    def ask(self, name: str, app: Application, asks: tuple[Ask, ...]) -> tuple[Denied, ...]:
        app.asked = {}
        return super().ask(name, app, asks)


class LostIsForgotten(ResourceManager):
    """When a node is lost, its places are struck off, and nobody tells the masters."""

    def lose(self, node: str) -> None:
        super().lose(node)
        for app in self.apps.values():
            app.completed = [each for each in app.completed if each.exit is not Exit.LOST]


_RM = "manager:ResourceManager"


def _bug(name: str, by: type, breaks: str, kind: str = "safety", **more: str) -> Mutant:
    return bug(name, by, part="A", replaces=_RM, breaks=breaks, kind=kind, **more)


MANAGERS = (
    _bug("free-at-the-end", FreeAtTheEnd, "SC-S1"),
    _bug("free-when-overdue", FreeWhenOverdue, "SC-S1"),
    _bug("waits-for-ever", WaitsForEver, "SC-S1", "liveness"),
    _bug("absent-is-over", AbsentIsOver, "SC-L1"),
    _bug("forgets-the-dead", ForgetsTheDead, "SC-S1"),
    _bug("back-from-the-dead", BackFromTheDead, "SC-S1"),
    _bug("nobody-dies", NobodyDies, "SC-L1", "liveness"),
    _bug("old-life-goes-on", OldLifeGoesOn, "SC-L1", "liveness"),
    _bug("old-lives-come", OldLivesCome, "SC-S1"),
    _bug("ghosts", Ghosts, "SC-L2", "cost"),
    _bug("kills-once", KillsOnce, "SC-L2", "liveness"),
    _bug("kills-nothing", KillsNothing, "SC-L2", "cost"),
    _bug("notes-news-only", NotesNewsOnly, "SC-L2", "cost"),
    _bug("wall-clock", WallClock, "SC-L1", "liveness"),
    _bug("anybodys-containers", AnybodysContainers, "SC-S1"),
    _bug("counts-are-more", CountsAreMore, "SC-C1", "cost"),
    _bug("same-ask-only", SameAskOnly, "SC-C1", "cost", source="after YARN-11702"),
    _bug("old-wishes-count", OldWishesCount, "SC-C1", "cost"),
    _bug("answers-anew", AnswersAnew, "SC-C1", "cost"),
    _bug("tells-again", TellsAgain, "SC-L1"),
    _bug("last-come-first-served", LastComeFirstServed, "SC-L1", "liveness"),
    _bug("forgets-the-rest", ForgetsTheRest, "SC-C1", "cost"),
    _bug("lost-is-forgotten", LostIsForgotten, "SC-L1", "liveness"),
)
