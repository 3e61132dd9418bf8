"""That jobs end, and at what price: MR-L1 to MR-L4."""

from __future__ import annotations

from collections import Counter

from msgspec import structs

from distlab.check import Verdict, bounded_liveness, broken, kept
from distlab.core import MS, Failed
from distlab.grade.lab import Run
from distlab.trace import Kind
from grading.lab1_mapreduce import inputs
from grading.lab1_mapreduce.promises.books import executions, jobs, phase_of, sent
from grading.lab1_mapreduce.promises.work import accepted
from labs.lab1_mapreduce.protocol import Noted, RunJob

BOUND = 4_000 * MS
"""How long after all is well again a job may take; the solutions' slowest of a thousand runs takes a third of it."""


def ends_in_time(run: Run) -> Verdict:
    """MR-L1. Nothing is promised to whom no worker, or no master, is left."""
    if not (_stays_up(run, "worker-") and _stays_up(run, "master-")):
        return kept()
    deadline = (
        max(run.scenario.plan.heal_at or 0, *(call.at for call in run.scenario.calls), 0) + BOUND
    )
    for job in jobs(run):
        if job.entry.is_failed:
            failed = [e.id for e in run.trace.of(Kind.JOB_END) if isinstance(e.what[1], Failed)]
            return broken(
                f"job {job.spec.name} was given up; it could have been done",
                *failed[-3:],
                job.entry.ret,
                expected="Ok",
                got=job.entry.outcome,
            )
        verdict = bounded_liveness(job.entry.ended, deadline, f"the end of job {job.spec.name}")
        if verdict.is_broken:
            events = (job.entry.call, *([job.entry.ret] if job.entry.ended is not None else []))
            return structs.replace(verdict, events=events)
    return kept()


def _stays_up(run: Run, role: str) -> bool:
    """Whether the crashes of the plan leave one of the role; whoever stops itself is no excuse."""
    up: set[tuple[str, int]] = set()
    for event in run.trace.of(Kind.START, Kind.CRASH):
        if event.kind == Kind.START and event.node.startswith(role):
            up.add((event.node, event.incarnation))
        elif event.kind == Kind.CRASH:
            up.discard((event.node, event.incarnation))
    return bool(up)


def poison_costs_little(run: Run) -> Verdict:
    """MR-L3. Every poison record, and no other, is left out; and it does not take many deaths."""
    verdict = _poison_is_skipped(run)
    return _few_deaths(run) if verdict.is_kept else verdict


def _poison_is_skipped(run: Run) -> Verdict:
    for job in jobs(run):
        if job.spec.app != "Fragile" or not job.is_ok:
            continue
        poison = job.answer.counters["skipped"]
        skipped = job.entry.value.get("skipped", 0)
        if skipped != poison:
            return broken(
                f"{skipped} records were skipped, and {poison} are poison",
                job.entry.ret,
                expected=poison,
                got=skipped,
            )
    return kept()


def _few_deaths(run: Run) -> Verdict:
    """An attempt dies to find out that there is poison, and two of each; a master that takes over finds out anew."""
    for job in jobs(run):
        if job.spec.app != "Fragile":
            continue
        deaths: Counter[tuple[str, int]] = Counter()
        for event in run.trace.of(Kind.JOB_END):
            attempt_job, outcome = event.what
            if isinstance(outcome, Failed) and "ZeroDivisionError" in outcome.error:
                attempt = attempt_job.order.attempt
                deaths[attempt.master, attempt.task] += 1
        poison = len(run.scenario.shape.get("poison", ()))
        for (_, task), count in deaths.items():
            if count > 1 + 2 * poison + _disturbances(run):
                return broken(
                    f"map task {task} died {count} times of {poison} poison records",
                    expected=f"at most {1 + 2 * poison} deaths",
                    got=count,
                )
    return kept()


def _disturbances(run: Run) -> int:
    """What may make a master forget whom it has blamed."""
    return 4 * len(run.scenario.plan.faults) + (20 if run.scenario.noise.loss else 0)


def makespan(run: Run) -> int | None:
    """How long the first job took."""
    for entry in run.history.of_type(RunJob):
        return entry.ended - entry.began if entry.ended is not None else None
    return None


def stragglers_cost_little(run: Run) -> Verdict:
    """MR-L2: neither much time nor much work."""
    verdict = _stragglers_do_not_decide(run)
    return _backups_are_few(run) if verdict.is_kept else verdict


