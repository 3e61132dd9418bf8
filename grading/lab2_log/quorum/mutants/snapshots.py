"""Bugs of part D4: snapshots that hold too little, or come at the wrong time; reads that see too little."""

from __future__ import annotations

from distlab.core import Address
from distlab.grade.lab import bug
from labs.lab2_log import persistence, reads, replication, snapshots
from labs.lab2_log.persistence import FILE, Ballot, Placed, Snapshot
from labs.lab2_log.quorum import (
    AppendReply,
    Command,
    Entry,
    Get,
    InstallSnapshot,
    Reply,
    Request,
    State,
)
from labs.lab2_log.raft import Raft
from labs.lab2_log.raft_state import Reading
from labs.lab2_log.store import execute

send_snapshot = snapshots.send_snapshot
on_request = replication.on_request


def no_sessions_inside(snapshot: State | None) -> State:
    """Copies the items, and not who was answered what: old commands are executed again."""
    return State({}, {}) if snapshot is None else State(dict(snapshot.items), {})


def _install(
    server: Raft,
    request: InstallSnapshot,
    sender: Address,
    *,
    old: bool = False,
    rest: str = "",
    saves: bool = True,
    state: bool = True,
) -> None:
    """The reference, with one rule changed."""
    if old or request.last_index > server.commit:
        log = server.raft_log
        server.snapshot = request.state
        if state:
            server.kv = persistence.copied(request.state)
        tail = log.entries[max(0, request.last_index - log.base_index) :]
        log.forget(request.last_index, request.last_term)
        if rest == "keeps":
            log.entries = tail
        elif rest == "drops":
            log.entries = []
        server.commit = server.applied = request.last_index
        if saves:
            persistence.save_snapshot(server)
    server.send(sender, AppendReply(server.term, True, request.last_index, request.round))


def takes_old_ones(server: Raft, request: InstallSnapshot, sender: Address) -> None:
    """Takes a snapshot that is older than its own state, and goes back in time."""
    _install(server, request, sender, old=True)


def drops_the_rest(server: Raft, request: InstallSnapshot, sender: Address) -> None:
    """Empties its log for a snapshot, though entries behind it were acknowledged."""
    _install(server, request, sender, rest="drops")


def keeps_the_rest(server: Raft, request: InstallSnapshot, sender: Address) -> None:
    """Keeps what stands behind a snapshot, though its own entry there was another one."""
    _install(server, request, sender, rest="keeps")


def not_on_disk(server: Raft, request: InstallSnapshot, sender: Address) -> None:
    """Acknowledges a snapshot that is in memory only."""
    _install(server, request, sender, saves=False)


def not_in_the_state(server: Raft, request: InstallSnapshot, sender: Address) -> None:
    """Saves the snapshot, moves its indices, and goes on with the state that it had."""
    _install(server, request, sender, state=False)


def never_compacts(server: Raft) -> None:
    """Keeps all entries for ever."""


def compacts_memory_only(server: Raft) -> None:
    """Forgets entries in memory; the file grows for ever."""
    log, limit = server.raft_log, server.config.snapshot_after
    if limit is not None and server.applied - log.base_index > limit:
        server.snapshot = persistence.copied(server.kv)
        log.forget(server.applied, log.term_at(server.applied))
        server.disk.append(
            FILE, Snapshot(log.base_index, log.base_term, server.snapshot, log.base_members)
        )
        persistence.save_entries(server, log.base_index + 1)


def compacts_too_much(server: Raft) -> None:
    """Forgets all entries, those that are not executed yet, too."""
    log, limit = server.raft_log, server.config.snapshot_after
    if limit is not None and server.applied - log.base_index > limit:
        server.snapshot = persistence.copied(server.kv)
        log.forget(log.last_index, log.last_term)
        server.commit = server.applied = log.last_index
        persistence.save_snapshot(server)


def in_place(server: Raft) -> None:
    """Writes the new file over the old one: a crash in between leaves neither."""
    log = server.raft_log
    server.disk.truncate(FILE, 0)
    server.disk.sync(FILE)
    if server.snapshot is not None:
        server.disk.append(
            FILE, Snapshot(log.base_index, log.base_term, server.snapshot, log.base_members)
        )
    server.disk.append(FILE, Ballot(server.term, server.voted_for))
    server.disk.append(FILE, Placed(log.base_index + 1, tuple(log.entries)))
    server.disk.sync(FILE)
    server.ballots, server.is_named, server.saved = 1, True, log.last_index


