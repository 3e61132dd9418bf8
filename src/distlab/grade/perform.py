"""One scenario, run once in the simulator with one solution: a run to be judged, or the problem that prevented it."""

from __future__ import annotations

import gc
import linecache
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
from msgspec import Struct

from distlab.check import History
from distlab.core.errors import HarnessBug, ScenarioError, StudentError
from distlab.core.values import Address, Operation
from distlab.faults import Fault
from distlab.grade.guard import RUN_LIMIT, Stuck
from distlab.grade.lab import Part, Run, Stage
from distlab.grade.result import Frame, Problem, State
from distlab.grade.scenario import Call, Scenario
from distlab.grade.sealed.errors import Crossed
from distlab.grade.solution import Solution, root
from distlab.sim import ProgramError, Runaway, Simulation
from distlab.trace import EVERYTHING, NOTICED


class Performance(Struct, frozen=True):
    """What came of one run."""

    run: Run | None
    """As far as it came, where there is a problem: then it is for showing, not for judging."""
    problem: Problem | None
    digest: int
    applied: tuple[Fault, ...] = ()
    """The faults that struck, with names in place of roles."""
    lines: dict[int, tuple[str, int, str] | None] = {}
    """Event -> where in the student's code it was asked for; only when everything is recorded."""


def perform(
    part: Part,
    solution: Solution,
    scenario: Scenario,
    *,
    record: frozenset[str] | None = None,
    limit: float = RUN_LIMIT,
) -> Performance:
    """Run the scenario. What the student's code does wrong becomes a problem; what ours does is raised."""
    assert part.stage is not None
    simulation = None
    gc.collect(0)
    gc.disable()  # a run makes many small objects and no cycles worth collecting: half again as fast
    try:
        with solution.limited(limit):
            stage = part.stage(solution, scenario)
            simulation = _set_up(
                stage, scenario, NOTICED | part.record if record is None else record
            )
            if record is EVERYTHING:
                simulation.locate = solution.locator()
            simulation.run(stage.until, settle=stage.settle)
            run = _as_run(simulation, stage, scenario, simulation.probes())
            applied = tuple(simulation.injector.applied)
            return Performance(run, None, simulation.digest, applied, simulation.lines)
    except (HarnessBug, ScenarioError):
        raise
    except (Exception, SystemExit, Stuck) as error:
        problem = problem_of(error, solution, simulation)
        if problem is None:
            raise
        if simulation is None:
            return Performance(None, problem, 0)
        partial = _as_run(simulation, stage, scenario, {})
        applied = tuple(simulation.injector.applied)
        return Performance(partial, problem, simulation.digest, applied, simulation.lines)
    finally:
        gc.enable()


def _set_up(stage: Stage, scenario: Scenario, record: frozenset[str]) -> Simulation:
    simulation = Simulation(
        stage.cluster, scenario.plan, scenario.noise, record=record, roles=stage.roles
    )
    operations = {operation.__name__: operation for operation in stage.operations}
    for call in scenario.calls:
        simulation.call(call.at, call.client, _operation(call, operations))
    return simulation


def _operation(call: Call, operations: dict[str, type[Operation]]) -> Operation:
    if call.operation not in operations:
        raise ScenarioError(
            f"{call.operation!r} is none of this part's operations: {', '.join(operations)}"
        )
    try:
        return msgspec.convert(
            {"type": call.operation, **call.arguments}, operations[call.operation]
        )
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{call}: {error}") from None


def _as_run(
    simulation: Simulation, stage: Stage, scenario: Scenario, probes: dict[Address, Any]
) -> Run:
    return Run(
        scenario=scenario,
        trace=simulation.trace,
        history=History.of(simulation.trace.events),
        store=dict(simulation.store),
        probes=probes,
        tally=dict(simulation.tally),
        time=simulation.time,
        cluster=stage.cluster,
        notes=stage.notes,
    )


# -- problems ---------------------------------------------------------------------------------------------------------


def problem_of(
    error: BaseException, solution: Solution, simulation: Simulation | None = None
) -> Problem | None:
    """What the student is told of an exception; None where it is not their code that raised it."""
    inner = error
    node, handling, event = "", "", 0
    if isinstance(error, ProgramError) and error.__cause__ is not None:
        inner = error.__cause__
        node, handling, event = str(error.address), error.handling, error.event
    elif simulation is not None and simulation.acting is not None:
        node = str(simulation.acting.address)
    if isinstance(inner, Crossed):
        frames = inner.frames
    else:
        frames = student_frames(inner.__traceback__, solution)
    match inner:
        case NotImplementedError():
            state, text = State.NOT_STARTED, str(inner) or "not started"
        case Stuck():
            state, text = State.STUCK, "a handler did not return"
        case Runaway():
            state, text = State.STUCK, f"the program keeps itself busy: {inner}"
        case SyntaxError():
            state, text = State.CRASHED, f"{type(inner).__name__}: {inner.msg}"
            code = (inner.text or "").strip()
            frames = (Frame(_relative(Path(inner.filename or "?")), inner.lineno or 0, "", code),)
        case _ if (
            frames
            or isinstance(inner, (StudentError, Crossed))
            or (inner is not error and _touches_a_lab(inner))
        ):
            state, text = State.CRASHED, f"{type(inner).__name__}: {inner}"
        case _:
            return None
    return Problem(state, text, node, handling, event, frames)


def student_frames(tb: TracebackType | None, solution: Solution) -> tuple[Frame, ...]:
    """The frames of a traceback that stand in the solution's own folders, outermost first."""
    frames = []
    for summary in traceback.extract_tb(tb):
        file = Path(summary.filename)
        if any(file.is_relative_to(folder) for folder in solution.folders):
            frames.append(frame_at(summary.filename, summary.lineno or 0, summary.name))
    return tuple(frames)


def _touches_a_lab(error: BaseException) -> bool:
    """Whether a handler's exception went through any lab's code: the student's words may have upset an oracle."""
    files = [Path(summary.filename) for summary in traceback.extract_tb(error.__traceback__)]
    return any(file.is_relative_to(root() / top) for file in files for top in ("labs", "grading"))


def frame_at(file: str, line: int, function: str) -> Frame:
    return Frame(_relative(Path(file)), line, function, linecache.getline(file, line).strip())


def _relative(file: Path) -> str:
    return str(file.relative_to(root())) if file.is_relative_to(root()) else file.name
