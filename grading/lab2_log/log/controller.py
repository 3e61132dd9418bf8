"""The controller, played by the world until part 2E: it elects leaders, and keeps the ISR by compare-and-set.

It never fails and forgets nothing. It elects on its own, when a broker falls silent (``auto``), or when the scenario
says
so (:class:`Elect`). It elects from the ISR only. What it says is repeated until it is heard.
"""

from __future__ import annotations

from msgspec import structs

from distlab.core import MS, Address, Config, Node, Ok, Operation, Ticket, Timer
from labs.lab2_log.brokers import (
    Alive,
    AlterPartition,
    Heard,
    LeaderAndIsr,
    PartitionAltered,
    PartitionState,
)


class Elect(Operation, frozen=True):
    """Make that broker the leader, of a new epoch, with that ISR (empty: as it is). Ok."""

    leader: str
    isr: tuple[str, ...] = ()


class ControllerConfig(Config, frozen=True):
    """Which partition, on which brokers."""

    brokers: tuple[str, ...]
    partition: str = "orders-0"
    auto: bool = True
    dead_after: int = 180 * MS


class Look(Timer, frozen=True):
    """Time to see who is silent, and who has not heard."""


class Controller(Node):
    """One partition's fate."""

    config: ControllerConfig
    current: PartitionState
    heard: dict[str, int]
    """Broker -> the version that it has heard of."""
    lives: dict[str, int]
    last: dict[str, int]
    """Broker -> when it was last heard."""

    def on_start(self) -> None:
        brokers = self.config.brokers
        self.current = PartitionState(self.config.partition, brokers, brokers[0], 0, brokers, 0)
        self.heard = dict.fromkeys(brokers, -1)
        self.lives = {}
        self.last = dict.fromkeys(brokers, 0)
        self.tell()
        self.set_timer(Look(), 60 * MS)

    def tell(self) -> None:
        for broker, version in self.heard.items():
            if version < self.current.version:
                self.send(Address(broker), LeaderAndIsr(1, self.current))

    def on_look(self, _: Look) -> None:
        self.set_timer(Look(), 60 * MS)
        if self.config.auto:
            for broker in self.config.brokers:
                if not self.lives_on(broker):
                    self.bury(broker)
            if not self.current.leader:
                self.appoint()
        self.tell()

    def lives_on(self, broker: str) -> bool:
        return self.now() - self.last[broker] <= self.config.dead_after

    def on_heard(self, word: Heard, sender: Address) -> None:
        if self.lives.get(sender) == word.life:
            self.heard[sender] = max(self.heard[sender], word.version)

    def on_alive(self, word: Alive, sender: Address) -> None:
        self.last[sender] = self.now()
        if self.lives.get(sender, word.life) != word.life:
            self.heard[sender] = -1
            if self.config.auto and self.current.leader == sender:
                self.appoint()  # it may have forgotten what it promised as a leader
        self.lives[sender] = word.life
        self.tell()

    # -- decisions ----------------------------------------------------------------------------------------------------

    def bury(self, broker: str) -> None:
        """The broker is silent: it leads nothing any more, and is in sync only if nobody else is."""
        others = tuple(member for member in self.current.isr if member != broker)
        if broker in self.current.isr and others:
            self.change(isr=others)
        if self.current.leader == broker:
            self.appoint()

    def appoint(self) -> None:
        """Elect the first replica that is in the ISR and lives."""
        fit = [b for b in self.current.replicas if b in self.current.isr and self.lives_on(b)]
        if fit or self.current.leader:
            self.elect(fit[0] if fit else "", self.current.isr)

    def elect(self, leader: str, isr: tuple[str, ...]) -> None:
        self.current = structs.replace(
            self.current,
            leader=leader,
            leader_epoch=self.current.leader_epoch + 1,
            isr=isr,
            version=self.current.version + 1,
        )
        self.tell()

    def change(self, isr: tuple[str, ...]) -> None:
        self.current = structs.replace(self.current, isr=isr, version=self.current.version + 1)
        self.tell()

    def on_alter_partition(self, request: AlterPartition, sender: Address) -> None:
        state = self.current
        is_current = (state.leader, state.leader_epoch, state.version) == (
            sender,
            request.leader_epoch,
            request.version,
        )
        if is_current and sender in request.isr:
            living = all(not self.config.auto or self.lives_on(b) for b in request.isr)
            if living:
                self.change(request.isr)
        self.send(sender, PartitionAltered(request.id, self.current))

    def on_elect(self, op: Elect, ticket: Ticket) -> None:
        self.elect(op.leader, op.isr or self.current.isr)
        self.finish(ticket, Ok(self.current.leader_epoch))

    def probe(self) -> PartitionState:
        return self.current
