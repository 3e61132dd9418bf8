"""What the tests of every lab share: a solution's modules by name, on both solutions, and what a node said."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from distlab.core import effects as fx
from distlab.grade.solution import Solution, load_lab, load_solution, root


class Modules:
    """``modules.server.Server``, of the solution that is under test."""

    def __init__(self, solution: Solution) -> None:
        self.solution = solution

    def __getattr__(self, name: str) -> ModuleType:
        return self.solution.module(name)


def modules(name: str, solution: str, part: str = "", kind: type[Modules] = Modules) -> Any:
    """Of the lab's reference, or of its alternative."""
    lab = load_lab(name)
    return kind(load_solution(lab, lab.part(part) if part else lab.parts[0], solution))


def fixtures(
    name: str, part: str = "", kind: type[Modules] = Modules
) -> tuple[Callable[..., Any], ...]:
    """``lab, reference = fixtures("2")``: each solution of the lab in turn, and the reference alone."""

    @pytest.fixture(params=["reference", "alternative"])
    def lab(request: pytest.FixtureRequest) -> Modules:
        """Every test runs on both solutions: what it claims must not depend on how they are built."""
        return modules(name, request.param, part, kind)

    @pytest.fixture
    def reference() -> Modules:
        """For tests of functions that only the reference has."""
        return modules(name, "reference", part, kind)

    return lab, reference


def sent(effects: list[Any], kind: type | None = None, to: str = "") -> list[Any]:
    """The messages among the effects: of that class, and to that node, where they are given."""
    return [
        effect.message
        for effect in effects
        if isinstance(effect, fx.Sent)
        and (kind is None or isinstance(effect.message, kind))
        and to in ("", effect.to)
    ]


def assert_done_alone(folder: Path, name: str, part: str, done: tuple[str, ...]) -> None:
    """A tree in ``folder`` where these modules are the reference's, and the rest is skeleton, passes the part."""
    lab = load_lab(name).name
    shutil.copytree(root() / "labs", folder / "labs")
    (folder / "grading").symlink_to(root() / "grading")
    for module in done:
        shutil.copy(root() / "grading" / lab / "reference" / f"{module}.py", folder / "labs" / lab)
    graded = subprocess.run(
        [sys.executable, "-m", "distlab", "grade", "--lab", name, "--part", part],
        cwd=folder,
        env={**os.environ, "DISTLAB_ROOT": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert graded.returncode == 0, graded.stdout + graded.stderr
