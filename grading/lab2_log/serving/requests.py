"""What people ask of the log: the operations of the gateway and of the seats. Whoever asks needs no solution."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from distlab.core import MS, SECOND, Operation
from labs.lab2_log.brokers import ALL

LARGEST = 1_000_000
"""Bytes of a batch, at most (``message.max.bytes``)."""
TOO_LARGE = "MESSAGE_TOO_LARGE"
NO_LEADER = "LEADER_NOT_AVAILABLE"
NO_ANSWER = "REQUEST_TIMED_OUT"
NO_COORDINATOR = "COORDINATOR_NOT_AVAILABLE"
UNKNOWN_GROUP = "GROUP_ID_NOT_FOUND"
INVALID_GROUP = "INVALID_GROUP_ID"
UNKNOWN_MEMBER = "UNKNOWN_MEMBER_ID"
UNKNOWN_PRODUCER = "UNKNOWN_PRODUCER_ID"
TAKEN = "SEAT_TAKEN"

Line = tuple[bytes | None, bytes | None]
"""Key and value."""

OFFSETS = "__consumer_offsets"
"""The topic in which the log keeps what groups have said and committed."""


def is_internal(topic: str) -> bool:
    """Whether it is the log's own: people read it, and do not write to it."""
    return topic.startswith("__")


# -- of a client of the log (client.py) -------------------------------------------------------------------------------


class Put(Struct, frozen=True):
    """Append one batch. Ok(its base offset)."""

    partition: str
    lines: tuple[Line, ...]
    patience: int = 15 * SECOND


# -- of the gateway ---------------------------------------------------------------------------------------------------


class NewTopic(Operation, frozen=True):
    """Make a topic. Ok."""

    topic: str
    partitions: int
    replicas: int


class List(Operation, frozen=True):
    """Ok(all partitions, as the controller knows them)."""


class Take(Operation, frozen=True):
    """Read from ``offset`` on; from the beginning or the end, if it is negative.

    Ok([log start, high watermark, next offset, (offset, timestamp, key, value) of each record]).
    """

    partition: str
    offset: int
    max_bytes: int = 1 << 20
    max_wait: int = 0
    patience: int = 15 * SECOND


FROM_START, FROM_END = -2, -1


class Groups(Operation, frozen=True):
    """Ok([name, state] of each group)."""


class GroupOf(Operation, frozen=True):
    """One group. Ok([state, generation, assignor, members, positions]), of a member [name, node, partitions], of a
    position [partition, offset]. Partitions are names."""

    group: str


# -- of a seat --------------------------------------------------------------------------------------------------------

SEATS = ("m1", "m2", "m3", "m4")
"""The members that the log lends to consumers, each a process of its own."""


class Subscribe(Operation, frozen=True):
    """Take the seat, and be a member of a group. Ok(a token); Fail(SEAT_TAKEN) where somebody else sits."""

    group: str
    topics: tuple[str, ...]
    assignor: str
    reset: str
    max_poll_interval: int
    commit_every: int = 1 * SECOND


class GroupPoll(Operation, frozen=True):
    """All that came before is processed; what is next? Ok([generation, partitions, records]), of a record
    [partition, offset, timestamp, key, value]."""

    token: int
    max_records: int = 500
    wait: int = 300 * MS


class Leave(Operation, frozen=True):
    """All that came before is processed: commit it, and leave the group. Ok."""

    token: int


# -- of a pen ---------------------------------------------------------------------------------------------------------

PENS = ("p1", "p2")
"""The producers that the log lends to writers, each a process of its own."""


class TakePen(Operation, frozen=True):
    """Be a producer, of these partitions. Ok(a token); Fail(SEAT_TAKEN) where somebody else holds it."""

    partitions: tuple[str, ...]
    acks: int = ALL


class Write(Operation, frozen=True):
    """Send these. Ok(of each line, in order, [partition's number, offset], or ["Fail" or "Info", error code]): what has
    failed is not in the log and never will be; of the others nobody knows."""

    token: int
    lines: tuple[tuple[str | None, str], ...]
    """Key and value."""
    partition: int = -1
    """Where all go; -1: where the partitioner says."""


class LayDown(Operation, frozen=True):
    """Give the pen back. Ok."""

    token: int


# -- a record on its way through a member -----------------------------------------------------------------------------


def packed(timestamp: int, key: bytes | None, value: bytes | None) -> str:
    """A record's contents as text: members of part 2G hand on text, and do not look into it."""
    return msgspec.msgpack.encode((timestamp, key, value)).decode("latin-1")


def unpacked(text: str) -> tuple[int, bytes | None, bytes | None]:
    """The other way round."""
    return _packed.decode(text.encode("latin-1"))


_packed = msgspec.msgpack.Decoder(tuple[int, bytes | None, bytes | None])
