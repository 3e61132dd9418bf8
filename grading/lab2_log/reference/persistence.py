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

# BEGIN SOLUTION D3: your own records
FILE = "raft"


class Ballot(Struct, frozen=True, tag=True):
    """The term, and the vote in it."""

    term: int
    voted_for: Address | None


class Placed(Struct, frozen=True, tag=True):
    """Entries that came together, and where they stand: at the end of the log."""

    index: int
    """Of the first one."""
    entries: tuple[Entry, ...]


class Snapshot(Struct, frozen=True, tag=True):
    """The state after an entry. Always the first record of its file."""

    last_index: int
    last_term: int
    state: State
    members: tuple[Address, ...] | None


Record = Ballot | Placed | Snapshot
BALLOTS = 100
"""Ballots after which the file is written anew: it must not grow for ever."""
# END SOLUTION


def load(server: Server) -> None:
    """Set term, voted_for, raft_log, saved, snapshot, ballots, is_named from the disk; kv, commit, applied too.

    What was committed after the snapshot is not known any more: the next leader tells.
    """
    # BEGIN SOLUTION D3: replay the file
    server.term, server.voted_for, server.raft_log, server.snapshot = 0, None, RaftLog(), None
    server.ballots, server.is_named = 0, server.disk.exists(FILE)
    for record in server.disk.recover(FILE, Record):
        match record:
            case Ballot(term, voted_for):
                server.term, server.voted_for = term, voted_for
                server.ballots += 1
            case Placed(index, entries):
                server.raft_log.cut(index)
                server.raft_log.append(entries)
            case Snapshot(last_index, last_term, state, members):
                server.raft_log, server.snapshot = RaftLog(last_index, last_term, members), state
    server.saved = server.raft_log.last_index
    server.kv = copied(server.snapshot)
    server.commit = server.applied = server.raft_log.base_index
    # END SOLUTION


def copied(snapshot: State | None) -> State:
    """A state machine that begins where the snapshot ends, and shares nothing with it."""
    # BEGIN SOLUTION D3: new dictionaries; an empty state where there is no snapshot
    if snapshot is None:
        return State()
    return State(dict(snapshot.items), dict(snapshot.sessions))
    # END SOLUTION


def save_ballot(server: Server) -> None:
    """Term and vote are on disk before anything that is sent from now on."""
    # BEGIN SOLUTION D3: a record, and a sync
    server.ballots += 1
    if server.ballots > BALLOTS:
        save_snapshot(server)
    else:
        server.disk.append(FILE, Ballot(server.term, server.voted_for))
        make_durable(server)
    # END SOLUTION


def save_entries(server: Server, first: int) -> None:
    """The log from ``first`` on, new or in place of others, is on disk before what is sent from now on."""
    # BEGIN SOLUTION D3: a record, and a sync; then all of the log is saved
    log = server.raft_log
    server.disk.append(FILE, Placed(first, log.behind(first - 1, len(log.entries))))
    make_durable(server)
    server.saved = log.last_index
    # END SOLUTION


# BEGIN SOLUTION D3: your own helpers
def make_durable(server: Server) -> None:
    """What is sent from now on waits until the file is on disk, its name too."""
    server.disk.sync(FILE, *([] if server.is_named else ["/"]))
    server.is_named = True


# END SOLUTION


def save_snapshot(server: Server) -> None:
    """Snapshot, term, vote and what is left of the log take the place of all that was on disk."""
    # BEGIN SOLUTION D3: a new file, whole and synced, then its name
    log, new = server.raft_log, FILE + ".new"
    server.disk.delete(new)
    records: list[Record] = []
    if server.snapshot is not None:
        records.append(Snapshot(log.base_index, log.base_term, server.snapshot, log.base_members))
    records.append(Ballot(server.term, server.voted_for))
    records.append(Placed(log.base_index + 1, tuple(log.entries)))
    for record in records:
        server.disk.append(new, record)
    server.disk.sync(new)
    server.disk.replace(new, FILE)
    server.disk.sync("/")
    server.ballots, server.is_named, server.saved = 1, True, log.last_index
    # END SOLUTION
