"""What a server never forgets: term, vote, log, snapshot (part D3; §5.1 and figure 2).

Theory of operation. All of it goes into one file of records, each appended when it becomes true; the
state at the end of the file is the state of the server. A record ``Placed(index, entries)`` says that the
log ends with these entries, so one that goes back in the log cuts it, and nothing is ever cut out of the
file. One sync makes it durable; what is sent afterwards waits for that.

With a snapshot the file is written anew under another name, and takes the old one's place when it is
complete: whenever a crash comes, one of the two is there, whole.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Address
from labs.lab2_log.quorum import Entry, State
from labs.lab2_log.raft_log import RaftLog
from labs.lab2_log.raft_state import Server

# TODO D3: your own records


def load(server: Server) -> None:
    """Set term, voted_for, raft_log, saved, snapshot, ballots, is_named from the disk; kv, commit, applied too.

    What was committed after the snapshot is not known any more: the next leader tells.
    """
    raise NotImplementedError("D3: replay the file")


def copied(snapshot: State | None) -> State:
    """A state machine that begins where the snapshot ends, and shares nothing with it."""
    raise NotImplementedError("D3: new dictionaries; an empty state where there is no snapshot")


def save_ballot(server: Server) -> None:
    """Term and vote are on disk before anything that is sent from now on."""
    raise NotImplementedError("D3: a record, and a sync")


def save_entries(server: Server, first: int) -> None:
    """The log from ``first`` on, new or in place of others, is on disk before what is sent from now on."""
    raise NotImplementedError("D3: a record, and a sync; then all of the log is saved")


# TODO D3: your own helpers


def save_snapshot(server: Server) -> None:
    """Snapshot, term, vote and what is left of the log take the place of all that was on disk."""
    raise NotImplementedError("D3: a new file, whole and synced, then its name")
