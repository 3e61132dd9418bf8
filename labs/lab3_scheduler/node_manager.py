"""The NodeManager: owns a machine, starts what leases allow, and says truthfully what runs (part 3A).

Theory of operation. *The node is the truth.* What the RM believes of a container comes from this
node's heartbeats, and the RM gives a place away only after the node has said that nothing is in it, and
nothing ever will be. So each container goes one way only, whatever arrives how often:

    unknown ── StartContainer ──▶ running ── end, kill ──▶ over
    unknown ── kill, void, or a lease that is too late ──▶ over (unused)

and what is over stays over: the node remembers every container that it has said a word about, for as
long as its *life* lasts. A life ends with the process, or when the RM has taken the node for dead; leases
of an earlier life are void, so what was remembered of it can be forgotten.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Address, Finished, JobOutcome, Node, Timer
from labs.lab3_scheduler import leases
from labs.lab3_scheduler.cluster import (
    BAD_SIGNATURE,
    OLD_LIFE,
    USED,
    VOID,
    WRONG_NODE,
    Completed,
    Exit,
    Held,
    NodeAnswer,
    NodeConfig,
    NodeHeartbeat,
    NodeRefused,
    NodeRegistered,
    RegisterNode,
    Resync,
    StartContainer,
    Started,
    StartRefused,
)
from labs.lab3_scheduler.containers import RunContainer


class Beat(Timer, frozen=True):
    """Time for the next heartbeat."""


class Life(Struct, frozen=True):
    """A record on disk: a life began."""

    number: int


def job_of(start: StartContainer) -> RunContainer:
    """What runs in the container."""
    return RunContainer(start.lease.lease, start.task)


class NodeManager(Node):
    """One machine of the cluster."""

    config: NodeConfig
    life: int
    registered: bool
    """Whether the RM knows of this life."""
    epoch: int
    """The newest life of the RM that we have heard of."""
    ahead: int | None
    """How far the RM's steady clock is ahead of ours, at least; None before it has told us the time."""
    rms: list[Address]
    """The one that we speak to, then the others."""
    unanswered: int
    """Heartbeats since one was answered."""
    beats: int
    running: dict[int, StartContainer]
    used: dict[int, str]
    """Every container in which something was started -> the task's name."""
    unused: dict[int, str]
    """Every container in which nothing was started, and never will be -> the code of the refusal."""
    completed: dict[int, Completed]
    """What is over, until the RM has noted it."""

    def on_start(self) -> None:
        """Begin a new life, and make it known."""
        raise NotImplementedError("3A: a number that was never used before; then register")

    def probe(self) -> Held:
        """What runs here. Judges and pictures look at it."""
        raise NotImplementedError(
            "3A: the containers in which something runs, and those that are over"
        )

    # TODO 3A: your own helpers

    def on_beat(self) -> None:
        raise NotImplementedError("3A: say how things are")

    def on_node_registered(self, registered: NodeRegistered, rm: Address) -> None:
        raise NotImplementedError("3A: the RM knows of this life")

    def on_node_refused(self, refused: NodeRefused, rm: Address) -> None:
        self.log.error("node", "this machine was refused", code=refused.code)

    def on_resync(self, resync: Resync, rm: Address) -> None:
        """The RM has taken this life for dead: end it. A *new* RM cannot have: tell it what runs (part 3E1)."""
        raise NotImplementedError("3A: if it is this life that is meant")

    # TODO 3E1: your own helpers

    def on_start_container(self, start: StartContainer, master: Address) -> None:
        """Run the task, if the lease is good; the same request once more gets the same answer."""
        raise NotImplementedError("3A: what was decided stays decided; else check the lease")

    def on_run_container(self, job: RunContainer, outcome: JobOutcome) -> None:
        """What ran has ended by itself, or was killed by somebody else."""
        raise NotImplementedError("3A: remember how it ended, until the RM knows")

    def on_node_answer(self, answer: NodeAnswer, rm: Address) -> None:
        """End what is to be ended; forget what the RM has noted."""
        raise NotImplementedError(
            "3A: for this life only; an answer may come late, and more than once"
        )
