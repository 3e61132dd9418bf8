"""The judges of part 2D: what each promise says of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from distlab.check import Entry as Call
from distlab.check import Verdict, broken, kept, unknown
from distlab.check.linear import CAS, LIST, linearizable
from distlab.check.linear import operations as ops
from distlab.core import MS, Address
from distlab.core.values import Ok
from distlab.grade.lab import Run
from distlab.trace import Kind
from grading.lab2_log.quorum.chronicle import Chronicle, chronicle
from labs.lab2_log.quorum import (
    AddServer,
    Answered,
    Append,
    AppendEntries,
    AppendReply,
    Cas,
    Entry,
    Get,
    InstallSnapshot,
    Put,
    RemoveServer,
    RequestVote,
    State,
    Status,
    VoteReply,
)
from labs.lab2_log.store import execute

Judge = Callable[[Run], Verdict]

ELECTION = 300 * MS
"""The longest election time-out of every scenario."""
IN_TIME = 10 * ELECTION
"""RF-L1's bound: within so long after all is well, a command is answered."""
ENOUGH = 100
"""Commands without which a pace means nothing."""
SETTLED = 1_000 * MS
"""When there is a leader in a run without faults, and its clients know it."""
CAUGHT_UP = 2_000 * MS
"""RF-L3's bound, after all is well."""


def judged(code: str, *judges: Judge) -> Judge:
    """What a play has to say about this promise comes first, then the judges, in order."""

    def judge(run: Run) -> Verdict:
        play = run.notes.get("play")
        for complaint in play.complaints if play is not None else ():
            if complaint.code == code:
                return broken(
                    complaint.reason,
                    complaint.event,
                    expected=complaint.expected,
                    got=complaint.got,
                )
        for each in judges:
            verdict = each(run)
            if not verdict.is_kept:
                return verdict
        return kept()

    return judge


def follows(*rules: str) -> Judge:
    """The chronicle holds nothing against these rules."""

    def judge(run: Run) -> Verdict:
        wrong = chronicle(run).wrong
        for rule in rules:
            if rule in wrong:
                found = wrong[rule]
                return broken(found.reason, *found.events, expected=found.expected, got=found.got)
        return kept()

    return judge


# -- state machines (RF-S5) -------------------------------------------------------------------------------------------


def same_state(run: Run) -> Verdict:
    """Each server's state is what the committed entries make, in order, each command once."""
    books = chronicle(run)
    done: dict[int, dict[str, str]] = {}
    for address, status in run.probes.items():
        if run.cluster.role(address) != "server":
            continue
        if not isinstance(status, Status):
            return broken(
                f"{address} does not say what it has executed: its probe is no Status",
                expected="a Status",
                got=status,
            )
        if status.applied > status.commit or status.applied > status.last_index:
            return broken(
                f"{address} has executed entry {status.applied}, which is not committed",
                *_last_event(run, address),
                expected=f"at most {min(status.commit, status.last_index)}",
                got=status.applied,
            )
        if status.applied not in done:
            log = committed_log(books, status)
            if log is None:
                continue
            done[status.applied] = replayed(log)
        if status.state.items != (items := done[status.applied]):
            key = next(
                k
                for k in sorted(items.keys() | status.state.items.keys())
                if items.get(k) != status.state.items.get(k)
            )
            return broken(
                f"{address} has executed {status.applied} entries, and {key!r} is not what they make of it",
                *_last_event(run, address),
                expected=items.get(key),
                got=status.state.items.get(key),
            )
    return kept()


def _last_event(run: Run, address: str) -> list[int]:
    found = [e.id for e in run.trace.of(Kind.DELIVER) if e.node == address]
    return found[-1:]


def committed_log(books: Chronicle, status: Status) -> list[Entry] | None:
    """The entries 1 to ``status.applied``; None where some of them were never seen."""
    own: dict[int, int] = {}
    index, term = status.last_index, status.last_term
    while index and (placed := books.placed.get((index, term))) is not None:
        own[index] = term
        index, term = index - 1, placed.before
    log = []
    for index in range(1, status.applied + 1):
        known = books.committed.get(index)
        named = known.term if known is not None else own.get(index)
        if named is None or (index, named) not in books.placed:
            return None
        log.append(books.placed[index, named].entry)
    return log


