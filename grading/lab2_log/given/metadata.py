"""What the controllers of part 2E keep and decide, as data: the cluster, commands, configs, the probe. Given.

Brokers and controllers talk in the messages of ``brokers.py``, controllers among themselves in those of ``quorum.py``.
What stands here never crosses a wire by itself: it is what the quorum remembers.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from distlab.core import MS, Operation
from labs.lab2_log.brokers import AlterPartition, PartitionState
from labs.lab2_log.quorum import ServerConfig

# -- what is remembered -----------------------------------------------------------------------------------------------


class BrokerState(Struct, frozen=True):
    """What the controller knows of a broker."""

    life: int
    """The life that it is in, as in :class:`~labs.lab2_log.brokers.Alive`."""
    is_fenced: bool = False
    """It was silent for too long: it leads nothing, and is in no ISR."""
    former: tuple[int, ...] = ()
    """Lives that are over, the latest last: whoever speaks in one of them is an echo."""


class Cluster(Struct, frozen=True):
    """All that the controllers decide."""

    brokers: dict[str, BrokerState] = {}
    """Those that have ever been heard of."""
    partitions: dict[str, PartitionState] = {}


# -- what is decided --------------------------------------------------------------------------------------------------


class Register(Struct, frozen=True, tag=True):
    """The broker lives: in this life, and the one before it ended cleanly if ``previous`` names it."""

    broker: str
    life: int
    previous: int = 0


class Fence(Struct, frozen=True, tag=True):
    """The broker was silent for too long, in this life."""

    broker: str
    life: int


class Alter(Struct, frozen=True, tag=True):
    """The broker, a leader, asks for another ISR."""

    broker: str
    request: AlterPartition


class Prefer(Struct, frozen=True, tag=True):
    """Elect the first replica that may lead, though another one leads well enough."""

    partition: str


Command = Register | Fence | Alter | Prefer


class Rules(Struct, frozen=True):
    """What the operator has decided."""

    min_insync: int = 2
    """As in the brokers' config."""
    unclean: bool = False
    """Whether anybody may lead where nobody is left who surely has everything."""


def encoded(cluster: Cluster) -> str:
    """As text, to be kept in the quorum."""
    return msgspec.json.encode(cluster).decode()


def decoded(text: str) -> Cluster:
    """The other way round."""
    return msgspec.json.decode(text, type=Cluster)


# -- configs, operations, probe ---------------------------------------------------------------------------------------


class ControllerConfig(ServerConfig, frozen=True):
    """Of a controller: a server of the quorum, with some more to do."""

    replicas: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """Partition -> the brokers that have a copy, the preferred leader first."""
    rules: Rules = Rules()
    session: int = 200 * MS
    """A broker that was silent for so long is fenced."""
    tend_every: int = 40 * MS
    """How often to see who is silent, and who has not heard."""


class ElectPreferred(Operation, frozen=True):
    """Asked of a controller: :class:`Prefer`. Ok(leader), once that is decided; Fail if it is not active."""

    partition: str


class ControllerProbe(Struct, frozen=True):
    """What ``probe`` returns."""

    is_active: bool
    """Whether it decides: it leads the quorum, and knows all that was decided before."""
    epoch: int
    """The term in which it does, or did last; -1: never."""
    cluster: Cluster
    """What is decided, as far as it knows."""