def _stragglers_do_not_decide(run: Run) -> Verdict:
    """In time, where the scenario says how long the job takes when all are well (``shape["baseline"]``)."""
    baseline, took = run.notes.get("baseline"), makespan(run)
    if baseline is None or not run.scenario.shape.get("straggler"):
        return kept()
    if took is None or took > 1.5 * baseline:
        return broken(
            "one slow worker makes the whole job slow",
            *[entry.ret or entry.call for entry in run.history],
            expected=f"at most 1.5 times {baseline // MS} ms, the time it takes when all are well",
            got="never"
            if took is None
            else f"{took // MS} ms, {took / baseline:.2f} times as long",
        )
    return kept()


def _backups_are_few(run: Run) -> Verdict:
    """In work, where the scenario says how much more is granted (``shape["extra"]``)."""
    if "extra" not in run.scenario.shape:
        return kept()
    for job in jobs(run):
        tasks = job.maps + job.spec.reduces
        done = executions(run, "map") + executions(run, "reduce")
        extra = len(done) - tasks
        if extra > run.scenario.shape["extra"]:
            return broken(
                f"{extra} of {len(done)} executions were superfluous",
                done[-1][0].id,
                expected=f"at most {run.scenario.shape['extra']} for {tasks} tasks",
                got=f"{extra}; the last was {phase_of(done[-1][1])}",
            )
    return kept()


def kills_cost_little(run: Run) -> Verdict:
    """MR-L4: the paper's figure 3 (c)."""
    baseline, took = run.notes.get("baseline"), makespan(run)
    if baseline is None or not run.scenario.shape.get("kills"):
        return kept()
    if took is None or took > 1.15 * baseline:
        return broken(
            "killing one worker in nine, each started again at once, makes the job much slower",
            *[entry.ret or entry.call for entry in run.history],
            expected=f"at most 1.15 times {baseline // MS} ms",
            got="never"
            if took is None
            else f"{took // MS} ms, {took / baseline:.2f} times as long",
        )
    return kept()


def somebody_died_of_poison(run: Run) -> bool:
    """An attempt died of a record."""
    return any(
        isinstance(e.what[1], Failed) and "ZeroDivisionError" in e.what[1].error
        for e in run.trace.of(Kind.JOB_END)
    )


def healthy_record_blamed(run: Run) -> bool:
    """A job was killed for no fault of its record's."""
    return any(
        isinstance(e.what[1], Failed) and "killed" in e.what[1].error
        for e in run.trace.of(Kind.JOB_END)
    )


# -- situations of other parts ----------------------------------------------------------------------------------------


def memory_was_full(run: Run) -> bool:
    """A map attempt had to read more than it may hold."""
    memory = run.scenario.shape.get("memory", 4000)
    texts = inputs.documents(run.scenario.shape)
    return any(
        min(job.spec.split_size, len(texts[key])) > memory
        for job in jobs(run)
        for key in job.spec.inputs
    )


def straggler_matters(run: Run) -> bool:
    """Without backups, the slow worker would make the job 1.3 times as long (the paper's figure 3: 1.44 times)."""
    baseline = run.notes.get("baseline")
    if baseline is None or not run.scenario.shape.get("straggler"):
        return False
    alone = run.notes["without backups"]()
    return alone is None or alone >= 1.3 * baseline


def kills_happened(run: Run) -> bool:
    """Workers were killed as in figure 3 (c): 200 of 1746."""
    return bool(run.scenario.shape.get("kills")) and run.tally.get("crash", 0) > 0


def dealt_twice(run: Run) -> bool:
    """A map task that deals rows out was executed again after one of its executions had been accepted."""
    return any(
        job.spec.app == "Repartition" and any(len(r) > 1 for r in accepted(run, job).values())
        for job in jobs(run)
    )


def master_came_back(run: Run) -> bool:
    """A master was restarted after its first acceptance and before the end of the job."""
    noted = [e.time for e in sent(run, Noted) if e.what.accepted]
    for job in jobs(run):
        end = job.entry.ended
        if noted and any(
            e.incarnation
            and e.node.startswith("master")
            and min(noted) < e.time < (end or e.time + 1)
            for e in run.trace.of(Kind.START)
        ):
            return True
    return False
