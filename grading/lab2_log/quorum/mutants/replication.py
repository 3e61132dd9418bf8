"""Bugs of part D2: what is committed too early, cut for nothing, executed twice; followers that never catch up."""

from __future__ import annotations

from distlab.core import Address
from distlab.grade.lab import bug
from labs.lab2_log import election, machine, persistence, reads, replication, snapshots
from labs.lab2_log.quorum import (
    Answered,
    AppendEntries,
    AppendReply,
    Command,
    Entry,
    Reply,
    Request,
    State,
)
from labs.lab2_log.raft import Raft
from labs.lab2_log.raft_log import RaftLog
from labs.lab2_log.raft_state import Heartbeat, Progress
from labs.lab2_log.store import execute

on_request = replication.on_request
on_append_reply = replication.on_append_reply
obeys = election.obeys


def counts_old_terms(match: list[int], log: RaftLog, term: int, commit: int) -> int:
    """Commits whatever a majority has, of whatever term: figure 8 of the paper."""
    return max(commit, sorted(match, reverse=True)[len(match) // 2])


def one_short(match: list[int], log: RaftLog, term: int, commit: int) -> int:
    """Commits what half of five servers has: the leader and one other."""
    index = sorted(match, reverse=True)[max(1, len(match) // 2 - 1)]
    return index if index > commit and log.term_at(index) == term else commit


def counts_itself_twice(server: Raft) -> None:
    """Counts its own log, and then adds one for itself."""
    match = [progress.match for progress in server.progress.values()]
    match += [server.raft_log.last_index] * (2 if len(match) > 2 else 1)
    log, term = server.raft_log, server.term
    replication.commit_to(
        server,
        replication.commit_of_majority(
            sorted(match)[1:] if len(match) > 4 else match, log, term, server.commit
        ),
    )


def truncates_always(server: Raft, request: AppendEntries, sender: Address) -> None:
    """Cuts the log behind ``prev_index`` at every message: one that was overtaken takes acknowledged entries away."""
    log = server.raft_log
    prev = request.prev_index
    if prev > log.last_index or (prev >= log.base_index and log.term_at(prev) != request.prev_term):
        hint = replication.earlier(log, prev)
        server.send(sender, AppendReply(server.term, False, hint, request.round))
        return
    if request.entries and prev >= log.base_index:
        log.cut(prev + 1)
        log.append(request.entries)
        persistence.save_entries(server, prev + 1)
    match = prev + len(request.entries)
    replication.commit_to(server, min(request.commit, match))
    server.send(sender, AppendReply(server.term, True, match, request.round))


def _append(
    server: Raft,
    request: AppendEntries,
    sender: Address,
    *,
    bound: str = "new",
    by_index: bool = False,
    gaps: bool = False,
    match: str = "seen",
    cut: bool = True,
) -> None:
    """The follower of the reference, with one rule changed."""
    log = server.raft_log
    prev = request.prev_index
    is_missing = prev > log.last_index and not gaps
    is_other = log.base_index <= prev <= log.last_index and log.term_at(prev) != request.prev_term
    if is_missing or (is_other and not by_index):
        hint = replication.earlier(log, prev)
        server.send(sender, AppendReply(server.term, False, hint, request.round))
        return
    agreed = replication.first_conflict(log, prev, request.entries)
    if agreed < len(request.entries):
        first = prev + agreed + 1
        tail = log.entries[first - log.base_index - 1 + len(request.entries) - agreed :]
        log.cut(first)
        log.append(request.entries[agreed:])
        if not cut:
            log.append(tail)
        persistence.save_entries(server, first)
    upto = prev + len(request.entries)
    limit = {"new": upto, "none": request.commit, "end": log.last_index}[bound]
    replication.commit_to(server, min(request.commit, limit, log.last_index))
    said = upto if match == "seen" else log.last_index
    server.send(sender, AppendReply(server.term, True, said, request.round))


def commits_what_it_is_told(server: Raft, request: AppendEntries, sender: Address) -> None:
    """Takes over the leader's commit index, though the entries below it may be others than the leader's."""
    _append(server, request, sender, bound="none")


def commits_its_own_end(server: Raft, request: AppendEntries, sender: Address) -> None:
    """Bounds the commit index by the end of its own log, not by the last entry that it was shown."""
    _append(server, request, sender, bound="end")


def checks_the_index(server: Raft, request: AppendEntries, sender: Address) -> None:
    """Looks whether there is an entry at ``prev_index``, not which."""
    _append(server, request, sender, by_index=True)


def leaves_gaps(server: Raft, request: AppendEntries, sender: Address) -> None:
    """Takes entries whose predecessor is missing, and puts them at the end of what it has."""
    _append(server, request, sender, gaps=True)


def answers_for_its_end(server: Raft, request: AppendEntries, sender: Address) -> None:
    """Says that it agrees up to the end of its own log: entries behind what it was shown may be others."""
    _append(server, request, sender, match="end")


def keeps_the_tail(server: Raft, request: AppendEntries, sender: Address) -> None:
    """Replaces the entries that conflict, and keeps what stood behind them."""
    _append(server, request, sender, cut=False)


def goes_back(server: Raft, index: int) -> None:
    """Sets the commit index to what the newest message says, be it less than before."""
    while server.applied < index:
        server.applied += 1
        entry = server.raft_log.entry_at(server.applied)
        result = machine.apply(server.kv, entry.command)
        if (command := entry.command) is not None:
            client = server.waiting.pop((command.session, command.seq), None)
            if client is not None:
                server.send(client, Reply(command.session, command.seq, result))
    server.commit = index
    server.applied = min(server.applied, index)
    reads.answer(server)
    snapshots.compact(server)


def replies_at_once(server: Raft, request: Request, client: Address) -> None:
    """Answers when the command is in its log, not when it was executed."""
    command = request.command
    before = server.raft_log.last_index
    on_request(server, request, client)
    if server.role == "leader" and server.raft_log.last_index > before:
        server.send(client, Reply(command.session, command.seq, None))


def refusals_match(server: Raft, reply: AppendReply, sender: Address) -> None:
    """Takes the index that a refusal names for one up to which the logs agree."""
    on_append_reply(server, reply, sender)
    progress = server.progress.get(sender)
    if progress is not None and reply.match > progress.match:
        progress.match = reply.match
        replication.advance_commit(server)


def answers_of_old(server: Raft, term: int, sender: Address) -> bool:
    """Counts an answer that was given in an earlier term: since then the follower's log may have been cut."""
    election.catch_up(server, term)
    if server.role != "leader":
        return False
    server.answered.add(sender)
    return True


def dedup_at_the_door(state: State, command: Command | None) -> str | None:
    """The leader recognises what it is asked again; what stands in the log twice is executed twice."""
    if command is None:
        return None
    result = execute(state.items, command.operation)
    state.sessions[command.session] = Answered(command.seq, result)
    return result


def knows_the_newest(state: State, command: Command | None) -> str | None:
    """Recognises the newest command of a session, and takes an older one that comes late for a new one."""
    if command is None:
        return None
    known = state.sessions.get(command.session)
    if known is not None and command.seq == known.seq:
        return known.result
    result = execute(state.items, command.operation)
    state.sessions[command.session] = Answered(command.seq, result)
    return result


def no_sessions(state: State, command: Command | None) -> str | None:
    """Executes what stands in the log, as often as it stands there."""
    if command is None:
        return None
    return execute(state.items, command.operation)


def never_answers_again(server: Raft, request: Request, client: Address) -> None:
    """What was executed is done with: a client whose answer was lost asks in vain."""
    if server.role != "leader" or machine.answer_of(server.kv, request.command) is None:
        on_request(server, request, client)


def no_no_op(server: Raft) -> None:
    """Begins its term without an entry: what its predecessors left is not committed before somebody writes."""
    log = server.raft_log
    server.began = log.last_index
    server.progress = {peer: Progress(next=log.last_index + 1) for peer in server.peers}
    replication.broadcast(server)
    server.set_timer(Heartbeat(), server.config.heartbeat)


def never_backs_off(server: Raft, reply: AppendReply, sender: Address) -> None:
    """Told that the entry before is missing, it sends the same again."""
    if reply.success:
        on_append_reply(server, reply, sender)


def one_step_back(log: RaftLog, index: int) -> int:
    """Asks for the entry before, and for the one before that, one round trip each."""
    return index - 1


def one_at_a_time(server: Raft, peer: Address) -> None:
    """One entry in a message, and the next one when it was acknowledged."""
    log, progress = server.raft_log, server.progress_of(peer)
    prev = progress.next - 1
    if prev < log.base_index:
        snapshots.send_snapshot(server, peer)
        return
    entries = log.behind(prev, 1)
    message = AppendEntries(
        server.term, prev, log.term_at(prev), entries, server.commit, server.round
    )
    server.send(peer, message)
    progress.next += len(entries)
    progress.ahead = replication.AHEAD if entries else progress.ahead


def sends_with_the_heartbeat(server: Raft, entry: Entry) -> None:
    """Puts the entry into its log, and sends it when the next heartbeat is due."""
    first = server.raft_log.last_index + 1
    server.raft_log.append([entry])
    persistence.save_entries(server, first)
    if entry.command is None:
        replication.broadcast(server)


def chatters(server: Raft) -> None:
    """Sends heartbeats ten times as often as it should."""
    replication.broadcast(server)
    for progress in server.progress.values():
        progress.next = progress.match + 1 if progress.match else progress.next
    server.set_timer(Heartbeat(), server.config.heartbeat // 10)


def obeys_everybody(server: Raft, term: int, sender: Address) -> bool:
    """Takes entries from a leader of an earlier term, too."""
    return obeys(server, max(term, server.term), sender)


BUGS = (
    bug(
        "counts-old-terms",
        counts_old_terms,
        part="D2",
        replaces="replication:commit_of_majority",
        breaks="RF-S4",
        code="m1",
        source="Ongaro and Ousterhout 2014, figure 8",
    ),
    bug(
        "one-short",
        one_short,
        part="D2",
        replaces="replication:commit_of_majority",
        breaks="RF-S4",
    ),
    bug(
        "counts-itself-twice",
        counts_itself_twice,
        part="D2",
        replaces="replication:advance_commit",
        breaks="RF-S4",
        code="m15",
        source="after KAFKA-16530",
    ),
    bug(
        "truncates-always",
        truncates_always,
        part="D2",
        replaces="replication:on_append_entries",
        breaks="RF-S3",
        code="m9",
        source="Students' Guide to Raft",
    ),
    bug(
        "commits-what-it-is-told",
        commits_what_it_is_told,
        part="D2",
        replaces="replication:on_append_entries",
        breaks="RF-S5",
        code="m11",
    ),
    bug(
        "commits-its-own-end",
        commits_its_own_end,
        part="D2",
        replaces="replication:on_append_entries",
        breaks="RF-S5",
    ),
    bug(
        "checks-the-index",
        checks_the_index,
        part="D2",
        replaces="replication:on_append_entries",
        breaks="RF-S3",
    ),
    bug(
        "leaves-gaps",
        leaves_gaps,
        part="D2",
        replaces="replication:on_append_entries",
        breaks="RF-S3",
    ),
    bug(
        "answers-for-its-end",
        answers_for_its_end,
        part="D2",
        replaces="replication:on_append_entries",
        breaks="RF-S3",
    ),
    bug(
        "keeps-the-tail",
        keeps_the_tail,
        part="D2",
        replaces="replication:on_append_entries",
        breaks="RF-S3",
    ),
    bug("commit-goes-back", goes_back, part="D2", replaces="replication:commit_to", breaks="RF-S5"),
    bug(
        "replies-at-once",
        replies_at_once,
        part="D2",
        replaces="replication:on_request",
        breaks="RF-S7",
        code="m13",
    ),
    bug(
        "no-sessions", no_sessions, part="D2", replaces="machine:apply", breaks="RF-S5", code="m18"
    ),
    bug(
        "dedup-at-the-door",
        dedup_at_the_door,
        part="D2",
        replaces="machine:apply",
        breaks="RF-S5",
        code="m18",
    ),
    bug(
        "knows-the-newest",
        knows_the_newest,
        part="D2",
        replaces="machine:apply",
        breaks="RF-S5",
    ),
    bug(
        "refusals-match",
        refusals_match,
        part="D2",
        replaces="replication:on_append_reply",
        breaks="RF-S4",
    ),
    bug(
        "answers-of-old",
        answers_of_old,
        part="D2",
        replaces="election:is_answer_to_leader",
        breaks="RF-S4",
    ),
    bug(
        "never-answers-again",
        never_answers_again,
        part="D2",
        replaces="replication:on_request",
        breaks="RF-L1",
        kind="liveness",
    ),
    bug(
        "no-no-op",
        no_no_op,
        part="D2",
        replaces="replication:begin_leadership",
        breaks="RF-L3",
        kind="liveness",
    ),
    bug(
        "never-backs-off",
        never_backs_off,
        part="D2",
        replaces="replication:on_append_reply",
        breaks="RF-L3",
        kind="liveness",
    ),
    bug(
        "one-step-back",
        one_step_back,
        part="D2",
        replaces="replication:earlier",
        breaks="RF-L3",
        kind="cost",
        source="Ongaro and Ousterhout 2014, section 5.3",
    ),
    bug(
        "one-at-a-time",
        one_at_a_time,
        part="D2",
        replaces="replication:send_entries",
        breaks="RF-L2",
        kind="cost",
    ),
    bug(
        "sends-with-the-heartbeat",
        sends_with_the_heartbeat,
        part="D2",
        replaces="replication:propose",
        breaks="RF-L2",
        kind="cost",
    ),
    bug(
        "chatters",
        chatters,
        part="D2",
        replaces="replication:on_heartbeat",
        breaks="RF-C3",
        kind="cost",
    ),
    bug(
        "obeys-everybody",
        obeys_everybody,
        part="D2",
        replaces="election:obeys",
        breaks="RF-S3",
    ),
)
