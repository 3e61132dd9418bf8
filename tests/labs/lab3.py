"""What the tests of lab 3 share: a solution's modules."""

from __future__ import annotations

from types import ModuleType

import pytest

from distlab.grade.solution import load_lab, load_solution


class Modules:
    """``modules.manager.ResourceManager``, of the solution that is under test."""

    def __init__(self, solution: str, part: str = "A") -> None:
        lab = load_lab("3")
        self._solution = load_solution(lab, lab.part(part), solution)

    def __getattr__(self, name: str) -> ModuleType:
        return self._solution.module(name)


@pytest.fixture(params=["reference", "alternative"])
def lab(request: pytest.FixtureRequest) -> Modules:
    """Every test runs on both solutions: what it claims must not depend on how they are built."""
    return Modules(request.param)


@pytest.fixture(params=["reference", "alternative"])
def lab_e1(request: pytest.FixtureRequest) -> Modules:
    """The same, for part 3E1."""
    return Modules(request.param, "E1")
