"""What the tests of parts 4C to 4E share: a solution's modules, and what a node said."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from distlab.core import effects as fx
from distlab.grade.solution import load_lab, load_solution


class Modules:
    """``modules.tcc_bank.Bank``, of the solution that is under test."""

    def __init__(self, solution: str) -> None:
        lab = load_lab("4")
        self._solution = load_solution(lab, lab.part("C"), solution)

    def __getattr__(self, name: str) -> ModuleType:
        return self._solution.module(name)


@pytest.fixture(params=["reference", "alternative"])
def lab(request: pytest.FixtureRequest) -> Modules:
    """Every test runs on both solutions: what it claims must not depend on how they are built."""
    return Modules(request.param)


def sent(effects: list[Any], kind: type | None = None) -> list[Any]:
    """The messages among the effects."""
    return [
        e.message
        for e in effects
        if isinstance(e, fx.Sent) and (kind is None or isinstance(e.message, kind))
    ]