def replayed(log: list[Entry]) -> dict[str, str]:
    """What executing these entries makes."""
    state = State()
    for entry in log:
        command = entry.command
        if command is None:
            continue
        before = state.sessions.get(command.session)
        if before is None or command.seq > before.seq:
            result = execute(state.items, command.operation)
            state.sessions[command.session] = Answered(command.seq, result)
    return state.items


# -- clients (RF-S7) --------------------------------------------------------------------------------------------------


def linear(run: Run) -> Verdict:
    """The clients' history is linearizable; appended text stands in the value once."""
    registers: list[Call] = []
    lists: list[Call] = []
    for call in run.history:
        operation = call.operation
        key = getattr(operation, "key", "")
        target = lists if key.startswith("l") else registers
        translated: Any
        match operation:
            case Put(key, value):
                translated = ops.Write(value, key)
            case Get(key):
                translated = ops.Read(key)
            case Append(key, text):
                translated = ops.Append(text.strip(), key)
            case Cas(key, old, new):
                translated = ops.Cas(old, new, key)
            case _:
                continue
        outcome = call.outcome
        if target is lists and isinstance(operation, Get) and call.is_ok:
            outcome = Ok(tuple((call.value or "").split()))
        target.append(msgspec.structs.replace(call, operation=translated, outcome=outcome))
    verdict = linearizable(registers, CAS)
    return verdict if not verdict.is_kept else linearizable(lists, LIST)


def reads_cost_nothing(run: Run) -> Verdict:
    """RF-C2: no entry of the log is a read."""
    for event in run.trace.of(Kind.SEND):
        if isinstance(event.what, AppendEntries):
            for entry in event.what.entries:
                if entry.command is not None and isinstance(entry.command.operation, Get):
                    return broken(
                        f"{event.node} put a read into its log",
                        event.id,
                        expected="a round of heartbeats",
                        got=entry,
                    )
    return kept()


# -- in time (RF-L*) --------------------------------------------------------------------------------------------------


def well_from(run: Run) -> int:
    """Since when a majority has been up and connected."""
    return int(run.scenario.shape.get("well_from", run.scenario.plan.heal_at or 0))


def answered_in_time(run: Run) -> Verdict:
    """RF-L1: what is asked once all is well is answered within ten election time-outs."""
    if "play" in run.scenario.shape:
        return kept()
    well = well_from(run)
    for call in run.history:
        deadline = max(call.began, well) + IN_TIME
        if call.is_ok and call.ended is not None and call.ended <= deadline:
            continue
        if call.began >= well and run.time >= deadline:
            return broken(
                f"{call.operation!r} was not answered within ten election time-outs",
                call.call,
                *([call.ret] if call.ret else []),
                expected=f"an answer by {deadline / 1000:.0f} ms",
                got="none"
                if call.ended is None
                else f"{call.outcome!r} at {call.ended / 1000:.0f} ms",
            )
    return kept()


def leader_stays(run: Run) -> Verdict:
    """RF-L4: while a majority hears its leader, nobody else's trouble deposes it."""
    since = run.scenario.shape.get("steady")
    if since is None:
        return kept()
    books = chronicle(run)
    before = max((term for time, term, _ in books.terms if time < since), default=0)
    if before not in books.leaders:  # nobody led yet
        return kept()
    for event in run.trace.of(Kind.SEND):
        if event.time >= since and isinstance(event.what, RequestVote):
            return broken(
                f"{event.node} stands in term {event.what.term}, and a majority heard the leader of term {before} "
                "all the while",
                books.leaders[before][2],
                event.id,
                expected="the leader stays",
                got=event.what,
            )
    return kept()


def was_steady(run: Run) -> bool:
    """One follower was in trouble, and the others heard their leader."""
    since = run.scenario.shape.get("steady")
    if since is None or not run.scenario.plan.faults:
        return False
    books = chronicle(run)
    before = max((term for time, term, _ in books.terms if time < since), default=0)
    return before in books.leaders


