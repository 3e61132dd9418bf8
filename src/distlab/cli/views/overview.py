"""``make grade``: one line per lab, and what to do next."""

from __future__ import annotations

from rich.text import Text

from distlab.cli.screen import joined, plural, seconds, styled, wrapped
from distlab.cli.views.states import (
    broken,
    is_done,
    is_graded_apart,
    short_name,
    with_state,
)
from distlab.grade.result import LabResult, Report, State

BAR = 10


class Overview:
    """All labs of a report."""

    def __init__(self, report: Report, took: float | None = None) -> None:
        self.report = report
        self.took = report.seconds if took is None else took

    def render(self, width: int) -> list[Text]:
        report = self.report
        whose = "" if report.solution == "own" else f", solution: {report.solution}"
        lines = [
            joined(
                ("distlab", "head"),
                f"  {plural(len(report.labs), 'lab')}, seed {report.seed}{whose}",
            ),
            Text(),
        ]
        name = max((len(short_name(lab)) for lab in report.labs), default=0) + 2
        for lab in report.labs:
            lines += self._lab(lab, name, width)
        points = f"  {report.earned}/{report.points} points in {seconds(self.took)}."
        lines += [Text(), joined((points, "head"), f"  {self._next()}")]
        to_do = self._open()
        if to_do is not None and is_graded_apart(report, to_do):
            lines += [styled(line, "dim") for line in wrapped(TOGETHER, width, "  ")]
        return lines

    def _lab(self, lab: LabResult, name: int, width: int) -> list[Text]:
        word, style = status(lab, is_graded_apart(self.report, lab))
        points = f"{lab.earned}/{lab.points}"
        left = f"  {short_name(lab):<{name}}"
        text = wrapped(word, width - len(left) - BAR - 12)
        done = BAR * lab.earned // lab.points if lab.points else 0
        first = joined(
            left,
            ("█" * done, "good"),
            ("░" * (BAR - done), "dim"),
            f" {points:>8}   ",
            (text[0], style),
        )
        return [first, *(styled(" " * (len(left) + BAR + 12) + more, style) for more in text[1:])]

    def _next(self) -> str:
        lab = self._open()
        if lab is None:
            return (
                "All promises kept: no counterexample found."
                if self.report.labs
                else "There are no labs here."
            )
        return f"Next: {next_step(self.report, lab)}"

    def _open(self) -> LabResult | None:
        """The lab to go on with: what is broken first, then what is unfinished, then what was not graded together."""
        labs = self.report.labs
        found = [lab for lab in labs if broken(lab)]
        found += [lab for lab in labs if not is_done(lab)]
        found += [lab for lab in labs if is_graded_apart(self.report, lab)]
        return found[0] if found else None


TOGETHER = "Your parts have not been graded together yet: under each of them the others were the reference's."


def next_step(report: Report, lab: LabResult) -> str:
    """The command to go on with in a lab that is not done."""
    together = " PRIOR=own" if is_graded_apart(report, lab) else ""
    return f"make grade LAB={lab.number}{together}"


class NextStep:
    """The last line below a lab's page in which nothing is broken."""

    def __init__(self, report: Report, lab: LabResult) -> None:
        self.report, self.lab = report, lab

    def render(self, width: int) -> list[Text]:
        if is_graded_apart(self.report, self.lab):
            lines = [joined("  next     ", (next_step(self.report, self.lab), "link"))]
            return [*lines, *(styled(line, "dim") for line in wrapped(TOGETHER, width, "  "))]
        if is_done(self.lab):
            return [styled("  done", "good")]
        return []


def status(lab: LabResult, is_apart: bool = False) -> tuple[str, str]:
    """What is to be said of a lab in a few words, and its style."""
    if is_apart:
        return "each part done by itself", "good"
    if is_done(lab):
        return "done", "good"
    todo = [part for part in lab.parts if part.is_not_started]
    if len(todo) == len(lab.parts):
        return f"not started ({todo[0].modules[0]})" if todo and todo[
            0
        ].modules else "not started", "dim"
    said, style = [], "odd"
    if bad := broken(lab):
        said.append(f"{plural(len(bad), 'promise')} broken")
        style = "bad"
    if unsure := with_state(lab, State.UNKNOWN):
        said.append(f"{len(unsure)} unknown")
    if todo:
        said.append(
            f"part{'s' * (len(todo) > 1)} {', '.join(part.code for part in todo)} not started"
        )
    elif begun := with_state(lab, State.NOT_STARTED):
        said.append(f"{len(begun)} not started")
    return ", ".join(said), style
