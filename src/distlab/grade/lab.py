"""What a lab hands to the grader: parts, promises, schedules, vectors, mutants. The words a lab's author writes in.

A :class:`Lab` has parts; a :class:`Part` has *promises* (each worth points), a *stage* (how a scenario becomes a
cluster), a way to *draw* random scenarios, and *directed* schedules. Every promise of a part judges every run of it.
A promise may also have *exams*: checks of pure functions, with no run at all.

A promise is **kept** only if no run breaks it, and every situation that it names was really seen: a safety property
that never met danger has proved nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from distlab.check import History, Verdict
from distlab.core.cluster import Cluster
from distlab.core.values import MS, SECOND, Address, Operation
from distlab.explore import Scope
from distlab.grade.scenario import Scenario
from distlab.trace import Kind, Trace

if TYPE_CHECKING:
    from distlab.grade.solution import Solution
    from distlab.sim import Simulation


class Run(Struct, frozen=True):
    """What judges see of one run."""

    scenario: Scenario
    trace: Trace
    history: History
    store: dict[str, bytes]
    """The shared store at the end."""
    probes: dict[Address, Any]
    """What each running node says of itself at the end."""
    tally: dict[str, int]
    """What faults and noise really did: "partition" -> messages that one took."""
    time: int
    """Virtual time at the end, microseconds."""
    cluster: Cluster
    notes: dict[str, Any] = {}
    """What the stage wants its judges to know: the oracle's answer, for instance."""


class Situation(Struct, frozen=True):
    """Something that must have been seen, or the promise was not put to the test."""

    name: str
    """A claim: "a worker died that held finished map output"."""
    seen: Callable[[Run], bool]


class Exam(Struct, frozen=True):
    """A check of pure functions: vectors from papers, laws as Hypothesis properties. No run, no faults."""

    name: str
    check: Callable[[Solution], Verdict]
    module: str = ""
    """Which of the part's modules it is about, if it is one: what a failure is filed under."""


class Promise(Struct, frozen=True, kw_only=True):
    """One named property, in plain English, and what it is worth."""

    code: str
    """As in the specification: ``MR-S2``."""
    title: str
    """A sentence that says what holds: "an output file is absent or complete, at every instant"."""
    points: int
    judge: Callable[[Run], Verdict] | None = None
    exams: Sequence[Exam] = ()
    needs: Sequence[Situation] = ()
    page: str = ""
    """Where the handout explains it: ``labs/lab1.md#atomic-commit``."""


class Directed(Struct, frozen=True):
    """A scenario written by hand for one known danger; or the recorded witness of a mutant."""

    name: str
    about: str
    """One sentence: what is dangerous here."""
    scenario: Scenario


class Exhaustive(Struct, frozen=True, kw_only=True):
    """A small world that is searched whole, for one promise."""

    name: str
    about: str
    """One sentence: what is small about it, and what can happen there."""
    promise: str
    """Code of the promise that the scope's invariants follow from."""
    scope: Callable[[Cluster], Scope]
    """What is searched, given the cluster that the part's stage makes of ``scenario``."""
    scenario: Scenario = Scenario()
    """Sizes for the stage; the search makes calls and faults of its own."""
    budget: int = 200_000
    """States; with more, the answer is unknown."""
    is_apart: bool = False
    """Its nodes are the lab's own, and ask the solution for functions of values only: it can be searched sealed."""


class Stage(Struct, frozen=True, kw_only=True):
    """A scenario made ready to run."""

    cluster: Cluster
    operations: Sequence[type[Operation]] = ()
    """The classes that the scenario's calls may name."""
    until: int = 60 * SECOND
    """Virtual time at which the run ends at the latest."""
    settle: int | None = 100 * MS
    """The run ends so long after the last client call has returned and the plan has healed; None: at ``until``."""
    roles: Callable[[Simulation, str], list[Address]] | None = None
    """Who has a role at this moment; without it, the cluster's layout says."""
    notes: dict[str, Any] = {}


class Part(Struct, frozen=True, kw_only=True):
    """One evening's work: ``1C``."""

    code: str
    """One letter, ``C``; or a letter and a number where a part is graded in pieces, ``D1``."""
    title: str
    modules: Sequence[str]
    """The solution modules that this part is about: what is "not started" if they are, and what PRIOR does not play."""
    promises: Sequence[Promise]
    stage: Callable[[Solution, Scenario], Stage] | None = None
    draw: Callable[[Random], Scenario] | None = None
    directed: Sequence[Directed] = ()
    exhaustive: Sequence[Exhaustive] = ()
    runs: int = 0
    """Random scenarios in the normal budget."""
    simpler: Callable[[Scenario], Iterable[Scenario]] | None = None
    """Smaller shapes of a scenario, most promising first (fewer workers, fewer records): for the minimiser."""
    record: frozenset[str] = frozenset()
    """Kinds of events that the judges need beyond :data:`~distlab.trace.NOTICED`."""

    @property
    def points(self) -> int:
        return sum(promise.points for promise in self.promises)


class Mutant(Struct, frozen=True, kw_only=True):
    """A known bug: the reference with one thing changed."""

    name: str
    """Short, for the command line: ``forgets-lost-maps``."""
    code: str
    """As in the specification (``m5``), or empty for our own."""
    part: str
    """The part whose promises it breaks: ``C``."""
    replaces: str
    """``module:name`` in the reference: ``worker:Worker``."""
    by: Any
    """What stands there instead: a subclass, mostly."""
    story: str
    source: str
    """KIP, JIRA, paper, issue; or "ours"."""
    breaks: str
    """Code of the promise that catches it first."""
    kind: str = "safety"
    """``safety``, ``liveness`` or ``cost``."""


def bug(
    name: str,
    by: Any,
    *,
    part: str,
    replaces: str,
    breaks: str,
    code: str = "",
    kind: str = "safety",
    source: str = "ours",
    story: str = "",
) -> Mutant:
    """A mutant whose story, unless it is given, is the docstring of what stands in the place."""
    return Mutant(
        name=name,
        code=code,
        part=part,
        replaces=replaces,
        by=by,
        story=story or " ".join((inspect.getdoc(by) or "").split()),
        source=source,
        breaks=breaks,
        kind=kind,
    )


class Lab(Struct, frozen=True, kw_only=True):
    """Everything about one lab that is not the student's."""

    number: int
    name: str
    """The folder's name: ``lab1_mapreduce``."""
    title: str
    parts: Sequence[Part]
    mutants: Callable[[], Sequence[Mutant]] = tuple
    """Called once the reference is loaded, since mutants subclass it."""
    needs: Sequence[int] = ()
    """Labs whose code runs under this one."""

    @property
    def package(self) -> str:
        return f"labs.{self.name}"

    @property
    def points(self) -> int:
        return sum(part.points for part in self.parts)

    def part(self, code: str) -> Part:
        """Raises ``KeyError``."""
        return {part.code: part for part in self.parts}[code.upper()]


RECORD_MESSAGES = frozenset((Kind.SEND, Kind.DELIVER, Kind.DROP))
"""For a part whose judges read messages."""
