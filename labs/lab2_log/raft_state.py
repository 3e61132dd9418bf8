"""Timers of a server, and the records that it keeps while it leads (part 2D). Yours to change."""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Address, Timer
from labs.lab2_log.quorum import Command


class Election(Timer, frozen=True):
    """No leader was heard for too long."""


class Heartbeat(Timer, frozen=True):
    """Time to be heard of again."""


class QuorumCheck(Timer, frozen=True):
    """Time for a leader to ask itself who has answered."""


class Progress(Struct):
    """What a leader knows of one follower, in this term (§5.3)."""

    next: int
    """The first entry to send."""
    match: int = 0
    """Up to here the follower's log is certainly equal to ours."""
    round: int = 0
    """The newest round that it has answered."""


class Waiting(Struct):
    """A client that waits for an entry to be executed."""

    client: Address
    term: int
    command: Command


class Reading(Struct):
    """A read that waits (part D4)."""

    client: Address
    command: Command
    index: int
    """What must be executed before it is answered."""
    round: int
    """What a majority must have answered before."""
