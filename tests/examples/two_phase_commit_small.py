"""Two-phase commit in its simplest form: the example that every model checker is tried on.

Theory. Each resource manager is working, then either prepared or, of its own accord, aborted. The transaction manager
commits once it has heard from all that they are prepared, and may abort at any time before. Nobody crashes; a message
may arrive at any time, never, or again. The model is Gray and Lamport's "Consensus on Transaction Commit" (2006) as a
set of actions; here it is a program, and what the paper's actions do of their own accord is done by timers: a timer
may fire at any time.

With 3, 5 and 7 resource managers it has 288, 8,832 and 296,448 states. The first two are asserted by stateright's
`examples/2pc.rs` for the same model.
"""

from enum import StrEnum

from distlab.core import SECOND, Address, Config, Message, Node, Timer
from distlab.core.cluster import Cluster, Member
from distlab.explore import Scope, World


class Prepared(Message):
    """From a resource manager: it can commit, and no longer abort by itself."""


class Commit(Message):
    pass


class Abort(Message):
    pass


class Prepare(Timer):
    """The work of a resource manager is done."""


class GiveUp(Timer):
    """It is not to be."""


class Decide(Timer):
    """All are prepared."""


class Stage(StrEnum):
    WORKING = "working"
    PREPARED = "prepared"
    COMMITTED = "committed"
    ABORTED = "aborted"


class ManagerConfig(Config):
    resources: tuple[Address, ...]


class TransactionManager(Node):
    config: ManagerConfig
    stage: Stage
    prepared: set[Address]

    def on_start(self) -> None:
        self.stage, self.prepared = Stage.WORKING, set()
        self.set_timer(GiveUp(), after=SECOND)

    def on_prepared(self, prepared: Prepared, sender: Address) -> None:
        if self.stage == Stage.WORKING:
            self.prepared.add(sender)
            if len(self.prepared) == len(self.config.resources):
                self.set_timer(Decide(), after=0)

    def on_decide(self) -> None:
        self.end(Stage.COMMITTED, Commit())

    def on_give_up(self) -> None:
        self.end(Stage.ABORTED, Abort())

    def end(self, stage: Stage, decision: Message) -> None:
        self.stage = stage
        self.cancel_timer(Decide())
        self.cancel_timer(GiveUp())
        for resource in self.config.resources:
            self.send(resource, decision)


class ResourceConfig(Config):
    manager: Address


class ResourceManager(Node):
    config: ResourceConfig
    stage: Stage

    def on_start(self) -> None:
        self.stage = Stage.WORKING
        self.set_timer(Prepare(), after=SECOND)
        self.set_timer(GiveUp(), after=SECOND)

    def enter(self, stage: Stage) -> None:
        self.stage = stage
        self.cancel_timer(Prepare())
        self.cancel_timer(GiveUp())

    def on_prepare(self) -> None:
        self.enter(Stage.PREPARED)
        self.send(self.config.manager, Prepared())

    def on_give_up(self) -> None:
        self.enter(Stage.ABORTED)

    def on_commit(self, commit: Commit) -> None:
        self.enter(Stage.COMMITTED)

    def on_abort(self, abort: Abort) -> None:
        self.enter(Stage.ABORTED)


class HastyManager(TransactionManager):
    """A bug: it decides when half of them are prepared."""

    def on_prepared(self, prepared: Prepared, sender: Address) -> None:
        super().on_prepared(prepared, sender)
        if self.stage == Stage.WORKING and 2 * len(self.prepared) > len(self.config.resources):
            self.set_timer(Decide(), after=0)


def all_alike(world: World) -> str | None:
    """No resource manager has committed while another has aborted."""
    stages = {node.stage: node.address for node in world.nodes("resource")}
    if Stage.COMMITTED in stages and Stage.ABORTED in stages:
        return f"{stages[Stage.COMMITTED]} has committed, and {stages[Stage.ABORTED]} has aborted"
    return None


def committed(world: World) -> bool:
    return all(node.stage == Stage.COMMITTED for node in world.nodes("resource"))


def scope(
    resources: int, manager: type[Node] = TransactionManager, *, symmetry: bool = False
) -> Scope:
    """So many resource managers and their transaction manager."""
    names = tuple(Address(f"r{i}") for i in range(1, resources + 1))
    members = {Address("tm"): Member(manager, ManagerConfig(names), role="manager")}
    for name in names:
        members[name] = Member(ResourceManager, ResourceConfig(Address("tm")), role="resource")
    return Scope(
        cluster=Cluster(members),
        invariants={"all resource managers end alike": all_alike},
        seen={"all have committed": committed},
        symmetry=(names,) if symmetry else (),
    )
