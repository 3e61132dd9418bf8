"""The second solution's controller: it plans ahead, and says only what has come true.

Each command is carried out at once on a plan, and the plan is given to the quorum, one after the other, without
waiting. What the quorum has executed is so; then those are told who have to know. A new leader of the quorum reads the
plan of its predecessors by a linearizable read (part D4) before it makes one of its own.
"""

from __future__ import annotations

from msgspec import Struct

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
from labs.lab2_log.quorum import AppendReply, Get, NotLeader, Put, Reply, Request
from labs.lab2_log.quorum import Command as Asked
from labs.lab2_log.raft import Raft

PLAN = "plan"


class Watch(Timer, frozen=True):
    """Look round."""


class Step(Struct):
    """A plan on its way, and who waits for it."""

    text: str
    cluster: Cluster
    leader: tuple[Address, AlterPartition] | None = None
    ticket: tuple[Ticket, str] | None = None


class Controller(Raft):
    config: ControllerConfig

    reign: int
    """The term in which we lead the quorum; 0: we do not."""
    is_ready: bool
    """We have read what our predecessors planned."""
    asked: int
    steps: list[Step]
    seen: dict[str, int]
    told: dict[tuple[str, str], tuple[int, int]]
    """(broker, partition) -> (the broker's life, the version that it has heard of)."""
    turn: int
    woke: int
    """When we last looked round."""

    def on_start(self) -> None:
        self.reign, self.is_ready, self.asked, self.turn = 0, False, 0, 0
        self.steps, self.seen, self.told, self.woke = [], {}, {}, self.monotonic()
        super().on_start()
        self.on_watch(Watch())

    def done(self) -> Cluster:
        """What is so, as far as we know."""
        text = super().probe().state.items.get(PLAN)
        return Cluster() if text is None else decoded(text)

    def probe(self) -> ControllerProbe:  # type: ignore[override]  # more than a server's Status
        return ControllerProbe(self.is_ready, self.reign or -1, self.done())

    def request(self, operation: Put | Get) -> None:
        self.asked += 1
        asked = Asked(f"{self.address}/plans/{self.reign}", self.asked, operation)
        self.on_request(Request(asked), self.address)

    # -- in office, and out of it ------------------------------------------------------------------

    def look_round(self) -> None:
        status = super().probe()
        term = status.term if status.role == "leader" else 0
        if term != self.reign:
            for step in self.steps:
                if step.ticket is not None:
                    self.finish(step.ticket[0], Info("deposed"))
            self.reign, self.is_ready, self.asked = term, False, 0
            self.steps, self.seen, self.told = [], {}, {}
        if term and not self.is_ready and not self.asked:
            self.request(Get(PLAN))
        self.come_true(status.state.items.get(PLAN))

    def on_reply(self, reply: Reply) -> None:
        if reply.session == f"{self.address}/plans/{self.reign}" and not self.is_ready:
            self.is_ready = True
            if reply.result is None:
                self.plan(None)
            for broker in self.done().brokers:
                self.seen[broker] = self.monotonic()
        self.look_round()

    def on_not_leader(self, answer: NotLeader) -> None:
        self.look_round()

    def on_append_reply(self, reply: AppendReply, sender: Address) -> None:
        super().on_append_reply(reply, sender)
        self.look_round()

    def on_watch(self, _: Watch) -> None:
        self.set_timer(Watch(), self.config.tend_every)
        if self.reign and not self.is_ready and self.turn % 5 == 0:
            self.asked = 0  # the answer was lost: read again
        self.turn += 1
        slept, self.woke = self.monotonic() - self.woke, self.monotonic()
        if slept > self.config.session // 2:
            self.seen = {}  # nobody was heard, since nobody listened
        self.look_round()
        if not self.is_ready:
            return
        for broker, known in self.latest().brokers.items():
            since = self.seen.setdefault(broker, self.monotonic())
            if not known.is_fenced and self.monotonic() - since > self.config.session:
                self.plan(Fence(broker, known.life))
        if self.turn % 3 == 0:
            self.spread()

    # -- planning ----------------------------------------------------------------------------------

    def latest(self) -> Cluster:
        return self.steps[-1].cluster if self.steps else self.done()

    def plan(
        self,
        command: Command | None,
        leader: tuple[Address, AlterPartition] | None = None,
        ticket: tuple[Ticket, str] | None = None,
    ) -> None:
        """One command more; None: the first plan of all."""
        before = self.latest()
        if command is None:
            after = Cluster(
                {},
                {
                    name: PartitionState(name, replicas, "", 0, replicas, 0)
                    for name, replicas in self.config.replicas.items()
                },
            )
        else:
            after = apply(before, command, self.config.rules)
        text = encoded(after)
        step = Step(text, after, leader, ticket)
        if after == before and not self.steps:
            self.came_true(step)
            return
        self.steps.append(step)
        if after != before:
            self.request(Put(PLAN, text))

    def come_true(self, text: str | None) -> None:
        """The quorum has executed the plans up to this one."""
        if not any(step.text == text for step in self.steps):
            return
        while self.steps and any(step.text == text for step in self.steps):
            self.came_true(self.steps.pop(0))
        self.spread()

    def came_true(self, step: Step) -> None:
        if step.leader is not None:
            sender, request = step.leader
            state = step.cluster.partitions.get(request.partition)
            if state is not None:
                self.send(sender, PartitionAltered(request.id, state))
        if step.ticket is not None:
            ticket, partition = step.ticket
            self.finish(ticket, Ok(step.cluster.partitions[partition].leader))

    def spread(self) -> None:
        done = self.done()
        for name, state in done.partitions.items():
            for broker in state.replicas:
                if broker in done.brokers:
                    life, version = self.told.get((broker, name), (0, -1))
                    if life != done.brokers[broker].life or version < state.version:
                        self.send(Address(broker), LeaderAndIsr(self.reign, state))

    # -- what brokers and operators say ------------------------------------------------------------

    def on_alive(self, word: Alive, sender: Address) -> None:
        if not self.is_ready:
            return
        known = self.latest().brokers.get(sender)
        if known is None or word.life not in known.former:
            self.seen[sender] = self.monotonic()
            if known is None or known.life != word.life or known.is_fenced:
                self.plan(Register(sender, word.life, word.previous))

    def on_heard(self, word: Heard, sender: Address) -> None:
        life, version = self.told.get((sender, word.partition), (0, -1))
        if life == word.life:
            version = max(version, word.version)
        elif life in (k.life for b, k in self.done().brokers.items() if b == sender):
            return
        else:
            version = word.version
        self.told[sender, word.partition] = (word.life, version)

    def on_alter_partition(self, request: AlterPartition, sender: Address) -> None:
        if self.is_ready:
            self.plan(Alter(sender, request), leader=(sender, request))

    def on_elect_preferred(self, wanted: ElectPreferred, ticket: Ticket) -> None:
        if not self.is_ready or wanted.partition not in self.done().partitions:
            self.finish(ticket, Fail("not active, or no such partition"))
            return
        self.plan(Prefer(wanted.partition), ticket=(ticket, wanted.partition))
