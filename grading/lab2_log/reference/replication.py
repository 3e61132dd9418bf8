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
    # BEGIN SOLUTION D2: compare terms, entry by entry
    agreed = 0
    for index, entry in enumerate(entries, prev_index + 1):
        if index > log.last_index or (index > log.base_index and log.term_at(index) != entry.term):
            break
        agreed += 1
    return agreed
    # END SOLUTION


def commit_of_majority(match: list[int], log: RaftLog, term: int, commit: int) -> int:
    """The commit index of a leader of ``term``, if the servers' logs (its own, too) match so far.

    That is ``commit`` where nothing more can be committed (§5.3, §5.4.2).
    """
    # BEGIN SOLUTION D2: what a majority has, if it is of this term
    index = sorted(match, reverse=True)[len(match) // 2]
    return index if index > commit and log.term_at(index) == term else commit
    # END SOLUTION


# -- the leader ---------------------------------------------------------------------------------------


def begin_leadership(server: Server) -> None:
    """Nothing is known of the followers; the first entry of the term is a no-op (§8)."""
    # BEGIN SOLUTION D2: fresh progress for all, a no-op, and tell everybody
    log = server.raft_log
    server.began = log.last_index + 1
    server.progress = {peer: Progress(next=log.last_index + 1) for peer in server.peers}
    propose(server, Entry(server.term))
    server.set_timer(Heartbeat(), server.config.heartbeat)
    # END SOLUTION


def end_leadership(server: Server) -> None:
    """No leader any more: clients that wait ask the next one, and for its log it answers as a follower."""
    # BEGIN SOLUTION D2: save what was to be saved with others; send those that wait away
    save(server)
    waiting, server.waiting = server.waiting, {}
    for (session, seq), client in waiting.items():
        send_away(server, session, seq, client)
    # END SOLUTION


def on_request(server: Server, request: Request, client: Address) -> None:
    """A client wants something: only a leader can do it, and it does it once."""
    command = request.command
    # BEGIN SOLUTION D2: send it away; or answer again; or let reads.py read, members.py change; or propose it
    if server.role != "leader":
        send_away(server, command.session, command.seq, client)
    elif (answered := machine.answer_of(server.kv, command)) is not None:
        server.send(client, Reply(command.session, command.seq, answered.result))
    elif isinstance(command.operation, Get):
        reads.on_read(server, command, client)
    elif (command.session, command.seq) in server.waiting:
        pass  # it asks again, and is in the log
    elif isinstance(command.operation, AddServer | RemoveServer):
        members.on_change(server, command, client)
    else:
        server.waiting[command.session, command.seq] = client
        propose(server, Entry(server.term, command))
    # END SOLUTION


def send_away(server: Server, session: str, seq: int, client: Address) -> None:
    """Tell a client whom to ask."""
    # BEGIN SOLUTION D2: NotLeader, with the leader if there is one
    leader = server.leader if server.leader != server.address else None
    server.send(client, NotLeader(session, seq, leader))
    # END SOLUTION


def propose(server: Server, entry: Entry) -> None:
    """Put an entry at the end of the leader's own log, and see to it that it gets round."""
    # BEGIN SOLUTION D2: append; send and save it, now or with others
    server.raft_log.append([entry])
    spread(server)
    # END SOLUTION


# BEGIN SOLUTION D2: your own helpers
def spread(server: Server) -> None:
    """What is new goes to all who have room for it, and onto our own disk meanwhile (thesis §10.2.1)."""
    last = server.raft_log.last_index
    ready = [peer for peer in server.peers if server.progress_of(peer).ahead < AHEAD]
    for peer in ready:
        if server.progress_of(peer).next <= last:
            send_entries(server, peer)
    if ready or not server.peers:
        save(server)
    advance_commit(server)


def save(server: Server) -> None:
    """All of the log is on disk before what is sent from now on."""
    if server.saved < server.raft_log.last_index:
        persistence.save_entries(server, server.saved + 1)


# END SOLUTION


def send_entries(server: Server, peer: Address) -> None:
    """What this follower lacks, as far as it fits; nothing but a heartbeat if it lacks nothing."""
    # BEGIN SOLUTION D2: entries from progress.next on; a snapshot where they are gone
    log, progress = server.raft_log, server.progress_of(peer)
    prev = progress.next - 1
    if prev < log.base_index:
        snapshots.send_snapshot(server, peer)
        return
    entries = log.behind(prev, server.config.batch)
    message = AppendEntries(
        term=server.term,
        prev_index=prev,
        prev_term=log.term_at(prev),
        entries=entries,
        commit=server.commit,
        round=server.round,
    )
    server.send(peer, message)
    progress.next += len(entries)  # the next message goes on there, without waiting for an answer
    progress.ahead += bool(entries)
    # END SOLUTION


def broadcast(server: Server) -> None:
    """To every follower what it lacks."""
    # BEGIN SOLUTION D2: send_entries to all peers
    for peer in server.peers:
        send_entries(server, peer)
    # END SOLUTION


def on_heartbeat(server: Server) -> None:
    """What was sent and not answered is sent again."""
    # BEGIN SOLUTION D2: go back to what is certain, send, set the timer anew
    for progress in server.progress.values():
        progress.next = progress.match + 1 if progress.match else progress.next
        progress.ahead = 0
    broadcast(server)
    server.set_timer(Heartbeat(), server.config.heartbeat)
    # END SOLUTION


def on_append_reply(server: Server, reply: AppendReply, sender: Address) -> None:
    """A follower of this leader has answered: it agrees up to ``match``, or wants earlier entries."""
    # BEGIN SOLUTION D2: note what matches and commit; or go back
    progress = server.progress_of(sender)
    progress.ahead = max(0, progress.ahead - 1)
    if reply.success:
        if reply.match > progress.match:
            progress.match = reply.match
            progress.next = max(progress.next, reply.match + 1)
        spread(server)
    elif progress.match <= reply.match < progress.next - 1:
        progress.next = reply.match + 1
        send_entries(server, sender)
    # END SOLUTION


def advance_commit(server: Server) -> None:
    """Commit what a majority has."""
    # BEGIN SOLUTION D2: by commit_of_majority, among the members
    match = [server.progress_of(peer).match for peer in server.peers]
    if server.address in server.members:
        match.append(server.saved)
    commit_to(server, commit_of_majority(match, server.raft_log, server.term, server.commit))
    # END SOLUTION


# -- the follower -------------------------------------------------------------------------------------


def on_append_entries(server: Server, request: AppendEntries, sender: Address) -> None:
    """From the leader of this term: take the entries if the one before them is here (§5.3)."""
    # BEGIN SOLUTION D2: say no; or cut at the first conflict, take the rest, save, commit, say yes
    log = server.raft_log
    prev = request.prev_index
    if prev > log.last_index or (prev >= log.base_index and log.term_at(prev) != request.prev_term):
        hint = earlier(log, prev)
        server.send(sender, AppendReply(server.term, False, hint, request.round))
        return
    agreed = first_conflict(log, prev, request.entries)
    if agreed < len(request.entries):
        first = prev + agreed + 1
        log.cut(first)
        log.append(request.entries[agreed:])
        persistence.save_entries(server, first)
    match = prev + len(request.entries)
    commit_to(server, min(request.commit, match))
    server.send(sender, AppendReply(server.term, True, match, request.round))
    # END SOLUTION


def earlier(log: RaftLog, index: int) -> int:
    """Where a leader may try next, if the entry at ``index`` is missing or of another term (§5.3)."""
    # BEGIN SOLUTION D2: the end of the log, or before the term that conflicts
    if index > log.last_index:
        return log.last_index
    term = log.term_at(index)
    while index > log.base_index and log.term_at(index) == term:
        index -= 1
    return index
    # END SOLUTION


# -- everybody ----------------------------------------------------------------------------------------


def commit_to(server: Server, index: int) -> None:
    """All up to ``index`` is committed: execute it in order, and answer those who wait (§5.3)."""
    # BEGIN SOLUTION D2: execute what is new; reply after it was executed
    if index <= server.commit:
        return
    server.commit = index
    while server.applied < server.commit:
        server.applied += 1
        entry = server.raft_log.entry_at(server.applied)
        result = machine.apply(server.kv, entry.command)
        if (command := entry.command) is not None:
            client = server.waiting.pop((command.session, command.seq), None)
            if client is not None:
                server.send(client, Reply(command.session, command.seq, result))
    reads.answer(server)
    snapshots.compact(server)
    members.on_commit(server)
    # END SOLUTION
