"""Bugs of part D3: what a crash takes, and what it brings back."""

from __future__ import annotations

from distlab.grade.lab import bug
from labs.lab2_log import persistence
from labs.lab2_log.persistence import FILE, Ballot, Placed, Record, Snapshot
from labs.lab2_log.raft import Raft
from labs.lab2_log.raft_log import RaftLog

load = persistence.load


def ballots_not_synced(server: Raft) -> None:
    """Writes term and vote down, and answers without waiting for the disk."""
    server.ballots += 1
    server.disk.append(FILE, Ballot(server.term, server.voted_for))


def entries_not_synced(server: Raft, first: int) -> None:
    """Writes entries down, and acknowledges them without waiting for the disk."""
    log = server.raft_log
    server.disk.append(FILE, Placed(first, log.behind(first - 1, len(log.entries))))
    server.saved = log.last_index


def name_not_synced(server: Raft) -> None:
    """Syncs the file and never its name: after a power failure there is no such file."""
    server.disk.sync(FILE)


def saves_the_last(server: Raft, first: int) -> None:
    """Of several entries that came in one message, saves the last."""
    log = server.raft_log
    server.disk.append(FILE, Placed(log.last_index, (log.entry_at(log.last_index),)))
    server.disk.sync(FILE, "/")
    server.saved = log.last_index


def saves_what_is_longer(server: Raft, first: int) -> None:
    """Saves entries behind the end of what it has saved, and not those that took another one's place."""
    log = server.raft_log
    records = server.disk.recover(FILE, Record)
    saved = {r.index + n for r in records if isinstance(r, Placed) for n in range(len(r.entries))}
    for index in range(first, log.last_index + 1):
        if index not in saved:
            server.disk.append(FILE, Placed(index, (log.entry_at(index),)))
    server.disk.sync(FILE, "/")
    server.saved = log.last_index


def _replay(server: Raft, *, cuts: bool = True, votes: bool = True, terms: bool = True) -> None:
    server.term, server.voted_for, server.raft_log, server.snapshot = 0, None, RaftLog(), None
    server.ballots, server.is_named = 0, server.disk.exists(FILE)
    for record in server.disk.recover(FILE, Record):
        match record:
            case Ballot(term, voted_for):
                server.term = term if terms or voted_for is not None else server.term
                server.voted_for = voted_for if votes else None
                server.ballots += 1
            case Placed(index, entries):
                log = server.raft_log
                if cuts or index > log.last_index:
                    log.cut(index)
                    log.append(entries)
                else:
                    start = index - log.base_index - 1
                    log.entries[start : start + len(entries)] = entries
            case Snapshot(last_index, last_term, state, members):
                server.raft_log, server.snapshot = RaftLog(last_index, last_term, members), state
    server.saved = server.raft_log.last_index
    server.kv = persistence.copied(server.snapshot)
    server.commit = server.applied = server.raft_log.base_index


def cut_comes_back(server: Raft) -> None:
    """Reads entries back by index, and does not cut what stood behind one that took another one's place."""
    _replay(server, cuts=False)


def vote_not_read(server: Raft) -> None:
    """Reads its term back, and not whom it voted for."""
    _replay(server, votes=False)


def executes_all(server: Raft) -> None:
    """Takes all that it finds on its disk for committed, and executes it."""
    load(server)
    from labs.lab2_log import machine

    log = server.raft_log
    for index in range(server.applied + 1, log.last_index + 1):
        machine.apply(server.kv, log.entry_at(index).command)
    server.commit = server.applied = log.last_index


def refuses_torn_files(server: Raft) -> None:
    """Finds that its last write is not whole, and gives up: a power failure is the end of it."""
    size = server.disk.size(FILE) if server.disk.exists(FILE) else 0
    load(server)
    if size and server.disk.size(FILE) < size:
        server.disk.append(FILE, b"damaged")
        server.stop("the file is damaged")


class NeverMindsTheDisk(Raft):
    """A sync failed; the next one will do (fsyncgate)."""

    def on_sync_failed(self, path: str, error: str) -> None:
        self.log.warning("disk", "a sync failed", path=path)


def starts_afresh(server: Raft) -> None:
    """Writes a new, empty file whenever it starts with one that has a vote and no entries: it looks unused."""
    load(server)
    if not server.raft_log.entries and server.term:
        server.disk.delete(FILE)
        load(server)


def drops_no_ops(server: Raft, first: int) -> None:
    """Saves the commands of clients; a no-op holds nothing worth saving."""
    log = server.raft_log
    for index in range(first, log.last_index + 1):
        if log.entry_at(index).command is not None:
            server.disk.append(FILE, Placed(index, (log.entry_at(index),)))
    server.disk.sync(FILE, "/")
    server.saved = log.last_index


BUGS = (
    bug(
        "ballots-not-synced",
        ballots_not_synced,
        part="D3",
        replaces="persistence:save_ballot",
        breaks="RF-S6",
        code="m2",
        source="raft-java #57",
    ),
    bug(
        "entries-not-synced",
        entries_not_synced,
        part="D3",
        replaces="persistence:save_entries",
        breaks="RF-S8",
    ),
    bug(
        "name-not-synced",
        name_not_synced,
        part="D3",
        replaces="persistence:make_durable",
        breaks="RF-S8",
    ),
    bug(
        "saves-the-last",
        saves_the_last,
        part="D3",
        replaces="persistence:save_entries",
        breaks="RF-S8",
    ),
    bug(
        "saves-what-is-longer",
        saves_what_is_longer,
        part="D3",
        replaces="persistence:save_entries",
        breaks="RF-S8",
    ),
    bug(
        "drops-no-ops", drops_no_ops, part="D3", replaces="persistence:save_entries", breaks="RF-S8"
    ),
    bug("cut-comes-back", cut_comes_back, part="D3", replaces="persistence:load", breaks="RF-S8"),
    bug("vote-not-read", vote_not_read, part="D3", replaces="persistence:load", breaks="RF-S6"),
    bug("starts-afresh", starts_afresh, part="D3", replaces="persistence:load", breaks="RF-S6"),
    bug("executes-all", executes_all, part="D3", replaces="persistence:load", breaks="RF-S5"),
    bug(
        "refuses-torn-files",
        refuses_torn_files,
        part="D3",
        replaces="persistence:load",
        breaks="RF-L1",
        kind="liveness",
    ),
    bug(
        "never-minds-the-disk",
        NeverMindsTheDisk,
        part="D3",
        replaces="raft:Raft",
        breaks="RF-S8",
        source="fsyncgate, PostgreSQL 2018",
    ),
)
