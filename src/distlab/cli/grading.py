"""``distlab grade``: the whole report, or the lab, or the promise that was asked for; the answer comes last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from distlab.cli.choosing import chosen
from distlab.cli.keeping import own_folder, shown, write
from distlab.cli.memory import evidence_for, note_shown, remember
from distlab.cli.program import FAILED, PASSED, usage
from distlab.cli.screen import Screen
from distlab.cli.views.failure import FailureScreen
from distlab.cli.views.labpage import LabPage
from distlab.cli.views.overview import NextStep, Overview
from distlab.cli.views.states import BROKEN
from distlab.grade.exports import WRITERS
from distlab.grade.result import LabResult, PartResult, PromiseResult, Report, State
from distlab.grade.runner import Request, Step
from distlab.grade.runner import grade as run_grading

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID


def options(command: Callable[..., int]) -> Callable[..., int]:
    """The options that say what is graded, for every command that grades."""
    for option in (
        click.option(
            "--prior", default="oracle", help="whose code stands under it: own, reference, oracle"
        ),
        click.option("--solution", default="own", help="own, reference, alternative, mutant:NAME"),
        click.option("--seed", default=1, help="which schedules to try"),
        click.option("--promise", default="", help="only this promise: MR-S2"),
        click.option("--part", default="", help="only this part: c or 1c"),
        click.option("--lab", default="", help="only this lab: 1, lab1 or lab1_mapreduce"),
    ):
        command = option(command)
    return command


@click.command()
@options
@click.option(
    "--runs", type=click.IntRange(1), help="random schedules for each part, in place of its budget"
)
@click.option(
    "--jobs",
    type=click.IntRange(0),
    default=0,
    help="processes at a time; 0: one for each processor",
)
@click.option(
    "--export",
    "exports",
    multiple=True,
    metavar="FORMAT:PATH",
    help="also write json, gradescope, junit, csv, classroom50",
)
def grade(
    lab: str,
    part: str,
    promise: str,
    seed: int,
    solution: str,
    prior: str,
    runs: int | None,
    jobs: int,
    exports: tuple[str, ...],
) -> int:
    """Grade what is in labs/."""
    targets = [_target(export) for export in exports]
    request = chosen(lab, part, promise, seed, solution, prior, runs, jobs)
    _must_be_writable()
    screen = Screen()
    with Progress(screen) as progress:
        report = run_grading(request, progress)
    if solution == "own" and runs is None:
        remember(report)
    for kind, path in targets:
        write(path, WRITERS[kind](report))
    screen_of(screen, report, request)
    for kind, path in targets:
        screen.say(f"  written: {shown(path)} ({kind})", "dim")
    return PASSED if all_passed(report) else FAILED


def screen_of(screen: Screen, report: Report, request: Request) -> None:
    """Show what was asked for: all labs, one lab and its first failure, or one promise."""
    if not request.labs:
        screen.show(Overview(report))
        return
    found = [
        (lab, part, promise)
        for lab in report.labs
        for part in lab.parts
        for promise in part.promises
    ]
    if request.promise:
        for lab, part, promise in found:
            screen.show(failure_screen(report, lab, part, promise))
        return
    for lab in report.labs:
        screen.show(LabPage(lab))
    broken = [entry for entry in found if entry[2].state in BROKEN]
    if broken:
        screen.say("")
        screen.show(failure_screen(report, *broken[0]))
        first = broken[0][2].broken
        others = [
            p.code
            for _, _, p in broken[1:]
            if p.broken is None or p.broken.problem is None or p.broken != first
        ]
        if others:
            command = f"make grade LAB={broken[0][0].number} PROMISE={others[0]}"
            screen.say(f"  then     {command}   ({len(others)} more broken)", "dim")
    elif not request.part:
        for lab in report.labs:
            screen.show(NextStep(report, lab))


def failure_screen(
    report: Report, lab: LabResult, part: PartResult, promise: PromiseResult
) -> FailureScreen:
    """The screen of a promise, with its evidence from the files."""
    also = []
    if (
        promise.broken is not None
        and promise.broken.problem is not None
        and promise.state is not State.NOT_STARTED
    ):
        also = [
            p.code for p in part.promises if p.broken == promise.broken and p.code != promise.code
        ]
    if promise.broken is not None and promise.broken.counterexample:
        note_shown(promise.broken.counterexample)
    return FailureScreen(report, lab, part, promise, evidence_for(lab, part, promise), also)


def all_passed(report: Report) -> bool:
    """What exit code 0 means."""
    return all(
        p.state is State.PASSED for lab in report.labs for part in lab.parts for p in part.promises
    )


def _target(export: str) -> tuple[str, Path]:
    kind, _, path = export.partition(":")
    if kind not in WRITERS or not path:
        usage(f"--export takes FORMAT:PATH with a format of {', '.join(WRITERS)}, not {export!r}")
    if not Path(path).absolute().parent.is_dir():
        usage(f"--export {export}: there is no folder {Path(path).absolute().parent}")
    return kind, Path(path)


def _must_be_writable() -> None:
    """Find out now, not after a minute of grading. Raises ``OSError``."""
    write(own_folder() / "write-test", b"")
    (own_folder() / "write-test").unlink()


class Progress:
    """A bar while grading takes; nothing where nobody looks."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._bar: Bar | None = None
        self._tasks: dict[tuple[str, str], TaskID] = {}

    def __enter__(self) -> Progress:
        if self._screen.is_terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("  {task.description}"),
                BarColumn(24),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
            )
            self._bar = Bar(*columns, console=self._screen.console, transient=True)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, step: Step) -> None:
        if self._bar is None:
            return
        key = step.lab, step.part
        if key not in self._tasks:
            name = step.lab.split("_")[0].removeprefix("lab")
            self._tasks[key] = self._bar.add_task(
                f"{name}{step.part} {step.lab.partition('_')[2]}", total=step.of
            )
        if step.finished is not None:
            self._bar.update(self._tasks[key], visible=False)
        else:
            self._bar.update(self._tasks[key], completed=step.done, total=step.of)
