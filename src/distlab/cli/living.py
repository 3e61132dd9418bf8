"""``distlab live``: a lab as real processes under real faults, on a screen that lives while they do.

The run itself is :func:`distlab.grade.live.perform`; what a lab computes, and who is killed meanwhile, stands in its
``live.py``. Everything of a run lies in ``.distlab/live/<lab>``, until the next one of that lab.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import importlib.util
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from rich.live import Live as Alive
from rich.text import Text

from distlab.check import Verdict
from distlab.cli.keeping import own_folder
from distlab.cli.program import FAILED, INTERRUPTED, PASSED, NotReady, usage
from distlab.cli.screen import Screen, joined, styled, wrapped
from distlab.grade.lab import Lab, Part
from distlab.grade.live import BadInput, Judged, LiveReport, Moment, NotFit, perform, serve
from distlab.grade.solution import SOLUTIONS, NoSuchThing, find_lab_name, load_lab, load_whole
from distlab.trace import Event, Kind
from distlab.trace.words import event_words

_EVERY = 5.0
"""Seconds between two lines about how far things are, where the screen cannot be painted anew."""


@click.command()
@click.option("--lab", default="", help="which lab: 0, lab1, lab1_mapreduce")
@click.option("--part", default="", help="a part that has a live run of its own: d of lab 2")
@click.option(
    "--input", "source", default="", help="what it works on: a folder, for labs that read one"
)
@click.option("--solution", default="own", help="whose: own, reference, alternative")
@click.option(
    "--keep", is_flag=True, help="no faults and no judge: run it until Ctrl-C, to be used"
)
def live(lab: str, part: str, source: str, solution: str, keep: bool) -> int:
    """Run a lab as real processes under real faults."""
    if not lab:
        usage("which lab? Say LAB=1")
    if solution not in SOLUTIONS:
        raise NoSuchThing("solution", solution, SOLUTIONS)
    name = find_lab_name(lab)
    known = load_lab(name)
    module = f"grading.{name}.{'kept' if keep else 'live'}"
    if keep and importlib.util.find_spec(module) is None:
        usage(f"{name} cannot be kept running: it has nothing for people to use")
    if importlib.util.find_spec(module) is None:
        raise NotReady(f"{name} cannot be run live: it has no grading/{name}/live.py")
    if part:
        module += f"_{part.lower().removeprefix(str(known.number))}"
        if importlib.util.find_spec(module) is None:
            usage(f"part {part} has no live run of its own; without PART the whole lab is run")
    with _alone_in(own_folder() / "live", name) as folder:
        if keep:
            return _keep(module, known, solution, folder)
        return _run(module, known, solution, Path(source) if source else None, folder)


def _run(module: str, known: Lab, solution: str, source: Path | None, folder: Path) -> int:
    screen = Screen()
    try:
        loaded, missing = load_whole(known, solution)
        stage = importlib.import_module(module).stage(loaded, source, folder)
    except BadInput as error:
        usage(str(error))
    except NotFit as error:
        raise NotReady(str(error)) from error
    except (NotImplementedError, SyntaxError) as error:
        screen.say(f"{known.name} cannot begin: {type(error).__name__}: {error}", "bad")
        return FAILED
    screen.show(Head(f"{known.name} live", solution, [*stage.about, *_stand_ins(missing)]))
    try:
        with _painter(screen) as paint:
            report = perform(stage, folder, paint)
    except KeyboardInterrupt:
        screen.say(
            f"stopped: every process has ended. Kept: {_shown(folder)} (events, logs, the nodes' files)"
        )
        return INTERRUPTED
    screen.show(Ending(report, folder))
    return PASSED if report.is_passed else FAILED


def _stand_ins(missing: Sequence[Part]) -> list[str]:
    """Whose code runs where the student's is not written yet."""
    codes = ", ".join(part.code for part in missing)
    return [f"not written yet, and played by the reference: {codes}"] if missing else []


