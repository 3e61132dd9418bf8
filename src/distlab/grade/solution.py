"""Whose code is graded: finds labs and solutions by name, and puts the modules of one submission together.

``own`` is what stands in ``labs/``; ``reference`` and ``alternative`` are ours; ``mutant:NAME`` is the reference with
one thing changed. The given files always lie on top. What the graded part builds upon (modules of earlier parts) is
played by ``prior``: the student's own, the reference's, or the lab's oracle (an adversarial but correct stand-in,
where a lab has one).
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from difflib import get_close_matches
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, NamedTuple

from distlab.core import log
from distlab.core.errors import DistlabError
from distlab.core.overlay import is_there, overlay
from distlab.grade.guard import RUN_LIMIT, processor_time
from distlab.grade.lab import Lab, Mutant, Part
from distlab.grade.result import Problem

SOLUTIONS = ("own", "reference", "alternative")
PRIORS = ("oracle", "reference", "own")
_LOG_FILE = log.__file__


_MANY = 30


class NoSuchThing(DistlabError):
    """No lab, part, promise, solution or mutant of that name. ``known`` lists those that there are."""

    def __init__(self, what: str, name: str, known: Sequence[str]) -> None:
        near = list(known)
        if len(near) > _MANY:  # a list of hundreds says nothing
            near = get_close_matches(name, near, n=5, cutoff=0.4) or [*near[:5], "..."]
        super().__init__(f"there is no {what} {name!r}; there are {', '.join(near) or 'none'}")
        self.name = name
        self.known = list(known)


def root() -> Path:
    """The project's folder: the nearest one upwards of here that has ``labs`` and ``grading``, or the installed one."""
    if "DISTLAB_ROOT" in os.environ:
        return Path(os.environ["DISTLAB_ROOT"]).resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "grading").is_dir() and (folder / "labs").is_dir():
            return folder
    return Path(__file__).resolve().parents[3]


def lab_names() -> list[str]:
    """The labs there are, in order: ``["lab0_rpc", "lab1_mapreduce", ...]``."""
    return sorted(folder.parent.name for folder in (root() / "grading").glob("lab*_*/__init__.py"))


def find_lab_name(name: str) -> str:
    """The full name of the lab called ``1``, ``lab1`` or ``lab1_mapreduce``. Raises :class:`NoSuchThing`."""
    names = lab_names()
    wanted = name.lower()
    for full in names:
        if wanted in (full, full.split("_")[0], full.split("_")[0].removeprefix("lab")):
            return full
    raise NoSuchThing("lab", name, names)


def load_lab(name: str) -> Lab:
    """What ``grading/<name>`` says about the lab; its protocol is imported from the given files."""
    full = find_lab_name(name)
    if str(root()) not in sys.path:
        sys.path.insert(0, str(root()))
    package = f"labs.{full}"
    if package not in sys.modules:
        overlay(package, [_grading(full) / "given"])
    lab = importlib.import_module(f"grading.{full}").LAB
    assert isinstance(lab, Lab)
    return lab


class Solution:
    """One submission, ready to be imported: ``solution.module("worker").Worker``."""

    is_sealed = False
    """Whether the program itself is in another process, and what is imported here stands for it."""

    def __init__(
        self, lab: Lab, name: str, folders: Sequence[Path], others: Iterable[Path] = ()
    ) -> None:
        self.lab = lab
        self.name = name
        self.others = frozenset(map(str, others))
        """Files of modules that somebody else plays."""
        self.folders = tuple(folders)
        """Where the graded code stands; frames from here are the student's."""

    def module(self, name: str) -> ModuleType:
        """Import one of the lab's modules. Raises whatever the student's code raises."""
        return importlib.import_module(f"{self.lab.package}.{name}")

    def limited(self, seconds: float = RUN_LIMIT) -> AbstractContextManager[None]:
        """Within: a run, or another piece of work, that may burn so many processor seconds; else ``Stuck``."""
        return processor_time(seconds)

    def locator(self) -> Callable[[], tuple[str, int, str] | None]:
        """Says where in the solution's code the running effect was asked for; of a log line, who wanted it written.

        What another's module asks for that the solution had called is no effect of the solution's, and has no line.
        """
        # Mutants may be one file.
        folders = tuple(str(f) if f.suffix == ".py" else f"{f}{os.sep}" for f in self.folders)

        def locate() -> tuple[str, int, str] | None:
            found = None
            frame: FrameType | None = sys._getframe(1)
            is_logged = False
            while frame is not None:
                code = frame.f_code
                if found is None and code.co_filename in self.others:
                    return None
                if code.co_filename.startswith(folders):
                    if found is not None or not is_logged:
                        return code.co_filename, frame.f_lineno, code.co_name
                    found = code.co_filename, frame.f_lineno, code.co_name
                is_logged = is_logged or code.co_filename == _LOG_FILE
                frame = frame.f_back
            return found

        return locate

    def blame(self, error: BaseException) -> Problem | None:
        """What to tell the student where a judge or an exam stumbles over an answer; None: that is our own fault."""
        return None

    @contextlib.contextmanager
    def lives_apart(self) -> Iterator[None]:
        """Within: nodes share no memory, and a new life of a node has none of an earlier one's, if it is sealed."""
        yield

    def close(self) -> None:
        """Nothing will be asked of it any more."""

    def source_of(self, name: str) -> Path:
        """The file that module ``name`` comes from."""
        return next(
            (folder / f"{name}.py" for folder in self.folders if (folder / f"{name}.py").exists()),
            self.folders[0] / f"{name}.py",
        )


