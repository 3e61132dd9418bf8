"""What was consumed, what counted and what it cost: MR-S4, MR-S7, MR-C2, MR-C4, MR-C5."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import product

from distlab.check import Verdict, broken, kept
from distlab.core import MS
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab1_mapreduce.promises.books import (
    Submitted,
    changes,
    executions,
    jobs,
    phase_of,
    sent,
)
from labs.lab1_mapreduce.protocol import (
    Ask,
    Fetch,
    Gone,
    MapDone,
    Noted,
    Piece,
    RunReduce,
)
from labs.lab1_mapreduce.sequential import lines_of


def accepted(run: Run, job: Submitted) -> dict[int, list[MapDone]]:
    """Map task -> reports of the attempts that a master has accepted, in that order."""
    reports = {event.what.attempt: event.what for event in sent(run, MapDone)}
    found: dict[int, list[MapDone]] = defaultdict(list)
    for event in sent(run, Noted):
        report = reports.get(event.what.attempt)
        if not event.what.accepted or report is None or report.attempt.job != job.spec.name:
            continue
        if report not in found[report.attempt.task]:
            found[report.attempt.task].append(report)
    return found


def one_output_of_each_map(run: Run) -> Verdict:
    """MR-S4. Census writes down which executions an output consumed."""
    for job in jobs(run):
        if job.spec.app != "Census" or not job.is_ok:
            continue
        numbers = {
            dict(report.counters).get("number"): report.attempt
            for reports in accepted(run, job).values()
            for report in reports
        }
        expected = [b"census %d" % doc for doc in range(len(job.spec.inputs))]
        for part, key in enumerate(job.parts):
            consumed: dict[bytes, list[bytes]] = {}
            for line in lines_of(run.store.get(key, b"")):
                name, _, values = line.partition(b"\t")
                consumed[name] = values.split(b",")
            for name in expected:
                values_of = consumed.get(name, [])
                if len(values_of) != 1:
                    return broken(
                        f"output {part} consumed {len(values_of)} outputs of the map task of {name.decode()!r}",
                        job.entry.ret,
                        *_how_it_came(run, key, job.maps),
                        expected="exactly one",
                        got=len(values_of),
                    )
                if int(values_of[0]) not in numbers:
                    return broken(
                        f"output {part} consumed an output of the task of {name.decode()!r} that no master accepted",
                        job.entry.ret,
                        *_how_it_came(run, key, job.maps),
                        expected=f"one of the accepted: {sorted(n for n in numbers if n is not None)}",
                        got=int(values_of[0]),
                    )
    return kept()


def _how_it_came(run: Run, key: str, maps: int) -> list[int]:
    """The commit of an output, the order of its attempt, and that one's start; the wrong one last.

    Wrong is the order where it does not list one output of each map task; else what became of it.
    """
    commit = next(iter(changes(run, key)), None)
    started = {event.id: (event, attempt) for event, attempt in executions(run, "reduce")}
    if commit is None or commit.cause not in started:
        return []
    job, attempt = started[commit.cause]
    order = next((e for e in sent(run, RunReduce) if e.what.attempt == attempt), None)
    if order is None:
        return [commit.id, job.id]
    tasks = [output.attempt.task for output in order.what.inputs]
    last = [job, order] if sorted(tasks) != list(range(maps)) else [order, job]
    return [commit.id, *(event.id for event in last)]


def counters_of_accepted(run: Run) -> Verdict:
    """MR-S7."""
    for job in jobs(run):
        if not job.is_ok:
            continue
        if job.is_deterministic:
            got = {name: value for name, value in job.entry.value.items() if value}
            expected = {name: value for name, value in job.answer.counters.items() if value}
            if got != expected:
                return broken(
                    "the job's counters are not those of one execution of each map task",
                    job.entry.ret,
                    expected=expected,
                    got=got,
                )
        elif job.spec.app == "Census":
            choices = [
                [dict(report.counters)["number"] for report in reports]
                for reports in accepted(run, job).values()
            ]
            sums = {sum(choice) for choice in product(*(c[-4:] for c in choices))}
            if job.entry.value.get("number", 0) not in sums:
                return broken(
                    "the job's counters are not those of one accepted execution of each map task",
                    job.entry.ret,
                    expected=sorted(sums)[:2],
                    got=job.entry.value.get("number"),
                )
    return kept()


def once_without_deaths(run: Run) -> Verdict:
    """MR-C2. Where nobody dies, each task is executed once, however messages fare."""
    for phase in ("map", "reduce"):
        first: dict[tuple[str, int], Event] = {}
        for event, attempt in executions(run, phase):
            task = (attempt.job, attempt.task)
            if task in first:
                return broken(
                    f"{phase_of(attempt)} was executed on {first[task].node} and on {event.node}; nobody had died",
                    first[task].id,
                    event.id,
                    expected="one execution",
                    got="two",
                )
            first[task] = event
    return kept()


def fetches_few(run: Run) -> Verdict:
    """MR-C4. Pieces are not asked for much more often than they must be."""
    for job in jobs(run):
        if not job.is_ok:
            continue
        piece = run.scenario.shape.get("piece", 300)
        needed = sum(
            -(-size // piece)
            for reports in accepted(run, job).values()
            for r in reports
            for size in r.sizes
        )
        lost = sum(isinstance(e.what[0], (Fetch, Gone, Piece)) for e in run.trace.of(Kind.DROP))
        asked = len(sent(run, Fetch))
        if asked > 3 * needed + 3 * lost + 10:
            return broken(
                f"{needed} pieces had to be fetched, {lost} messages about them were lost, and {asked} were asked for",
                sent(run, Fetch)[-1].id,
                expected=f"at most {3 * needed + 3 * lost + 10} requests",
                got=asked,
            )
    return kept()


def idle_workers_rest(run: Run) -> Verdict:
    """MR-C5. A worker asks for its next task, and now and then when there was none; not all the time."""
    end = max([0, *(entry.ended or run.time for entry in run.history)])
    started = Counter(event.node for event in run.trace.of(Kind.JOB))
    asked: dict[str, list[Event]] = defaultdict(list)
    for event in sent(run, Ask):
        if event.time <= end:
            asked[event.node].append(event)
    for worker, asks in asked.items():
        most = end // (8 * MS) + 3 * started[worker] + 4
        if len(asks) > most:
            return broken(
                f"{worker} asked for work {len(asks)} times in {end // MS} ms",
                asks[-1].id,
                expected=f"at most {most} times, with a rest when there is nothing to do",
                got=len(asks),
            )
    return kept()


# -- situations -------------------------------------------------------------------------------------------------------


def map_output_was_lost(run: Run) -> bool:
    """A map task was executed again after one of its executions had been accepted."""
    executions_of = (reports for job in jobs(run) for reports in accepted(run, job).values())
    return any(len(reports) > 1 for reports in executions_of)


def two_attempts_ran(run: Run) -> bool:
    """Some task was executed more than once."""
    for phase in ("map", "reduce"):
        tasks = [(a.job, a.task) for _, a in executions(run, phase)]
        if len(tasks) != len(set(tasks)):
            return True
    return False


def several_pieces(run: Run) -> bool:
    """A partition travelled in more than one piece."""
    return any(event.what.start > 0 for event in sent(run, Fetch))


def reduce_after_death(run: Run) -> bool:
    """A worker died after some output had been committed, and before the job had ended."""
    crashes = [event.time for event in run.trace.of(Kind.CRASH) if event.node.startswith("worker")]
    for job in jobs(run):
        commits = [
            event.time
            for event in run.trace.of(Kind.STORE)
            if event.what[1] in job.parts and event.what[2]
        ]
        end = job.entry.ended
        if commits and any(min(commits) < t < (end or t + 1) for t in crashes):
            return True
    return False


def message_repeated(run: Run) -> bool:
    return run.tally.get("duplicate", 0) > 0
