"""How outputs and jobs appear: MR-S2, MR-S3, MR-S8."""

from __future__ import annotations

from collections import defaultdict

from distlab.check import Verdict, broken, kept
from distlab.core import Finished
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab1_mapreduce.promises.again import first_completion_counts
from grading.lab1_mapreduce.promises.books import (
    changes,
    ended,
    executions,
    jobs,
    name_of,
    orders,
    sent,
)
from labs.lab1_mapreduce.protocol import Attempt, JobOver, outcome_key, part_key


def whole_or_absent(run: Run) -> Verdict:
    """MR-S2. An output appears in one step, and nothing ever happens to it again; so it was whole when it appeared."""
    for job in jobs(run):
        for key in job.parts:
            first = None
            for event in changes(run, key):
                verb = event.what[0]
                if first is not None:
                    return broken(
                        f"{key} was visible, and {event.node} changed it ({verb})",
                        first.id,
                        event.id,
                        expected="an output that appears whole and stays as it is",
                        got=f"{first.what[0]} on {first.node}, then {verb} on {event.node}",
                    )
                first = event
        if job.is_deterministic and job.entry.outcome is None:
            for key, text in zip(job.parts, job.answer.outputs, strict=True):
                if run.store.get(key, text) != text:
                    return broken(
                        f"{key} is visible and not whole",
                        *[event.id for event in changes(run, key)],
                        expected=f"{len(text)} bytes, or nothing",
                        got=f"{len(run.store[key])} bytes",
                    )
    return kept()


def one_attempt_counts(run: Run) -> Verdict:
    """MR-S3: of reduce tasks in the store, of map tasks in what the master says."""
    for judged in (_one_attempt_commits, _each_writes_its_own, first_completion_counts):
        verdict = judged(run)
        if verdict.is_broken:
            return verdict
    return kept()


def _one_attempt_commits(run: Run) -> Verdict:
    """Each output appears once, by a call that would have refused had another attempt been there first."""
    writers = {event.id: attempt for event, attempt in _attempts(run)}
    parts = {key for job in jobs(run) for key in job.parts}
    committed: dict[str, Event] = {}
    for event in run.trace.of(Kind.STORE):
        verb, key, result = event.what[:3]
        if not result or key not in parts or verb == "delete":
            continue
        by = _by(event, writers)
        if verb == "append":
            # One step or not: a look before it and the append itself are two, and time passes between them.
            for other, attempt in _under_way(run, key, event):
                return broken(
                    f"{by} appended to {key} while attempt {attempt.number} was at work on the same task, on "
                    f"{other.node}: an append refuses nothing, and between a look and an append the other may have "
                    "come",
                    other.id,
                    event.id,
                    expected="rename or put_if_absent: they refuse where the name is taken",
                    got=f"append, by {by}",
                )
        elif key in committed:
            first = committed[key]
            return broken(
                f"two attempts committed {key}",
                first.id,
                event.id,
                expected=f"the first completion wins: {_by(first, writers)}",
                got=f"a second {verb}, by {by}",
            )
        committed.setdefault(key, event)
    return kept()


def _each_writes_its_own(run: Run) -> Verdict:
    """No two attempts write to one object."""
    attempts = {event.id: attempt for event, attempt in _attempts(run)}
    parts = {key for job in jobs(run) for key in job.parts}
    writers: dict[str, Event] = {}
    for event in run.trace.of(Kind.STORE):
        verb, key, result = event.what[:3]
        if not result:
            continue
        if (
            verb == "rename"
        ):  # what its job wrote has moved; or, if a handler renames, what somebody wrote
            own = [k for k, writer in writers.items() if writer.cause == event.cause]
            for moved in own or list(writers):
                del writers[moved]
        elif verb == "delete":
            writers.pop(key, None)
        elif event.cause in attempts and key not in parts:
            before = writers.setdefault(key, event)
            if before.cause != event.cause:
                return broken(
                    f"two attempts write to one object, {key}",
                    before.id,
                    event.id,
                    expected="a name for each attempt",
                    got=f"{_by(before, attempts)}, then {_by(event, attempts)}",
                )
    return kept()


def _attempts(run: Run) -> list[tuple[Event, Attempt]]:
    return executions(run, "map") + executions(run, "reduce")


def _by(event: Event, writers: dict[int, Attempt]) -> str:
    """Whose store call this is."""
    attempt = writers.get(event.cause)
    return f"{name_of(attempt)} on {event.node}" if attempt is not None else event.node


