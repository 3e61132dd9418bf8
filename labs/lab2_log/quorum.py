"""What crosses the wire in part 2D, what clients ask for, what each server is told. Data only.

This file is given: it is restored when your work is graded, so that every solution talks alike.
Add timers and messages of your own in your own modules. (§ means a section of "In search of an
understandable consensus algorithm (extended version)", Ongaro and Ousterhout 2014; *thesis* is
"Consensus: bridging theory and practice", Ongaro 2014.)

==================  =================================================================================
candidate -> all    ``PreVote``, answered by ``PreVoteReply``; then ``RequestVote``, by ``VoteReply``
leader -> all       ``AppendEntries``, answered by ``AppendReply``: entries, and heartbeats
                    ``InstallSnapshot``, answered by ``AppendReply`` too
client -> server    ``Request``, again and again until ``Reply``; ``NotLeader`` says whom to ask
==================  =================================================================================

All are datagrams: any may be lost, repeated or overtaken. Indices count from 1; index 0 with term 0
stands for the place before the first entry.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from distlab.core import MS, Address, Config, Message, Operation

# -- what clients ask for -----------------------------------------------------------------------------


class Put(Operation, frozen=True):
    """Write a value. Answer: None."""

    key: str
    value: str


class Get(Operation, frozen=True):
    """Answer: the value; None where there is none."""

    key: str


class Append(Operation, frozen=True):
    """Put text at the end of the value, or in place of none. Answer: None."""

    key: str
    text: str


class Cas(Operation, frozen=True):
    """Compare and set: write ``new`` if the value is ``old``. Answer: the value that it found."""

    key: str
    old: str | None
    new: str


Change = Put | Append | Cas


class AddServer(Operation, frozen=True):
    """Let this server be one of the members. Answer: None (part D5)."""

    server: Address


class RemoveServer(Operation, frozen=True):
    """Let it be none of them any more. Answer: None (part D5)."""

    server: Address


class Command(Struct, frozen=True):
    """What a client wants done, under a name of its own (thesis §6.3)."""

    session: str
    """Names a client's session. A session asks for one thing at a time."""
    seq: int
    """Rises by one with each thing that the session asks for; the same when it is asked again."""
    operation: Put | Get | Append | Cas | AddServer | RemoveServer


# -- the log ------------------------------------------------------------------------------------------


class Entry(Struct, frozen=True):
    """What stands at one index of the log."""

    term: int
    """Of the leader that put it there."""
    command: Command | None = None
    """None: a *no-op*, with which a leader begins its term (§8)."""
    members: tuple[Address, ...] | None = None
    """Who the servers are from here on, if this entry changes that (part D5)."""


class Answered(Struct, frozen=True):
    """The newest command of a session that was executed, and its answer."""

    seq: int
    result: str | None


class State(Struct):
    """The state machine: what executing the entries 1, 2, 3, ... one after the other has made.

    The same entries make the same state on every server: that is all there is to replication (§2).
    """

    items: dict[str, str] = {}
    sessions: dict[str, Answered] = {}


# -- election -----------------------------------------------------------------------------------------


class PreVote(Message, frozen=True):
    """ "Would you vote for me?" Changes nothing anywhere (thesis §9.6)."""

    term: int
    """The term in which the sender would stand: its own plus one."""
    last_index: int
    last_term: int
    """Of the last entry in the sender's log."""


class PreVoteReply(Message, frozen=True):
    term: int
    """The term of the one who answers."""
    asked: int
    """The term of the question."""
    granted: bool


class RequestVote(Message, frozen=True):
    """ "Vote for me in this term" (§5.2)."""

    term: int
    last_index: int
    last_term: int


class VoteReply(Message, frozen=True):
    term: int
    """The term of the one who answers; a vote is for this term and no other."""
    granted: bool


# -- replication --------------------------------------------------------------------------------------


class AppendEntries(Message, frozen=True):
    """ "I lead this term. Behind entry ``prev_index`` of ``prev_term`` stand these" (§5.3)."""

    term: int
    prev_index: int
    prev_term: int
    entries: tuple[Entry, ...]
    """At most ``config.batch``; none in a mere heartbeat."""
    commit: int
    """The leader's commit index."""
    round: int = 0
    """A number that the leader chooses, and that the reply repeats."""


class InstallSnapshot(Message, frozen=True):
    """ "This is the state after entry ``last_index``; I have no earlier entries any more" (§7)."""

    term: int
    last_index: int
    last_term: int
    """Of the last entry that the state includes."""
    state: State
    round: int = 0
    members: tuple[Address, ...] | None = None
    """Who the servers are as of that entry; None: those of the config, nobody has changed that."""


class AppendReply(Message, frozen=True):
    term: int
    """The term of the one who answers."""
    success: bool
    match: int
    """Success: up to this index our logs are the same (``prev_index`` and what was sent, or the
    snapshot's last). Failure: an index below ``prev_index`` from which the leader may try next."""
    round: int = 0
    """As in what this answers."""


# -- clients ------------------------------------------------------------------------------------------


class Request(Message, frozen=True):
    command: Command


class Reply(Message, frozen=True):
    """The command was executed, once; this is its answer."""

    session: str
    seq: int
    result: str | None


class NotLeader(Message, frozen=True):
    """ "Ask another one." Says nothing about what becomes of the command."""

    session: str
    seq: int
    leader: Address | None
    """Whom to ask, if it is known."""


# -- what each node is told, and what it says of itself -----------------------------------------------


class ServerConfig(Config, frozen=True):
    members: tuple[Address, ...]
    """Who the servers are to begin with. One that joins them later is not among them (part D5)."""
    heartbeat: int = 50 * MS
    """A leader is heard of at least this often."""
    election: tuple[int, int] = (150 * MS, 300 * MS)
    """An election time-out is drawn from this range, evenly."""
    batch: int = 64
    """Entries in one message, at most."""
    snapshot_after: int | None = None
    """Applied entries that a log may hold before they give way to a snapshot; None: it keeps all."""

    @property
    def majority(self) -> int:
        """How many of these, oneself included, are more than half of them."""
        return len(self.members) // 2 + 1


class ClientConfig(Config, frozen=True):
    servers: tuple[Address, ...]
    retry: int = 60 * MS
    """After so long without a word, another server is asked."""
    patience: int = 10_000 * MS
    """After so long the client gives up, and nobody knows what becomes of the command."""


Role = Literal["follower", "candidate", "leader"]


class Status(Struct, frozen=True):
    """What a server says of itself when it is looked at (``probe``)."""

    role: Role
    """A server that asks for pre-votes may call itself a follower or a candidate."""
    term: int
    leader: Address | None
    """The leader of its term, as far as it knows."""
    commit: int
    applied: int
    """The last entry that was executed."""
    kept: int
    """How many entries its log holds in memory."""
    last_index: int
    last_term: int
    state: State
    members: tuple[Address, ...] = ()
    """Who the servers are, for all that it knows (part D5)."""
