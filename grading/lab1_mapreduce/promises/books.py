"""What a run's trace says in MapReduce's terms: who was ordered what, who reported what, what the store shows.

Only what crosses a boundary counts: messages, store calls, jobs, starts and crashes. No solution's private fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from distlab.check.history import Entry
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab1_mapreduce import inputs
from labs.lab1_mapreduce.attempts import MapAttempt, ReduceAttempt
from labs.lab1_mapreduce.protocol import (
    Attempt,
    JobRecord,
    JobSpec,
    Phase,
    RunJob,
    RunMap,
    RunReduce,
    outcome_key,
    part_key,
)


class Submitted(Struct, frozen=True):
    """A job of the run."""

    entry: Entry
    spec: JobSpec
    texts: dict[str, bytes]
    """Its inputs."""
    known: inputs.Answer | None = None
    """What the sequential run writes, where the stage found that out: of inputs that are not made up."""

    @property
    def is_ok(self) -> bool:
        return self.entry.is_ok

    @property
    def maps(self) -> int:
        """M: how many map tasks it has."""
        sizes = [len(self.texts[key]) for key in self.spec.inputs]
        return sum(-(-size // self.spec.split_size) for size in sizes)

    @property
    def parts(self) -> list[str]:
        """The keys of its outputs."""
        return [part_key(self.spec.name, part) for part in range(self.spec.reduces)]

    @property
    def is_deterministic(self) -> bool:
        """Whether the sequential run says what the outputs are."""
        return self.spec.app not in ("Census", "Repartition")

    @property
    def answer(self) -> inputs.Answer:
        """What the sequential run writes and counts."""
        return self.known or inputs.answer(self.spec, self.texts)

    def record(self, run: Run) -> JobRecord | None:
        """What stands in the store of how it ended."""
        blob = run.store.get(outcome_key(self.spec.name))
        return JobRecord.from_bytes(blob) if blob is not None else None


def jobs(run: Run) -> list[Submitted]:
    """The jobs of the run, in the order in which they were handed in."""
    texts = inputs.documents(run.scenario.shape)
    answers = run.notes.get("answers", {})
    found = []
    for entry in run.history.of_type(RunJob):
        assert isinstance(entry.operation, RunJob)
        spec = entry.operation.spec
        found.append(Submitted(entry, spec, texts, answers.get(spec.name)))
    return found


def executions(run: Run, phase: Phase) -> list[tuple[Event, Attempt]]:
    """The jobs that workers started, with the attempts that they are."""
    found = []
    for event in run.trace.of(Kind.JOB):
        match event.what:
            case MapAttempt(order) if phase == "map":
                found.append((event, order.attempt))
            case ReduceAttempt(attempt) if phase == "reduce":
                found.append((event, attempt))
    return found


def orders(run: Run) -> Iterator[tuple[Event, Attempt]]:
    """Orders as masters sent them: the first time that each attempt appears."""
    seen = set()
    for event in sent(run, RunMap, RunReduce):
        if event.what.attempt not in seen:
            seen.add(event.what.attempt)
            yield event, event.what.attempt


def sent(run: Run, *classes: Any) -> list[Event]:
    """Sends of messages of these classes."""
    return [event for event in run.trace.of(Kind.SEND) if isinstance(event.what, classes)]


def delivered(run: Run, *classes: Any) -> list[Event]:
    """Deliveries of messages of these classes."""
    return [event for event in run.trace.of(Kind.DELIVER) if isinstance(event.what, classes)]


def changes(run: Run, *keys: str) -> list[Event]:
    """The store calls that changed what everybody sees under these keys."""
    visible: set[str] = set()
    found = []
    for event in run.trace.of(Kind.STORE):
        verb, key, worked = event.what[:3]
        if key not in keys or not worked or (verb == "delete" and key not in visible):
            continue
        (visible.discard if verb == "delete" else visible.add)(key)
        found.append(event)
    return found


def making(run: Run, key: str) -> list[Event]:
    """The attempts that made an object, and all that they did in the store; what was done to the object itself last."""
    worked = [event for event in run.trace.of(Kind.STORE) if event.what[2]]
    final = [event for event in worked if event.what[1] == key]
    makers = {event.cause for event in final}
    before = [e for e in worked if e.cause in makers and e.what[1] != key]
    return [*(e for e in run.trace.of(Kind.JOB) if e.id in makers), *before, *final]


def ended(run: Run, job: Submitted) -> list[Event]:
    """The store calls that changed the record of how the job ended."""
    return changes(run, outcome_key(job.spec.name))


def phase_of(attempt: Attempt) -> str:
    """For reports: ``map task 3``."""
    return f"{attempt.phase} task {attempt.task}"


def name_of(attempt: Attempt) -> str:
    """For reports: ``attempt 7 of reduce task 0``; ``attempt 2.7`` of a master's second epoch."""
    epoch = f"{attempt.epoch}." if attempt.epoch != 1 else ""
    return f"attempt {epoch}{attempt.number} of {phase_of(attempt)}"
