"""Turns our docstrings into the Markdown that the site is built from.

Rule: a docstring is read in the source far more often than on the site, so the source may say what
is plainest there; this extension of the documentation builder translates three habits:

    :class:`Node`            a link to the thing where the site shows it, else plain code
    tables ruled with ===    tables; a line whose first cell is empty goes on with the row above
    a sentence that ends ::  opens a block of code
"""

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod):`(~?)([\w.]+)`")
RULE = r"=+(?: +=+)+"
TABLE = re.compile(rf"(^{RULE}\n(?:.+\n)*{RULE}$)", re.MULTILINE)
OPENS_CODE = re.compile(r"::$", re.MULTILINE)
HOME = "distlab.core"


class Docstrings(griffe.Extension):
    """Translates each docstring once, as its object is loaded."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = to_markdown(obj.docstring.value)


def to_markdown(text: str) -> str:
    """The same docstring, as the site wants it."""
    text = TABLE.sub(_table, text)
    return OPENS_CODE.sub(":", ROLE.sub(_link, text))


def _table(match: re.Match[str]) -> str:
    rule, *lines = match[0].splitlines()
    starts = [column.start() for column in re.finditer("=+", rule)]
    ends = [*starts[1:], None]
    rows: list[list[str]] = []
    headed = lines.count(rule) == 2
    for line in lines:
        if line == rule:
            continue
        cells = [line[a:b].strip().replace("|", r"\|") for a, b in zip(starts, ends, strict=True)]
        if cells[0] or not rows:
            rows.append(cells)
        else:
            rows[-1] = [
                f"{above} {cell}".strip() for above, cell in zip(rows[-1], cells, strict=True)
            ]
    if not headed:
        rows.insert(0, [""] * len(starts))
    rows.insert(1, ["---"] * len(starts))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _link(role: re.Match[str]) -> str:
    shortened, target = role.groups()
    label = target.rpartition(".")[2] if shortened else target
    identifier = target if target.startswith("distlab.") else f"{HOME}.{target}"
    return f'<autoref optional identifier="{identifier}"><code>{label}</code></autoref>'
