"""The leader's log becomes everybody's (part D2; §5.3, §5.4.2).

Theory of operation. The leader sends what it believes that a follower lacks, together with the index
and term of the entry before it. A follower that has that very entry has all before it, too (log
matching), and takes what was sent; one that has not says no, and the leader goes back. Nothing is
taken away from a log but in the face of an entry that *conflicts*: messages are repeated and
overtaken, so one with few entries may come after one with many.

An entry of the leader's own term that stands in a majority of logs is *committed*, and with it all
before it. An entry of an earlier term is never committed by counting: it may stand in a majority and
still be overwritten (figure 8). What is committed is executed, in order, and only then answered.
"""

from __future__ import annotations

from distlab.core import Address
from labs.lab2_log import machine, members, persistence, reads, snapshots
from labs.lab2_log.quorum import (
    AddServer,
    AppendEntries,
    AppendReply,
    Entry,
    Get,
    NotLeader,
    RemoveServer,
    Reply,
    Request,
)
from labs.lab2_log.raft_log import RaftLog
from labs.lab2_log.raft_state import Heartbeat, Progress, Server

AHEAD = 2
"""Messages with entries that are under way to a follower, at most.

What comes meanwhile goes together into the next one. One would do, and leave the follower idle for half
of each round trip; many would carry one entry each.
"""

# -- rules --------------------------------------------------------------------------------------------


def first_conflict(log: RaftLog, prev_index: int, entries: tuple[Entry, ...]) -> int:
    """How many of ``entries``, which stand behind ``prev_index``, the log has already.

    The next one, if there is one, is missing from the log or conflicts with what stands there.
    Entries that the log has given up for a snapshot agree: they were committed.
    """
    raise NotImplementedError("D2: compare terms, entry by entry")


def commit_of_majority(match: list[int], log: RaftLog, term: int, commit: int) -> int:
    """The commit index of a leader of ``term``, if the servers' logs (its own, too) match so far.

    That is ``commit`` where nothing more can be committed (§5.3, §5.4.2).
    """
    raise NotImplementedError("D2: what a majority has, if it is of this term")


# -- the leader ---------------------------------------------------------------------------------------


def begin_leadership(server: Server) -> None:
    """Nothing is known of the followers; the first entry of the term is a no-op (§8)."""
    raise NotImplementedError("D2: fresh progress for all, a no-op, and tell everybody")


def end_leadership(server: Server) -> None:
    """No leader any more: clients that wait ask the next one, and for its log it answers as a follower."""
    raise NotImplementedError(
        "D2: save what was to be saved with others; send those that wait away"
    )


def on_request(server: Server, request: Request, client: Address) -> None:
    """A client wants something: only a leader can do it, and it does it once."""
    command = request.command
    raise NotImplementedError(
        "D2: send it away; or answer again; or let reads.py read, members.py change; or propose it"
    )


def send_away(server: Server, session: str, seq: int, client: Address) -> None:
    """Tell a client whom to ask."""
    raise NotImplementedError("D2: NotLeader, with the leader if there is one")


def propose(server: Server, entry: Entry) -> None:
    """Put an entry at the end of the leader's own log, and see to it that it gets round."""
    raise NotImplementedError("D2: append; send and save it, now or with others")


# TODO D2: your own helpers


def send_entries(server: Server, peer: Address) -> None:
    """What this follower lacks, as far as it fits; nothing but a heartbeat if it lacks nothing."""
    raise NotImplementedError("D2: entries from progress.next on; a snapshot where they are gone")


def broadcast(server: Server) -> None:
    """To every follower what it lacks."""
    raise NotImplementedError("D2: send_entries to all peers")


def on_heartbeat(server: Server) -> None:
    """What was sent and not answered is sent again."""
    raise NotImplementedError("D2: go back to what is certain, send, set the timer anew")


def on_append_reply(server: Server, reply: AppendReply, sender: Address) -> None:
    """A follower of this leader has answered: it agrees up to ``match``, or wants earlier entries."""
    raise NotImplementedError("D2: note what matches and commit; or go back")


def advance_commit(server: Server) -> None:
    """Commit what a majority has."""
    raise NotImplementedError("D2: by commit_of_majority, among the members")


# -- the follower -------------------------------------------------------------------------------------


def on_append_entries(server: Server, request: AppendEntries, sender: Address) -> None:
    """From the leader of this term: take the entries if the one before them is here (§5.3)."""
    raise NotImplementedError(
        "D2: say no; or cut at the first conflict, take the rest, save, commit, say yes"
    )


def earlier(log: RaftLog, index: int) -> int:
    """Where a leader may try next, if the entry at ``index`` is missing or of another term (§5.3)."""
    raise NotImplementedError("D2: the end of the log, or before the term that conflicts")


# -- everybody ----------------------------------------------------------------------------------------


def commit_to(server: Server, index: int) -> None:
    """All up to ``index`` is committed: execute it in order, and answer those who wait (§5.3)."""
    raise NotImplementedError("D2: execute what is new; reply after it was executed")