def _keep(module: str, known: Lab, solution: str, folder: Path) -> int:
    screen = Screen()
    try:
        loaded, missing = load_whole(known, solution)
        kept = importlib.import_module(module).kept(loaded)
    except (NotImplementedError, SyntaxError) as error:
        screen.say(f"{known.name} cannot begin: {type(error).__name__}: {error}", "bad")
        return FAILED
    screen.show(Head(f"{known.name} running", solution, [*kept.about, *_stand_ins(missing)]))
    try:
        with _painter(screen) as paint:
            serve(kept, folder, paint)
    except KeyboardInterrupt:
        screen.say(f"stopped: every process has ended. Kept until the next run: {_shown(folder)}")
        return INTERRUPTED


@contextlib.contextmanager
def _alone_in(folder: Path, name: str) -> Iterator[Path]:
    """Where the run's files go; what an earlier run has left there is deleted, and no other one comes meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotReady(
                f"{name} is running live in this folder already: one at a time"
            ) from None
        if (folder / name).exists():
            shutil.rmtree(folder / name)
        (folder / name).mkdir()
        yield folder / name


def _shown(folder: Path) -> str:
    return os.path.relpath(folder)


# -- while it runs ----------------------------------------------------------------------------------------------------


class Head:
    """What is going to happen."""

    def __init__(self, title: str, solution: str, about: Sequence[str]) -> None:
        self.title, self.solution, self.about = title, solution, about

    def render(self, width: int) -> list[Text]:
        title = self.title + (f" - {self.solution}" if self.solution != "own" else "")
        lines = [styled(title, "head")]
        for text in self.about:
            lines += [styled(line) for line in wrapped(text, width, "    ", "  ")]
        return lines


class Table:
    """Who is up, and how far they are."""

    def __init__(self, moment: Moment) -> None:
        self.moment = moment

    def render(self, width: int) -> list[Text]:
        moment = self.moment
        head = (
            f"  {'node':<12}{'is':<10}{'pid':>8}{'life':>6}{'jobs':>6}{'messages/s':>12}{'MB/s':>8}"
        )
        lines = [styled(head, "dim")]
        for row in moment.rows:
            style = "" if row.state == "up" else "fault"
            lines.append(
                joined(
                    f"  {row.address[:11]:<12}", (f"{row.state:<10}", style),
                    f"{row.pid or '-':>8}{row.incarnation + 1:>6}{row.figures.jobs:>6}"
                    f"{row.messages:>12,.0f}{row.bytes / 1e6:>8,.1f}",
                )
            )  # fmt: skip
        lines += [styled(f"  {text}") for text in moment.lines]
        lines.append(styled(f"  {moment.seconds:.0f} s  {moment.doing}".rstrip(), "dim"))
        return lines


class Struck:
    """One thing that happened to a node."""

    def __init__(self, event: Event) -> None:
        self.event = event

    def render(self, width: int) -> list[Text]:
        style = "fault" if self.event.kind in (Kind.FAULT, Kind.CRASH) else "dim"
        first = f"  {self.event.time / 1e6:6.2f} s  {self.event.node:<10}  "
        words = wrapped(strike_words(self.event), width, " " * len(first), first)
        return [styled(line, style) for line in words]


def strike_words(event: Event) -> str:
    """What was done to a process, in the system's words where a fault has been carried out with its means."""
    if event.kind == Kind.FAULT:
        name = type(event.what).__name__
        if name == "Pause":
            return f"stopped (SIGSTOP) for {event.what.duration / 1e6:.1f} s"
        if name == "Crash":
            after = event.what.restart_after
            return "killed (kill -9)" + (
                f", to start again after {after / 1e6:.1f} s" if after else ""
            )
    if event.kind == Kind.CRASH:
        return f"its process ends: {str(event.what).splitlines()[0]}"
    return event_words(event)


@contextlib.contextmanager
def _painter(screen: Screen) -> Iterator[_Painter]:
    painter = _Painter(screen)
    if not screen.is_terminal:
        yield painter
        return
    with Alive(console=screen.console, auto_refresh=False, transient=False) as alive:
        painter.alive = alive
        yield painter


