"""``warmup``: recorded runs of a lab, and questions about them. Nothing is graded."""

from __future__ import annotations

import sys

import click

from distlab.cli.program import PASSED, NotReady, usage
from distlab.cli.screen import Screen, styled, wrapped
from distlab.grade.solution import find_lab_name, load_lab
from distlab.grade.warmup import Question, answered, asked, folder, questions, record, run_of
from distlab.trace import Trace
from distlab.trace.files import Head
from distlab.trace.text import diagram


@click.command()
@click.option("--lab", default="", help="which lab: 1, lab1 or lab1_mapreduce")
@click.option("--record", "record_them", is_flag=True, help="for authors: record the runs anew")
def warmup(lab: str, record_them: bool) -> int:
    """Look at recorded runs: what happens next, and which promise breaks?"""
    if not lab:
        usage("which lab? Say LAB=0")
    name = find_lab_name(lab)
    found = questions(name)
    if not found:
        raise NotReady(f"{name} has no warm-up in this release")
    if record_them:
        loaded = load_lab(name)
        for question in found:
            (folder(name) / f"{question.name}.jsonl").write_bytes(record(loaded, question))
        return PASSED
    screen, right = Screen(), 0
    for number, question in enumerate(found, start=1):
        screen.lines([styled(f"Question {number} of {len(found)}", "head")])
        right += _ask(screen, name, question)
    screen.say(f"{right} of {len(found)} right. Nothing was graded; now you know what to look for.")
    return PASSED


def _ask(screen: Screen, lab_name: str, question: Question) -> bool:
    """Show, ask, and tell; whether the answer was right. Without a keyboard it tells at once."""
    trace, head = run_of(lab_name, question)
    _show(screen, asked(trace, question), head)
    for line in wrapped(question.ask, screen.width):
        screen.say(line)
    for number, choice in enumerate(question.choices, start=1):
        for line in wrapped(choice, screen.width, "     ", f"  {number}. "):
            screen.say(line)
    answer = 0
    if sys.stdin.isatty():
        answer = click.prompt("Your answer", type=click.IntRange(1, len(question.choices)))
    is_right = answer == question.answer
    if answer:
        screen.say("Right." if is_right else f"It is {question.answer}.")
    _show(screen, answered(trace, question), head)
    for line in wrapped(f"{question.answer}: {question.why}", screen.width):
        screen.say(line)
    screen.say("")
    return is_right


def _show(screen: Screen, trace: Trace, head: Head) -> None:
    screen.say("")
    drawn = diagram(trace, nodes=head.nodes, rows=24, width=screen.width)
    screen.lines(styled(line.text, line.style) for line in drawn)
    screen.say("")
