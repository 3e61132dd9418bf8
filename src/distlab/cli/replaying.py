"""``distlab replay``: a saved counterexample on today's code, at once or event by event."""

from __future__ import annotations

from pathlib import Path

import click

from distlab.cli.grading import Progress
from distlab.cli.memory import evidence_for, note_shown, shown_last
from distlab.cli.program import FAILED, PASSED, NotReady, usage
from distlab.cli.screen import Screen
from distlab.cli.stepping import step_through
from distlab.cli.views.failure import FailureScreen
from distlab.cli.views.replayed import ReplayVerdict
from distlab.core.errors import HarnessBug
from distlab.grade.counterexample import Counterexample, known, load
from distlab.grade.lab import Lab
from distlab.grade.replay import NEIGHBOURS, Outcome, Replayed
from distlab.grade.request import Replay
from distlab.grade.result import LabResult, PartResult, PromiseResult, Report, State
from distlab.grade.runner import Step, open_children
from distlab.grade.solution import NoSuchThing, load_lab
from distlab.trace.files import read


@click.command()
@click.option(
    "--id",
    "name",
    default="",
    help="which one: its id, the beginning of it, or a file; default: the one shown last",
)
@click.option(
    "--step", default="", help="1: event by event, with each node's state before and after"
)
@click.option("--world", type=click.Choice(["sim", "live"]), default="sim", help="where it runs")
@click.option("--solution", default="", help="whose code; default: the same as when it was found")
@click.option(
    "--neighbours",
    type=click.IntRange(0),
    default=NEIGHBOURS,
    help="how many to try if it passes now",
)
def replay(name: str, step: str, world: str, solution: str, neighbours: int) -> int:
    """Run a saved counterexample on today's code."""
    if world == "live":
        raise NotReady(
            "replay in the live world is not built yet; WORLD=sim replays it in the simulator"
        )
    saved, screen = find(name), Screen()
    if not name.endswith(".json"):
        note_shown(saved.id)
    lab = load_lab(saved.lab)
    with Progress(screen) as progress:
        answer = ask_again(
            lab, saved, solution or saved.solution, 0 if step else neighbours, progress
        )
    if step and step not in ("0", "no", "false"):
        if not answer.trace:
            raise NotReady("this program does not get as far as a first event")
        trace, head = read(Path(answer.trace).read_bytes())
        step_through(screen, trace, head)
        screen.show(ReplayVerdict(saved, answer))
    else:
        _show(screen, lab, saved, answer)
    return FAILED if answer.outcome in (Outcome.BROKEN, Outcome.MOVED) else PASSED


def find(name: str) -> Counterexample:
    """The counterexample that is meant. Raises ``NoSuchThing``."""
    ids = known()
    if not name:
        if not ids:
            usage("no counterexample has been saved yet: make grade finds them, if there are any")
        last = shown_last()
        return load(last if last in ids else ids[0])
    if name.endswith(".json"):
        return load(name)
    matching = [one for one in ids if one.startswith(name.lower())]
    if len(matching) > 1:
        usage(f"{name} may be any of {', '.join(matching)}")
    if not matching:
        raise NoSuchThing("counterexample", name, ids[:10])
    return load(matching[0])


def ask_again(
    lab: Lab, saved: Counterexample, solution: str, neighbours: int, progress: Progress
) -> Replayed:
    """Have a child run it on today's code of that solution."""
    ask = Replay(saved.lab, saved.part, saved, solution, saved.prior, neighbours)

    def progressed(done: int, of: int) -> None:
        progress(Step(lab.name, saved.part, done, of))

    with open_children() as children:
        answer = children.ask(ask, "0", progressed)
    if answer is None:
        raise NotReady(
            "the process that replayed it had to be killed: the program no longer answers"
        )
    if not isinstance(answer, Replayed):
        raise HarnessBug(f"unexpected answer {answer}")
    return answer


def _show(screen: Screen, lab: Lab, saved: Counterexample, answer: Replayed) -> None:
    if answer.broken is not None:
        report, lab_result, part, promise = _as_report(lab, saved, answer)
        run = Path(answer.trace) if answer.outcome is Outcome.BROKEN and answer.trace else None
        evidence = evidence_for(lab_result, part, promise, run)
        screen.show(FailureScreen(report, lab_result, part, promise, evidence))
        screen.say("")
    screen.show(ReplayVerdict(saved, answer))


def _as_report(
    lab: Lab, saved: Counterexample, answer: Replayed
) -> tuple[Report, LabResult, PartResult, PromiseResult]:
    """The answer in the shape of a report, so that it is shown like any failure."""
    part = lab.part(saved.part)
    assert answer.broken is not None
    state = answer.broken.problem.state if answer.broken.problem else State.FAILED
    by_code = {promise.code: promise for promise in part.promises}
    promised = by_code.get(saved.promise)
    title = saved.title or "the program runs without an error of its own"
    points, page = (promised.points, promised.page) if promised else (0, "")
    promise = PromiseResult(saved.promise, title, points, state, 1, answer.broken, page=page)
    modules = tuple(f"labs/{lab.name}/{module}.py" for module in part.modules)
    shown = PartResult(part.code, part.title, modules, (promise,))
    result = LabResult(lab.number, lab.name, lab.title, (shown,))
    return (
        Report((result,), saved.release, saved.seed, saved.solution, saved.prior),
        result,
        shown,
        promise,
    )
