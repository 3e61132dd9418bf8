"""The bug museum: a page for every known bug, with its story and the smallest run that shows it beside the right one.

A bug that an exam catches has no run; its page says what was asked, and what it answered. Pages are made anew from the
recorded witnesses, so none can say what is no longer so.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path

from distlab.core.errors import HarnessBug, ScenarioError
from distlab.grade.counterexample import Counterexample
from distlab.grade.decisive import shown_by
from distlab.grade.grading import judge
from distlab.grade.guard import Stuck
from distlab.grade.hunt import load_witness
from distlab.grade.lab import Exam, Lab, Mutant, Part
from distlab.grade.recording import Recording, record
from distlab.grade.solution import load_lab, load_solution
from distlab.trace.files import Head
from distlab.trace.page import Run, assets, to_page

ASSETS = "run"
"""The folder of what all pages share."""


@cache
def known_bugs(lab_name: str) -> tuple[Mutant, ...]:
    """All of them, by part."""
    lab = load_lab(lab_name)
    load_solution(lab, lab.parts[0], "reference")
    order = [part.code for part in lab.parts]
    found = sorted(lab.mutants(), key=lambda mutant: (order.index(mutant.part), mutant.name))
    return tuple(found)


def address(lab: Lab, mutant: Mutant) -> str:
    """Where its page is, in the museum's folder."""
    return f"{lab.name}/{mutant.name}.html"


def build(folder: Path, lab_names: Iterable[str], most: int | None = None) -> int:
    """Write the pages of these labs (at most ``most`` of each), and what they share; returns how many."""
    (folder / ASSETS).mkdir(parents=True, exist_ok=True)
    for name, text in assets().items():
        (folder / ASSETS / name).write_text(text, encoding="utf-8")
    wanted = [(name, mutant.name) for name in lab_names for mutant in known_bugs(name)[:most]]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        written = pool.map(partial(_write, folder), wanted, chunksize=8)
        return sum(1 for _ in written)


def _write(folder: Path, wanted: tuple[str, str]) -> None:
    lab_name, bug_name = wanted
    lab = load_lab(lab_name)
    (mutant,) = (one for one in known_bugs(lab_name) if one.name == bug_name)
    file = folder / address(lab, mutant)
    file.parent.mkdir(exist_ok=True)
    file.write_text(exhibit(lab, mutant), encoding="utf-8")


def exhibit(lab: Lab, mutant: Mutant) -> str:
    """The page of one bug."""
    part = lab.part(mutant.part)
    promise = next(promise for promise in part.promises if promise.code == mutant.breaks)
    about = [
        ("What it does:", mutant.story),
        ("Source:", mutant.source),
        ("Part:", f"{lab.number}{part.code}, {part.title}"),
        ("Promise that it breaks:", f"{promise.code}, {promise.title}"),
    ]
    witness = load_witness(lab, mutant)
    if witness is None:
        about += _said_by_an_exam(lab, part, mutant)
        runs: list[Run] = []
    else:
        about += [("How the grader says it:", witness.reason), ("Found by:", witness.found)]
        runs = list(_runs(lab, part, mutant, witness))
    return to_page(runs, title=f"Bug: {mutant.name}", about=about, beside=f"../{ASSETS}")


def _runs(lab: Lab, part: Part, mutant: Mutant, witness: Counterexample) -> Iterator[Run]:
    """The bug's run, and what the reference makes of the same schedule."""
    for name in (f"mutant:{mutant.name}", "reference"):
        recording = record(part, load_solution(lab, part, name), witness.scenario)
        if recording.performance.run is None:
            continue
        evidence = _evidence(part, witness, recording) if name != "reference" else ()
        nodes = tuple(recording.performance.run.cluster.addresses())
        head = Head(nodes=nodes, evidence=evidence, about={"states": recording.states})
        yield Run(recording.performance.run.trace, head, "the bug" if name != "reference" else name)


def _evidence(part: Part, witness: Counterexample, recording: Recording) -> tuple[int, ...]:
    performance = recording.performance
    if performance.problem is not None:
        return (performance.problem.event,) if performance.problem.event else ()
    promise = next(promise for promise in part.promises if promise.code == witness.promise)
    verdict = judge(promise, performance)
    if not verdict.is_broken:
        raise HarnessBug(f"the witness of {witness.solution} no longer breaks {witness.promise}")
    return shown_by(performance, verdict)


def _said_by_an_exam(lab: Lab, part: Part, mutant: Mutant) -> list[tuple[str, str]]:
    solution = load_solution(lab, part, f"mutant:{mutant.name}")
    for promise in part.promises:
        for exam in promise.exams if promise.code == mutant.breaks else ():
            try:
                with solution.limited():
                    verdict = exam.check(solution)
            except (HarnessBug, ScenarioError):
                raise
            except (Exception, Stuck) as error:
                return [
                    ("How the grader says it:", f"{type(error).__name__}: {error}"),
                    _found(exam),
                ]
            if verdict.is_broken:
                said = ("How the grader says it:", verdict.reason)
                return [said, ("Expected:", verdict.expected), ("Got:", verdict.got), _found(exam)]
    return []


def _found(exam: Exam) -> tuple[str, str]:
    return "Found by:", f"exam: {exam.name}"
