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
        raise NotImplementedError("3A: nobody is known; lead, in the first epoch")

    # TODO 3A: your own helpers

    # -- who leads (part 3E1) -------------------------------------------------------------------------

    # TODO 3E1: claim an epoch and begin with what was left; or wait for your turn

    def on_watch(self) -> None:
        raise NotImplementedError("3E1: if we lead")

    def on_election(self) -> None:
        raise NotImplementedError("3E1: our turn, if we do not lead")

    def on_leading(self, leading: Leading, rm: Address) -> None:
        """Somebody else leads."""
        raise NotImplementedError("3E1: wait; or make way for a newer one")

    def on_recovered(self, timer: Recovered) -> None:
        """Go about the daily business; what nobody has spoken of is lost."""
        raise NotImplementedError("3E1: for this epoch; what masters hold and no node runs is lost")

    # TODO 3E1: your own helpers

    def probe(self) -> Books:
        """What the RM takes for granted. Judges look at it."""
        raise NotImplementedError("3A: containers and applications that are not over")

    # -- nodes ----------------------------------------------------------------------------------------

    def on_register_node(self, node: RegisterNode, sender: Address) -> None:
        """A machine begins a life, or repeats that it did, or this is an old message."""
        raise NotImplementedError(
            "3A: a newer life ends the older one; a life that is over stays over"
        )

    def on_node_heartbeat(self, beat: NodeHeartbeat, sender: Address) -> None:
        """Learn what is true; have the scheduler fill what is free; say what is to be ended."""
        raise NotImplementedError(
            "3A: an older life, an older heartbeat; running, completed; then allocate"
        )

    def on_node_silent(self, timer: NodeSilent) -> None:
        raise NotImplementedError("3A: the node is dead, with all that ran on it")

    def on_lease_unused(self, timer: LeaseUnused) -> None:
        """Take a container back, unless something runs in it."""
        raise NotImplementedError("3A: only its node can say that nothing does")

    # TODO 3A: your own helpers

    # -- applications ---------------------------------------------------------------------------------

    def on_register_master(self, master: RegisterMaster, sender: Address) -> None:
        """An application begins, or its master repeats that it did, or this is an old message."""
        raise NotImplementedError("3A: each name once, for ever")

    def on_allocate(self, wish: Allocate, sender: Address) -> None:
        """Take note of what a master wants; tell it what it got since the last time."""
        raise NotImplementedError(
            "3A: the same wish, the same answer; else releases, asks, and a new answer"
        )

    def on_finish_master(self, finish: FinishMaster, sender: Address) -> None:
        """End whatever the application still has; it is over when its nodes have said so."""
        raise NotImplementedError("3A: confirm; take back its asks; kill")

    # TODO 3E1: your own helpers

    # TODO 3A: your own helpers
