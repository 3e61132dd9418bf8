"""``distlab show`` and ``distlab trace``: a counterexample as a page, or as events for other tools."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable
from pathlib import Path

import click

from distlab.cli.grading import Progress
from distlab.cli.keeping import own_folder, shown, write
from distlab.cli.pictures import draw
from distlab.cli.program import PASSED, NotReady, usage
from distlab.cli.replaying import ask_again, find
from distlab.cli.screen import Screen, styled
from distlab.grade.counterexample import Counterexample, trace_file
from distlab.grade.solution import load_lab
from distlab.trace import Trace
from distlab.trace.files import Head, lines, read
from distlab.trace.page import Run
from distlab.trace.perfetto import to_perfetto
from distlab.trace.shiviz import PATTERN, to_shiviz
from distlab.trace.text import diagram


@click.command()
@click.option("--id", "name", default="", help="which counterexample; default: the one shown last")
@click.option("--open", "open_it", is_flag=True, help="also open it in a browser")
@click.option("--beside", default="", help="also what this solution does: reference, alternative")
@click.option(
    "--input", "file", type=click.Path(exists=True, dir_okay=False), help="a trace file instead"
)
def show(name: str, open_it: bool, beside: str, file: str | None) -> int:
    """Draw the picture of a counterexample: one page that needs nothing else."""
    trace, head, saved = _trace(name, file)
    runs = [Run(trace, head)]
    if beside:
        if saved is None:
            usage("--beside runs a counterexample again; a trace file cannot be run")
        runs = [Run(trace, head, saved.solution), _other(saved, beside)]
    target = draw(runs, saved, saved.id if saved else Path(file or "trace").stem)
    click.echo(shown(target))
    if open_it and not webbrowser.open(target.as_uri()):
        raise NotReady(f"no browser could be started; open {shown(target)} by hand")
    return PASSED


@click.command()
@click.option("--id", "name", default="", help="which counterexample; default: the one shown last")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["text", "shiviz", "perfetto", "jsonl"]),
    default="text",
    help="for whom",
)
@click.option(
    "--input", "file", type=click.Path(exists=True, dir_okay=False), help="a trace file instead"
)
@click.option("--output", type=click.Path(dir_okay=False), help="where to; - for standard output")
def trace(name: str, kind: str, file: str | None, output: str | None) -> int:
    """Write a counterexample's events for other tools."""
    events, head, saved = _trace(name, file)
    if kind == "text" and output is None:
        screen = Screen()
        for line in diagram(
            events, nodes=head.nodes, evidence=head.evidence, width=screen.width, writes=True
        ):
            screen.lines([styled(line.text, line.style)])
        return PASSED
    suffix, make = _FORMATS[kind]
    content = make(events, head)
    if output == "-":
        click.echo(content, nl=False)
        return PASSED
    stem = saved.id if saved else Path(file or "trace").stem
    target = Path(output) if output else own_folder() / "traces" / f"{stem}{suffix}"
    write(target, content)
    click.echo(shown(target))
    if kind == "shiviz":
        click.echo(f"in ShiViz, give this as the log's pattern:  {PATTERN}")
    if kind == "perfetto":
        click.echo("open it at https://ui.perfetto.dev (the file stays on your machine)")
    return PASSED


_FORMATS: dict[str, tuple[str, Callable[[Trace, Head], str | bytes]]] = {
    "text": (
        ".txt",
        lambda t, h: (
            "\n".join(x.text for x in diagram(t, nodes=h.nodes, evidence=h.evidence)) + "\n"
        ),
    ),
    "shiviz": (".shiviz.log", lambda t, h: to_shiviz(t)),
    "perfetto": (".perfetto.json", lambda t, h: to_perfetto(t)),
    "jsonl": (".jsonl", lambda t, h: b"".join(line + b"\n" for line in lines(t.events, h))),
}


def _other(saved: Counterexample, solution: str) -> Run:
    """The same scenario with another solution."""
    with Progress(Screen()) as progress:
        answer = ask_again(load_lab(saved.lab), saved, solution, 0, progress)
    if not answer.trace:
        raise NotReady(f"{solution} does not get as far as a first event")
    trace, head = read(Path(answer.trace).read_bytes())
    return Run(trace, head, solution)


def _trace(name: str, file: str | None) -> tuple[Trace, Head, Counterexample | None]:
    if file is not None:
        events, head = read(Path(file).read_bytes(), file)
        return events, head, None
    saved = find(name)
    try:
        events, head = read(trace_file(saved.id).read_bytes(), saved.id)
    except FileNotFoundError:
        raise NotReady(
            f"{saved.id} has no recorded run beside it (it did not come far enough, or was made elsewhere); "
            f"make replay ID={saved.id} runs it"
        ) from None
    return events, head, saved
