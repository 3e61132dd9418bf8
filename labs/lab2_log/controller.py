"""A controller: a server of the quorum that, while it leads, decides for the partitions.

Theory of operation. The quorum of part 2D keeps one value, the cluster as it is decided, under one key. Whoever leads
the quorum is *active*. It turns what brokers say into commands, applies them to the value (``decisions.py``), and
writes the outcome by compare-and-set. Nothing is said to anybody before it is committed. So a decision outlives its
controller; and a controller that was deposed and has not noticed can write nothing, and say nothing that is not so.

A new leader of the quorum does not know yet what is committed of its predecessors' decisions. It first writes its
*claim*, its name and term: when that is executed, so is everything before it (the same trick as the no-op of §8). The
term is the controller's epoch.

What is volatile dies with the office: who was heard when, who has heard what, what is waiting. A successor starts as if
it had just heard everybody, and tells everybody everything again.
"""

from __future__ import annotations

from distlab.core import Address, Fail, Info, Ok, Ticket, Timer
from labs.lab2_log.brokers import (
    Alive,
    AlterPartition,
    Heard,
    LeaderAndIsr,
    PartitionAltered,
    PartitionState,
)
from labs.lab2_log.decisions import apply
from labs.lab2_log.metadata import (
    Alter,
    Cluster,
    Command,
    ControllerConfig,
    ControllerProbe,
    ElectPreferred,
    Fence,
    Prefer,
    Register,
    decoded,
    encoded,
)
from labs.lab2_log.quorum import (
    AppendEntries,
    AppendReply,
    Cas,
    InstallSnapshot,
    NotLeader,
    Put,
    Reply,
    Request,
)
from labs.lab2_log.quorum import Command as Asked
from labs.lab2_log.raft import Raft

CLAIM, CLUSTER = "controller", "cluster"
"""The two keys: who is active, and what is decided."""


class Tend(Timer, frozen=True):
    """Time to see who is silent, and who has not heard."""


class Controller(Raft):
    """A server of the quorum, and perhaps the one that decides."""

    config: ControllerConfig

    term_in_office: int
    """The term in which we have claimed the office; -1: we do not lead the quorum."""
    is_active: bool
    """Our claim is executed: we know all that was decided before."""
    text: str | None
    """What is decided, as it stands in the quorum; None: nothing yet."""
    cluster: Cluster
    """The same, to read."""
    written: str | None
    """What we have written and not seen executed; None: nothing."""
    requests: int
    """Commands that we have given the quorum in this office."""
    wishes: list[Command]
    """What is to be decided next."""
    alterations: dict[tuple[Address, int], AlterPartition]
    """Who waits for an answer."""
    electing: list[tuple[Ticket, str]]
    """Operations that wait for theirs."""
    last: dict[str, int]
    """Broker -> when it was last heard (monotonic clock)."""
    tended: int
    """When we last saw who is silent."""
    heard: dict[tuple[str, int, str], int]
    """(broker, life, partition) -> the version that it has heard of."""

    def on_start(self) -> None:
        self.text, self.cluster = None, Cluster()
        self.electing = []
        self.leave_office()
        self.tended = self.monotonic()
        super().on_start()
        self.set_timer(Tend(), self.config.tend_every)

    def probe(self) -> ControllerProbe:  # type: ignore[override]  # more than a server's Status
        return ControllerProbe(self.is_active, self.term_in_office, self.cluster)

    # -- the office --------------------------------------------------------------------------------

    def leave_office(self) -> None:
        """Whatever we were about to do is our successor's to do."""
        raise NotImplementedError(
            "2E: forget all that is volatile; operations that wait have failed"
        )

    def enter_office(self, term: int) -> None:
        """We lead the quorum: claim the office."""
        raise NotImplementedError("2E: write the claim")

    def claim(self) -> str:
        return f"{self.address} in term {self.term_in_office}"

    def write(self, operation: Put | Cas) -> None:
        """Have the quorum execute it. We see in its state when that is done, and need no answer."""
        raise NotImplementedError(
            "2E: a request of our own, in a session of its own for each office"
        )

    def look(self) -> None:
        """Something has happened in the quorum: do we lead it, and what is executed?"""
        status = super().probe()
        raise NotImplementedError(
            "2E: enter or leave the office; become active; take note of what is decided"
        )

    def become_active(self) -> None:
        """All that our predecessors decided is known."""
        raise NotImplementedError(
            "2E: everybody was heard just now; in the beginning, there is a cluster to make"
        )

    # -- deciding ----------------------------------------------------------------------------------

    def wish(self, command: Command) -> None:
        """To be decided, once what is being written is executed."""
        raise NotImplementedError("2E: brokers repeat themselves")

    def decide(self) -> None:
        """Apply what is wished for, and write it down; then, and not before, it is so."""
        raise NotImplementedError(
            "2E: one thing is written at a time; what changes nothing is answered at once"
        )

    def beginning(self) -> Cluster:
        """Nothing is decided yet: all logs are empty, so all replicas are in sync, and nobody leads."""
        return Cluster(
            partitions={
                name: PartitionState(name, replicas, "", 0, replicas, 0)
                for name, replicas in self.config.replicas.items()
            }
        )

    # -- what brokers say, and hear ----------------------------------------------------------------

    def on_alive(self, word: Alive, sender: Address) -> None:
        raise NotImplementedError(
            "2E: note the time, unless it is an echo; register who is new, or back"
        )

    def on_heard(self, word: Heard, sender: Address) -> None:
        raise NotImplementedError("2E: of this life")

    def on_alter_partition(self, request: AlterPartition, sender: Address) -> None:
        raise NotImplementedError("2E: only who decides answers, and only when it is decided")

    def on_elect_preferred(self, wanted: ElectPreferred, ticket: Ticket) -> None:
        raise NotImplementedError("2E: as with a leader's request")

    def on_tend(self, _: Tend) -> None:
        raise NotImplementedError("2E: fence who is silent, tell again who has not heard")

    def tell(self) -> None:
        """Each replica's broker hears of its partitions, again and again until it says that it has."""
        raise NotImplementedError("2E: the fenced ones too: one may still believe that it leads")

    def answer(self) -> None:
        """Nothing is being written: whoever has asked hears how things are."""
        raise NotImplementedError("2E: leaders, and operations")

    # -- the quorum's events: whatever it does, we look afterwards ---------------------------------

    def on_append_entries(self, request: AppendEntries, sender: Address) -> None:
        super().on_append_entries(request, sender)
        self.look()

    def on_append_reply(self, reply: AppendReply, sender: Address) -> None:
        super().on_append_reply(reply, sender)
        self.look()

    def on_install_snapshot(self, request: InstallSnapshot, sender: Address) -> None:
        super().on_install_snapshot(request, sender)
        self.look()

    def on_reply(self, reply: Reply) -> None:
        """An answer to ourselves: we have seen it in the state."""

    def on_not_leader(self, answer: NotLeader) -> None:
        """Likewise."""
