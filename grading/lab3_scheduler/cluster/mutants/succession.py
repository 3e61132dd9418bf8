"""Bugs of taking over: RMs that forget, guess or do not notice; nodes and masters that obey the wrong one."""

from __future__ import annotations

from distlab.core import Address, Store
from distlab.grade.lab import Mutant, bug
from grading.lab3_scheduler.cluster.mutants.leases import any_epoch
from labs.lab3_scheduler.cluster import (
    Completed,
    RegisterMaster,
    RegisterNode,
    Resync,
    SignedLease,
)
from labs.lab3_scheduler.failover import EPOCHS, AppRecord, Leading, MasterUnknown
from labs.lab3_scheduler.leadership import newest
from labs.lab3_scheduler.manager import (
    FIRST_EPOCH,
    Application,
    Election,  # noqa: F401 - the handler's name means it
    Recovered,
    ResourceManager,
)
from labs.lab3_scheduler.master import ApplicationMaster
from labs.lab3_scheduler.node_manager import NodeManager

# -- nodes ------------------------------------------------------------------------------------------------------------


class BeginsAnew(NodeManager):
    """Kills all that runs when there is a new RM, as if it had been taken for dead: all work of the cluster is lost
    each time that an RM restarts."""

    def follow(self, epoch: int) -> None:
        self.epoch = epoch
        self.ahead = None
        self.begin_life()


class ObeysTwice(NodeManager):
    """Obeys a Resync whatever it answers: the second one of a new RM, which has not heard yet that the node follows,
    ends all that runs."""

    def on_resync(self, resync: Resync, rm: Address) -> None:
        if resync.life == self.life and resync.epoch == self.epoch:
            self.begin_life()
            return
        super().on_resync(resync, rm)


class SaysItIsEmpty(NodeManager):
    """Registers with a new RM without a word of what runs: the RM fills a node that is full."""

    def send(self, to: Address, message: object) -> None:
        if isinstance(message, RegisterNode):
            message = RegisterNode(
                message.life, message.capacity, message.rack, message.label, message.epoch
            )
        super().send(to, message)  # type: ignore[arg-type]


class NodeKnowsOne(NodeManager):
    """Speaks to one RM for ever, also when that is dead."""

    def turn_to_the_next(self) -> None:
        """Nothing."""


# -- masters ----------------------------------------------------------------------------------------------------------


class MasterKnowsOne(ApplicationMaster):
    """Speaks to one RM for ever, also when that is dead."""

    def turn_to_the_next(self) -> None:
        """Nothing."""


class HoldsNothing(ApplicationMaster):
    """Takes all that it was granted by the old RM for void, and begins again: what runs is killed and run again."""

    def on_master_unknown(self, unknown: MasterUnknown, rm: Address) -> None:
        super().on_master_unknown(unknown, rm)
        app = self.apps.get(unknown.app)
        if app is not None and not app.epoch:
            for container in list(app.bound):
                self.give_back(app, container)


class NeverAsksAgain(ApplicationMaster):
    """Does not hear that there is a new RM: speaks to it as to the old one."""

    def on_master_unknown(self, unknown: MasterUnknown, rm: Address) -> None:
        """Nothing."""


# -- the RM ------------------------------------------------------------------------------------------------------------


class NotCounted(ResourceManager):
    """Takes over what runs, and does not count it: its places are free, on paper, and given away again."""

    def adopt(self, signed: SignedLease, node: str) -> None:
        super().adopt(signed, node)
        book = self.scheduler.nodes[node]
        book.free = book.view.capacity


class KillsTheUnknown(ResourceManager):
    """Has killed what it did not grant itself, unless the master has spoken already."""

    def adopt(self, signed: SignedLease, node: str) -> None:
        super().adopt(signed, node)
        container = self.containers.get(signed.lease.container)
        if container is not None and not self.apps[signed.lease.app].is_known:
            container.is_unwanted = True


class LosesTheLate(ResourceManager):
    """When its time to recover is over, it has killed what nobody has claimed yet: a master that is cut off for a
    moment loses all."""

    def on_recovered(self, timer: Recovered) -> None:
        super().on_recovered(timer)
        for container in self.containers.values():
            if not self.apps[container.grant.app].is_known:
                container.is_unwanted = True


class InNoTime(ResourceManager):
    """Waits for nobody: what a master holds is lost unless its node has been faster."""

    def take_over(self) -> None:
        super().take_over()
        self.is_recovered = bool(self.epoch)


class NotesAtOnce(ResourceManager):
    """Confirms an end of which it knows nothing, since it is not of its time: the master will hear of a loss."""

    def note(self, completed: Completed) -> bool:
        super().note(completed)
        return True


class NothingIsLost(ResourceManager):
    """Waits for ever for a node that runs what a master holds: it has died with the RM before."""

    def settle(self, app: Application) -> None:
        """Nothing."""


class AnyRegistration(ResourceManager):
    """Takes every registration for one of today. An old one says that nothing runs on a node that is full."""

    def on_register_node(self, node: RegisterNode, sender: Address) -> None:
        today = RegisterNode(
            node.life, node.capacity, node.rack, node.label, self.epoch, node.running
        )
        super().on_register_node(today, sender)


