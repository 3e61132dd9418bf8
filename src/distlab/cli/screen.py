"""The terminal: how wide it is, whether it has colours and letters beyond ASCII; and what everything shown shares.

A *view* is an object with one method, ``render(width)``, that returns lines of :class:`rich.text.Text`, none wider than
``width``; it reads no clock, no terminal and no file, so that it can be tested as text. Colour repeats what words say.
"""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterable
from typing import IO, Protocol

from rich.console import Console
from rich.text import Text

WIDEST = 120
NARROWEST = 60

STYLES = {
    "good": "green",
    "bad": "bold red",
    "odd": "yellow",
    "dim": "dim",
    "head": "bold",
    "fault": "magenta",
    "decisive": "bold red",
    "lost": "magenta",
    "gap": "dim",
    "link": "cyan",
}
"""What each kind of text looks like where there are colours."""

_TO_ASCII = str.maketrans(
    "│┊─═├┤▶◀●○◔✗▲‖▪▫◇◆◦⋮…┼└–—■□█░✓·", "|:-=++><*ot" + "x^=sw" + "j$o:~+`--#.#.v."
)


class View(Protocol):
    """Something that can be shown."""

    def render(self, width: int) -> list[Text]: ...


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Rich would end the program with exit code 1, which means something else here."""
        raise BrokenPipeError


class Screen:
    """Where views are shown."""

    def __init__(
        self, file: IO[str] | None = None, width: int | None = None, ascii_only: bool | None = None
    ) -> None:
        stream = sys.stdout if file is None else file
        self.console = _Console(
            file=stream, width=width, highlight=False, soft_wrap=False, markup=False, emoji=False
        )
        self.is_terminal = self.console.is_terminal
        self.width = max(NARROWEST, min(WIDEST, self.console.width))
        self.ascii_only = _speaks_only_ascii(stream) if ascii_only is None else ascii_only

    def show(self, *views: View) -> None:
        """Print views, one after the other."""
        for view in views:
            self.lines(view.render(self.width))

    def lines(self, lines: Iterable[Text]) -> None:
        for line in lines:
            if self.ascii_only:
                line.plain = line.plain.translate(_TO_ASCII).encode("ascii", "replace").decode()
            self.console.print(line, no_wrap=True, overflow="ignore", crop=False, soft_wrap=True)

    def say(self, text: str, style: str = "") -> None:
        """One sentence."""
        self.lines([styled(line, style) for line in wrapped(text, self.width)])


def _speaks_only_ascii(stream: IO[str]) -> bool:
    encoding = (getattr(stream, "encoding", None) or "ascii").lower()
    return not encoding.replace("-", "").startswith("utf") or os.environ.get("TERM") == "dumb"


def styled(text: str, style: str = "") -> Text:
    """A piece of text of a kind named in :data:`STYLES`."""
    return Text(text, style=STYLES.get(style, ""), no_wrap=True)


def joined(*pieces: tuple[str, str] | str) -> Text:
    """One line of differently styled pieces."""
    line = Text(no_wrap=True)
    for piece in pieces:
        text, style = (piece, "") if isinstance(piece, str) else piece
        line.append(text, STYLES.get(style, ""))
    return line


def wrapped(text: str, width: int, indent: str = "", first: str | None = None) -> list[str]:
    """``text`` in lines no wider than ``width``."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_on_hyphens=False,
    ) or [indent if first is None else first]


def rule(left: str, right: str, width: int, style: str = "head") -> list[Text]:
    """``-- LEFT --------- RIGHT``: what a screen opens with."""
    space = width - len(left) - len(right) - 8
    if space < 2:
        return [styled(f"── {left} ──", style), styled(f"   {right}", "dim")]
    return [joined("── ", (left, style), f" ──{'─' * space} ", (right, "dim"))]


def plural(count: int, what: str) -> str:
    """``1 promise``, ``2 promises``."""
    return f"{count:,} {what}" + (
        "" if count == 1 else "es" if what.endswith(("s", "x", "ch", "sh")) else "s"
    )


def seconds(time: float) -> str:
    """Rounded: ``0.4 s``, ``14 s``, ``2 min``."""
    return (
        f"{time:.1f} s" if time < 10 else f"{time:.0f} s" if time < 120 else f"{time / 60:.0f} min"
    )