def has_caught_up(run: Run) -> Verdict:
    """RF-L3: some time after all is well, all servers have executed all that was answered."""
    if "play" in run.scenario.shape or not run.scenario.calls:
        return kept()
    ends = [call.ended for call in run.history if call.ended is not None]
    if run.time < max([well_from(run), *ends]) + CAUGHT_UP or run.scenario.shape.get("never_well"):
        return kept()
    members = members_in_the_end(run)
    states = {a: s for a, s in run.probes.items() if isinstance(s, Status) and a in members}
    if not states:
        return unknown("nobody is up")
    first = max(states.values(), key=lambda s: s.applied)
    for address, status in states.items():
        if status.applied < first.applied:
            return broken(
                f"{address} has executed {status.applied} of {first.applied} entries, {CAUGHT_UP // MS} ms after "
                "all was well",
                *_last_event(run, address),
                expected=first.applied,
                got=status.applied,
            )
    return kept()


def members_in_the_end(run: Run) -> tuple[str, ...]:
    """Who the servers are, as the newest leader says, or by what is known to be committed where nobody leads."""
    told = [s for s in run.probes.values() if isinstance(s, Status) and s.role == "leader"]
    newest = max(told, key=lambda status: status.term, default=None)
    return (newest.members if newest is not None else ()) or chronicle(run).members


def _moved(call: Call) -> Address:
    """Whom the change is about."""
    assert isinstance(call.operation, AddServer | RemoveServer)
    return call.operation.server


def in_force(run: Run) -> Verdict:
    """RF-M2: who was added last is a member, who was removed is none, and leads no more."""
    if "play" in run.scenario.shape:
        return kept()
    ends = [call.ended for call in run.history if call.ended is not None]
    if not ends or run.time < max(well_from(run), *ends) + CAUGHT_UP:
        return kept()
    members = members_in_the_end(run)
    changes = [c for c in run.history if isinstance(c.operation, AddServer | RemoveServer)]
    gone = {_moved(c) for c in changes if isinstance(c.operation, RemoveServer)}
    first = {*chronicle(run).initial}
    for call in changes:
        server = _moved(call)
        others = [c for c in changes if _moved(c) == server and c is not call]
        is_last = all(c.ended is not None and c.ended < call.began for c in others)
        is_added = isinstance(call.operation, AddServer)
        may_be_alone = first <= gone | {server}  # for a while; and then it stays
        if call.is_ok and is_last and not may_be_alone and is_added != (server in members):
            return broken(
                f"{call.operation!r} was answered, and {server} is {'no' if is_added else 'still a'} member in the end",
                call.call,
                *([call.ret] if call.ret else []),
                expected=f"{server} {'among' if is_added else 'not among'} the members",
                got=", ".join(members),
            )
    for address, status in run.probes.items():
        is_leader = isinstance(status, Status) and status.role == "leader"
        if is_leader and address not in members:
            return broken(
                f"{address} was removed, and leads",
                *_last_event(run, address),
                expected="a follower",
                got="a leader",
            )
    return kept()


