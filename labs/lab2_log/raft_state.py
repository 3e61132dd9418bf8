"""What a server knows: its state, its timers, and the records that it keeps while it leads (part 2D).

Nothing is left to do here, and all of it is yours to change.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Address, Node, Timer
from labs.lab2_log.quorum import Command, Role, ServerConfig, State
from labs.lab2_log.raft_log import RaftLog


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
    ahead: int = 0
    """Messages with entries that it has not answered yet."""


class Reading(Struct):
    """A read that waits (part D4)."""

    client: Address
    command: Command
    index: int
    """What must be executed before it is answered."""
    round: int
    """What a majority must have answered before."""


class Server(Node):
    """The state of a server; raft.py adds what it does with events."""

    config: ServerConfig

    # What must survive a crash: set it only together with persistence.py.
    term: int
    voted_for: Address | None
    raft_log: RaftLog
    snapshot: State | None
    """The state after entry ``raft_log.base_index``; None as long as that is 0."""
    ballots: int
    """Records in the file since it was last written anew: see persistence.py."""
    is_named: bool
    """The file's name is on disk, too."""
    saved: int
    """Up to here the log is in the file. Only a leader may be behind with it."""

    # Volatile.
    role: Role
    leader: Address | None
    heard_at: int | None
    """When a leader of this term was heard last, on the monotonic clock."""
    pre_votes: set[Address]
    votes: set[Address]
    kv: State
    commit: int
    applied: int

    # A leader's.
    progress: dict[Address, Progress]
    answered: set[Address]
    """Who has answered since the last check of the quorum."""
    began: int
    """Index of the no-op of this leader's term."""
    round: int
    waiting: dict[tuple[str, int], Address]
    """Session and number of a command that is in the log -> the client that waits for its execution."""
    readings: list[Reading]

    @property
    def members(self) -> tuple[Address, ...]:
        """Who the servers are now: see raft.py."""
        return self.config.members

    @property
    def peers(self) -> list[Address]:
        """All the others."""
        return [member for member in self.members if member != self.address]

    def progress_of(self, peer: Address) -> Progress:
        """What is known of one follower; nothing as yet of one that has just joined."""
        if peer not in self.progress:
            self.progress[peer] = Progress(next=self.raft_log.last_index)
        return self.progress[peer]
