"""Searching a small scope whole, as one more way to look: every schedule of so many nodes, calls and crashes.

Theory. A lab lists scopes (:class:`~distlab.grade.lab.Exhaustive`) beside its directed schedules. Each bears on one
promise: its invariants must follow from it. A violation becomes an ordinary scenario, calls and a plan that chooses
every step, so that it is judged, saved, replayed and drawn like any other. Three answers: *kept* (everything was
judged), *broken*, and *unknown*: the budget of states ran out, what had to occur did not, or the program cannot be
explored. Unknown earns nothing, and says why.

Runs student code: call it in a grading child only.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from distlab.check.verdict import Finding as Answer
from distlab.core.errors import ScenarioError
from distlab.explore import CannotExplore, Finding, Result, Scope, explore
from distlab.explore.schedule import NOISE, as_schedule
from distlab.grade.guard import RUN_LIMIT
from distlab.grade.lab import Exhaustive, Part
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution

GUARD = 24 * RUN_LIMIT
"""Processor seconds after which a search counts as stuck: far more than a budget of states takes."""


class Searched(Struct, frozen=True):
    """What came of one scope."""

    answer: Answer
    reason: str = ""
    """Why it is broken or unknown, in a sentence."""
    scenario: Scenario | None = None
    """Where it is broken: the shortest way there."""
    result: Result | None = None
    """What the search itself says; None where it could not begin."""


def search(part: Part, solution: Solution, exhaustive: Exhaustive) -> Searched:
    """Search one scope of a part with a solution. What the student's code raises outside handlers is passed on."""
    assert part.stage is not None
    if solution.is_sealed and not exhaustive.is_apart:
        return Searched(
            Answer.UNKNOWN,
            "sealed, the program is in another process, and its states cannot be copied: grade it plain",
        )
    with solution.limited(GUARD):
        stage = part.stage(solution, exhaustive.scenario)
        scope = exhaustive.scope(stage.cluster)
        try:
            result = explore(scope, budget=exhaustive.budget)
        except CannotExplore as error:
            return Searched(Answer.UNKNOWN, f"it cannot be explored: {error}")
        match result.finding:
            case Finding.EXHAUSTED if not result.unseen:
                return Searched(Answer.KEPT, result=result)
            case Finding.VIOLATED:
                scenario = as_scenario(scope, result, exhaustive.scenario)
                return Searched(Answer.BROKEN, result.reason, scenario, result)
            case Finding.EXHAUSTED:
                reason = f"never seen in {result.states:,} states: {', '.join(result.unseen)}"
            case _:
                reason = result.reason
    return Searched(Answer.UNKNOWN, reason, result=result)


def as_scenario(scope: Scope, result: Result, base: Scenario) -> Scenario | None:
    """The result's trace as a scenario of the same shape; None for what a plan has no words for."""
    try:
        schedule = as_schedule(scope, result)
    except ScenarioError:
        return None
    calls = tuple(
        Call(at, client, type(operation).__name__, _fields(operation))
        for at, client, operation in schedule.calls
    )
    return Scenario(calls, schedule.plan, NOISE, base.shape)


def _fields(operation: object) -> dict[str, object]:
    plain = msgspec.to_builtins(operation)
    plain.pop("type", None)
    return dict(plain)
