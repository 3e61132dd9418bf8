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
        # BEGIN SOLUTION 2E: forget all that is volatile; operations that wait have failed
        self.term_in_office, self.is_active = -1, False
        self.written, self.requests = None, 0
        self.wishes, self.alterations = [], {}
        self.last, self.heard = {}, {}
        for ticket, _ in self.electing:
            self.finish(ticket, Info("another controller decides now"))
        self.electing = []
        # END SOLUTION

    def enter_office(self, term: int) -> None:
        """We lead the quorum: claim the office."""
        # BEGIN SOLUTION 2E: write the claim
        self.term_in_office = term
        self.write(Put(CLAIM, self.claim()))
        # END SOLUTION

    def claim(self) -> str:
        return f"{self.address} in term {self.term_in_office}"

    def write(self, operation: Put | Cas) -> None:
        """Have the quorum execute it. We see in its state when that is done, and need no answer."""
        # BEGIN SOLUTION 2E: a request of our own, in a session of its own for each office
        self.requests += 1
        session = f"{self.address}/{self.term_in_office}"
        self.on_request(Request(Asked(session, self.requests, operation)), self.address)
        # END SOLUTION

    def look(self) -> None:
        """Something has happened in the quorum: do we lead it, and what is executed?"""
        status = super().probe()
        # BEGIN SOLUTION 2E: enter or leave the office; become active; take note of what is decided
        leads = status.role == "leader"
        if self.term_in_office != (status.term if leads else -1):
            self.leave_office()
            if leads:
                self.enter_office(status.term)
                status = super().probe()
        items = status.state.items
        if items.get(CLUSTER) != self.text:
            self.text = items[CLUSTER]
            self.cluster = decoded(self.text)
        if leads and not self.is_active and items.get(CLAIM) == self.claim():
            self.become_active()
        if self.is_active and self.written is not None and self.text == self.written:
            self.written = None
            self.tell()
            self.decide()
        # END SOLUTION

    def become_active(self) -> None:
        """All that our predecessors decided is known."""
        # BEGIN SOLUTION 2E: everybody was heard just now; in the beginning, there is a cluster to make
        self.is_active = True
        self.last = dict.fromkeys(self.cluster.brokers, self.monotonic())
        self.tell()
        self.decide()
        # END SOLUTION

    # -- deciding ----------------------------------------------------------------------------------

    def wish(self, command: Command) -> None:
        """To be decided, once what is being written is executed."""
        # BEGIN SOLUTION 2E: brokers repeat themselves
        if command not in self.wishes:
            self.wishes.append(command)
        self.decide()
        # END SOLUTION

    def decide(self) -> None:
        """Apply what is wished for, and write it down; then, and not before, it is so."""
        # BEGIN SOLUTION 2E: one thing is written at a time; what changes nothing is answered at once
        if not self.is_active or self.written is not None:
            return
        cluster = self.cluster if self.text is not None else self.beginning()
        for command in self.wishes:
            cluster = apply(cluster, command, self.config.rules)
        self.wishes = []
        text = encoded(cluster)
        if text == self.text:
            self.answer()
            return
        self.written = text
        if self.text is None:
            self.write(Put(CLUSTER, text))
        else:
            self.write(Cas(CLUSTER, self.text, text))
        self.look()  # a quorum of one has executed it already
        # END SOLUTION

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
        # BEGIN SOLUTION 2E: note the time, unless it is an echo; register who is new, or back
        if not self.is_active:
            return
        known = self.cluster.brokers.get(sender)
        if known is not None and word.life in known.former:
            return
        self.last[sender] = self.monotonic()
        if known is None or known.life != word.life or known.is_fenced:
            self.wish(Register(sender, word.life, word.previous))
        # END SOLUTION

    def on_heard(self, word: Heard, sender: Address) -> None:
        # BEGIN SOLUTION 2E: of this life
        key = (sender, word.life, word.partition)
        self.heard[key] = max(self.heard.get(key, -1), word.version)
        # END SOLUTION

    def on_alter_partition(self, request: AlterPartition, sender: Address) -> None:
        # BEGIN SOLUTION 2E: only who decides answers, and only when it is decided
        if self.is_active:
            self.alterations[sender, request.id] = request
            self.wish(Alter(sender, request))
        # END SOLUTION

    def on_elect_preferred(self, wanted: ElectPreferred, ticket: Ticket) -> None:
        # BEGIN SOLUTION 2E: as with a leader's request
        if not self.is_active or wanted.partition not in self.cluster.partitions:
            self.finish(ticket, Fail("not active, or no such partition"))
            return
        self.electing.append((ticket, wanted.partition))
        self.wish(Prefer(wanted.partition))
        # END SOLUTION

    def on_tend(self, _: Tend) -> None:
        # BEGIN SOLUTION 2E: fence who is silent, tell again who has not heard
        self.set_timer(Tend(), self.config.tend_every)
        self.look()
        now = self.monotonic()
        stood_still = now - self.tended > self.config.session // 2
        self.tended = now
        if not self.is_active:
            return
        if stood_still:  # it was we who heard nobody
            self.last = dict.fromkeys(self.cluster.brokers, now)
        for broker, known in self.cluster.brokers.items():
            silence = now - self.last.setdefault(broker, now)
            if not known.is_fenced and silence > self.config.session:
                self.wish(Fence(broker, known.life))
        self.tell()
        # END SOLUTION

    def tell(self) -> None:
        """Each replica's broker hears of its partitions, again and again until it says that it has."""
        # BEGIN SOLUTION 2E: the fenced ones too: one may still believe that it leads
        for name, state in self.cluster.partitions.items():
            for broker in state.replicas:
                known = self.cluster.brokers.get(broker)
                if known is not None:
                    version = self.heard.get((broker, known.life, name), -1)
                    if version < state.version:
                        self.send(Address(broker), LeaderAndIsr(self.term_in_office, state))
        # END SOLUTION

    def answer(self) -> None:
        """Nothing is being written: whoever has asked hears how things are."""
        # BEGIN SOLUTION 2E: leaders, and operations
        for (sender, number), request in self.alterations.items():
            if (state := self.cluster.partitions.get(request.partition)) is not None:
                self.send(sender, PartitionAltered(number, state))
        for ticket, partition in self.electing:
            self.finish(ticket, Ok(self.cluster.partitions[partition].leader))
        self.alterations, self.electing = {}, []
        # END SOLUTION

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
