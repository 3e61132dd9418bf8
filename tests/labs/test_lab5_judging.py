"""The judgement of parts 5A and 5B: it accepts what is right, however it is built, and not what only looks busy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from distlab.grade.grading import Grading
from distlab.grade.lab import Lab, Mutant
from distlab.grade.result import State
from distlab.grade.sealed.solution import load_sealed
from distlab.grade.solution import load_lab, load_solution, patch


@pytest.fixture(scope="module")
def lab() -> Lab:
    return load_lab("5")


# -- unusual, and right -------------------------------------------------------------------------------


def backwards(base: Any) -> Any:
    """Has its turns from the last input to the first."""

    class Task(base):  # type: ignore[misc]
        def next_input(self) -> Any:
            filled = [channel for channel in self.readable() if self.inputs[channel].queue]
            earlier = [c for c in filled if self.last is None or c < self.last]
            return max(earlier or filled, default=None)

    return Task


def patient(base: Any) -> Any:
    """Never minds a Failed: its own patience runs out soon enough."""
    from labs.lab5_streaming.tuples import Failed

    class Spout(base):  # type: ignore[misc]
        def on_failed(self, failed: Failed) -> None:
            pass

    return Spout


def in_any_order(base: Any) -> Any:
    """Puts the elements of a window out in the order of their ids."""

    class WindowOperator(base):  # type: ignore[misc]
        def result(self, key: Any, window: Any, ids: Any) -> Any:
            return super().result(key, window, sorted(ids, reverse=True))

    return WindowOperator


RIGHT: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "backwards": ("A1", "task:Task", backwards),
    "patient": ("A2", "spout:Spout", patient),
    "in-any-order": ("B2", "windows:WindowOperator", in_any_order),
}


# -- wrong without any fault: no way to points --------------------------------------------------------


def only_the_end(base: Any) -> Any:
    """Emits nothing, and ends in time."""

    class Task(base):  # type: ignore[misc]
        def emit(self, records: Any, tag: str = "") -> None:
            pass

    return Task


def answers_at_once(base: Any) -> Any:
    """Says Ok before anything is done."""
    from distlab.core import Ok, Ticket
    from labs.lab5_streaming.tuples import Emit

    class Spout(base):  # type: ignore[misc]
        def on_emit(self, op: Emit, ticket: Ticket) -> None:
            self.finish(ticket, Ok())

    return Spout


def says_nothing(base: Any) -> Any:
    """Never says a watermark but the last one: it cannot be wrong."""

    class SourceClock(base):  # type: ignore[misc]
        def seen(self, partition: int, times: Any, now: int) -> Any:
            return []

    return SourceClock


def all_aside(base: Any) -> Any:
    """Puts every element aside: none is lost."""

    class WindowOperator(base):  # type: ignore[misc]
        def on_record(self, context: Any, key: Any, time: int, value: Any) -> None:
            context.emit(self.aside(key, time, value), "late")

    return WindowOperator


WRONG: dict[str, tuple[str, str, Callable[[Any], Any], str]] = {
    "only-the-end": ("A1", "task:Task", only_the_end, "CH-S1"),
    "answers-at-once": ("A2", "spout:Spout", answers_at_once, "SM-S1"),
    "says-nothing": ("B1", "watermarks:SourceClock", says_nothing, "ST-L2"),
    "all-aside": ("B2", "windows:WindowOperator", all_aside, "ST-S5"),
}


def graded(lab: Lab, name: str, code: str, replaces: str, variant: Any, runs: int) -> Any:
    part = lab.part(code)
    solution = load_solution(lab, part, "reference")
    module, _, attribute = replaces.partition(":")
    by = variant(getattr(solution.module(module), attribute))
    mutant = Mutant(
        name=name, code="", part=code, replaces=replaces, by=by, story="", source="", breaks=""
    )
    patch(lab, mutant)
    return Grading(lab, part, solution, runs=runs, keep=False).grade()


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_unusual_and_right_passes(lab: Lab, name: str) -> None:
    result = graded(lab, name, *RIGHT[name], runs=60)
    assert {p.code: p.broken.reason for p in result.promises if p.broken is not None} == {}


@pytest.mark.parametrize("name", WRONG)
def test_what_only_looks_busy_fails(lab: Lab, name: str) -> None:
    code, replaces, variant, breaks = WRONG[name]
    result = graded(lab, name, code, replaces, variant, runs=10)
    states = {promise.code: promise.state for promise in result.promises}
    assert states[breaks] is State.FAILED


@pytest.mark.parametrize("whose", ["reference", "alternative"])
@pytest.mark.parametrize("code", ["A1", "A2", "B1", "B2"])
def test_every_exam_can_be_sat_sealed(lab: Lab, code: str, whose: str) -> None:
    part = lab.part(code)
    solution = load_sealed(lab, part, whose)
    try:
        for module in part.modules:
            solution.module(module)
        for promise in part.promises:
            for exam in promise.exams:
                assert exam.check(solution).is_kept, exam.name
    finally:
        solution.close()
