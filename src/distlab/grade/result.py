"""The result of grading, as values: what the child sends, what is rendered, exported and saved. Versioned.

No clock decides anything here: two gradings of one submission with one seed set give equal results but for ``seconds``.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

FORMAT = 1
"""Version of these structures, and of the files that hold them."""


class State(StrEnum):
    """What became of a promise. Only ``PASSED`` earns points."""

    PASSED = "passed"
    FAILED = "failed"
    """A run or an exam breaks it."""
    CRASHED = "crashed"
    """The program raised an exception."""
    STUCK = "stuck"
    """A handler did not return, or the program keeps itself busy without end."""
    NOT_DETERMINISTIC = "not deterministic"
    """Two runs of one scenario differ."""
    UNKNOWN = "unknown"
    """Not broken, and not put to the test either."""
    NOT_STARTED = "not started"


class Frame(Struct, frozen=True):
    """One line of the student's own code."""

    file: str
    """Relative to the project's root."""
    line: int
    function: str
    code: str
    """The source line, stripped."""


class Problem(Struct, frozen=True):
    """Why a run came to no verdict."""

    state: State
    text: str
    """One sentence: ``KeyError: 'w1'``; what differed; which handler hangs."""
    node: str = ""
    handling: str = ""
    """What the node was handling."""
    event: int = 0
    frames: tuple[Frame, ...] = ()
    """Student frames only, outermost first; the last is where it happened."""


class Break(Struct, frozen=True):
    """A promise seen broken, or a problem, with all that a report needs."""

    reason: str
    found: str
    """How: ``directed: crash between vote and sync``, ``run 37``, ``exam: vectors of RFC 3720``."""
    expected: str = ""
    got: str = ""
    problem: Problem | None = None
    counterexample: str = ""
    """Id of the saved file; empty for an exam, which needs none."""
    size: str = ""
    """``3 operations and 1 fault``."""
    was: str = ""
    """What it was cut down from: ``9 operations and 7 faults``."""
    decisive: tuple[Frame, ...] = ()
    """The student's line at the decisive event, where one can be named."""
    standing: tuple[str, ...] = ()
    """Where something never happened: each node's last news."""
    module: str = ""
    """For an exam: the file that it is about."""


class PromiseResult(Struct, frozen=True):
    """One promise, graded."""

    code: str
    title: str
    points: int
    state: State
    runs: int = 0
    """Runs that judged it, exams included."""
    broken: Break | None = None
    unseen: tuple[str, ...] = ()
    """Situations never reached: why it is unknown."""
    page: str = ""
    like: str = ""
    """The known bug that breaks it in the same way, if there is one: its story, and its name."""

    @property
    def earned(self) -> int:
        return self.points if self.state is State.PASSED else 0


class PartResult(Struct, frozen=True):
    """One part, graded."""

    code: str
    title: str
    modules: tuple[str, ...]
    """Files that the part is about, relative to the project's root."""
    promises: tuple[PromiseResult, ...]
    runs: int = 0
    seen: dict[str, int] = {}
    """What happened in these runs: fault or situation -> in how many of them."""
    digest: int = 0
    """Of all runs together: equal on every machine."""
    warnings: tuple[str, ...] = ()
    """What the lint found: clock, threads, randomness in lab code."""
    seconds: float = 0.0

    @property
    def points(self) -> int:
        return sum(promise.points for promise in self.promises)

    @property
    def earned(self) -> int:
        return sum(promise.earned for promise in self.promises)

    @property
    def is_not_started(self) -> bool:
        return all(promise.state is State.NOT_STARTED for promise in self.promises)


class LabResult(Struct, frozen=True):
    """One lab, graded."""

    number: int
    name: str
    title: str
    parts: tuple[PartResult, ...]

    @property
    def points(self) -> int:
        return sum(part.points for part in self.parts)

    @property
    def earned(self) -> int:
        return sum(part.earned for part in self.parts)


class Report(Struct, frozen=True):
    """A whole grading: what ``results.json`` holds."""

    labs: tuple[LabResult, ...]
    release: str
    """Version of distlab."""
    seed: int
    solution: str
    prior: str
    isolation: str = "plain"
    """``plain``: a child process; ``sealed``: a sandbox."""
    format: int = FORMAT
    seconds: float = 0.0

    @property
    def points(self) -> int:
        return sum(lab.points for lab in self.labs)

    @property
    def earned(self) -> int:
        return sum(lab.earned for lab in self.labs)
