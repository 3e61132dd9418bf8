"""The progress page: one plain HTML file, no script and nothing fetched; written after every grading."""

from __future__ import annotations

from collections.abc import Container
from html import escape

from distlab.cli.screen import plural, seconds
from distlab.cli.views.labpage import how_looked, why_unknown
from distlab.cli.views.overview import status
from distlab.cli.views.states import WORDS, is_graded_apart, short_name
from distlab.grade.result import LabResult, PartResult, PromiseResult, Report, State

STYLE = """
:root { color-scheme: light dark; --line: #8884; --good: #1a7f37; --bad: #c62828; --odd: #9a6700 }
@media (prefers-color-scheme: dark) { :root { --good: #4ac26b; --bad: #ff7b72; --odd: #d29922 } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 58rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% } td { padding: .25rem .6rem; border-top: 1px solid var(--line) }
td { vertical-align: top } td:nth-child(-n+3) { white-space: nowrap } progress { width: 8rem }
h2 { margin-top: 2.5rem } h3 { margin-bottom: .3rem } .good { color: var(--good) } .bad { color: var(--bad) }
.odd { color: var(--odd) } .dim { opacity: .7 } code { font-size: .9em }
"""


def progress_page(report: Report, pictures: Container[str] = ()) -> str:
    """The page's HTML. ``pictures`` are the counterexamples that have one."""
    return (
        "<!doctype html>\n"
        '<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">\n'
        f"<title>distlab: {report.earned} of {report.points} points</title><style>{STYLE}</style>\n"
        f"<h1>distlab: {report.earned} of {report.points} points</h1>\n"
        f"<p>distlab {escape(report.release)}, seed {report.seed}, earlier work by {escape(report.prior)}.</p>\n"
        f"{labs_of(report, pictures)}</html>\n"
    )


def labs_of(report: Report, pictures: Container[str] = ()) -> str:
    """All labs of a report, with their parts and promises, as a piece of a page."""
    return "".join(_lab(report, lab, pictures) for lab in report.labs)


def _lab(report: Report, lab: LabResult, pictures: Container[str]) -> str:
    word, style = status(lab, is_graded_apart(report, lab))
    return (
        f"<h2>{escape(short_name(lab))}: {escape(lab.title)}</h2>\n"
        f'<p><progress max="{lab.points}" value="{lab.earned}"></progress> {lab.earned}/{lab.points} points: '
        f'<span class="{style}">{escape(word)}</span></p>\n'
        + "".join(_part(lab, part, pictures) for part in lab.parts)
    )


def _part(lab: LabResult, part: PartResult, pictures: Container[str]) -> str:
    rows = "".join(_row(promise, pictures) for promise in part.promises)
    looked = f"{plural(part.runs, 'run')} in {seconds(part.seconds)}" if part.runs else ""
    seen = ", ".join(f"{escape(what)} in {times}" for what, times in sorted(part.seen.items()))
    how = (
        f'<p class="dim">How hard we looked: {looked}{"; " + seen if seen else ""}.</p>\n'
        if looked
        else ""
    )
    return f"<h3>{lab.number}{part.code} {escape(part.title)}</h3>\n<table>{rows}</table>\n{how}"


def _row(promise: PromiseResult, pictures: Container[str]) -> str:
    word, style = WORDS[promise.state]
    more = ""
    if promise.state is State.UNKNOWN:
        more = f'<br><span class="odd">{escape(why_unknown(promise))}</span>'
    elif promise.broken is not None and promise.state is not State.NOT_STARTED:
        more = f'<br><span class="bad">{escape(promise.broken.reason)}</span>'
        if name := promise.broken.counterexample:
            more += f" <code>make replay ID={escape(name)}</code>"
            if name in pictures:
                more += f' <a href="pictures/{escape(name)}.html">picture</a>'
    return (
        f'<tr><td class="{style}">{word}<td>{promise.earned}/{promise.points}<td class="dim">{escape(promise.code)}'
        f'<td>{escape(promise.title)}{more}<td class="dim">{escape(how_looked(promise))}</tr>\n'
    )
