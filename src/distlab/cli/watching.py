"""``distlab watch``: grades quickly on every save; the last counterexample first, then the quick tier.

Theory of operation. The lab's files are looked at four times a second (their times and sizes; nothing else is
portable). A save is acted upon when nothing has changed for a moment and every file parses: editors write in steps, and
half a file is no news. Each answer goes to a fresh child process, so that no code of the student's stays loaded here.
The last verdict stays on screen until there is a newer one. Without a keyboard it just prints, until Ctrl-C.
"""

from __future__ import annotations

import ast
import contextlib
import time
from pathlib import Path

import click
from msgspec import Struct

from distlab.cli.choosing import chosen
from distlab.cli.grading import failure_screen, options
from distlab.cli.hinting import hint
from distlab.cli.keys import Keys
from distlab.cli.memory import remember
from distlab.cli.picturing import show
from distlab.cli.program import PASSED, NotReady, usage
from distlab.cli.replaying import replay
from distlab.cli.screen import Screen, plural, seconds
from distlab.cli.views.labpage import LabPage
from distlab.cli.views.states import BROKEN
from distlab.core.errors import DistlabError
from distlab.grade.counterexample import Counterexample, known, load
from distlab.grade.replay import Outcome, Replayed
from distlab.grade.request import Replay
from distlab.grade.result import LabResult, PartResult, PromiseResult, Report
from distlab.grade.runner import Request, grade, open_children
from distlab.grade.solution import root

QUICK_RUNS = 60
"""Random schedules per part on every save."""
LOOK_EVERY = 0.25
CALM = 0.15
"""Seconds without a change after which a save is taken to be over."""
KEYS = "h hint   n next failure   d picture   r replay   a all runs   q quit"

Stamp = dict[str, tuple[int, int]]


@click.command()
@options
def watch(lab: str, part: str, promise: str, seed: int, solution: str, prior: str) -> int:
    """Grade quickly on every save, last counterexample first."""
    if not lab and not part:
        usage("which lab? Say LAB=1")
    if solution != "own":
        usage("watch grades your own work; make grade takes SOLUTION=")
    request = chosen(lab, part, promise, seed, solution, prior, runs=QUICK_RUNS)
    with Keys() as keys:
        _Watch(request, Screen(), keys).run()
    return PASSED


class Failure(Struct, frozen=True):
    """One promise that the last grading saw broken."""

    report: Report
    lab: LabResult
    part: PartResult
    promise: PromiseResult


