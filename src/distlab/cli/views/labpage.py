"""``make grade LAB=2``: the promises of one lab, a line or two each; what was seen while looking."""

from __future__ import annotations

from rich.text import Text

from distlab.cli.screen import joined, plural, seconds, styled, wrapped
from distlab.cli.views.states import BROKEN, WORDS, short_name
from distlab.grade.result import LabResult, PartResult, PromiseResult, State

STATE, POINTS, CODE, EVIDENCE = 9, 7, 9, 15
"""Widths of the columns beside the promise itself."""


class LabPage:
    """One lab, with all its parts and promises."""

    def __init__(self, lab: LabResult) -> None:
        self.lab = lab

    def render(self, width: int) -> list[Text]:
        lab = self.lab
        title = f"{short_name(lab)} - {lab.title}"
        points = f"{lab.earned}/{lab.points} points"
        gap = max(2, width - len(title) - len(points))
        lines = [joined((title, "head"), " " * gap, points)]
        for part in lab.parts:
            lines += [Text(), *PartPage(lab, part).render(width)]
        return lines


class PartPage:
    """One part: its promises, or what to write first."""

    def __init__(self, lab: LabResult, part: PartResult) -> None:
        self.lab = lab
        self.part = part

    def render(self, width: int) -> list[Text]:
        part = self.part
        title = f"{self.lab.number}{part.code} {part.title}"
        numbers = f"{part.earned}/{part.points}" + (
            f"  {seconds(part.seconds)}" if part.seconds else ""
        )
        gap = max(2, width - len(title) - len(numbers))
        lines = [joined((title, "head"), " " * gap, (numbers, "dim"))]
        if part.is_not_started and part.promises:
            return [*lines, *self._not_started(width)]
        for promise in part.promises:
            lines += promise_lines(promise, width)
        if part.seen:
            lines += self._seen(width)
        lines += [
            styled(line, "odd")
            for w in part.warnings
            for line in wrapped(w, width, "          ", "  warning ")
        ]
        return lines

    def _not_started(self, width: int) -> list[Text]:
        start = first_step(self.part.promises[0])
        where = start[0] or ", ".join(self.part.modules)
        text = f"{plural(len(self.part.promises), 'promise')} to keep. Begin in {where}"
        lines = wrapped(
            text + (f": {start[1]}" if start[1] else ""),
            width,
            " " * (2 + STATE),
            f"  {'to do':<{STATE}}",
        )
        return [styled(line, "dim") for line in lines]

    def _seen(self, width: int) -> list[Text]:
        runs = max(1, self.part.runs)
        often = sorted(self.part.seen.items(), key=lambda item: (-item[1], item[0]))
        shown = ", ".join(f"{what} {percent(times, runs)}" for what, times in often[:8])
        text = f"seen in {plural(self.part.runs, 'run')}: {shown}"
        return [styled(line, "dim") for line in wrapped(text, width, "    ", "  ")]


def percent(times: int, runs: int) -> str:
    share = 100 * times / runs
    return f"{share:.0f} %" if share >= 1 else "<1 %"


def promise_lines(promise: PromiseResult, width: int) -> list[Text]:
    """A promise in a list: its state, points, code, words, and how it was looked at."""
    word, style = WORDS[promise.state]
    evidence = how_looked(promise)
    left = 2 + STATE + POINTS + CODE
    texts = wrapped(promise.title, width - left - EVIDENCE - 1)
    points = f"{promise.earned}/{promise.points}"
    space = width - left - EVIDENCE
    lines = [
        joined(
            "  ",
            (f"{word:<{STATE}}", style),
            f"{points:<{POINTS}}",
            (f"{promise.code:<{CODE}}", "dim"),
            f"{texts[0]:<{space}}",
            (f"{evidence:>{EVIDENCE}}", "dim" if style == "good" else style),
        )
    ]
    lines += [styled(" " * left + more) for more in texts[1:]]
    if promise.state is State.UNKNOWN:
        lines += [styled(line, "odd") for line in wrapped(why_unknown(promise), width, " " * left)]
    return lines


def how_looked(promise: PromiseResult) -> str:
    """``600 runs``; ``run 37``; ``not tested``."""
    if promise.state in BROKEN and promise.broken is not None:
        found = promise.broken.found.partition(":")[0] or promise.state.value
        known = {
            "directed": "by a schedule",
            "exam": "by an exam",
            "not deterministic": "two runs differ",
            "when it was imported": "at its import",
        }
        return known.get(found, found)
    if promise.state is State.UNKNOWN:
        return "not tested"
    if promise.state is State.NOT_STARTED:
        return "not started"
    return plural(promise.runs, "run")


def why_unknown(promise: PromiseResult) -> str:
    if promise.unseen:
        return "never seen: " + "; ".join(promise.unseen)
    return "no run came far enough to judge it"


def first_step(promise: PromiseResult) -> tuple[str, str]:
    """Where to begin, and with what: file and line, and the skeleton's own words."""
    problem = promise.broken.problem if promise.broken is not None else None
    if problem is None:
        return "", ""
    frame = problem.frames[-1] if problem.frames else None
    where = f"{frame.file}:{frame.line} ({frame.function})" if frame is not None else ""
    return where, problem.text
