"""A run as one page that a reader can walk through: the picture, what each event did, and what led to it.

Theory of operation. Python decides what there is to see and says it in plain data (:mod:`distlab.trace.page.model`);
the page's own script draws it and follows the reader's clicks and keys (``model.js``, ``draw.js``, ``steer.js``). The
data is packed, for it repeats itself. Everything is in the one file and works offline; only a site with hundreds of
such pages keeps style and script beside them.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files

import msgspec

from distlab.trace.page.model import Run, as_plain, set_beside

__all__ = ["Run", "assets", "to_page"]

_SCRIPTS = ("model.js", "draw.js", "steer.js")


def to_page(
    runs: Sequence[Run],
    *,
    title: str,
    about: Sequence[tuple[str, str]] = (),
    beside: str = "",
) -> str:
    """One HTML page: ``about`` in pairs (promise, reason, ...), and the runs side by side; it may have none.

    ``beside`` is the address of the folder that has :func:`assets`; without it they are in the page.
    """
    facts = "".join(
        f"<p><b>{escape(name)}</b> {escape(text)}</p>\n" for name, text in about if text
    )
    style, script = assets().values()
    if beside:
        head = f'<link rel="stylesheet" href="{escape(beside)}/run.css">'
        tail = f'<script src="{escape(beside)}/run.js"></script>'
    else:
        head, tail = f"<style>\n{style}</style>", f"<script>\n{script}</script>"
    stage = f'{_part("frame.html")}<script type="text/plain" id="data">{_packed(runs)}</script>\n{tail}\n'
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n{head}</head>\n<body>\n"
        f"<header><h1>{escape(title)}</h1>\n{facts}</header>\n"
        f"{stage if runs else ''}</body></html>\n"
    )


@cache
def assets() -> dict[str, str]:
    """What all pages have in common: file name -> contents."""
    return {"run.css": _part("page.css"), "run.js": "\n".join(map(_part, _SCRIPTS))}


def _packed(runs: Sequence[Run]) -> str:
    shown = [as_plain(run) for run in runs]
    for other in shown[1:]:
        set_beside(shown[0], other)
    return base64.b64encode(gzip.compress(msgspec.json.encode(shown), mtime=0)).decode()


def _part(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