class _Watch:
    """The loop, and what it has on screen."""

    def __init__(self, request: Request, screen: Screen, keys: Keys) -> None:
        self.request = request
        self.screen = screen
        self.keys = keys
        self.folder = root() / "labs" / request.labs[0]
        self.failures: list[Failure] = []
        self.at = 0
        """Which failure is shown."""
        if not self.folder.is_dir():
            raise NotReady(f"there is no folder {self.folder}")

    def run(self) -> None:
        """Until ``q`` or Ctrl-C."""
        seen: Stamp = {}
        while True:
            now = stamp(self.folder)
            if now != seen:
                time.sleep(CALM)
                if stamp(self.folder) != now:
                    continue
                seen = now
                self._saved()
            if self._key(self.keys.wait(LOOK_EVERY)):
                return

    def _saved(self) -> None:
        if broken := unparsed(self.folder):
            self.screen.say(f"  waiting: {broken}", "odd")
            return
        began = time.monotonic()
        self._clear()
        self._last_counterexample()
        self._grade(self.request, began)

    def _last_counterexample(self) -> None:
        """The quickest answer there is: does the last failure of this lab still happen?"""
        saved = last_of(self.request.labs[0])
        if saved is None:
            return
        ask = Replay(saved.lab, saved.part, saved, "own", saved.prior, 0)
        with contextlib.suppress(DistlabError), open_children() as children:
            answer = children.ask(ask, "0")
            if isinstance(answer, Replayed):
                told = {
                    Outcome.BROKEN: ("still broken", "bad"),
                    Outcome.FIXED: ("passes now", "good"),
                    Outcome.VOID: ("no longer applies", "odd"),
                }
                word, style = told.get(answer.outcome, (answer.outcome.value, "odd"))
                self.screen.say(
                    f"  last counterexample {saved.id} ({saved.promise or 'crash'}): {word}", style
                )

    def _grade(self, request: Request, began: float) -> None:
        try:
            report = grade(request)
        except DistlabError as error:
            self.screen.say(f"  not graded: {str(error).splitlines()[0]}", "bad")
            return
        if (
            request.runs is None
        ):  # the quick tier leaves much unknown: no news for the progress page
            remember(report)
        self.failures = [
            Failure(report, lab, part, promise)
            for lab in report.labs
            for part in lab.parts
            for promise in part.promises
            if promise.state in BROKEN
        ]
        self.at = 0
        for lab in report.labs:
            self.screen.show(LabPage(lab))
        self.screen.say("")
        if self.failures:
            self._show_failure()
        runs = (
            "all runs" if request.runs is None else f"quick: {plural(request.runs, 'run')} a part"
        )
        self.screen.say(
            f"  {runs}, {seconds(time.monotonic() - began)}. Waiting for a save.", "dim"
        )
        self._show_keys()

    def _show_failure(self) -> None:
        one = self.failures[self.at]
        self.screen.show(failure_screen(one.report, one.lab, one.part, one.promise))
        if len(self.failures) > 1:
            self.screen.say(f"  failure {self.at + 1} of {len(self.failures)}", "dim")

    def _show_keys(self) -> None:
        if self.screen.is_terminal:
            self.screen.say(f"  {KEYS}", "dim")

    def _clear(self) -> None:
        if self.screen.is_terminal:
            self.screen.console.clear()
        else:
            self.screen.say("")

    # -- keys -----------------------------------------------------------------------------------------------------

    def _key(self, key: str) -> bool:
        """Do what the key asks for; True to leave."""
        one = self.failures[self.at] if self.failures else None
        name = one.promise.broken.counterexample if one and one.promise.broken else ""
        match key:
            case "q":
                return True
            case "a":
                self._clear()
                self._grade(_whole(self.request), time.monotonic())
            case "n" if self.failures:
                self.at = (self.at + 1) % len(self.failures)
                self._clear()
                self._show_failure()
                self._show_keys()
            case "h":
                arguments = ["--lab", self.request.labs[0]]
                self._command(hint, [*arguments, *(["--promise", one.promise.code] if one else [])])
            case "d" if name:
                self._command(show, ["--id", name, "--open"])
            case "r" if name:
                self._command(replay, ["--id", name])
        return False

    def _command(self, command: click.Command, arguments: list[str]) -> None:
        """Another command, here; what it complains of is said and forgotten."""
        self.screen.say("")
        try:
            command.main(arguments, standalone_mode=False)
        except (DistlabError, click.ClickException) as error:
            text = error.format_message() if isinstance(error, click.ClickException) else str(error)
            self.screen.say(f"  {text}", "odd")


def _whole(request: Request) -> Request:
    import msgspec

    return msgspec.structs.replace(request, runs=None)


def stamp(folder: Path) -> Stamp:
    """When each source file was last changed, and how large it is."""
    found: Stamp = {}
    for file in folder.rglob("*.py"):
        with contextlib.suppress(OSError):  # it may vanish while one looks: editors rename
            status = file.stat()
            found[str(file)] = status.st_mtime_ns, status.st_size
    return found


def unparsed(folder: Path) -> str:
    """Which file is no Python yet, and why; empty if all are."""
    for file in sorted(folder.rglob("*.py")):
        try:
            ast.parse(file.read_text(encoding="utf-8"))
        except SyntaxError as error:
            return f"{file.name}, line {error.lineno}: {error.msg}"
        except (OSError, ValueError) as error:
            return f"{file.name}: {error}"
    return ""


def last_of(lab: str) -> Counterexample | None:
    """The newest counterexample of the student's own work on this lab."""
    for name in known():
        with contextlib.suppress(DistlabError):
            saved = load(name)
            if saved.lab == lab and saved.solution == "own":
                return saved
    return None
