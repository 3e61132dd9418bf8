"""The page with the picture of a counterexample, in ``.distlab/pictures``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from distlab.cli.keeping import own_folder, write
from distlab.grade.counterexample import Counterexample
from distlab.trace.page import Run, to_page


def draw(runs: Sequence[Run], saved: Counterexample | None, name: str) -> Path:
    """Write the page; returns its file. ``saved`` says what the runs are about, where it is known."""
    title = f"{saved.promise or 'crash'}: {saved.id}" if saved else name
    about = (
        [("Promise:", saved.title), ("Broken:", saved.reason), ("Found:", saved.found)]
        if saved
        else []
    )
    page = to_page(runs, title=title, about=about)
    return write(own_folder() / "pictures" / f"{name}.html", page)
