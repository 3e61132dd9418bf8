"""The judges of parts 4F2 and 4F3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from distlab.check import Entry, History, Verdict, broken, kept
from distlab.check.isolation.cycles import Sort, cyclic_core, find_cycle
from distlab.check.isolation.dependencies import Dependencies
from distlab.check.isolation.explain import because
from distlab.check.isolation.facts import WR
from distlab.check.transactions import Append, Read, Transaction
from distlab.core import MS, Ok
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab4_transactions.logtx.sight import OPEN, Placed, Sight, is_all_there, sight
from grading.lab4_transactions.logtx.world import (
    COORDINATORS,
    IN_TIME,
    INPUTS,
    OUTPUTS,
    READER,
    well_at,
)
from labs.lab4_transactions.logtx import (
    COMMIT,
    COMPLETE_ABORT,
    COMPLETE_COMMIT,
    NONE,
    ONGOING,
    PREPARE_ABORT,
    PREPARE_COMMIT,
    AddPartitions,
    CommitOffsets,
    EndTxn,
    Identity,
    InitDone,
    PartitionsAdded,
    Produce,
    Transact,
    TxnEnded,
    WriteMarker,
    processed,
)

COMMITS = (PREPARE_COMMIT, COMPLETE_COMMIT)
ABORTS = (PREPARE_ABORT, COMPLETE_ABORT)


def transactions(run: Run) -> Iterator[tuple[Entry, Transact]]:
    """What applications were asked to write."""
    for entry in run.history.of_type(Transact):
        op = entry.operation
        assert isinstance(op, Transact)
        if op.writes:
            yield entry, op


def _shown(identity: Identity | None) -> str:
    return "nobody" if identity is None else f"producer {identity.id}, epoch {identity.epoch}"


# -- TX-S1 ------------------------------------------------------------------------------------------------------------


def all_or_nothing(run: Run) -> Verdict:
    """TX-S1: in the end a transaction is committed in all its partitions, or in none."""
    if not is_all_there(run):
        return kept()
    found = sight(run)
    fates: dict[Identity, Placed] = {}
    for placed in found.everything():
        producer = placed.batch.producer
        if producer is None or placed.fate == OPEN:
            continue
        other = fates.setdefault(producer, placed)
        if other.fate != placed.fate:
            one, two = sorted((other, placed), key=lambda p: p.fate != COMMIT)
            return broken(
                f"the transaction of {_shown(producer)} is committed in {one.partition} and aborted in {two.partition}",
                *_markers(run, producer),
                expected="one way everywhere",
            )
    places: dict[str, list[Placed]] = {}
    for placed in found.everything():
        for value in placed.batch.values:
            places.setdefault(value, []).append(placed)
    for entry, op in transactions(run):
        verdict = _as_answered(entry, op, places)
        if verdict.is_broken:
            return verdict
    return kept()


def _as_answered(entry: Entry, op: Transact, places: dict[str, list[Placed]]) -> Verdict:
    values = [(write.partition, value) for write in op.writes for value in write.values]
    there: list[str] = []
    missing: list[str] = []
    for partition, value in values:
        copies = [p for p in places.get(value, []) if p.fate == COMMIT]
        if len(copies) > 1:
            return broken(
                f"{value} is committed twice", _end(entry), expected="once", got=len(copies)
            )
        (there if copies else missing).append(f"{value} in {partition}")
    if entry.is_ok and missing:
        return broken(
            f"a transaction was answered Ok, and {missing[0]} is not committed",
            _end(entry),
            expected="all of it is committed",
            got=f"{len(missing)} of {len(values)} records are missing",
        )
    if entry.is_failed and there:
        return broken(
            f"a transaction was answered Fail, and {there[0]} is committed",
            _end(entry),
            expected="none of it is committed",
        )
    if there and missing:
        return broken(
            f"half a transaction is committed: {there[0]}, and not {missing[0]}", _end(entry)
        )
    return kept()


def _end(entry: Entry) -> int:
    return entry.call if entry.ret is None else entry.ret


def _markers(run: Run, identity: Identity) -> list[int]:
    """The first commit and the first abort that were sent for that transaction."""
    first: dict[bool, int] = {}
    for event in run.trace.of(Kind.SEND):
        what = event.what
        if isinstance(what, WriteMarker) and _ended_by(what) == identity:
            first.setdefault(what.commit, event.id)
    return sorted(first.values())


def _ended_by(marker: WriteMarker) -> Identity:
    return Identity(marker.producer.id, marker.producer.epoch - 1)


# -- TX-G1 ------------------------------------------------------------------------------------------------------------


def reads_are_committed(run: Run) -> Verdict:
    """TX-G1: no aborted read (Adya's G1a), one order of each partition for all, and no two transactions that each read
    what the other wrote.

    Cycles of writes alone (G0) are allowed: partitions do not agree on an order of transactions. Nor is it wrong to see
    a part of a transaction (G1b): the LSO may lie in the midst of one that is committed, if another one begins there.
    """
    entries = [_as_transaction(e) for e in run.history.of_type(Transact)]
    found = Dependencies(History([entry for entry in entries if entry is not None]))
    for fault in found.faults:
        if fault.name.startswith("G1b"):
            continue
        events = [found.entries[index].ret or found.entries[index].call for index in fault.who]
        return broken(f"{fault.name}: {fault.reason}", *events)
    core = cyclic_core(found.graph)
    cycle = find_cycle(found.graph, core, Sort(WR)) if core else []
    if cycle:
        reasons = "; ".join(because(found, *edge) for edge in cycle)
        events = [found.entries[edge[0]].ret or 0 for edge in cycle]
        return broken(f"G1c: each has read what the other wrote: {reasons}", *events)
    return kept()


def _as_transaction(entry: Entry) -> Entry | None:
    op = entry.operation
    assert isinstance(op, Transact)
    read: dict[str, list[str]] = entry.outcome.value if isinstance(entry.outcome, Ok) else {}
    asked = tuple(Read(name) for name in op.reads)
    seen = tuple(Read(name, tuple(read.get(name, ()))) for name in op.reads)
    written = tuple(Append(w.partition, value) for w in op.writes for value in w.values)
    outcome: Any = Ok((*seen, *written)) if isinstance(entry.outcome, Ok) else entry.outcome
    return Entry(
        entry.ticket,
        f"{entry.client}/{entry.ticket}",  # those that wait for their turn are no overlap
        Transaction((*asked, *written)),
        entry.began,
        entry.call,
        outcome,
        entry.ended,
        entry.ret,
    )


# -- TX-S3 ------------------------------------------------------------------------------------------------------------


def zombies_are_fenced(run: Run) -> Verdict:
    """TX-S3: one identity, one producer; and once a new one has begun, nothing of an older one is committed."""
    found = sight(run)
    owners: dict[Identity, Event] = {}
    begun: dict[Identity, Event] = {}
    for event in run.trace.of(Kind.SEND):
        what = event.what
        if event.node not in COORDINATORS or not isinstance(what, (InitDone, TxnEnded)):
            continue
        if what.error != NONE or what.producer is None:
            continue
        if isinstance(what, InitDone):
            other = begun.setdefault(what.producer, event)
            if (other.peer, other.what.id) != (event.peer, what.id):
                return broken(
                    f"two producers that began were both told that they are {_shown(what.producer)}",
                    other.id,
                    event.id,
                )
        owner = owners.setdefault(what.producer, event)
        if owner.peer != event.peer:
            return broken(
                f"{owner.peer} and {event.peer} were both told that they are {_shown(what.producer)}",
                owner.id,
                event.id,
                expected="an identity has one owner",
            )
    for line in found.lineage.values():
        for newer, event in begun.items():
            if newer not in line:
                continue
            verdict = _nothing_older(run, found, line[: line.index(newer)], newer, event)
            if verdict.is_broken:
                return verdict
    return kept()


def _nothing_older(
    run: Run, found: Sight, older: list[Identity], newer: Identity, event: Event
) -> Verdict:
    for logged in found.logged:
        record = logged.record
        if logged.event > event.id and record.state == PREPARE_COMMIT and record.ended in older:
            return broken(
                f"{_shown(record.ended)} commits, after {_shown(newer)} had begun",
                event.id,
                logged.event,
                expected="PRODUCER_FENCED",
            )
    came: dict[tuple[str, Identity, int], int] = {}
    for arrival in run.trace.of(Kind.DELIVER):
        what = arrival.what
        if isinstance(what, (Produce, CommitOffsets)) and what.producer in older:
            came.setdefault((str(arrival.node), what.producer, what.sequence), arrival.id)
    for placed in found.everything():
        batch = placed.batch
        if batch.producer is None or batch.producer not in older or placed.fate != COMMIT:
            continue
        if came.get((placed.partition, batch.producer, batch.sequence), 0) > event.id:
            return broken(
                f"{', '.join(batch.values)} of {_shown(batch.producer)} was appended to {placed.partition} after "
                f"{_shown(newer)} had begun, and is committed",
                event.id,
            )
    return kept()


# -- TX-S4 ------------------------------------------------------------------------------------------------------------


def decided_first(run: Run) -> Verdict:
    """TX-S4: what a coordinator says is in its log before, and a marker says what the log says.

    Where nothing goes wrong, before and after are the same.
    """
    if not run.scenario.plan.faults:
        return kept()
    logged = sight(run).logged
    asked: dict[tuple[str, int], Any] = {}
    at = 0
    identities: set[Identity] = set()
    parts: dict[Identity, set[str]] = {}
    decisions: dict[Identity, tuple[str, tuple[str, ...]]] = {}
    for event in run.trace.of(Kind.SEND, Kind.DELIVER):
        while at < len(logged) and logged[at].event <= event.id:
            record = logged[at].record
            at += 1
            identities.add(record.producer)
            if record.state == ONGOING:
                parts.setdefault(record.producer, set()).update(record.partitions)
            elif record.state in (PREPARE_COMMIT, PREPARE_ABORT) and record.ended is not None:
                decisions.setdefault(record.ended, (record.state, record.partitions))
        what = event.what
        if event.node not in COORDINATORS:
            continue
        if event.kind == Kind.DELIVER:
            if isinstance(what, (EndTxn, AddPartitions)):
                asked[str(event.peer), what.id] = what
            continue
        match what:
            case WriteMarker():
                state, partitions = decisions.get(_ended_by(what), ("", ()))
                word = "commit" if what.commit else "abort"
                name = _shown(_ended_by(what))
                if not state:
                    reason = f"a marker to {word} the transaction of {name}, which is not decided"
                    return broken(f"{reason} in the log", event.id)
                if (state == PREPARE_COMMIT) != what.commit:
                    return broken(
                        f"a marker to {word} the transaction of {name}, and the log says {state}",
                        event.id,
                    )
                if event.peer not in partitions:
                    return broken(
                        f"a marker for {name} goes to {event.peer}, which is not part of it",
                        event.id,
                    )
            case InitDone(error="") if what.producer not in identities:
                return broken(
                    f"{event.peer} is told to be {_shown(what.producer)}, which is not in the log",
                    event.id,
                )
            case PartitionsAdded(error=""):
                question = asked.get((str(event.peer), what.id))
                if question is not None:
                    known = parts.get(question.producer, set())
                    if missing := sorted(set(question.partitions) - known):
                        reason = f"{event.peer} may write to {missing[0]}"
                        return broken(
                            f"{reason}, and the log does not have that partition in its transaction",
                            event.id,
                        )
            case TxnEnded(error=""):
                question = asked.get((str(event.peer), what.id))
                state = decisions.get(question.producer, ("", ()))[0] if question else ""
                if question is not None and (
                    not state or (state == PREPARE_COMMIT) != question.commit
                ):
                    word = "committed" if question.commit else "aborted"
                    return broken(
                        f"{event.peer} is told that its transaction is {word}, and the log says "
                        f"{state or 'nothing of it'}",
                        event.id,
                    )
    return kept()


# -- TX-L1 ------------------------------------------------------------------------------------------------------------


def _never(reason: str, expected: str, *events: int, got: str = "never") -> Verdict:
    return Verdict(broken("").finding, reason, events, expected=expected, got=got, is_absence=True)


def nothing_hangs(run: Run) -> Verdict:
    """TX-L1: soon after all is well nothing is open, and everybody has an answer."""
    deadline = well_at(run.scenario) + IN_TIME
    by = f"by {deadline // MS} ms"
    crashes = {str(e.node): e.id for e in run.trace.of(Kind.CRASH)}
    for entry in run.history.of_type(Transact):
        if entry.ended is None and crashes.get(entry.client, 0) > entry.call:
            continue  # its client has died with it
        is_late = entry.client != READER and (entry.ended or run.time) > deadline
        if entry.ended is None or is_late:
            took = "never" if entry.ended is None else f"at {entry.ended // MS} ms"
            return _never("a transaction has no answer", by, entry.call, got=took)
        op = entry.operation
        assert isinstance(op, Transact)
        if run.scenario.shape.get("fine") and op.commit and not entry.is_ok:
            return broken(
                "nothing goes wrong, and a transaction is not committed",
                _end(entry),
                expected="Ok",
                got=entry.outcome,
            )
    if not is_all_there(run):
        return kept()
    found = sight(run)
    for name, end in found.ends.items():
        first = found.opening(name)
        if first < end:
            return _never(
                f"a transaction hangs: in {name} everything from offset {first} on stays hidden",
                f"an LSO of {end}, {by}",
                got=f"an LSO of {first}",
            )
        if found.stable[name] < end:
            return _never(
                f"nothing is open in {name}, and its LSO is {found.stable[name]}", f"{end}"
            )
    last = {logged.record.transactional_id: logged.record for logged in found.logged}
    for record in last.values():
        if record.state in (ONGOING, PREPARE_COMMIT, PREPARE_ABORT):
            return _never(
                f"the transaction of {record.transactional_id} stays {record.state}",
                f"CompleteCommit or CompleteAbort, {by}",
            )
    return kept()


# -- TX-C1 ------------------------------------------------------------------------------------------------------------


def costs_little(run: Run) -> Verdict:
    """TX-C1: where nothing goes wrong: two records for an end, one when partitions are added, one for a beginning; and
    a marker for a partition."""
    if not run.scenario.shape.get("fine"):
        return kept()
    found = sight(run)
    records: dict[str, int] = {}
    begun: set[Identity] = set()
    added: set[tuple[Identity, tuple[str, ...]]] = set()
    for logged in found.logged:
        name = logged.record.transactional_id
        records[name] = records.get(name, 0) + 1
        if logged.record.state == ONGOING:
            begun.add(logged.record.producer)
            added.add((logged.record.producer, logged.record.partitions))
    inits = [
        e for e in run.trace.of(Kind.SEND) if isinstance(e.what, InitDone) and not e.what.error
    ]
    bound = 2 * len(begun) + len(added) + len(inits)
    if sum(records.values()) > bound:
        return broken(
            f"{len(begun)} transactions and {len(inits)} beginnings cost "
            f"{sum(records.values())} records in the coordinator's log",
            *[logged.event for logged in found.logged[-1:]],
            expected=f"at most {bound}",
            got=sum(records.values()),
        )
    sent: dict[tuple[Identity, str], list[int]] = {}
    for event in run.trace.of(Kind.SEND):
        if isinstance(event.what, WriteMarker):
            sent.setdefault((event.what.producer, str(event.peer)), []).append(event.id)
    for (identity, partition), events in sent.items():
        if len(events) > 1:
            return broken(
                f"nothing is lost, and {partition} is sent {len(events)} markers of {_shown(identity)}",
                *events[-1:],
                expected="1",
                got=len(events),
            )
    return kept()


# -- TX-S5, TX-L5, TX-C2: consume, process, produce -------------------------------------------------------------------


def _inputs(found: Sight) -> Iterator[tuple[str, int, str]]:
    """What is committed in the inputs: partition, offset, value."""
    for name in INPUTS:
        for placed in found.placed[name]:
            if placed.fate == COMMIT:
                for offset, value in enumerate(placed.batch.values, placed.batch.offset):
                    yield name, offset, value


def exactly_once(run: Run) -> Verdict:
    """TX-S5: each record of the inputs is there once in the outputs, in order; and nothing else."""
    if not is_all_there(run):
        return kept()
    found = sight(run)
    made: dict[str, list[tuple[str, int]]] = {}
    for name in OUTPUTS:
        for placed in found.placed[name]:
            if placed.fate == COMMIT:
                for offset, value in enumerate(placed.batch.values, placed.batch.offset):
                    made.setdefault(value, []).append((name, offset))
    read = _committed_offsets(found)
    latest: dict[tuple[str, str], tuple[int, str]] = {}
    for name, offset, value in _inputs(found):
        to, result = processed(value, OUTPUTS)
        there = made.pop(result, [])
        if len(there) > 1:
            return broken(
                f"{value}, read once, was processed {len(there)} times",
                *_written(run, result),
                expected=f"{result} once in {to}",
                got=" and ".join(f"in {n} at {o}" for n, o in there),
            )
        if not there and offset < read.get(name, 0):
            return broken(
                f"{value} is lost: the group has read {name} up to {read[name]}, and {result} is nowhere",
                *_written(run, result),
                expected=f"{result} in {to}",
            )
        if there:
            place, at = there[0]
            if place != to:
                return broken(f"{result} is in {place}", expected=to, got=place)
            before = latest.get((name, to), (-1, ""))
            if at < before[0]:
                return broken(
                    f"{before[1]} comes before {result} in {name}, and behind it in {to}",
                    *_written(run, result),
                )
            latest[name, to] = at, result
    for value in made:
        return broken(
            f"{value} is committed in the outputs, and nothing that is committed in the inputs made it",
            *_written(run, value),
        )
    return kept()


def _committed_offsets(found: Sight) -> dict[str, int]:
    read: dict[str, int] = {}
    for placed in found.placed["offsets"]:
        if placed.fate == COMMIT:
            for value in placed.batch.values:
                name, offset = value.split()
                read[name] = max(read.get(name, 0), int(offset))
    return read


def _written(run: Run, value: str) -> list[int]:
    """Who sent it, the last of several times."""
    sent = [e.id for e in run.trace.of(Kind.SEND) if value in getattr(e.what, "values", ())]
    return sent[-1:]


def processes_all(run: Run) -> Verdict:
    """TX-L5: soon after all is well everything in the inputs has been processed."""
    if not is_all_there(run):
        return kept()
    verdict = nothing_hangs(run)
    return verdict if verdict.is_broken else is_processed(run)


def is_processed(run: Run) -> Verdict:
    """Everything in the inputs has been processed, now."""
    found = sight(run)
    made = {
        value
        for name in OUTPUTS
        for placed in found.placed[name]
        if placed.fate == COMMIT
        for value in placed.batch.values
    }
    for name, offset, value in _inputs(found):
        result = processed(value, OUTPUTS)[1]
        if result not in made:
            return _never(
                f"{value}, at {offset} in {name}, is not processed", f"{result} in the outputs"
            )
    return kept()


def processes_cheaply(run: Run) -> Verdict:
    """TX-C2: where nothing goes wrong, a transaction for what was read, and none for nothing."""
    if not run.scenario.shape.get("fine"):
        return kept()
    found = sight(run)
    names = [n for n in run.cluster.members if run.cluster.role(n) == "processor"]
    begun = {
        logged.record.producer
        for logged in found.logged
        if logged.record.state == ONGOING and logged.record.transactional_id in names
    }
    batches = sum(p.fate == COMMIT for name in INPUTS for p in found.placed[name])
    if len(begun) > batches:
        return broken(
            f"{batches} batches in the inputs were processed in {len(begun)} transactions",
            *[logged.event for logged in found.logged[-1:]],
            expected=f"at most {batches}",
            got=len(begun),
        )
    return kept()
