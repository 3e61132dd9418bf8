"""Grading the graders: references pass, every known bug is caught, and the matrix of which promise catches which.

A mutant must do two things: pass the *smoke test* (a part's first directed schedule, which is free of faults: a bug
that shows there is no test of a fault-injection grader), and be caught within the normal budget that students have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from distlab.grade.grading import Grading, judge
from distlab.grade.lab import Lab, Mutant, Part
from distlab.grade.perform import perform
from distlab.grade.result import PartResult, State
from distlab.grade.solution import load_solution


class Kill(Struct, frozen=True):
    """What became of one mutant."""

    mutant: str
    code: str
    part: str
    kind: str
    source: str
    passes_smoke_test: bool
    caught_by: dict[str, str]
    """Promise -> how it was found (``directed: ...``, ``run 37``), for every promise that catches it."""
    expected: str
    """The promise that is meant to catch it."""

    @property
    def is_dead(self) -> bool:
        return bool(self.caught_by)

    @property
    def is_as_expected(self) -> bool:
        return self.passes_smoke_test and self.expected in self.caught_by


def hunt(lab: Lab, mutant: Mutant, *, seed: int = 1, runs: int | None = None) -> Kill:
    """Grade one mutant as a student's submission would be graded."""
    part = lab.part(mutant.part)
    solution = load_solution(lab, part, f"mutant:{mutant.name}")
    result = Grading(lab, part, solution, seed=seed, runs=runs, keep=False).grade()
    caught = {
        p.code: p.broken.found
        for p in result.promises
        if p.broken is not None
        and p.state in (State.FAILED, State.CRASHED, State.STUCK, State.NOT_DETERMINISTIC)
    }
    return Kill(
        mutant.name,
        mutant.code,
        mutant.part,
        mutant.kind,
        mutant.source,
        passes_smoke_test(lab, part, f"mutant:{mutant.name}"),
        caught,
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


def acquit(lab: Lab, part: Part, solution_name: str, *, seed: int = 1, runs: int) -> PartResult:
    """Grade a correct solution over ``runs`` random scenarios; anything but a pass is the grader's bug, or its own."""
    solution = load_solution(lab, part, solution_name)
    return Grading(lab, part, solution, seed=seed, runs=runs).grade()


def kill_matrix(
    lab: Lab, mutants: Sequence[Mutant], on_kill: Callable[[Kill], None] = lambda kill: None
) -> list[Kill]:
    """Hunt all mutants of a lab."""
    kills = []
    for mutant in mutants:
        kill = hunt(lab, mutant)
        on_kill(kill)
        kills.append(kill)
    return kills
