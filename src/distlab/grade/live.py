"""A lab as real processes: what a lab's ``live.py`` says of such a run, and the run itself, judged.

Rule: nothing is shown here, and nothing is known of any lab. A lab's module ``grading/labN_name/live.py`` has one
function, ``stage(solution, input_folder, workspace) -> LiveStage``; :func:`perform` runs what it returns, tells
whoever shows it how far things are, and has it judged by the lab's own promises. :func:`serve` runs a cluster for
people, behind a door, until they end it.

Theory of operation. Client operations are asked for in rounds, those of a round all at once; the plan's faults strike
meanwhile. When the last one has returned, the run goes on until everybody is back whom the plan has killed or stopped:
a zombie's last words belong to the run. What never returns is given up when nothing has been done for a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol

from msgspec import Struct

from distlab.check import History, Verdict
from distlab.core.cluster import Cluster
from distlab.core.errors import DistlabError
from distlab.core.values import MS, SECOND, Address, Operation
from distlab.faults import QUIET, Noise, Plan
from distlab.grade.lab import Promise, Run
from distlab.grade.scenario import Scenario
from distlab.live import Failure, Live, ProgramError
from distlab.live.door import Door
from distlab.live.follow import Follower, as_event
from distlab.live.recorder import Line
from distlab.live.status import Row
from distlab.trace import NOTICED, Event, Kind

PATIENCE: Final = 60
"""Seconds after which a run in which nothing is done any more is given up."""

_LOOK: Final = 250 * MS
_BACK: Final = 60 * SECOND
_ANSWER: Final = 5 * SECOND
"""How long a node may take to say what it is like."""

STRIKING: Final = frozenset((Kind.FAULT, Kind.CRASH, Kind.START, Kind.STOP, Kind.HEAL))
"""Events that a person who watches wants to hear of."""
_DOING: Final = frozenset((Kind.JOB, Kind.JOB_END, Kind.STORE, Kind.CALL, Kind.RETURN, Kind.START))
"""Events that show that the run goes on."""


class BadInput(DistlabError):
    """What was given as input makes no sense; the text says what is wanted. Exit code 2."""


class NotFit(DistlabError):
    """The machine does not let us: the text says what to do. Exit code 3."""


class Progress(Protocol):
    """What a lab makes of a run's events while it goes on."""

    def see(self, line: Line) -> None:
        """Something happened."""

    def lines(self) -> list[str]:
        """How far it is: a few lines for the screen, at most 76 columns wide."""


class Judged(Struct, frozen=True):
    """A promise, and what became of it in this run."""

    promise: Promise
    verdict: Verdict


class LiveStage(Struct, kw_only=True):
    """A lab, ready to be run as processes."""

    about: Sequence[str]
    """What is done with what, and what will go wrong: a few lines for the head of the screen."""
    cluster: Cluster
    rounds: Sequence[Sequence[tuple[str, Operation]]]
    """Clients and operations: a round is asked for when the one before it has returned."""
    progress: Progress
    judge: Callable[[Run], Sequence[Judged]]
    plan: Plan = Plan()
    noise: Noise = QUIET
    mounts: Mapping[str, Path] = {}
    shape: Mapping[str, Any] = {}
    """The lab's own sizes, as its judges look for them in a scenario."""
    record: frozenset[str] = NOTICED
    table: Callable[[Mapping[Address, Any]], Sequence[str]] = lambda probes: ()
    """What the screen shows of what the nodes say of themselves."""
    keep: Callable[[Run], Sequence[str]] = lambda run: ()
    """Puts the results where a person finds them; says where, in a few lines."""


class Kept(Struct, kw_only=True):
    """A lab's cluster for people to use, until they end it: ``grading/labN_name/kept.py`` has ``kept(solution)``."""

    about: Sequence[str]
    """What is running, and how to use it."""
    cluster: Cluster
    table: Callable[[Mapping[Address, Any]], Sequence[str]] = lambda probes: ()
    """What the screen shows of what the nodes say of themselves."""


class Moment(Struct, frozen=True):
    """How things are now."""

    seconds: float
    rows: Sequence[Row]
    lines: Sequence[str]
    news: Sequence[Event]
    """What has struck since the last moment."""
    doing: str = ""
    """What we do, when the run itself is over."""


class LiveReport(Struct, frozen=True):
    """How a live run ended."""

    judged: Sequence[Judged]
    kept: Sequence[str]
    """Where the results lie."""
    missed: Sequence[str] = ()
    """Faults of the plan that never struck."""
    failure: Failure | None = None
    """The program raised, and nothing was judged."""
    stuck: str = ""
    """Nothing was done any more, and nothing was judged: what was still to be done."""
    seconds: float = 0.0

    @property
    def is_passed(self) -> bool:
        """Every promise was kept, and put to the test."""
        return (
            bool(self.judged)
            and not self.missed
            and all(judged.verdict.is_kept for judged in self.judged)
        )


