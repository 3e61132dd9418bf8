"""Hunting one known bug: is it caught by the graders that students run, and how?

A mutant must do three things: pass the *smoke test* (its part's first directed schedule, which is free of faults: a
bug that shows there is no test of a fault-injection grader), be caught within the normal budget that students have,
and have a recorded *witness*: the smallest scenario known that shows it, kept beside the lab and replayed by the
tests.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from distlab.grade import counterexample
from distlab.grade.counterexample import Counterexample
from distlab.grade.grading import Grading, judge
from distlab.grade.lab import Lab, Mutant, Part
from distlab.grade.likeness import Likeness, signature
from distlab.grade.perform import perform
from distlab.grade.result import PromiseResult, State
from distlab.grade.solution import load_solution, root

_CAUGHT = (State.FAILED, State.CRASHED, State.STUCK, State.NOT_DETERMINISTIC)


class Kill(Struct, frozen=True):
    """What became of one mutant."""

    mutant: str
    code: str
    part: str
    kind: str
    source: str
    story: str
    passes_smoke_test: bool
    caught_by: dict[str, str]
    """Promise -> how it was found (``directed: ...``, ``run 37``), for every promise that catches it."""
    expected: str
    """The promise that is meant to catch it."""

    @property
    def is_as_expected(self) -> bool:
        return self.passes_smoke_test and self.expected in self.caught_by


def hunt(
    lab: Lab,
    mutant: Mutant,
    *,
    seed: int = 1,
    runs: int | None = None,
    keep: bool = False,
    quick: bool = False,
) -> Kill:
    """Grade one mutant as a student's submission would be graded.

    With ``keep``, record its witness as well. ``quick`` looks only at the promise that it is meant to break, and stops
    once that is broken: enough to see that it dies, not for the matrix.
    """
    part = lab.part(mutant.part)
    name = f"mutant:{mutant.name}"
    solution = load_solution(lab, part, name)
    smoke = passes_smoke_test(lab, part, name)
    solution = load_solution(lab, part, name)
    only = mutant.breaks if quick else None
    result = Grading(lab, part, solution, seed=seed, runs=runs, keep=keep, only=only).grade()
    caught = {p.code: p for p in result.promises if p.broken is not None and p.state in _CAUGHT}
    if keep and mutant.breaks in caught:
        _record_witness(lab, mutant, caught[mutant.breaks])
    return Kill(
        mutant.name,
        mutant.code,
        mutant.part,
        mutant.kind,
        mutant.source,
        mutant.story,
        smoke,
        {code: p.broken.found for code, p in caught.items() if p.broken is not None},
        mutant.breaks,
    )


def passes_smoke_test(lab: Lab, part: Part, solution_name: str) -> bool:
    """Whether the solution keeps every promise in the part's first directed schedule."""
    if part.stage is None or not part.directed:
        return True
    solution = load_solution(lab, part, solution_name)
    performance = perform(part, solution, part.directed[0].scenario)
    if performance.problem is not None:
        return False
    judged = [p for p in part.promises if p.judge is not None]
    return not any(judge(promise, performance).is_broken for promise in judged)


# -- witnesses ------------------------------------------------------------------------------------------------------


def witness_file(lab: Lab, mutant: Mutant) -> Path:
    return root() / "grading" / lab.name / "witnesses" / f"{mutant.name}.json"


def _record_witness(lab: Lab, mutant: Mutant, caught: PromiseResult) -> None:
    assert caught.broken is not None
    if not caught.broken.counterexample:  # an exam needs no scenario
        return
    found = msgspec.structs.replace(
        counterexample.load(caught.broken.counterexample), promise=mutant.breaks
    )
    file = witness_file(lab, mutant)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")


def load_witness(lab: Lab, mutant: Mutant) -> Counterexample | None:
    """The recorded witness; None for a mutant that an exam catches."""
    file = witness_file(lab, mutant)
    return counterexample.load(str(file)) if file.exists() else None


def is_shown_by(lab: Lab, witness: Counterexample, solution_name: str) -> bool:
    """Whether the witness breaks its promise with this solution. A crash or a hang counts as broken."""
    part = lab.part(witness.part)
    performance = perform(part, load_solution(lab, part, solution_name), witness.scenario)
    if performance.problem is not None:
        return True
    promise = {p.code: p for p in part.promises}[witness.promise]
    return judge(promise, performance).is_broken


def likenesses(lab: Lab) -> list[Likeness]:
    """How each bug shows, as its witness tells; by name."""
    load_solution(lab, lab.parts[0], "reference")
    told = [(mutant, load_witness(lab, mutant)) for mutant in lab.mutants()]
    found = [
        Likeness(
            witness.promise,
            witness.found if witness.found.startswith("directed") else "",
            signature(witness.reason),
            mutant.name,
            mutant.story,
        )
        for mutant, witness in told
        if witness is not None
    ]
    return sorted(found, key=lambda likeness: likeness.bug)
