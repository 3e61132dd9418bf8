"""What people ask of the log: the operations of the gateway. Whoever asks needs nothing of the solution's."""

from __future__ import annotations

from distlab.core import SECOND, Operation
from labs.lab2_log.brokers import ALL

LARGEST = 1_000_000
"""Bytes of a batch, at most (``message.max.bytes``)."""
TOO_LARGE = "MESSAGE_TOO_LARGE"
NO_LEADER = "LEADER_NOT_AVAILABLE"
NO_ANSWER = "REQUEST_TIMED_OUT"

Line = tuple[bytes | None, bytes | None]
"""Key and value."""


class NewTopic(Operation, frozen=True):
    """Make a topic. Ok."""

    topic: str
    partitions: int
    replicas: int


class List(Operation, frozen=True):
    """Ok(all partitions, as the controller knows them)."""


class Put(Operation, frozen=True):
    """Append one batch. Ok(its base offset)."""

    partition: str
    lines: tuple[Line, ...]
    acks: int = ALL
    patience: int = 15 * SECOND


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
