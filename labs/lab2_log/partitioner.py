"""Which partition a record goes to.

A record with a key goes where all records of that key go: to the partition that a hash of the key names. All
producers, in whatever language, must agree on it, so the hash is fixed for ever: MurmurHash2 (A. Appleby, 2008), seed
0x9747b28c, as Kafka's own client computes it. It counts all partitions, not those that have a leader just now: a key
that moved when a broker died would be in two places.

A record without a key may go anywhere. *Round-robin* deals them out one by one: evenly, and each batch stays small. A
*sticky* partitioner fills one batch, then goes on to another partition (KIP-480). It goes on after so many **bytes**,
and not when the batch has left (KIP-794): batches for a slow broker leave late, so they would take more, and make it
slower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SEED = 0x9747B28C
MULTIPLIER = 0x5BD1E995
MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The hash of ``data``, as a signed number of 32 bits: -973932308 for ``21``."""
    raise NotImplementedError(
        "2F: four bytes at a time, little-endian; then the rest; then the last mixing"
    )


def partition_for(key: bytes, count: int) -> int:
    """The number of the partition, of ``count``, that records with this key go to."""
    raise NotImplementedError("2F: the sign bit is masked away (`abs` is something else)")


@dataclass
class RoundRobin:
    """One after the other."""

    turn: int = 0

    def choose(self, available: Sequence[int], count: int, size: int, draw: int) -> int:
        """The partition of the next record, of ``size`` bytes: an available one, if any of the ``count`` is.

        ``draw`` is a random number.
        """
        raise NotImplementedError("2F: the next one in turn")


@dataclass
class Sticky:
    """One partition for so many bytes, then another."""

    limit: int
    """Bytes that one partition gets in a row."""
    current: int = -1
    given: int = 0
    """Bytes that it got."""

    def choose(self, available: Sequence[int], count: int, size: int, draw: int) -> int:
        """The partition of the next record, of ``size`` bytes: an available one, if any of the ``count`` is.

        ``draw`` is a random number.
        """
        raise NotImplementedError(
            "2F: stay while there is room and it is available; else draw another one"
        )
