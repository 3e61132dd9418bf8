"""Topics on the controllers of part 2E: made while they run, listed, and their producers given ids.

Part 2E decides for partitions that are there from the beginning. Here people make them. A new one reaches the
controller as what it knows already: somebody asks for another ISR (``AlterPartition``), of a partition that is not
there, at a version that never was. In front of the solution's ``decisions.apply`` stands one rule more: such a request
makes the partition. So it is decided, written to the quorum and told as all else is, and by the solution's own code.

Producer ids take no decision. An active controller has its epoch to itself, for ever; so its epoch and a count make an
id that nobody has had, and nothing need be written down. (Kafka's controller writes down which block of ids a broker
may hand out, KIP-730: its ids are dense, and brokers give them without asking.)
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from distlab.core import MS, Address, Timer
from grading.lab2_log.serving.topics import (
    INVALID_PARTITIONS,
    INVALID_REPLICATION,
    INVALID_TOPIC,
    MOST_PARTITIONS,
    TOPIC_EXISTS,
    CreateTopic,
    Metadata,
    MetadataAnswer,
    is_legal,
    name_of,
    topic_of,
)
from labs.lab2_log import decisions
from labs.lab2_log.brokers import NO_EPOCH, AlterPartition, PartitionAltered, PartitionState
from labs.lab2_log.metadata import Alter, Cluster, Command, ControllerConfig, Rules
from labs.lab2_log.producing import InitProducerId, ProducerIdIs

NOT_THERE = -2
"""The version of a partition that is to be made."""
_IDS = 1 << 20
"""So many producer ids for each controller epoch."""

# -- one rule more ----------------------------------------------------------------------------------------------------

Apply = Callable[[Cluster, Command, Rules], Cluster]


def with_new_partitions(apply: Apply) -> Apply:
    """``decisions.apply``, and partitions can be made."""

    def applied(cluster: Cluster, command: Command, rules: Rules) -> Cluster:
        if isinstance(command, Alter) and command.request.version == NOT_THERE:
            name, replicas = command.request.partition, command.request.isr
            made = PartitionState(name, replicas, "", 0, replicas, 0)
            cluster = structs.replace(cluster, partitions={name: made, **cluster.partitions})
        return apply(cluster, command, rules)

    return applied


decisions.apply = with_new_partitions(decisions.apply)  # type: ignore[assignment]

from labs.lab2_log.controller import Controller  # noqa: E402  (it takes what stands in decisions)


class TopicsConfig(ControllerConfig, frozen=True):
    """Of a controller for topics."""

    brokers: tuple[str, ...] = ()


class Making(Timer, frozen=True):
    """Time to see whether the topic is there."""

    topic: str


class Topics(Controller):
    """A controller of part 2E that people can ask. Only the active one answers."""

    config: TopicsConfig
    making: dict[str, tuple[CreateTopic, str]]
    """Topic -> what was asked for last, and by whom."""
    handed_out: tuple[int, int]
    """(controller epoch, producer ids given in it)."""

    def on_start(self) -> None:
        self.making, self.handed_out = {}, (NO_EPOCH, 0)
        super().on_start()

    def states(self) -> dict[str, PartitionState]:
        return self.probe().cluster.partitions

    def on_metadata(self, request: Metadata, sender: Address) -> None:
        if self.probe().is_active:
            self.send(sender, MetadataAnswer(request.id, tuple(self.states().values())))

    def on_create_topic(self, request: CreateTopic, sender: Address) -> None:
        if not self.probe().is_active:
            return
        before = self.making.get(request.topic)
        is_ours = before is not None and before[0].wish == request.wish
        if not is_ours and (error := self.fault_of(request)):
            self.send(sender, MetadataAnswer(request.id, tuple(self.states().values()), error))
            return
        self.making[request.topic] = request, sender
        self.on_making(Making(request.topic))

    def on_making(self, timer: Making) -> None:
        """Answer when all partitions are there; until then have them made."""
        request, sender = self.making[timer.topic]
        if not self.probe().is_active:
            return
        states = self.states()
        names = [name_of(request.topic, number) for number in range(request.partitions)]
        missing = [name for name in names if name not in states]
        if not missing:
            self.send(Address(sender), MetadataAnswer(request.id, tuple(states.values())))
            return
        brokers = self.config.brokers
        for number, name in enumerate(missing):
            first = (len(states) + number) % len(brokers)
            chosen = (*brokers[first:], *brokers[:first])[: request.replicas]
            make = AlterPartition(request.id, name, NO_EPOCH, chosen, NOT_THERE)
            self.on_alter_partition(make, self.address)
        self.set_timer(timer, 50 * MS)

    def fault_of(self, request: CreateTopic) -> str:
        """Why the topic cannot be made; empty if it can."""
        if not is_legal(request.topic):
            return INVALID_TOPIC
        if any(topic_of(name) == request.topic for name in self.states()):
            return TOPIC_EXISTS
        if not 1 <= request.partitions <= MOST_PARTITIONS:
            return INVALID_PARTITIONS
        if not 1 <= request.replicas <= len(self.config.brokers):
            return INVALID_REPLICATION
        return ""

    def on_partition_altered(self, answer: PartitionAltered, sender: Address) -> None:
        """What we asked of ourselves is decided: ``on_making`` sees it."""

    def on_init_producer_id(self, request: InitProducerId, sender: Address) -> None:
        view = self.probe()
        if not view.is_active:
            return
        epoch, count = self.handed_out if self.handed_out[0] == view.epoch else (view.epoch, 0)
        self.handed_out = epoch, count + 1
        self.send(sender, ProducerIdIs(request.id, epoch * _IDS + count))