def _under_way(run: Run, key: str, at: Event) -> list[tuple[Event, Attempt]]:
    """Other attempts of the task that has this output: begun before that event, and not ended or dead by then."""
    over = {e.cause for e in run.trace.of(Kind.JOB_END) if e.id < at.id}
    dead = {(e.node, e.incarnation) for e in run.trace.of(Kind.CRASH, Kind.STOP) if e.id < at.id}
    return [
        (event, attempt)
        for event, attempt in executions(run, "reduce")
        if part_key(attempt.job, attempt.task) == key
        and event.id < at.id
        and event.id != at.cause
        and event.id not in over
        and (event.node, event.incarnation) not in dead
    ]


def one_master_ends_the_job(run: Run) -> Verdict:
    """MR-S8."""
    for job in jobs(run):
        name = job.spec.name
        steps = [event for event in ended(run, job) if event.what[0] != "delete"]
        if len(ended(run, job)) > 1:
            first, second = ended(run, job)[:2]
            return broken(
                f"job {name} was ended twice, by {first.node} and by {second.node}",
                first.id,
                second.id,
                expected="one record, put there once",
                got=f"then {second.what[0]}",
            )
        record = job.record(run)
        if record is not None and steps:
            visible = {
                event.what[1] for event in changes(run, *job.parts) if event.id < steps[0].id
            }
            if not record.failure and (missing := sorted(set(job.parts) - visible)):
                return broken(
                    f"job {name} was ended as done before {missing[0]} was there",
                    steps[0].id,
                    expected=f"{len(job.parts)} outputs, then the record",
                    got=f"{len(job.parts) - len(missing)} outputs",
                )
            late = [e for e in changes(run, *job.parts) if e.id > steps[0].id]
            if late and not record.failure:
                return broken(
                    f"an output of job {name} changed after its end",
                    steps[0].id,
                    late[0].id,
                    expected="no change after the record is there",
                    got=f"{late[0].what[0]} of {late[0].what[1]} on {late[0].node}",
                )
        for told in sent(run, JobOver):
            if told.what.record.job == name and told.what.record != record:
                return broken(
                    f"{told.node} says that job {name} ended otherwise than the store says",
                    *[step.id for step in steps],
                    told.id,
                    expected=record,
                    got=told.what.record,
                )
        if job.entry.is_ok and (record is None or job.entry.value != dict(record.counters)):
            return broken(
                f"the client of job {name} was told something else than the store says",
                job.entry.ret,
                expected=dict(record.counters) if record else "a record in the store",
                got=job.entry.value,
            )
    return kept()


def no_work_after_the_end(run: Run) -> Verdict:
    """MR-C3. A master that knows a job to be over orders no more of it."""
    known: dict[tuple[str, int, str], int] = {}
    ends: dict[str, int] = defaultdict(int)
    for job in jobs(run):
        ends[job.spec.name] = next((event.id for event in ended(run, job)), 0)
    for event in sent(run, JobOver):
        known.setdefault((event.node, event.incarnation, event.what.record.job), event.id)
    started = {(e.node, e.incarnation): e.id for e in run.trace.of(Kind.START)}
    for event, attempt in orders(run):
        told = known.get((event.node, event.incarnation, attempt.job))
        over = ends[attempt.job]
        if told is not None and event.id > told:
            return broken(
                f"{event.node} said that job {attempt.job} is over, and ordered more of it",
                told,
                event.id,
                expected="no order",
                got=name_of(attempt),
            )
        if over and started.get((event.node, event.incarnation), 0) > over:
            return broken(
                f"{event.node} started after job {attempt.job} was over, and ordered more of it",
                over,
                event.id,
                expected="no order",
                got=name_of(attempt),
            )
    return kept()


def masters_disagreed(run: Run) -> bool:
    """Two masters worked on one job."""
    return any(
        len({event.node for event, attempt in orders(run) if attempt.job == job.spec.name}) > 1
        for job in jobs(run)
    )


def second_master_tried(run: Run) -> bool:
    """A master tried to end a job that had ended."""
    keys = {outcome_key(job.spec.name) for job in jobs(run)}
    return any(event.what[1] in keys and not event.what[2] for event in run.trace.of(Kind.STORE))


def lost_the_race(run: Run) -> bool:
    """An attempt came too late to commit: the store refused it, or it ended well after another one had committed."""
    parts = {key for job in jobs(run) for key in job.parts}
    began = {event.id: part_key(a.job, a.task) for event, a in executions(run, "reduce")}
    commits: dict[str, Event] = {}
    for event in run.trace.of(Kind.STORE, Kind.JOB_END):
        if event.kind == Kind.STORE:
            _, key, worked = event.what[:3]
            if key in parts and not worked:
                return True
            if key in parts:
                commits.setdefault(key, event)
        elif isinstance(event.what[1], Finished) and event.cause in began:
            commit = commits.get(began[event.cause])
            if commit is not None and commit.cause != event.cause < commit.id:
                return True
    return False