class _Painter:
    """Shows moments: painted over one another on a terminal, now and then a line elsewhere."""

    def __init__(self, screen: Screen) -> None:
        self.alive: Alive | None = None
        self._screen = screen
        self._said_at = time.monotonic()
        self._said: Sequence[str] = ()

    def __call__(self, moment: Moment) -> None:
        for event in moment.news:
            if not (event.kind == Kind.START and event.incarnation == 0) and not (
                event.kind == Kind.CRASH and str(event.what).startswith("fault: ")
            ):
                self._screen.show(Struck(event))
        table = Table(moment)
        if self.alive is not None:
            self.alive.update(Text("\n").join(table.render(self._screen.width)), refresh=True)
        elif moment.doing or (
            time.monotonic() - self._said_at > _EVERY and moment.lines != self._said
        ):
            self._said_at, self._said = time.monotonic(), moment.lines
            self._screen.lines(styled(f"  {moment.seconds:6.2f} s  {t}") for t in moment.lines)
            if moment.doing:
                self._screen.lines([styled(f"  {moment.seconds:6.2f} s  {moment.doing}", "dim")])


# -- at its end -------------------------------------------------------------------------------------------------------


class Ending:
    """The verdict, and where everything lies."""

    def __init__(self, report: LiveReport, folder: Path) -> None:
        self.report, self.folder = report, folder

    def render(self, width: int) -> list[Text]:
        report = self.report
        lines = [Text()]
        if report.failure is not None:
            lines += self._failure(width)
        elif report.stuck:
            text = f"nothing was done any more, and {report.stuck} had not ended: stuck"
            lines += [styled(line, "bad") for line in wrapped(text, width, "  ")]
        for one in report.judged:
            lines += judged_lines(one, width)
        for fault in report.missed:
            text = f"{fault} never struck, so this run does not show that it is survived"
            lines += [styled(line, "odd") for line in wrapped(text, width, " " * 18, "  ?       ")]
        lines.append(Text())
        word, style = ("passed", "good") if report.is_passed else ("FAILED", "bad")
        if (
            report.judged
            and not report.is_passed
            and all(one.verdict.is_kept for one in report.judged)
        ):
            word, style = "kept, but not put to the test", "odd"
        lines.append(joined("  ", (word, style), f" after {report.seconds:.1f} s"))
        lines += [styled(f"  output  {text}") for text in report.kept]
        lines.append(styled(f"  files   {_shown(self.folder)}", "dim"))
        return lines

    def _failure(self, width: int) -> list[Text]:
        failure = self.report.failure
        assert failure is not None
        unfinished = failure.error == "NotImplementedError"
        head = (
            f"not finished: {failure.reason.partition(': ')[2] or failure.reason} ({failure.address})"
            if unfinished
            else f"{failure.address} raised"
        )
        style = "odd" if unfinished else "bad"
        lines = [styled(line, style) for line in wrapped(head, width, "    ", "  ")]
        return [*lines, *(styled(f"    {line}") for line in failure.report.splitlines())]


def judged_lines(one: Judged, width: int) -> list[Text]:
    """``ok  MR-S1  every output is ...``; what was expected and what came, where it is broken."""
    word, style = _word(one.verdict)
    lines = wrapped(one.promise.title, width, " " * 18, f"{'':10}{one.promise.code:<8}")
    first = joined("  ", (f"{word:<8}", style), lines[0][10:])
    found = [first, *(styled(line) for line in lines[1:])]
    if not one.verdict.is_kept:
        texts = [one.verdict.reason]
        if one.verdict.expected or one.verdict.got:
            texts += [f"expected {one.verdict.expected[:200]}", f"got      {one.verdict.got[:200]}"]
        found += [styled(x, style) for text in texts for x in wrapped(text, width, " " * 18)]
    return found


def _word(verdict: Verdict) -> tuple[str, str]:
    if verdict.is_kept:
        return "ok", "good"
    return ("FAIL", "bad") if verdict.is_broken else ("?", "odd")