class AnyMaster(ResourceManager):
    """Takes every registration of a master for one of today. An old one says that it holds nothing."""

    def on_register_master(self, master: RegisterMaster, sender: Address) -> None:
        today = RegisterMaster(master.app, master.queue, master.attempt, self.epoch, master.holding)
        super().on_register_master(today, sender)


class NeverMakesWay(ResourceManager):
    """Believes that it leads as long as it lives. It was paused, or cut off; who is left with it stays with it."""

    def leads(self) -> bool:
        return bool(self.epoch)

    def on_leading(self, leading: Leading, rm: Address) -> None:
        if not self.epoch:
            super().on_leading(leading, rm)


class WaitsItsTurn(ResourceManager):
    """Takes over only where nobody has ever led."""

    def on_election(self) -> None:
        if newest(self.store):
            self.follow()
            return
        super().on_election()


class ConfirmsTooSoon(ResourceManager):
    """Confirms what a master says without a look whether it still leads: the one that does never hears of it."""

    def leads(self) -> bool:
        return bool(self.epoch)

    def watch(self) -> None:
        if newest(self.store) > self.epoch:
            self.follow()
            return
        super().watch()


# -- what is written down ---------------------------------------------------------------------------------------------


def counts_for_itself(store: Store, rm: Address) -> int:
    """Each RM counts its own lives: two of them lead in one epoch, and grant the same containers."""
    mine = store.keys(f"lives of {rm}/")
    store.put_if_absent(f"lives of {rm}/{len(mine):04}", b"")
    store.put_if_absent(f"{EPOCHS}{len(mine) + 1:08}", rm.encode())
    return len(mine) + 1


def the_same_again(store: Store, rm: Address) -> int:
    """An RM that is back goes on in the epoch in which it died: it counts containers from 1 again."""
    store.put_if_absent(f"{EPOCHS}{FIRST_EPOCH:08}", rm.encode())
    return FIRST_EPOCH


def lets_in_silently(store: Store, record: AppRecord) -> None:
    """Lets an application in, and leaves no word of it."""


def ends_silently(store: Store, app: str) -> None:
    """An application is over, and nobody is told: the next RM waits for it."""


def nobody_is_over(store: Store) -> set[str]:
    """A new RM takes all applications that ever were for alive."""
    return set()


_RM, _NM, _AM = "manager:ResourceManager", "node_manager:NodeManager", "master:ApplicationMaster"


def _bug(
    name: str, by: object, replaces: str, breaks: str, kind: str = "safety", **more: str
) -> Mutant:
    return bug(name, by, part="E1", replaces=replaces, breaks=breaks, kind=kind, **more)


SUCCESSION = (
    _bug("begins-anew", BeginsAnew, _NM, "SC-S7", "cost"),
    _bug("obeys-twice", ObeysTwice, _NM, "SC-S7"),
    _bug("says-it-is-empty", SaysItIsEmpty, _NM, "SC-S1"),
    _bug("node-knows-one", NodeKnowsOne, _NM, "SC-L1", "liveness"),
    _bug("master-knows-one", MasterKnowsOne, _AM, "SC-L1", "liveness"),
    _bug("holds-nothing", HoldsNothing, _AM, "SC-S7", "cost", code="m12", source="TonY #361"),
    _bug("never-asks-again", NeverAsksAgain, _AM, "SC-L1", "liveness"),
    _bug("not-counted", NotCounted, _RM, "SC-S1", code="m14", source="YARN-10760"),
    _bug("kills-the-unknown", KillsTheUnknown, _RM, "SC-S7", "cost"),
    _bug("loses-the-late", LosesTheLate, _RM, "SC-S7", "cost"),
    _bug("in-no-time", InNoTime, _RM, "SC-S7", "cost"),
    _bug("notes-at-once", NotesAtOnce, _RM, "SC-S7"),
    _bug("nothing-is-lost", NothingIsLost, _RM, "SC-L1", "liveness"),
    _bug("any-registration", AnyRegistration, _RM, "SC-S1"),
    _bug("any-master", AnyMaster, _RM, "SC-S7"),
    _bug("never-makes-way", NeverMakesWay, _RM, "SC-L1", "liveness", code="m22"),
    _bug("waits-its-turn", WaitsItsTurn, _RM, "SC-L1", "liveness"),
    _bug("confirms-too-soon", ConfirmsTooSoon, _RM, "SC-L2"),
    _bug("counts-for-itself", counts_for_itself, "leadership:claim", "SC-L1"),
    _bug("the-same-again", the_same_again, "leadership:claim", "SC-S2"),
    _bug("lets-in-silently", lets_in_silently, "inheritance:let_in", "SC-L1", "liveness"),
    _bug("ends-silently", ends_silently, "inheritance:end", "SC-L2", "cost"),
    _bug("nobody-is-over", nobody_is_over, "inheritance:ended", "SC-L2", "cost"),
    _bug("leases-of-the-dead", any_epoch, "leases:fault", "SC-S2", code="m16"),
)
