"""Warm-ups: a recorded run, cut off at a moment, and a question: what happens next? which promise breaks?

``grading/<lab>/warmup/questions.toml`` holds the questions, ``<name>.jsonl`` beside it each recorded run. Runs are
recorded by whoever writes the questions (:func:`record`), so that neither a terminal nor the site needs any solution
to show them; a test records them again and compares.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
from msgspec import Struct

from distlab.core.errors import HarnessBug, ScenarioError
from distlab.grade.hunt import load_witness
from distlab.grade.lab import Lab
from distlab.grade.perform import perform
from distlab.grade.scenario import Scenario
from distlab.grade.solution import find_mutant, load_solution, root
from distlab.trace import EVERYTHING, Trace
from distlab.trace.files import Head, lines, read
from distlab.trace.words import name_of


class Question(Struct, frozen=True, kw_only=True):
    """One question about one run."""

    name: str
    """Of the recorded run."""
    part: str
    solution: str = "reference"
    """Whose run it is: ``reference``, or ``mutant:NAME``."""
    scenario: str
    """The name of one of the part's directed schedules; or ``witness``, for a mutant's own."""
    until: int
    """The run is shown up to this time, in microseconds; what comes after is the answer."""
    since: int = 0
    """A long run is shown from here on."""
    ends: int | None = None
    """The answer's picture ends here; None for the end of the run."""
    hide: tuple[str, ...] = ()
    """Messages and timers that are not shown: heartbeats, for instance."""
    ask: str
    choices: tuple[str, ...]
    answer: int
    """Which choice is right, counted from 1."""
    why: str


class _File(Struct, frozen=True):
    question: tuple[Question, ...]


def folder(lab_name: str) -> Path:
    return root() / "grading" / lab_name / "warmup"


def questions(lab_name: str) -> tuple[Question, ...]:
    """The lab's questions, in order; none if it has no warm-up. Raises ``HarnessBug`` where the file is wrong."""
    file = folder(lab_name) / "questions.toml"
    if not file.exists():
        return ()
    try:
        found = msgspec.convert(tomllib.loads(file.read_text()), _File).question
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise HarnessBug(f"{file.relative_to(root())}: {error}") from None
    for question in found:
        if not 1 <= question.answer <= len(question.choices):
            raise HarnessBug(
                f"{file.relative_to(root())}: {question.name} has no choice {question.answer}"
            )
    return found


def run_of(lab_name: str, question: Question) -> tuple[Trace, Head]:
    """The recorded run."""
    file = folder(lab_name) / f"{question.name}.jsonl"
    return read(file.read_bytes(), file.name)


def asked(trace: Trace, question: Question) -> Trace:
    """What is shown with the question."""
    return _shown(trace, question, question.until)


def answered(trace: Trace, question: Question) -> Trace:
    """What is shown with the answer."""
    return _shown(trace, question, question.ends)


def _shown(trace: Trace, question: Question, until: int | None) -> Trace:
    return Trace(
        event
        for event in trace.events
        if event.time >= question.since
        and (until is None or event.time <= until)
        and name_of(event.what) not in question.hide
    )


def record(lab: Lab, question: Question) -> bytes:
    """Run it now; what its file should hold."""
    part = lab.part(question.part)
    load_solution(lab, part, "reference")
    scenario = _scenario(lab, question)
    performance = perform(
        part, load_solution(lab, part, question.solution), scenario, record=EVERYTHING
    )
    if performance.run is None:
        raise HarnessBug(f"{question.name}: {performance.problem}")
    head = Head(nodes=tuple(performance.run.cluster.members))
    return b"".join(line + b"\n" for line in lines(performance.run.trace.events, head))


def _scenario(lab: Lab, question: Question) -> Scenario:
    if question.scenario == "witness":
        mutant = find_mutant(lab, question.solution.removeprefix("mutant:"))
        witness = load_witness(lab, mutant)
        if witness is None:
            raise ScenarioError(f"{mutant.name} has no witness")
        return witness.scenario
    known = {directed.name: directed.scenario for directed in lab.part(question.part).directed}
    if question.scenario not in known:
        raise ScenarioError(f"{question.scenario!r} is none of {', '.join(known)}")
    return known[question.scenario]
