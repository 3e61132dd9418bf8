"""Pages of a class: one for all, one for each student. Plain HTML, no script, nothing fetched; all text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from distlab.cli.screen import plural
from distlab.cli.views.progresspage import STYLE, labs_of
from distlab.cli.views.states import WORDS, broken, is_done, with_state
from distlab.grade.classroom.course import Record, Summary
from distlab.grade.result import LabResult, PartResult, State

_TABLE = """
body { max-width: 76rem } table { width: auto } .scroll { overflow-x: auto }
td, th { white-space: nowrap; text-align: left; padding: .25rem .6rem; vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
td.text { white-space: normal; min-width: 18rem; overflow-wrap: anywhere }
"""
_FACTS = """
dl { display: grid; grid-template-columns: max-content auto; gap: .15rem 1rem } dt { opacity: .7 } dd { margin: 0 }
"""


def class_page(records: Sequence[Record], total: Summary) -> str:
    """A row for each student, a column for each part; and how all this came about."""
    labs = next((record.report.labs for record in records if record.report), ())
    best = sum(lab.points for lab in labs)
    title = f"{plural(total.submissions, 'submission')}, {total.graded} graded"
    heads = "".join(
        f'<th class="number" title="{escape(part.title)}">{lab.number}{escape(part.code)} <span class="dim">'
        f"/{part.points}</span>"
        for lab in labs
        for part in lab.parts
    )
    rows = "".join(_row(record, labs) for record in records)
    budget = ", ".join(f"{part}: {runs}" for part, runs in total.budget.items())
    return (
        _head(f"distlab: {title}", f"A class: {title}", _TABLE)
        + "<dl>"
        + _fact("Release", total.release)
        + _fact("Seeds", total.seeds)
        + _fact("Isolation", total.isolation)
        + _fact("Under each part", _PRIOR.get(total.prior, total.prior))
        + _fact("Budget", f"runs in a part at most: {budget}" if budget else "")
        + _fact(
            "Rate",
            f"{total.rate:,.0f} submissions in an hour of one processor core" if total.rate else "",
        )
        + "</dl>\n"
        + f'<div class="scroll"><table><tr><th>Student<th class="number">Points <span class="dim">/{best}</span>'
        + f"{heads}<th>To look at</tr>\n{rows}</table></div>\n"
        + '<p class="dim">A number is what was earned. A mark says why it is not more: '
        + ", ".join(f"<i>{_MARKS[state]}</i> {escape(state.value)}" for state in _MARKS)
        + ".</p></html>\n"
    )


_PRIOR = {
    "oracle": "our code (the lab's oracle where it has one): each part is graded by itself",
    "reference": "our code: each part is graded by itself",
    "own": "the student's own code",
}

_MARKS = {
    State.FAILED: "F",
    State.CRASHED: "C",
    State.STUCK: "S",
    State.NOT_DETERMINISTIC: "V",
    State.UNKNOWN: "?",
    State.NOT_STARTED: "–",
}


def _row(record: Record, labs: Sequence[LabResult]) -> str:
    link = f'<a href="students/{record.slug}/index.html">{escape(record.name)}</a>'
    if record.report is None:
        width = 1 + sum(len(lab.parts) for lab in labs)
        why, style = (
            (f"refused: {record.refused}", "odd")
            if record.refused
            else (f"not graded: {record.failed}", "bad")
        )
        return f'<tr><td>{link}<td colspan="{width}"><td class="text {style}">{escape(why)}</tr>\n'
    cells = "".join(_cell(part) for lab in record.report.labs for part in lab.parts)
    return (
        f'<tr><td>{link}<td class="number"><b>{record.earned}</b>{cells}'
        f'<td class="text">{escape("; ".join(to_look_at(record)))}</tr>\n'
    )


def _cell(part: PartResult) -> str:
    marks = [_MARKS[state] for state in _MARKS if with_state(part, state)]
    style = "good" if is_done(part) else "bad" if broken(part) else "dim"
    mark = f" <i>{''.join(marks)}</i>" if marks else ""
    return f'<td class="number {style}">{part.earned}{mark}'


_SUSPICIOUS = ("isolation:", "Operation not permitted", "Permission denied", "share memory")


def to_look_at(record: Record) -> list[str]:
    """What somebody should see with their own eyes: a program that tried what no program needs."""
    found = []
    for lab in record.report.labs if record.report else ():
        for part in lab.parts:
            reasons = {p.broken.reason for p in part.promises if p.broken is not None}
            found += [
                f"{lab.number}{part.code}: {_short(reason)}"
                for reason in sorted(reasons)
                if any(mark in reason for mark in _SUSPICIOUS)
            ]
    if record.left_out:
        found.append(f"{plural(len(record.left_out), 'file')} left out")
    return found


def _short(text: str) -> str:
    return text if len(text) <= 160 else text[:159] + "…"


def student_page(record: Record, seeds: str) -> str:
    """What a student may read: points, promises, what was found. No seed, where it is hidden."""
    report = record.report
    if report is None:
        why = f"refused: {record.refused}" if record.refused else "not graded yet"
        return _head(record.name, record.name) + f'<p class="odd">{escape(why)}</p></html>\n'
    title = f"{record.name}: {report.earned} of {report.points} points"
    left_out = "".join(f"<li><code>{escape(one)}</code>" for one in record.left_out)
    words = ", ".join(f"{WORDS[state][0]}: {state.value}" for state in WORDS)
    return (
        _head(title, title)
        + "<dl>"
        + _fact("Release", report.release)
        + _fact("Seeds", seeds.partition(" (")[0])
        + _fact("Isolation", report.isolation)
        + _fact("Under each part", _PRIOR.get(report.prior, report.prior))
        + "</dl>\n"
        + (f"<h2>Left out of what was handed in</h2><ul>{left_out}</ul>\n" if left_out else "")
        + labs_of(report)
        + f'<p class="dim">{escape(words)}.</p></html>\n'
    )


def _head(title: str, heading: str, style: str = "") -> str:
    return (
        "<!doctype html>\n"
        '<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(title)}</title><style>{STYLE}{_FACTS}{style}</style>\n<h1>{escape(heading)}</h1>\n"
    )


def _fact(name: str, text: str) -> str:
    return f"<dt>{name}<dd>{escape(text)}" if text else ""
