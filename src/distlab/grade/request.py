"""What a grading child is asked, and what it answers: JSON lines, both ways. Never pickle."""

from __future__ import annotations

from msgspec import Struct

from distlab.grade.counterexample import Counterexample
from distlab.grade.hunt import Kill
from distlab.grade.own import OwnResult
from distlab.grade.replay import NEIGHBOURS, Replayed
from distlab.grade.result import PartResult


class GradePart(Struct, frozen=True, tag=True):
    """Grade one part of one solution."""

    lab: str
    part: str
    solution: str = "own"
    prior: str = "oracle"
    seed: int = 1
    runs: int | None = None
    """Random scenarios; None for the part's normal budget."""
    only: str | None = None
    """Code of the one promise to judge."""
    keep: bool = True
    isolation: str = "plain"
    """``sealed``: the solution runs in a process of its own."""


class TakeDigests(Struct, frozen=True, tag=True):
    """Run the first scenarios of a part and say their digests: asked of a child with another PYTHONHASHSEED."""

    lab: str
    part: str
    solution: str = "own"
    prior: str = "oracle"
    seed: int = 1
    count: int = 6
    isolation: str = "plain"


class Hunt(Struct, frozen=True, tag=True):
    """Grade one mutant, for the kill matrix."""

    lab: str
    mutant: str
    seed: int = 1
    record: bool = False
    """Minimise, and write the witness down."""
    quick: bool = False
    """Stop once the promise that it is meant to break is broken."""


class Replay(Struct, frozen=True, tag=True):
    """Run a saved counterexample on today's code."""

    lab: str
    part: str
    saved: Counterexample
    solution: str = "own"
    prior: str = "oracle"
    neighbours: int = NEIGHBOURS


class ScoreOwn(Struct, frozen=True, tag=True):
    """Score the student's own test of a lab."""

    lab: str


Ask = GradePart | TakeDigests | Hunt | Replay | ScoreOwn


class Progressed(Struct, frozen=True, tag=True):
    """So many runs are done."""

    done: int
    of: int


class Graded(Struct, frozen=True, tag=True):
    """The answer to :class:`GradePart`."""

    result: PartResult


class Digests(Struct, frozen=True, tag=True):
    """The answer to :class:`TakeDigests`: for each scenario how it is called, and its digest."""

    digests: list[tuple[str, int]]


class OurFault(Struct, frozen=True, tag=True):
    """The grader itself failed."""

    text: str
    traceback: str


class Refused(Struct, frozen=True, tag=True):
    """The request names something that does not exist."""

    text: str


class Hunted(Struct, frozen=True, tag=True):
    """The answer to :class:`Hunt`."""

    kill: Kill


class OwnScored(Struct, frozen=True, tag=True):
    """The answer to :class:`ScoreOwn`."""

    result: OwnResult


Answer = Progressed | Graded | Digests | Hunted | OwnScored | Replayed | OurFault | Refused
