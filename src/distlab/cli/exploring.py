"""``distlab explore``: search a small scope whole, and draw the shortest way to what is wrong.

The scope is named ``MODULE:NAME``: a :class:`~distlab.explore.Scope`, or a function that returns one, to be called with
the arguments that follow. What is found runs once more in the simulator, so that it is drawn as every other run is.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from distlab.cli.keeping import own_folder, shown, write
from distlab.cli.program import FAILED, PASSED, did_you_mean, usage
from distlab.cli.screen import Screen, plural, rule, seconds, styled, wrapped
from distlab.core.errors import ScenarioError
from distlab.explore import BUDGET, CannotExplore, Finding, Result, Scope
from distlab.explore import explore as search
from distlab.explore.schedule import NOISE, as_schedule
from distlab.sim import ProgramError, Simulation
from distlab.trace import EVERYTHING, Trace
from distlab.trace.files import Head, lines
from distlab.trace.text import diagram

ROWS = 60
"""More rows than that are no picture; the steps are listed anyway."""


@click.command()
@click.argument("scope", metavar="MODULE:NAME")
@click.argument("arguments", nargs=-1)
@click.option(
    "--budget", default=BUDGET, show_default=True, help="states after which the answer is unknown"
)
@click.option("--quiet", is_flag=True, help="no progress")
def explore(scope: str, arguments: tuple[str, ...], budget: int, quiet: bool) -> int:
    """Search a small scope whole.

    MODULE:NAME is a Scope, or a function that returns one; ARGUMENTS are what it is called with (numbers, names of
    MODULE, key=value).
    """
    if budget < 1:
        usage("--budget is a number of states, 1 or more")
    wanted = _scope(scope, arguments)
    screen = Screen()
    progress = _Progress(screen.is_terminal and not quiet)
    try:
        result = search(wanted, budget=budget, progress=progress)
    except CannotExplore as error:
        progress.end()
        screen.lines(rule("CANNOT BE EXPLORED", scope, screen.width, "odd"))
        screen.say(str(error))
        return FAILED
    progress.end()
    screen.show(_Verdict(scope, wanted, result))
    if result.trace:
        _draw(screen, scope, wanted, result)
    good = result.is_proof or result.finding is Finding.REACHED
    return PASSED if good else FAILED


class _Progress:
    """One line that is written over, on standard error; nothing where that is no terminal."""

    def __init__(self, is_on: bool) -> None:
        self._is_on = is_on and sys.stderr.isatty()

    def __call__(self, states: int, depth: int) -> None:
        if self._is_on:
            click.echo(f"\r  depth {depth:>3}   {states:>12,} states", nl=False, err=True)

    def end(self) -> None:
        if self._is_on:
            click.echo("\r" + " " * 40 + "\r", nl=False, err=True)


class _Verdict:
    """What came of a search."""

    def __init__(self, name: str, scope: Scope, result: Result) -> None:
        self.name = name
        self.scope = scope
        self.result = result

    def render(self, width: int) -> list[Text]:
        result = self.result
        style = {Finding.VIOLATED: "bad", Finding.UNKNOWN: "odd"}.get(result.finding, "good")
        word = result.finding.value
        if result.finding is Finding.EXHAUSTED and result.unseen:
            style, word = "odd", "unknown"
        shown = [*rule(word.upper(), self.name, width, style), Text()]
        shown += [Text(line) for line in wrapped(self._sentence(), width)]
        if result.finding is Finding.VIOLATED and result.reason:
            shown += [styled(line, "bad") for line in wrapped(result.reason, width, "  ")]
        own = ", ".join(f"{name} {count:,}" for name, count in result.local_states.items())
        rate = f", {result.states / result.seconds:,.0f} a second" if result.seconds > 0.05 else ""
        figures = [
            f"{plural(result.states, 'state')}, depth {result.depth}, "
            f"{plural(result.transitions, 'step')} tried, in {seconds(result.seconds)}{rate}",
            f"handlers ran {result.handler_runs:,} times; states of their own: {own}",
        ]
        shown += [
            Text(),
            *(styled(x, "dim") for f in figures for x in wrapped(f, width, "    ", "  ")),
        ]
        if result.trace:
            title = f"The shortest way there, {plural(len(result.trace), 'step')}:"
            shown += [Text(), Text(title), Text()]
            for number, step in enumerate(result.trace, 1):
                first = f"  {number:>3}  "
                shown += [Text(line) for line in wrapped(str(step), width, "       ", first)]
        return shown

    def _sentence(self) -> str:
        result, scope = self.result, self.scope
        match result.finding:
            case Finding.EXHAUSTED if result.unseen:
                return (
                    f"No violation, but never seen: {', '.join(result.unseen)}. What never met danger has proved "
                    "nothing: unknown."
                )
            case Finding.EXHAUSTED:
                kept = (
                    " and ".join(f"“{name}”" for name in scope.invariants) or "that nothing raises"
                )
                return f"No violation in {plural(result.states, 'state')}: {kept} holds in every one of this scope."
            case Finding.VIOLATED:
                return f"Broken: “{result.invariant}”"
            case Finding.REACHED:
                return "The goal can be reached."
            case _:
                return f"Neither proved nor refuted: {result.reason}"


def _draw(screen: Screen, name: str, scope: Scope, result: Result) -> None:
    """Run the trace in the simulator and show it."""
    try:
        schedule = as_schedule(scope, result)
        simulation = Simulation(scope.cluster, schedule.plan, NOISE, record=EVERYTHING)
        for at, client, operation in schedule.calls:
            simulation.call(at, client, operation)
    except ScenarioError as error:
        screen.say(str(error), "dim")
        return
    try:
        simulation.run(schedule.until)
    except ProgramError as error:  # which may be just what was found
        if str(error.__cause__) not in result.reason:
            raise
    nodes = tuple(map(str, scope.cluster.members))
    trace = _as_far_as_it_matters(simulation.trace)
    screen.lines([Text(), Text("As the simulator plays it, a step every 10 ms:"), Text()])
    for line in diagram(trace, nodes=nodes, rows=ROWS, width=screen.width):
        screen.lines([styled(line.text, line.style)])
    file = own_folder() / "explored" / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)}.trace.jsonl"
    write(
        file, b"".join(line + b"\n" for line in lines(simulation.trace.events, Head(nodes=nodes)))
    )
    screen.lines([Text()])
    screen.say(f"picture: distlab show --input {shown(file)}", "dim")


def _as_far_as_it_matters(trace: Trace) -> Trace:
    """The run without what is still under way at its end, which is most of what was ever sent."""
    arrived = {event.cause for event in trace.of("deliver", "drop")}
    return Trace(e for e in trace.events if e.kind != "send" or e.id in arrived)


# -- what is meant ----------------------------------------------------------------------------------------------------


def _scope(name: str, arguments: tuple[str, ...]) -> Scope:
    """The scope of that name; exit code 2 where there is none."""
    module_name, _, attribute = name.partition(":")
    if not attribute:
        usage(f"{name!r} should be MODULE:NAME, as in tests.examples.small_election:scope")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        usage(f"there is no module {error.name!r}")
    found = getattr(module, attribute, None)
    if found is None:
        known = [
            n for n, value in vars(module).items() if isinstance(value, Scope) or callable(value)
        ]
        usage(f"{module_name} has no {attribute!r}.{did_you_mean(attribute, known)}")
    if callable(found):
        values = [(key, _value(text, module)) for key, text in map(_split, arguments)]
        positional = [value for key, value in values if not key]
        named = {key: value for key, value in values if key}
        try:
            found = found(*positional, **named)
        except TypeError as error:
            usage(f"{name} cannot be called so: {error}")
    elif arguments:
        usage(f"{name} is a value and takes no arguments")
    if not isinstance(found, Scope):
        usage(f"{name} is no Scope, but a {type(found).__name__}")
    return found


def _split(argument: str) -> tuple[str, str]:
    key, equals, text = argument.partition("=")
    return (key, text) if equals and key.isidentifier() else ("", argument)


def _value(text: str, module: Any) -> Any:
    """A name of the module, or a literal."""
    if hasattr(module, text):
        return getattr(module, text)
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