def throughput(run: Run) -> Verdict:
    """RF-L2: with commands enough under way, one is committed per round trip, though 20 % of messages are lost.

    And where nothing is lost, a command that comes alone takes a few round trips, not a heartbeat.
    """
    pace = run.scenario.shape.get("pace")
    if pace is None:
        return kept()
    if (most := pace.get("alone")) is not None:
        for call in run.history.entries[1:]:  # the first one finds the leader
            if call.began >= SETTLED and (call.ended is None or call.ended > call.began + most):
                return broken(
                    f"{call.operation!r} took longer than {most // MS} ms, with nobody in its way",
                    call.call,
                    *([call.ret] if call.ret else []),
                    expected="a round trip to the leader, and one to a follower",
                    got="no answer"
                    if call.ended is None
                    else f"{(call.ended - call.began) / 1000:.0f} ms",
                )
        return kept()
    calls = [call for call in run.history if isinstance(call.operation, Put)][pace["skip"] :]
    if len(calls) < ENOUGH:
        return kept()
    deadline = min(call.began for call in calls) + len(calls) * pace["rtt"]
    in_time = sum(
        call.is_ok and call.ended is not None and call.ended <= deadline for call in calls
    )
    if in_time < (most := len(calls) * 9 // 10):  # the last ones may be unlucky
        return broken(
            f"{in_time} of {len(calls)} commands were answered within {len(calls)} round trips",
            expected=f"{most} of them by {deadline / 1000:.0f} ms",
            got=in_time,
        )
    return kept()


def quiet_when_idle(run: Run) -> Verdict:
    """RF-C3: where nothing is asked and nothing is wrong, a leader sends a follower little more than heartbeats."""
    idle = run.scenario.shape.get("idle")
    if idle is None:
        return kept()
    start, end, most = idle
    sent: dict[tuple[str, str], int] = {}
    for event in run.trace.of(Kind.SEND):
        if start <= event.time < end and isinstance(event.what, AppendEntries):
            link = (event.node, event.peer)
            sent[link] = sent.get(link, 0) + 1
            if sent[link] > most:
                return broken(
                    f"{event.node} sent {event.peer} more than {most} messages in {(end - start) // MS} ms "
                    "in which nothing was to be said",
                    event.id,
                    expected="heartbeats",
                    got=event.what,
                )
    return kept()


def log_is_short(run: Run) -> Verdict:
    """RF-C1: what has been executed gives way to a snapshot."""
    limit = run.scenario.shape.get("snapshot_after")
    if limit is None:
        return kept()
    for address, status in run.probes.items():
        if isinstance(status, Status):
            needed = status.last_index - status.applied
            if status.kept > 2 * limit + needed + 2:
                return broken(
                    f"the log of {address} holds {status.kept} entries, {needed} of which are not executed yet",
                    *_last_event(run, address),
                    expected=f"a snapshot after {limit}",
                    got=f"{status.kept} entries",
                )
    return kept()


# -- situations -------------------------------------------------------------------------------------------------------


def leader_changed(run: Run) -> bool:
    """Several terms had leaders."""
    return len(chronicle(run).leaders) > 1


def votes_collided(run: Run) -> bool:
    """A term had two candidates, or none that won."""
    books = chronicle(run)
    stood: dict[int, set[str]] = {}
    for node, term in books.candidates:
        stood.setdefault(term, set()).add(node)
    return any(len(nodes) > 1 for nodes in stood.values()) or bool(
        stood.keys() - books.leaders.keys()
    )


def tail_was_cut(run: Run) -> bool:
    """Two terms put different entries at one index."""
    indices = [index for index, _ in chronicle(run).placed]
    return len(indices) > len(set(indices))


def voter_came_back(run: Run) -> bool:
    """A server that had voted crashed and spoke again."""
    voted = {
        (event.node, event.incarnation)
        for event in run.trace.of(Kind.SEND)
        if isinstance(event.what, VoteReply) and event.what.granted
    }
    return any(
        isinstance(event.what, AppendReply) and (event.node, event.incarnation - 1) in voted
        for event in run.trace.of(Kind.SEND)
    )


def members_changed(run: Run) -> bool:
    """One server came and one went."""
    return {AddServer, RemoveServer} <= {type(c.operation) for c in run.history if c.is_ok}


def leader_was_removed(run: Run) -> bool:
    """A leader put its own end into its log, and it was committed."""
    books = chronicle(run)
    return any(
        (placed := books.placed.get((index, done.term))) is not None
        and placed.entry.members is not None
        and done.term in books.leaders
        and books.leaders[done.term][0] not in placed.entry.members
        for index, done in books.committed.items()
    )


def asked_again(run: Run) -> bool:
    """A command stood in the log twice, or was asked for twice."""
    seen: dict[tuple[str, int], int] = {}
    for (index, _), placed in chronicle(run).placed.items():
        command = placed.entry.command
        if command is not None and seen.setdefault((command.session, command.seq), index) != index:
            return True
    return False


def snapshot_was_sent(run: Run) -> bool:
    """A server that had been away needed a snapshot, and took it."""
    return any(isinstance(event.what, InstallSnapshot) for event in run.trace.of(Kind.DELIVER))


def read_under_change(run: Run) -> bool:
    """Something was read while two servers took themselves for leaders, or one had just begun."""
    return leader_changed(run) and any(
        isinstance(call.operation, Get) and call.is_ok for call in run.history
    )


def unsynced_was_lost(run: Run) -> bool:
    """A crash took what was not synced."""
    return run.tally.get("unsynced bytes lost", 0) > 0
