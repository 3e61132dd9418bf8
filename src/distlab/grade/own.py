"""Your own test: a student's schedules and properties, scored by the known bugs that they catch.

A lab's folder may hold ``own_test.py`` with schedules (scenarios of the student's making) and properties (judges of
the student's making). They must let both correct solutions pass; then each mutant that one of them shows to be wrong
counts, part by part: where the test says nothing about a part, it misses nothing there. A property is tried on the
student's schedules, on the lab's directed ones and on a few random ones; a schedule is judged by the student's
properties and by the lab's promises.

This is how graders are made, the other way round: whoever can say what is wrong with a program has understood what is
right.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from msgspec import Struct

from distlab.check import Verdict
from distlab.core.errors import StudentError
from distlab.grade.grading import random_scenario
from distlab.grade.guard import RUN_LIMIT, Stuck, processor_time
from distlab.grade.lab import Lab, Part, Run
from distlab.grade.perform import perform
from distlab.grade.result import State
from distlab.grade.scenario import Scenario
from distlab.grade.solution import load_solution, root

BONUS = 10
"""Points for a test that catches every mutant of its part which runs can show; fewer in proportion."""

_RANDOM_RUNS = 20
"""Random scenarios on which a property is tried."""


class Schedule(Struct, frozen=True):
    """A scenario of the student's making, for one part of the lab."""

    name: str
    part: str
    scenario: Scenario


class Property(Struct, frozen=True):
    """A promise of the student's making."""

    title: str
    part: str
    judge: Callable[[Run], Verdict]


class OwnPart(Struct, frozen=True):
    """What a student's own test does with the known bugs of one part."""

    code: str
    caught: tuple[str, ...]
    missed: tuple[str, ...]

    @property
    def points(self) -> int:
        total = len(self.caught) + len(self.missed)
        return BONUS * len(self.caught) // total if total else 0


class OwnResult(Struct, frozen=True):
    """What a student's own test is worth."""

    parts: tuple[OwnPart, ...]
    """Those that it has schedules or properties for."""
    objection: str = ""
    """Why it scores nothing: a correct solution fails it."""


class DoesNotReturn(Exception):
    """What the student wrote for the test keeps computing; says which and for how long."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} did not return within {RUN_LIMIT:g} s of computing")


def own_test_file(lab: Lab) -> Path:
    return root() / "labs" / lab.name / "own_test.py"


def score(lab: Lab, progress: Callable[[int, int], None] = lambda done, of: None) -> OwnResult:
    """Score the student's own test of the lab; ``progress`` is told how many bugs have been tried."""
    try:
        return _score(lab, progress)
    except DoesNotReturn as error:
        return OwnResult((), str(error))


def _score(lab: Lab, progress: Callable[[int, int], None]) -> OwnResult:
    load_solution(lab, lab.parts[0], "reference")
    try:
        with processor_time():
            module = _load(own_test_file(lab))
    except Stuck:
        raise DoesNotReturn("the import of own_test.py") from None
    except Exception as error:
        return OwnResult((), f"own_test.py raises {type(error).__name__}: {error}")
    schedules: Sequence[Schedule] = getattr(module, "SCHEDULES", ())
    properties: Sequence[Property] = getattr(module, "PROPERTIES", ())
    items: list[Schedule | Property] = [*schedules, *properties]
    if not items:
        return OwnResult((), "it has neither SCHEDULES nor PROPERTIES")
    known = {part.code for part in lab.parts}
    for item in items:
        if item.part.upper() not in known:
            return OwnResult((), f"part {item.part!r} is none of {', '.join(sorted(known))}")
    addressed = {item.part.upper() for item in items}
    parts = [part for part in lab.parts if part.code in addressed]
    for solution in ("reference", "alternative"):
        for part in parts:
            if objection := _first_objection(lab, part, solution, schedules, properties):
                return OwnResult((), f"the correct solution {solution!r} fails it: {objection}")
    load_solution(lab, lab.parts[0], "reference")
    mutants = [m for m in lab.mutants() if m.part in addressed and lab.part(m.part).stage]
    caught: set[str] = set()
    for number, mutant in enumerate(mutants, start=1):
        objection = _first_objection(
            lab, lab.part(mutant.part), f"mutant:{mutant.name}", schedules, properties
        )
        if objection:
            caught.add(mutant.name)
        progress(number, len(mutants))
    return OwnResult(
        tuple(
            OwnPart(
                part.code,
                tuple(m.name for m in mutants if m.part == part.code and m.name in caught),
                tuple(m.name for m in mutants if m.part == part.code and m.name not in caught),
            )
            for part in parts
        )
    )


def _first_objection(
    lab: Lab, part: Part, name: str, schedules: Sequence[Schedule], properties: Sequence[Property]
) -> str:
    """What the test has against a solution; empty if nothing."""
    mine = [p for p in properties if p.part.upper() == part.code]
    theirs = [p for p in part.promises if p.judge is not None]
    solution = load_solution(lab, part, name)
    for title, scenario, is_own in _scenarios(lab, part, schedules, bool(mine)):
        performance = perform(part, solution, scenario)
        if performance.problem is not None:
            if is_own:
                problem = performance.problem
                limit = f" within {RUN_LIMIT:g} s" if problem.state is State.STUCK else ""
                return f"{title}: {problem.text}{limit}"
            continue
        run = performance.run
        assert run is not None
        judges = [(p.title, p.judge) for p in mine]
        if is_own:
            judges += [(p.title, p.judge) for p in theirs if p.judge is not None]
        for promise, judge in judges:
            try:
                with processor_time():
                    verdict = judge(run)
            except Stuck:
                raise DoesNotReturn(f"{title}: the property {promise!r}") from None
            except Exception as error:
                return f"{title}: {promise}: the judge raises {type(error).__name__}: {error}"
            if verdict.is_broken:
                return f"{title}: {promise}: {verdict.reason}"
    return ""


def _scenarios(
    lab: Lab, part: Part, schedules: Sequence[Schedule], with_ours: bool
) -> Iterator[tuple[str, Scenario, bool]]:
    """The student's schedules for a part; then ours, which only the student's properties judge."""
    for schedule in schedules:
        if schedule.part.upper() == part.code:
            yield schedule.name, schedule.scenario, True
    if with_ours and part.stage is not None:
        for directed in part.directed:
            yield directed.name, directed.scenario, False
        if part.draw is not None:
            for number in range(1, _RANDOM_RUNS + 1):
                yield f"run {number}", random_scenario(lab, part, 1, number), False


def _load(file: Path) -> ModuleType:
    spec = spec_from_file_location("own_test", file)
    if spec is None or spec.loader is None or not file.exists():
        raise StudentError(
            f"there is no {file.name} beside the lab's files; copy the example from the handout"
        )
    module = module_from_spec(spec)
    sys.modules["own_test"] = module
    spec.loader.exec_module(module)
    return module
