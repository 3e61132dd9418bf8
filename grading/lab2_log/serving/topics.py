"""Topics: what they are called, and what clients and controllers say to each other of them."""

from __future__ import annotations

import re

from distlab.core import Message
from labs.lab2_log.brokers import PartitionState

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


def name_of(topic: str, number: int) -> str:
    """How a partition is called."""
    return f"{topic}-{number}"


def is_legal(topic: str) -> bool:
    """Whether a topic may be called so."""
    return bool(_LEGAL.fullmatch(topic)) and topic not in (".", "..")


def topic_of(partition: str) -> str:
    """The other way round."""
    return partition.rpartition("-")[0]
