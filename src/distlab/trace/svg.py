"""The space-time diagram as a picture: SVG, or one HTML page with the list of events below. Nothing is fetched.

Columns are nodes, time runs down by rows (not to scale). Arrows slant from where a message left to where it arrived.
Resting on a mark shows all of it; shapes differ as well as colours; the list below says the same in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from distlab.trace.event import Trace
from distlab.trace.scene import Life, Mark, Scene, Shape, compose
from distlab.trace.words import abbreviated, cut, milliseconds

LEFT, TOP, STEP, ROW, NOTE = 70, 46, 150, 30, 430

STYLE = """
.st { font: 13px system-ui, sans-serif } .st text { fill: #222 } .st .dim { fill: #777 }
.st line, .st path { stroke: #555; fill: none } .st .life { stroke: #bbb } .st .paused { stroke-dasharray: 2 5 }
.st .fault, .st text.fault { stroke: #b3005e } .st text.fault { stroke: none; fill: #b3005e }
.st .bad { stroke: #c62828; stroke-width: 2.5 } .st text.bad { stroke: none; fill: #c62828; font-weight: bold }
.st .dot { fill: #1f5fbf; stroke: none } .st .halo { fill: none; stroke: #c62828; stroke-width: 2 }
.st .bar { fill: #b3005e14; stroke: none } .st .label { paint-order: stroke; stroke: #fff; stroke-width: 4 }
@media (prefers-color-scheme: dark) {
 .st text { fill: #ddd } .st line, .st path { stroke: #aaa } .st .life { stroke: #555 }
 .st .label { stroke: #16181c } .st .fault { stroke: #ff7ab8 }
 .st text.fault { fill: #ff7ab8 } .st .dot { fill: #79a8ff }
}
"""


def to_svg(
    trace: Trace, *, nodes: Sequence[str] = (), evidence: Iterable[int] = (), rows: int = 0
) -> str:
    """The picture, as one ``<svg>`` element."""
    return _draw(compose(trace, nodes=nodes, evidence=evidence, rows=rows))


def _draw(scene: Scene) -> str:
    at = {column: LEFT + 40 + i * STEP for i, column in enumerate(scene.columns)}
    notes = LEFT + 40 + len(scene.columns) * STEP - STEP // 2
    y = {i: TOP + ROW // 2 + i * ROW for i in range(len(scene.marks))}
    width, height = notes + NOTE, TOP + ROW * len(scene.marks) + 20
    rows = [(mark.time, y[i]) for i, mark in enumerate(scene.marks) if mark.shape is not Shape.GAP]
    pieces = [_lifelines(scene, at, y, height)]
    for i, mark in enumerate(scene.marks):
        pieces.append(_row(mark, at, y[i], notes, rows))
    heads = "".join(
        f'<text x="{x}" y="20" text-anchor="middle" font-weight="bold">{escape(cut(column, 20))}</text>'
        for column, x in at.items()
    )
    return (
        f'<svg class="st" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="space-time diagram"><style>{STYLE}</style>'
        '<defs><marker id="tip" markerWidth="9" markerHeight="9" refX="8" refY="4" orient="auto">'
        '<path d="M0 0 L8 4 L0 8" /></marker></defs>'
        f'<text class="dim" x="{LEFT - 14}" y="20" text-anchor="end">ms</text>{heads}{"".join(pieces)}</svg>'
    )


def _lifelines(scene: Scene, at: dict[str, int], y: dict[int, int], height: int) -> str:
    lines = []
    for index, x in enumerate(at.values()):
        top = TOP - 14
        for i, mark in enumerate(scene.marks):
            bottom = y[i] + ROW if i + 1 < len(scene.marks) else height - 8
            life = mark.lives[index] if mark.lives else Life.UP
            if life is not Life.DOWN:
                kind = "life paused" if life is Life.PAUSED else "life"
                lines.append(
                    f'<line class="{kind}" x1="{x}" y1="{top if i == 0 else y[i]}" x2="{x}" y2="{bottom}" />'
                )
    return "".join(lines)


def _row(mark: Mark, at: dict[str, int], y: int, notes: int, rows: list[tuple[int, int]]) -> str:
    if mark.shape is Shape.GAP:
        return f'<text class="dim" x="{notes}" y="{y + 4}">({mark.hidden} more not shown)</text>'
    numbers = f" (fault {', '.join(map(str, mark.faults))})" if mark.faults else ""
    style = "bad" if mark.decisive else "fault" if mark.faults or mark.shape is Shape.BAR else ""
    time = f'<text class="dim" x="{LEFT - 14}" y="{y + 4}" text-anchor="end">{milliseconds(mark.time)}</text>'
    if mark.shape is Shape.BAR:
        box = (
            f'<rect class="bar" x="{LEFT}" y="{y - 11}" width="{notes - LEFT - 20}" height="22" />'
        )
        return f'<g>{time}{box}<text class="fault" x="{LEFT + 8}" y="{y + 4}">{escape(mark.words + numbers)}</text></g>'
    if mark.shape is Shape.POINT or mark.source == mark.node:
        words = mark.words + numbers
        drawn = _point(mark, at[mark.node], y, style)
    else:
        words = ", ".join(part for part in (mark.words + numbers, mark.fields) if part)
        drawn = _arrow(mark, at, y, style, rows)
    hover = f"<title>{escape(f'{mark.name} {mark.fields} {mark.words}'.strip())}</title>"
    note = f'<text class="{style}" x="{notes}" y="{y + 4}">{escape(cut(words, 62))}</text>'
    return f"<g>{hover}{time}{drawn}{note}</g>"


def _point(mark: Mark, x: int, y: int, style: str) -> str:
    halo = f'<circle class="halo" cx="{x}" cy="{y}" r="11" />' if mark.decisive else ""
    if mark.symbol in ("crash", "fault"):
        return f'{halo}<path class="{style or "fault"}" d="{_cross(x, y)}" stroke-width="2" />'
    if mark.symbol == "start":
        return f'{halo}<path class="dot" d="M{x} {y - 7} l7 12 h-14 z" />'
    if mark.symbol in ("sync", "store", "write", "job"):
        return f'{halo}<rect class="dot" x="{x - 5}" y="{y - 5}" width="10" height="10" />'
    if mark.symbol == "pause":
        return f'{halo}<path class="fault" d="M{x - 4} {y - 7} v14 m8 -14 v14" stroke-width="3" />'
    return f'{halo}<circle class="dot" cx="{x}" cy="{y}" r="5" />'


def _cross(x: int, y: int) -> str:
    return f"M{x - 6} {y - 6} l12 12 m0 -12 l-12 12"


def _arrow(mark: Mark, at: dict[str, int], y: int, style: str, rows: list[tuple[int, int]]) -> str:
    start, end = at[mark.source], at[mark.node]
    # The row at which it left: the last one that is not later; at least a little above, so that arrows lean with time.
    left = max((row for time, row in rows if time <= mark.sent and row < y), default=y - ROW // 2)
    top = min(y - ROW // 3, max(left, y - 4 * ROW))
    if mark.shape is Shape.LOST:
        end, bottom = start + (end - start) * 2 // 3, y
        cross = f'<path class="{style or "fault"}" d="{_cross(end, bottom)}" stroke-width="2" />'
        line = f'<line class="{style}" x1="{start}" y1="{top}" x2="{end}" y2="{bottom}" />{cross}'
    elif mark.shape is Shape.UNDER_WAY:
        end, bottom = start + (end - start) * 2 // 3, y
        line = f'<line class="{style}" x1="{start}" y1="{top}" x2="{end}" y2="{bottom}" stroke-dasharray="4 4" />'
    else:
        tip = end - 4 if end > start else end + 4
        line = f'<line class="{style}" x1="{start}" y1="{top}" x2="{tip}" y2="{y}" marker-end="url(#tip)" />'
    name = abbreviated(mark.name, 18)
    x, middle = (start + end) // 2, (top + y) // 2
    return f'{line}<text class="label" x="{x}" y="{middle - 3}" text-anchor="middle">{escape(name)}</text>'