def perform(stage: LiveStage, folder: Path, tell: Callable[[Moment], None]) -> LiveReport:
    """Run it in ``folder``, which stays. Whatever is raised, Ctrl-C too, no process remains."""
    live = Live(
        stage.cluster,
        stage.plan,
        stage.noise,
        folder=folder,
        record=stage.record,
        mounts=stage.mounts,
        status=lambda text: (
            None
        ),  # shown by whoever is told; but so nodes are asked for their figures
    )
    run = _Running(stage, live, folder, tell)
    try:
        with live:
            if stuck := run.all_rounds():
                return LiveReport((), (), stuck=stuck, seconds=run.seconds)
            run.until_all_are_back()
            seconds, probes = run.seconds, live.probes(_ANSWER)
            run.look("checking what came of it")
    except ProgramError as error:
        return LiveReport((), (), failure=error.failure, seconds=run.seconds)
    judged = _as_run(stage, live, probes)
    return LiveReport(
        stage.judge(judged), stage.keep(judged), _missed(stage.plan, judged), seconds=seconds
    )


def serve(kept: Kept, folder: Path, tell: Callable[[Moment], None]) -> NoReturn:
    """Run it in ``folder``, and tell how it is twice a second, until somebody interrupts.

    ``folder/door`` holds the path of the door's socket (:mod:`distlab.live.door`) as long as it is open. A node whose
    program fails stays down; whatever is raised, Ctrl-C too, no process remains.
    """
    began = time.monotonic()
    live = Live(kept.cluster, folder=folder, record=STRIKING, keep_going=True)
    with live, Door(live) as door, _written(folder / "door", str(door.path)):
        follower = Follower(folder / "events")
        while True:
            lines = kept.table(live.probes(_LOOK))
            news = [as_event(line) for line in follower.news()]
            tell(Moment(time.monotonic() - began, live.rows(), lines, news))
            live.run_for(2 * _LOOK)


@contextmanager
def _written(file: Path, text: str) -> Iterator[None]:
    """A file that is there meanwhile."""
    file.write_text(text)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


class _Running:
    def __init__(
        self, stage: LiveStage, live: Live, folder: Path, tell: Callable[[Moment], None]
    ) -> None:
        self._stage = stage
        self._live = live
        self._tell = tell
        self._follower = Follower(folder / "events")
        self._began = self._active_at = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def all_rounds(self) -> str:
        """Have all operations done; which were under way when nothing went on, or nothing."""
        for asked in self._stage.rounds:
            calls = [self._live.call(client, operation) for client, operation in asked]
            while not self._live.wait(lambda: all(c.outcome is not None for c in calls), _LOOK):  # noqa: B023
                self.look()
                if time.monotonic() - self._active_at > PATIENCE:
                    open_ = [a for a, c in zip(asked, calls, strict=True) if c.outcome is None]
                    return ", ".join(
                        f"{type(operation).__name__} of {client}" for client, operation in open_
                    )
            self.look()
        return ""

    def until_all_are_back(self) -> None:
        """Wait for those whom the plan has killed or stopped."""
        deadline = time.monotonic() + _BACK / SECOND
        while time.monotonic() < deadline:
            if all(row.state == "up" for row in self._live.rows()):
                self._live.run_for(SECOND)  # what zombies say when they wake
                self.look()
                return
            self._live.run_for(_LOOK)
            self.look()

    def look(self, doing: str = "") -> None:
        """Find out what is new, and tell it."""
        news = []
        for line in self._follower.news():
            self._stage.progress.see(line)
            if line.kind in _DOING:
                self._active_at = time.monotonic()
            if line.kind in STRIKING:
                news.append(as_event(line))
        lines = [*self._stage.progress.lines(), *self._stage.table(self._live.seen)]
        self._tell(Moment(self.seconds, self._live.rows(), lines, news, doing))


def _as_run(stage: LiveStage, live: Live, probes: dict[Address, Any]) -> Run:
    trace = live.trace
    return Run(
        scenario=Scenario(plan=stage.plan, noise=stage.noise, shape=dict(stage.shape)),
        trace=trace,
        history=History.of(trace.events),
        store=live.store,  # type: ignore[arg-type]  # a mapping that reads when it is asked
        probes=probes,
        tally=dict(live.tally),
        time=max((event.time for event in trace.events), default=0),
        cluster=stage.cluster,
    )


def _missed(plan: Plan, run: Run) -> list[str]:
    """Faults that did not strike: what they were there to show was not shown."""
    struck: list[Any] = [event.what for event in run.trace.of(Kind.FAULT)]
    return [
        f"{type(fault.do).__name__.lower()} of {getattr(fault.do, 'node', 'a message')}"
        for fault in plan.faults
        if fault.do not in struck
    ]
