"""The controller of several partitions, played by the world: it elects their leaders, and hands out producer ids.

It never fails and forgets nothing, elects from the ISR only, and keeps the ISR by compare-and-set, as the controller of
parts 2B and 2C does for one partition. No producer id is ever handed out twice.
"""

from __future__ import annotations

from msgspec import Struct, structs

from distlab.core import MS, Address, Config, Node, Ok, Operation, Ticket, Timer
from labs.lab2_log.brokers import (
    Alive,
    AlterPartition,
    Heard,
    LeaderAndIsr,
    PartitionAltered,
    PartitionState,
)
from labs.lab2_log.producing import InitProducerId, ProducerIdIs


class Lead(Operation, frozen=True):
    """Make that broker the leader of that partition, of a new epoch. Ok."""

    partition: str
    leader: str


class RegistryConfig(Config, frozen=True):
    """Which partitions, on which brokers: all on all."""

    brokers: tuple[str, ...]
    partitions: tuple[str, ...]
    auto: bool = True
    """Whether it elects on its own, when a broker falls silent."""
    dead_after: int = 180 * MS


class Look(Timer, frozen=True):
    """Time to see who is silent, and who has not heard."""


class Overview(Struct, frozen=True):
    """What the controller shows of itself."""

    partitions: tuple[PartitionState, ...]

    def of(self, partition: str) -> PartitionState:
        return next(state for state in self.partitions if state.partition == partition)


class Registry(Node):
    """All partitions' fate."""

    config: RegistryConfig
    states: dict[str, PartitionState]
    heard: dict[tuple[str, str], int]
    """(partition, broker) -> the version that it has heard of."""
    lives: dict[str, int]
    last: dict[str, int]
    """Broker -> when it was last heard."""
    producers: int
    """Producer ids handed out so far."""

    def on_start(self) -> None:
        brokers = self.config.brokers
        self.states, self.heard, self.lives = {}, {}, {}
        for n, name in enumerate(self.config.partitions):
            replicas = tuple(brokers[(n + k) % len(brokers)] for k in range(len(brokers)))
            self.states[name] = PartitionState(name, replicas, replicas[0], 0, replicas, 0)
            self.heard |= {(name, broker): -1 for broker in brokers}
        self.last = dict.fromkeys(brokers, 0)
        self.producers = 1000
        self.tell()
        self.set_timer(Look(), 60 * MS)

    def tell(self) -> None:
        for (name, broker), version in self.heard.items():
            if version < self.states[name].version:
                self.send(Address(broker), LeaderAndIsr(1, self.states[name]))

    def on_look(self, _: Look) -> None:
        self.set_timer(Look(), 60 * MS)
        if self.config.auto:
            for broker in self.config.brokers:
                if not self.lives_on(broker):
                    self.bury(broker)
            for name, state in self.states.items():
                if not state.leader:
                    self.appoint(name)
        self.tell()

    def lives_on(self, broker: str) -> bool:
        return self.now() - self.last[broker] <= self.config.dead_after

    def on_heard(self, word: Heard, sender: Address) -> None:
        if self.lives.get(sender) == word.life:
            key = word.partition, str(sender)
            self.heard[key] = max(self.heard[key], word.version)

    def on_alive(self, word: Alive, sender: Address) -> None:
        self.last[sender] = self.now()
        if self.lives.get(sender, word.life) != word.life:
            for name, state in self.states.items():
                self.heard[name, str(sender)] = -1
                if self.config.auto and state.leader == sender:
                    self.appoint(name)  # it may have forgotten what it promised as a leader
        self.lives[sender] = word.life
        self.tell()

    # -- decisions ----------------------------------------------------------------------------------------------------

    def bury(self, broker: str) -> None:
        """The broker is silent: it leads nothing any more, and is in sync only where nobody else is."""
        for name, state in self.states.items():
            others = tuple(member for member in state.isr if member != broker)
            if broker in state.isr and others:
                self.change(name, others)
            if state.leader == broker:
                self.appoint(name)

    def appoint(self, name: str) -> None:
        """Elect the first replica that is in the ISR and lives."""
        state = self.states[name]
        fit = [b for b in state.replicas if b in state.isr and self.lives_on(b)]
        if fit or state.leader:
            self.elect(name, fit[0] if fit else "")

    def elect(self, name: str, leader: str) -> None:
        state = self.states[name]
        self.states[name] = structs.replace(
            state,
            leader=leader,
            leader_epoch=state.leader_epoch + 1,
            version=state.version + 1,
        )
        self.tell()

    def change(self, name: str, isr: tuple[str, ...]) -> None:
        state = self.states[name]
        self.states[name] = structs.replace(state, isr=isr, version=state.version + 1)
        self.tell()

    def on_alter_partition(self, request: AlterPartition, sender: Address) -> None:
        state = self.states[request.partition]
        is_current = (state.leader, state.leader_epoch, state.version) == (
            sender,
            request.leader_epoch,
            request.version,
        )
        living = all(not self.config.auto or self.lives_on(b) for b in request.isr)
        if is_current and sender in request.isr and living:
            self.change(request.partition, request.isr)
        self.send(sender, PartitionAltered(request.id, self.states[request.partition]))

    def on_lead(self, op: Lead, ticket: Ticket) -> None:
        self.elect(op.partition, op.leader)
        self.finish(ticket, Ok())

    def on_init_producer_id(self, request: InitProducerId, sender: Address) -> None:
        self.producers += 1
        self.send(sender, ProducerIdIs(request.id, self.producers))

    def probe(self) -> Overview:
        return Overview(tuple(self.states.values()))