def _rewrite(server: Raft, *, term: bool = True, ballot: bool = True, rest: bool = True) -> None:
    log, new = server.raft_log, FILE + ".new"
    server.disk.delete(new)
    if server.snapshot is not None:
        last_term = log.base_term if term else 0
        server.disk.append(
            new, Snapshot(log.base_index, last_term, server.snapshot, log.base_members)
        )
    if ballot:
        server.disk.append(new, Ballot(server.term, server.voted_for))
    if rest:
        server.disk.append(new, Placed(log.base_index + 1, tuple(log.entries)))
    server.disk.sync(new)
    server.disk.replace(new, FILE)
    server.disk.sync("/")
    server.ballots, server.is_named, server.saved = 1, True, log.last_index


def without_its_term(server: Raft) -> None:
    """Saves up to which index a snapshot goes, and not the term of that entry."""
    _rewrite(server, term=False)


def without_the_vote(server: Raft) -> None:
    """The new file holds the state; term and vote are gone with the old one."""
    _rewrite(server, ballot=False)


def without_the_rest(server: Raft) -> None:
    """The new file holds the state; entries behind the snapshot are gone with the old one."""
    _rewrite(server, rest=False)


def never_sends_one(server: Raft, peer: Address) -> None:
    """Sends what it has to a follower that needs more."""
    server.progress[peer].next = server.raft_log.base_index + 1
    log, progress = server.raft_log, server.progress[peer]
    entries = log.behind(progress.next - 1, server.config.batch)
    message = replication.AppendEntries(
        server.term, log.base_index, log.base_term, entries, server.commit, server.round
    )
    server.send(peer, message)


def reads_from_memory(server: Raft, command: Command, client: Address) -> None:
    """Answers at once: the leader knows best, and if it leads no more it does not know that either."""
    if server.applied < server.began:
        server.readings.append(Reading(client, command, server.began, 0))
        return
    assert isinstance(command.operation, Get)
    result = execute(server.kv.items, command.operation)
    server.send(client, Reply(command.session, command.seq, result))


def reads_too_early(server: Raft, command: Command, client: Address) -> None:
    """Waits for a round, and not for an entry of its own term: it does not know yet what is committed."""
    server.round += 1
    server.readings.append(Reading(client, command, server.commit, server.round))
    replication.broadcast(server)
    reads.answer(server)


def any_round_will_do(server: Raft, command: Command, client: Address) -> None:
    """Takes an answer to any heartbeat for an answer to this one, also if it was given before the read came."""
    server.readings.append(Reading(client, command, max(server.commit, server.began), server.round))
    for progress in server.progress.values():
        progress.round = -1
    replication.broadcast(server)


def sent_is_installed(server: Raft, peer: Address) -> None:
    """Takes a snapshot that was sent for one that was installed: if it is lost, nobody sends it again."""
    send_snapshot(server, peer)
    server.progress[peer].match = server.raft_log.base_index


def anybody_answers(server: Raft, request: Request, client: Address) -> None:
    """Every server answers reads, from what it has executed so far."""
    command = request.command
    if isinstance(command.operation, Get) and server.role != "leader":
        result = execute(server.kv.items, command.operation)
        server.send(client, Reply(command.session, command.seq, result))
    else:
        on_request(server, request, client)


class LeaseByTheWallClock(Raft):
    """Answers reads at once for a hundred milliseconds after a majority has answered: as the wall clock counts them."""

    leased: int | None

    def on_start(self) -> None:
        self.leased = None
        super().on_start()

    def on_append_reply(self, reply: AppendReply, sender: Address) -> None:
        super().on_append_reply(reply, sender)
        if self.role == "leader" and reply.term == self.term and self.applied >= self.began:
            self.leased = self.now() + 100_000

    def on_request(self, request: Request, client: Address) -> None:
        command = request.command
        is_leased = self.role == "leader" and self.leased is not None and self.now() < self.leased
        if isinstance(command.operation, Get) and is_leased and len(self.peers) == 2:
            result = execute(self.kv.items, command.operation)
            self.send(client, Reply(command.session, command.seq, result))
        else:
            super().on_request(request, client)


def reads_in_the_log(server: Raft, command: Command, client: Address) -> None:
    """Puts reads into the log: they are right, and cost as much as writes."""
    if (command.session, command.seq) not in server.waiting:
        server.waiting[command.session, command.seq] = client
        replication.propose(server, Entry(server.term, command))


