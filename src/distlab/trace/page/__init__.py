"""A run as one page that a reader can walk through: the picture, what each event did, and what led to it.

Theory of operation. Python decides what there is to see and says it in plain data (:mod:`distlab.trace.page.model`);
the page's own script draws it and follows the reader's clicks and keys (``model.js``, ``draw.js``, ``steer.js``).
Everything is in the one file: it works offline. Without a script there is the list of events in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files

import msgspec

from distlab.trace.event import Event
from distlab.trace.page.model import Run, as_plain, set_beside, steps
from distlab.trace.words import event_words, milliseconds

__all__ = ["Run", "to_page"]

_SCRIPTS = ("model.js", "draw.js", "steer.js")


def to_page(runs: Sequence[Run], *, title: str, about: Sequence[tuple[str, str]] = ()) -> str:
    """One HTML page: ``about`` in pairs (promise, reason, ...), the runs side by side, their events in words."""
    facts = "".join(
        f"<p><b>{escape(name)}</b> {escape(text)}</p>\n" for name, text in about if text
    )
    shown = [as_plain(run) for run in runs]
    for other in shown[1:]:
        set_beside(shown[0], other)
    data = msgspec.json.encode(shown).decode().replace("<", "\\u003c")
    script = "\n".join(map(_part, _SCRIPTS))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_part('page.css')}</style></head>\n<body>\n"
        f"<header><h1>{escape(title)}</h1>\n{facts}</header>\n"
        f"{_part('frame.html')}{''.join(map(_in_words, runs))}"
        f'<script type="application/json" id="data">{data}</script>\n<script>\n{script}</script>\n'
        "</body></html>\n"
    )


def _in_words(run: Run) -> str:
    """The list of events, for those who would rather read."""
    events = steps(run.trace)
    rows = "".join(map(_row, events))
    whose = f" of {escape(run.name)}" if run.name else ""
    return (
        f"<details><summary>All {len(events):,} events{whose} in words (time in ms)</summary>\n"
        f"<table>{rows}</table></details>\n"
    )


def _row(event: Event) -> str:
    node = escape(event.node or "-")
    words = escape(event_words(event))
    return f"<tr><td>{milliseconds(event.time)}<td>{node}<td>{words}</tr>\n"


@cache
def _part(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
