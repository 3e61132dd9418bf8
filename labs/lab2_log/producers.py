"""What a log says of its producers: the broker's half of idempotence (KIP-98).

Each record of a producer has a sequence number, per partition: 0, 1, 2, ... A batch carries the first one, so a leader
can tell what it is shown: the next batch, one that it has, or one before which something is missing. For each producer
it remembers the epoch, and the last five batches: as many as a producer may have under way, so a batch that comes again
is one of them.

All of this is *derived from the log*. It is nowhere else: a leader learns it by appending, a follower by copying,
whoever starts or has cut its log by reading what is there. So a new leader knows what the old one knew of all that is
committed, and nothing of what was cut off.

Nothing in here touches a disk, a clock or a message.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from labs.lab2_log.brokers import NONE
from labs.lab2_log.producing import (
    INVALID_PRODUCER_EPOCH,
    MAX_IN_FLIGHT,
    MAX_SEQUENCE,
    OUT_OF_ORDER_SEQUENCE,
    UNKNOWN_PRODUCER_ID,
    Origin,
)


@dataclass(frozen=True)
class Appended:
    """One batch that is in the log."""

    sequence: int
    count: int
    offset: int
    """Where it stands."""


@dataclass
class Known:
    """What the log says of one producer."""

    epoch: int
    batches: list[Appended] = field(default_factory=list)
    """Its newest ones in that epoch, oldest first; never none."""
    timestamp: int = 0
    """Of its newest record."""


Producers = dict[int, Known]
"""Producer id -> what is known of it, in one partition."""


def sequence_after(sequence: int, count: int) -> int:
    """The sequence number ``count`` places behind ``sequence``. They begin again at 0."""
    raise NotImplementedError("2F: 0 comes after MAX_SEQUENCE")


def examine(producers: Producers, origin: Origin) -> tuple[str, int]:
    """What to do with a batch of this origin.

    (NONE, -1): append it. (NONE, offset): it stands there already. (an error, -1): refuse it.
    """
    raise NotImplementedError(
        "2F: who is unknown; an older epoch, a newer one; a repeat, the next one, a gap"
    )


def note(producers: Producers, origin: Origin, offset: int) -> None:
    """A batch of this origin stands in our log, at ``offset``, behind all that were noted before. It is a fact: no
    question is asked."""
    raise NotImplementedError(
        "2F: another epoch makes what was known void; keep the newest MAX_IN_FLIGHT batches, and the time"
    )


def expire(producers: Producers, horizon: int) -> None:
    """Forget the producers whose newest record is older than ``horizon``."""
    raise NotImplementedError("2F: a table that only grows is a leak")
