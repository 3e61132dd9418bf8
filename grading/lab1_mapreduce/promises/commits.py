"""How outputs and jobs appear: MR-S2, MR-S3, MR-S8."""

from __future__ import annotations

from collections import defaultdict

from distlab.check import Verdict, broken, kept
from distlab.grade.lab import Run
from distlab.trace import Kind
from grading.lab1_mapreduce.promises.again import first_completion_counts
from grading.lab1_mapreduce.promises.books import changes, ended, jobs, orders, sent
from labs.lab1_mapreduce.protocol import JobOver, outcome_key


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
    verdict = _one_attempt_commits(run)
    return first_completion_counts(run) if verdict.is_kept else verdict


def _one_attempt_commits(run: Run) -> Verdict:
    """Each output was made by one attempt, and committed once."""
    starts = {event.id: event for event in run.trace.of(Kind.JOB)}
    parts = {key for job in jobs(run) for key in job.parts}
    committed: dict[str, int] = {}
    writers: dict[str, int] = {}
    for event in run.trace.of(Kind.STORE):
        verb, key, result = event.what[:3]
        if not result:
            continue
        if key in parts and verb != "delete":
            if key in committed and verb != "append":
                return broken(
                    f"two attempts committed {key}",
                    committed[key],
                    event.id,
                    expected="the first completion wins",
                    got=f"a second {verb}, on {event.node}",
                )
            committed[key] = event.id
        if (
            verb == "rename"
        ):  # what its job wrote has moved; or, if a handler renames, what somebody wrote
            own = [k for k, writer in writers.items() if writer == event.cause]
            for moved in own or list(writers):
                del writers[moved]
        elif verb == "delete":
            writers.pop(key, None)
        elif event.cause in starts:
            before = writers.setdefault(key, event.cause)
            if before != event.cause:
                return broken(
                    f"two attempts write to one object, {key}",
                    before,
                    event.id,
                    expected="a name for each attempt",
                    got=f"attempts on {starts[before].node} and {event.node}",
                )
    return kept()


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
                    f"job {name} was ended as done before {missing[0]} was there", steps[0].id
                )
            late = [e for e in changes(run, *job.parts) if e.id > steps[0].id]
            if late and not record.failure:
                return broken(
                    f"an output of job {name} changed after its end", steps[0].id, late[0].id
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
            )
        if over and started.get((event.node, event.incarnation), 0) > over:
            return broken(
                f"{event.node} started after job {attempt.job} was over, and ordered more of it",
                over,
                event.id,
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
    """An attempt came too late to commit."""
    parts = {key for job in jobs(run) for key in job.parts}
    return any(event.what[1] in parts and not event.what[2] for event in run.trace.of(Kind.STORE))