def waits_for_all(server: Raft) -> None:
    """Answers a read when all the others have confirmed it: one server that is down stops all reads."""
    left = []
    for reading in server.readings:
        confirmed = [p for p in server.progress.values() if p.round >= reading.round]
        if len(confirmed) == len(server.peers) and server.applied >= reading.index:
            command = reading.command
            result = execute(server.kv.items, command.operation)
            server.send(reading.client, Reply(command.session, command.seq, result))
        else:
            left.append(reading)
    server.readings = left


def itself_is_enough(server: Raft) -> None:
    """Answers a read when one less than a majority has confirmed it."""
    left = []
    for reading in server.readings:
        confirmed = [p for p in server.progress.values() if p.round >= reading.round]
        is_confirmed = len(confirmed) + 2 >= server.config.majority
        if is_confirmed and server.applied >= reading.index:
            command = reading.command
            result = execute(server.kv.items, command.operation)
            server.send(reading.client, Reply(command.session, command.seq, result))
        else:
            left.append(reading)
    server.readings = left


BUGS = (
    bug(
        "no-sessions-inside",
        no_sessions_inside,
        part="D4",
        replaces="persistence:copied",
        breaks="RF-S5",
    ),
    *(
        bug(name, by, part="D4", replaces="snapshots:on_install_snapshot", breaks=breaks)
        for name, by, breaks in (
            ("takes-old-snapshots", takes_old_ones, "RF-S5"),
            ("drops-the-rest", drops_the_rest, "RF-S8"),
            ("keeps-the-rest", keeps_the_rest, "RF-S8"),
            ("snapshot-in-memory", not_on_disk, "RF-S8"),
            ("snapshot-beside-the-state", not_in_the_state, "RF-S5"),
        )
    ),
    bug(
        "never-compacts",
        never_compacts,
        part="D4",
        replaces="snapshots:compact",
        breaks="RF-C1",
        kind="cost",
    ),
    bug(
        "compacts-memory-only",
        compacts_memory_only,
        part="D4",
        replaces="snapshots:compact",
        breaks="RF-C1",
        kind="cost",
    ),
    bug(
        "compacts-too-much",
        compacts_too_much,
        part="D4",
        replaces="snapshots:compact",
        breaks="RF-S5",
    ),
    bug(
        "snapshot-in-place",
        in_place,
        part="D4",
        replaces="persistence:save_snapshot",
        breaks="RF-S8",
    ),
    bug(
        "snapshot-without-its-term",
        without_its_term,
        part="D4",
        replaces="persistence:save_snapshot",
        breaks="RF-S8",
    ),
    bug(
        "snapshot-without-the-vote",
        without_the_vote,
        part="D4",
        replaces="persistence:save_snapshot",
        breaks="RF-S6",
    ),
    bug(
        "snapshot-without-the-rest",
        without_the_rest,
        part="D4",
        replaces="persistence:save_snapshot",
        breaks="RF-S8",
    ),
    bug(
        "never-sends-snapshots",
        never_sends_one,
        part="D4",
        replaces="snapshots:send_snapshot",
        breaks="RF-L3",
        kind="liveness",
    ),
    bug(
        "reads-from-memory",
        reads_from_memory,
        part="D4",
        replaces="reads:on_read",
        breaks="RF-S7",
    ),
    bug("reads-too-early", reads_too_early, part="D4", replaces="reads:on_read", breaks="RF-S7"),
    bug(
        "any-round-will-do", any_round_will_do, part="D4", replaces="reads:on_read", breaks="RF-S7"
    ),
    bug(
        "sent-is-installed",
        sent_is_installed,
        part="D4",
        replaces="snapshots:send_snapshot",
        breaks="RF-L3",
        kind="liveness",
    ),
    bug(
        "anybody-answers-reads",
        anybody_answers,
        part="D4",
        replaces="replication:on_request",
        breaks="RF-S7",
        source="after Jepsen's tests of etcd and Consul, 2014",
    ),
    bug(
        "lease-by-the-wall-clock",
        LeaseByTheWallClock,
        part="D4",
        replaces="raft:Raft",
        breaks="RF-S7",
    ),
    bug(
        "reads-in-the-log",
        reads_in_the_log,
        part="D4",
        replaces="reads:on_read",
        breaks="RF-C2",
        kind="cost",
    ),
    bug(
        "reads-wait-for-all",
        waits_for_all,
        part="D4",
        replaces="reads:answer",
        breaks="RF-L1",
        kind="liveness",
    ),
    bug("one-less-confirms", itself_is_enough, part="D4", replaces="reads:answer", breaks="RF-S7"),
)
