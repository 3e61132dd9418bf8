"""Topics, for a cluster that people use: a controller of many partitions, played by the world.

It keeps each partition as :mod:`grading.lab2_log.log.controller` keeps its one: leaders come from the ISR only, the ISR
changes by compare-and-set, and what is decided is said until it is heard. It never fails and forgets nothing.
"""

from __future__ import annotations

import re

from msgspec import structs

from distlab.core import MS, Address, Config, Message, Node, Timer
from labs.lab2_log.brokers import (
    Alive,
    AlterPartition,
    Heard,
    LeaderAndIsr,
    PartitionAltered,
    PartitionState,
)

UNKNOWN_TOPIC = "UNKNOWN_TOPIC_OR_PARTITION"
TOPIC_EXISTS = "TOPIC_ALREADY_EXISTS"
INVALID_TOPIC = "INVALID_TOPIC_EXCEPTION"
INVALID_PARTITIONS = "INVALID_PARTITIONS"
INVALID_REPLICATION = "INVALID_REPLICATION_FACTOR"

MOST_PARTITIONS = 64
_LEGAL = re.compile(r"[A-Za-z0-9._-]{1,100}")


class CreateTopic(Message, frozen=True):
    """Make a topic."""

    id: int
    topic: str
    partitions: int
    replicas: int
    wish: int
    """The same each time the same topic is asked for anew: it is made once, and then that is no error."""


class Metadata(Message, frozen=True):
    """Which partitions are there, and who leads them?"""

    id: int


class MetadataAnswer(Message, frozen=True):
    """Answer to both: how things are now; and why the topic was not made."""

    id: int
    partitions: tuple[PartitionState, ...]
    error: str = ""


class TopicsConfig(Config, frozen=True):
    """Of the controller."""

    brokers: tuple[str, ...]
    dead_after: int = 400 * MS


class Look(Timer, frozen=True):
    """Time to see who is silent, and who has not heard."""


def name_of(topic: str, number: int) -> str:
    """How a partition is called."""
    return f"{topic}-{number}"


def topic_of(partition: str) -> str:
    """The other way round."""
    return partition.rpartition("-")[0]


class Topics(Node):
    """All partitions' fate."""

    config: TopicsConfig
    states: dict[str, PartitionState]
    wishes: dict[str, int]
    """Topic -> what it was made for."""
    heard: dict[tuple[str, str], int]
    """(broker, partition) -> the version that it has heard of."""
    lives: dict[str, int]
    last: dict[str, int]
    """Broker -> when it was last heard."""

    def on_start(self) -> None:
        self.states, self.wishes, self.heard, self.lives = {}, {}, {}, {}
        self.last = dict.fromkeys(self.config.brokers, self.now())
        self.on_look(Look())

    def on_create_topic(self, request: CreateTopic, sender: Address) -> None:
        error = self.fault_of(request)
        if not error:
            brokers = self.config.brokers
            for number in range(request.partitions):
                first = len(self.states) % len(brokers)
                chosen = (*brokers[first:], *brokers[:first])[: request.replicas]
                name = name_of(request.topic, number)
                self.states[name] = PartitionState(name, chosen, chosen[0], 0, chosen, 0)
            self.wishes[request.topic] = request.wish
            self.tell()
        elif self.wishes.get(request.topic) == request.wish:
            error = ""
        self.send(sender, MetadataAnswer(request.id, tuple(self.states.values()), error))

    def fault_of(self, request: CreateTopic) -> str:
        """Why the topic cannot be made; empty if it can."""
        if not _LEGAL.fullmatch(request.topic) or request.topic in (".", ".."):
            return INVALID_TOPIC
        if any(topic_of(name) == request.topic for name in self.states):
            return TOPIC_EXISTS
        if not 1 <= request.partitions <= MOST_PARTITIONS:
            return INVALID_PARTITIONS
        if not 1 <= request.replicas <= len(self.config.brokers):
            return INVALID_REPLICATION
        return ""

    def on_metadata(self, request: Metadata, sender: Address) -> None:
        self.send(sender, MetadataAnswer(request.id, tuple(self.states.values())))

    def tell(self) -> None:
        """Say what has not been heard."""
        for state in self.states.values():
            for broker in state.replicas:
                if self.heard.get((broker, state.partition), -1) < state.version:
                    self.send(Address(broker), LeaderAndIsr(1, state))

    def on_heard(self, word: Heard, sender: Address) -> None:
        if self.lives.get(sender) == word.life:
            before = self.heard.get((sender, word.partition), -1)
            self.heard[sender, word.partition] = max(before, word.version)

    # -- who lives ----------------------------------------------------------------------------------------------------

    def on_look(self, _: Look) -> None:
        self.set_timer(Look(), 60 * MS)
        for state in list(self.states.values()):
            self.bury(state.partition)
        self.tell()

    def lives_on(self, broker: str) -> bool:
        return self.now() - self.last[broker] <= self.config.dead_after

    def on_alive(self, word: Alive, sender: Address) -> None:
        self.last[sender] = self.now()
        if self.lives.get(sender, word.life) != word.life:
            for name, state in self.states.items():
                self.heard.pop((sender, name), None)
                if state.leader == sender:
                    self.appoint(name)  # it may have forgotten what it promised as a leader
        self.lives[sender] = word.life
        self.tell()

    # -- decisions ----------------------------------------------------------------------------------------------------

    def bury(self, name: str) -> None:
        """Silent brokers lead nothing any more, and are in sync only if nobody else is."""
        state = self.states[name]
        living = tuple(broker for broker in state.isr if self.lives_on(broker))
        if living and living != state.isr:
            self.change(name, isr=living)
        if not state.leader or not self.lives_on(state.leader):
            self.appoint(name)

    def appoint(self, name: str) -> None:
        """Elect the first replica that is in the ISR and lives."""
        state = self.states[name]
        fit = [b for b in state.replicas if b in state.isr and self.lives_on(b)]
        if fit or state.leader:
            self.change(name, leader=fit[0] if fit else "", leader_epoch=state.leader_epoch + 1)

    def change(self, name: str, **fields: object) -> None:
        state = self.states[name]
        self.states[name] = structs.replace(state, version=state.version + 1, **fields)

    def on_alter_partition(self, request: AlterPartition, sender: Address) -> None:
        state = self.states.get(request.partition)
        if state is None:
            return
        known = (sender, request.leader_epoch, request.version)
        is_current = (state.leader, state.leader_epoch, state.version) == known
        if is_current and sender in request.isr and all(map(self.lives_on, request.isr)):
            self.change(request.partition, isr=request.isr)
            self.tell()
        self.send(sender, PartitionAltered(request.id, self.states[request.partition]))
