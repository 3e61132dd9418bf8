"""Fetching map outputs for a reduce task, piece by piece (part 1B; §3.1, §4.2).

Theory of operation. The reducer pulls: a holder knows nothing of who has what, and answers each
request by itself. From one holder's file at most one piece is under way, and from few holders at a
time; a piece that is not the next one is an echo of the network's and is dropped. So a file grows only
at its end, whatever is lost, repeated or overtaken, and asking again is always safe. It is not free: a
holder that is slow gets slower by being asked more often, so each silence doubles the next wait.

No messages are sent here: ``wanted`` says what to ask for.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Address, Disk
from labs.lab1_mapreduce.protocol import Attempt, Fetch, Gone, MapOutput, Piece, RunReduce


class Source(Struct):
    """One map output that is being fetched."""

    output: MapOutput
    path: str
    """Our copy."""
    have: int = 0
    """Bytes of it."""
    progress_at: int | None = None
    """When the last new bytes came, or the first request went; None before that."""
    ask_at: int = 0
    """When to ask for the next piece, if it has not come by then."""
    wait: int = 0
    """How long we wait for the piece that is under way."""


class Shuffle(Struct):
    """The inputs of one reduce attempt: which lie here, and how far the others are."""

    order: RunReduce
    files: list[str]
    """Where each input is, or will be, on our disk."""
    missing: list[Source]
    """What has not been fetched whole, in the order in which we ask for it."""

    @property
    def is_complete(self) -> bool:
        return not self.missing


def begin(order: RunReduce, me: Address, disk: Disk) -> Shuffle:
    """Find out what has to be fetched: not what lies on our own disk, nor what is empty.

    An empty input gets an empty file.
    """
    raise NotImplementedError("1B: where each input is, and which must be fetched")


def wanted(
    shuffle: Shuffle, fetches: int, piece: int, retry: int, now: int
) -> list[tuple[Address, Fetch]]:
    """What to ask whom for now: the next piece of each of the first ``fetches`` sources.

    Nothing of a source that was asked for this piece already and has not been silent for so long that
    it is time to ask again: first after ``retry``, then after twice as long each time.
    """
    raise NotImplementedError("1B: a Fetch for each of the first sources whose time it is")


def take(shuffle: Shuffle, piece: Piece, disk: Disk, now: int) -> None:
    """Add a piece to our copy, if it is the next one; else drop it."""
    raise NotImplementedError("1B: append what continues our copy, drop all else")


def source_of(shuffle: Shuffle, about: Piece | Gone) -> Source | None:
    """Which of our missing inputs this message is about, if any."""
    raise NotImplementedError("1B: by map attempt and partition")


def given_up(shuffle: Shuffle, patience: int, now: int) -> Attempt | None:
    """A map output that cannot be had: its holder has sent nothing new for longer than ``patience``."""
    raise NotImplementedError("1C: a source that has made no progress for too long")
