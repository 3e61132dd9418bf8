"""``distlab hint``: the next hint, for the promise that broke last or the one that is named."""

from __future__ import annotations

import click

from distlab.cli.keeping import own_folder, write
from distlab.cli.memory import hint_memory, hints_file, last_report
from distlab.cli.program import PASSED, NotReady, usage
from distlab.cli.screen import Screen, styled, wrapped
from distlab.cli.views.states import BROKEN
from distlab.grade import hints
from distlab.grade.lab import Lab
from distlab.grade.result import State
from distlab.grade.solution import NoSuchThing, find_lab_name, lab_names, load_lab


@click.command()
@click.option("--lab", default="", help="which lab; default: that of the last failure")
@click.option("--part", default="", help="in which part, for a promise of several: c or 1c")
@click.option("--promise", default="", help="for which promise; default: the first that is broken")
def hint(lab: str, part: str, promise: str) -> int:
    """Show the next hint: first a question, then a place to look, then the idea."""
    found = load_lab(find_lab_name(lab) if lab else _lab_of_last_failure())
    known = hints.load(hints_file(found.name))
    if not known:
        raise NotReady(f"there are no hints for {found.name} in this release")
    code, part = _chosen(found, part.upper().removeprefix(str(found.number)), promise, known)
    key = hints.key_of(known, code, part)
    memory, screen = hint_memory(), Screen()
    revealed = memory.reveal(found.name, key, known[key])
    write(own_folder() / "hints.json", memory.to_json())
    title = next((p.title for part in found.parts for p in part.promises if p.code == code), code)
    screen.lines([styled(line, "head") for line in wrapped(f"{code}: {title}", screen.width)])
    screen.say("")
    screen.lines(styled(line) for line in wrapped(revealed.text, screen.width, "  "))
    left = revealed.of - revealed.number
    more = f"{left} more: the same command again" if left else "that was the last one"
    again = "" if revealed.is_new else "shown before; "
    screen.say("")
    screen.say(f"  {again}{revealed.kind}, hint {revealed.number} of {revealed.of}; {more}", "dim")
    return PASSED


def _lab_of_last_failure() -> str:
    report = last_report()
    for lab in report.labs if report else ():
        if any(p.state in BROKEN for part in lab.parts for p in part.promises):
            return lab.name
    names = lab_names()
    if len(names) != 1:
        usage("which lab? Say LAB=1: nothing is broken in the last results")
    return names[0]


def _chosen(
    lab: Lab, part: str, promise: str, known: dict[str, tuple[str, ...]]
) -> tuple[str, str]:
    """The promise that is meant, and its part: the one named, else the first that is broken, else unfinished."""
    report = last_report()
    results = [
        (result, of.code)
        for graded in (report.labs if report else ())
        if graded.name == lab.name
        for of in graded.parts
        for result in of.promises
        if hints.key_of(known, result.code, of.code) in known and part in ("", of.code)
    ]
    codes = list(dict.fromkeys(key.rpartition(".")[2] for key in known))
    if promise:
        named = [code for code in codes if code.lower() == promise.lower()]
        if not named:
            raise NoSuchThing("promise with hints", promise, codes)
        results = [found for found in results if found[0].code == named[0]]
    for wanted in (BROKEN, (State.UNKNOWN,), (State.NOT_STARTED,)):
        for result, of_part in results:
            if result.state in wanted:
                return result.code, of_part
    if promise:
        return named[0], part or (results[0][1] if results else "")
    if results:
        usage(
            f"all promises of {lab.name} with hints are kept; name one with PROMISE=: {', '.join(codes)}"
        )
    return codes[0], part
