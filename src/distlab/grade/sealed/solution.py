"""A solution whose modules are stand-ins: ``module("worker").Worker`` is a node class, and runs no student code here.

Given modules are real. Any other module of the lab, whoever imports it (the lab's stage, an exam, a given file that
calls what the student wrote), is a stand-in.
"""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from distlab.core.overlay import overlay
from distlab.grade.guard import RUN_LIMIT
from distlab.grade.lab import Lab, Part
from distlab.grade.result import Problem, State
from distlab.grade.sealed.frames import Prepare
from distlab.grade.sealed.outside import Outside
from distlab.grade.sealed.standins import StandInModule
from distlab.grade.solution import Solution, layers_of


class SealedSolution(Solution):
    """One submission, kept in a process of its own."""

    is_sealed = True

    def __init__(self, lab: Lab, name: str, folders: Sequence[Path], outside: Outside) -> None:
        super().__init__(lab, name, folders)
        self._outside = outside
        self._end = weakref.finalize(self, outside.close)

    def limited(self, seconds: float = RUN_LIMIT) -> AbstractContextManager[None]:
        return self._outside.limited(seconds)

    def locator(self) -> Callable[[], tuple[str, int, str] | None]:
        return self._outside.line

    def blame(self, error: BaseException) -> Problem | None:
        """A submission must not be able to end its own grading by an answer that nobody expects."""
        text = f"isolation: the judgement could make nothing of what the program says: {error}"
        return Problem(State.CRASHED, text)

    @contextlib.contextmanager
    def lives_apart(self) -> Iterator[None]:
        self._outside.lives_apart = True
        try:
            yield
        finally:
            self._outside.lives_apart = False

    def close(self) -> None:
        self._end()


def load_sealed(lab: Lab, part: Part, name: str = "own", prior: str = "oracle") -> SealedSolution:
    """As :func:`~distlab.grade.solution.load_solution`, with nothing of the solution in this process."""
    layers = layers_of(lab, part, name, prior)
    given = [f"{lab.package}.{file.stem}" for file in layers.given.glob("*.py")]
    prepare = Prepare(
        package=lab.package,
        given=tuple(given),
        folders=tuple(map(str, (layers.given, *layers.folders))),
        students=tuple(map(str, layers.folders)),
        pins={module: str(file) for module, file in layers.pins.items()},
        readable=tuple(str(f) for f in (layers.given, *layers.folders) if f.exists()),
        mutant=(lab.name, part.code, name) if name.startswith("mutant:") else (),
    )
    outside = Outside(prepare)
    overlay(lab.package, [layers.given], keep=[module.rpartition(".")[2] for module in given])
    # Behind the finder of files: what is given is found there.
    sys.meta_path.append(_StandIns(lab.package, given, outside))
    return SealedSolution(lab, name, layers.folders, outside)


class _StandIns(MetaPathFinder, Loader):
    """Finds a stand-in for every module of the package that no file was found for. The next overlay takes it away."""

    def __init__(self, package: str, given: Sequence[str], outside: Outside) -> None:
        self.package = package
        self._given = frozenset(given)
        self._outside = outside

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        if not fullname.startswith(f"{self.package}.") or fullname in self._given:
            return None
        return ModuleSpec(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return StandInModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        assert isinstance(module, StandInModule)
        module.fill(self._outside)
