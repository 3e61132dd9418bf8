"""The page with the picture of a counterexample, in ``.distlab/pictures``."""

from __future__ import annotations

from pathlib import Path

from distlab.cli.keeping import own_folder, write
from distlab.grade.counterexample import Counterexample
from distlab.trace import Trace
from distlab.trace.files import Head
from distlab.trace.svg import to_page

ROWS = 60
"""More than that is no picture any more; the page lists all events below it."""


def draw(trace: Trace, head: Head, saved: Counterexample | None, name: str) -> Path:
    """Write the page; returns its file. ``saved`` says what the run is about, where it is known."""
    title = f"{saved.promise or 'crash'}: {saved.id}" if saved else name
    about = (
        [("Promise:", saved.title), ("Broken:", saved.reason), ("Found:", saved.found)]
        if saved
        else []
    )
    page = to_page(
        trace, title=title, about=about, nodes=head.nodes, evidence=head.evidence, rows=ROWS
    )
    return write(own_folder() / "pictures" / f"{name}.html", page)