class Layers(NamedTuple):
    """Where the modules of a solution come from."""

    given: Path
    folders: list[Path]
    """Where the graded code stands."""
    pins: dict[str, Path]
    """Modules that come from elsewhere."""


def layers_of(lab: Lab, part: Part, name: str, prior: str) -> Layers:
    """The layers of solution ``name`` for grading ``part``. Raises :class:`NoSuchThing`."""
    grading = _grading(lab.name)
    reference = grading / "reference"
    if name != "own" and not reference.is_dir():
        raise NoSuchThing("solution", name, ["own"])  # a student's release has no other
    if name == "own":
        return Layers(grading / "given", [root() / "labs" / lab.name], _pins(lab, part, prior))
    if name == "alternative":
        folders = [grading / "alternative", reference]
    elif name == "reference":
        folders = [reference]
    elif name.startswith("mutant:"):
        folders = [
            reference,
            grading / "mutants.py",
            grading / "mutants",
            *grading.glob("*/mutants"),
        ]
    else:
        raise NoSuchThing("solution", name, [*SOLUTIONS, "mutant:NAME"])
    return Layers(grading / "given", folders, {})


def load_solution(lab: Lab, part: Part, name: str = "own", prior: str = "oracle") -> Solution:
    """Put the modules of solution ``name`` in place for grading ``part``. Imports none of them yet."""
    given, folders, pins = layers_of(lab, part, name, prior)
    # Given modules stay: the lab's judges were written against their classes.
    overlay(lab.package, [given, *folders], pins, keep=[file.stem for file in given.glob("*.py")])
    if name.startswith("mutant:"):
        _put_mutant(lab, name.removeprefix("mutant:"))
    return Solution(lab, name, folders, pins.values())


def unwritten(lab: Lab) -> list[Part]:
    """The parts of which something in ``labs/`` is still to be written."""
    folder = root() / "labs" / lab.name

    def is_open(module: str) -> bool:
        file = folder / f"{module}.py"
        return not file.exists() or "raise NotImplementedError" in file.read_text()

    return [part for part in lab.parts if any(map(is_open, part.modules))]


def load_whole(lab: Lab, name: str) -> tuple[Solution, list[Part]]:
    """Put solution ``name`` in place for all of the lab at once; of ``own``, the reference plays what is not written.

    Returns those parts, too. Raises ``NotImplementedError`` where that would be all of them.
    """
    missing = unwritten(lab) if name == "own" else []
    if missing == list(lab.parts):
        raise NotImplementedError("nothing of it is written yet; SOLUTION=reference runs ours")
    given, folders, pins = layers_of(lab, lab.parts[-1], name, "own")
    written = {module for part in lab.parts if part not in missing for module in part.modules}
    theirs = sorted({module for part in missing for module in part.modules} - written)
    pins |= {module: _grading(lab.name) / "reference" / f"{module}.py" for module in theirs}
    overlay(lab.package, [given, *folders], pins, keep=[file.stem for file in given.glob("*.py")])
    return Solution(lab, name, folders, pins.values()), missing


def _pins(lab: Lab, part: Part, prior: str) -> dict[str, Path]:
    """The modules that ``prior`` plays: those of the other parts that are not this part's own."""
    if prior not in PRIORS:
        raise NoSuchThing("prior", prior, PRIORS)
    if prior == "own":
        return {}
    grading = _grading(lab.name)
    others = {m for other in lab.parts for m in other.modules} - set(part.modules)
    files = {}
    for module in sorted(others):
        layers = ["oracle", "reference"] if prior == "oracle" else ["reference"]
        found = [grading / layer / f"{module}.py" for layer in layers]
        files[module] = next(file for file in found if is_there(file))
    return files


def find_mutant(lab: Lab, name: str) -> Mutant:
    """The mutant of that name or code; the reference must be loaded. Raises :class:`NoSuchThing`."""
    mutants = lab.mutants()
    for mutant in mutants:
        if name in (mutant.name, mutant.code):
            return mutant
    raise NoSuchThing("mutant", name, [mutant.name for mutant in mutants])


def _put_mutant(lab: Lab, name: str) -> None:
    # The modules of the mutants subclass what the overlay has just put in place, so they must be imported anew.
    inside = f"grading.{lab.name}."
    for module in [m for m in sys.modules if m.startswith(inside) and "mutants" in m.split(".")]:
        del sys.modules[module]
    mutant = find_mutant(lab, name)
    patch(lab, mutant)


def patch(lab: Lab, mutant: Mutant) -> None:
    """Put the mutant in the place of what it replaces, in every module of the lab that names it."""
    module_name, _, attribute = mutant.replaces.partition(":")
    module: Any = importlib.import_module(f"{lab.package}.{module_name}")
    original = getattr(module, attribute)
    for name, loaded in list(sys.modules.items()):
        if name.startswith(lab.package + "."):
            for key, value in list(vars(loaded).items()):
                if value is original:
                    setattr(loaded, key, mutant.by)


@contextlib.contextmanager
def own_folder_first() -> Iterator[None]:
    """Within: the project's root is importable, as graders and labs expect."""
    sys.path.insert(0, str(root()))
    try:
        yield
    finally:
        sys.path.remove(str(root()))


def _grading(lab_name: str) -> Path:
    return root() / "grading" / lab_name
