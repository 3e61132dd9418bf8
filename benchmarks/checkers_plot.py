"""Lines on logarithmic axes as one SVG, by hand: nothing is fetched, nothing else is needed to see it.

Each line has a colour, a mark of its own shape, and its name at the right. A hollow mark: no verdict was reached.
"""

import math
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT, LEFT, TOP, BETWEEN = 330, 300, 70, 30, 190
COLOURS = ("#1f5fbf", "#b3005e", "#1b7f4b", "#a15c00", "#6a3fb5", "#00788a")
STYLE = """
.plot { font: 12px system-ui, sans-serif } .plot text { fill: #333 }
.plot .grid { stroke: #ddd } .plot .axis { stroke: #888 }
@media (prefers-color-scheme: dark) {
 .plot text { fill: #ddd } .plot .grid { stroke: #444 } .plot .curve { filter: brightness(1.7) }
}
"""


class Line(NamedTuple):
    """One kind of history."""

    name: str
    points: list[tuple[float, float]]
    """What was varied, and the seconds that it took."""
    full: list[bool]
    """Whether there was a verdict."""


class Panel(NamedTuple):
    """One pair of axes."""

    title: str
    lines: list[Line]


def plot(panels: list[Panel]) -> str:
    """The picture. The vertical axis, seconds, is the same in all panels."""
    seconds = [y for panel in panels for line in panel.lines for _, y in line.points]
    low, high = math.floor(math.log10(min(seconds))), math.ceil(math.log10(max(seconds)))
    step = LEFT + WIDTH + BETWEEN
    width, height = step * len(panels), TOP + HEIGHT + 60
    drawn = "".join(
        f'<g transform="translate({i * step + LEFT} {TOP})">{_panel(panel, low, high)}</g>'
        for i, panel in enumerate(panels)
    )
    return (
        f'<svg class="plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="time of a verdict"><style>{STYLE}</style>{drawn}</svg>\n'
    )


def _panel(panel: Panel, low: int, high: int) -> str:
    values = [x for line in panel.lines for x, _ in line.points]
    left, right = math.log10(min(values)), math.log10(max(values))

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - left) / (right - left) * WIDTH
        return round(across, 1), round((high - math.log10(y)) / (high - low) * HEIGHT, 1)

    pieces = []
    for power in range(low, high + 1):
        y = at(10**left, 10.0**power)[1]
        pieces.append(f'<line class="grid" x1="0" y1="{y}" x2="{WIDTH}" y2="{y}" />')
        pieces.append(f'<text x="-8" y="{y + 4}" text-anchor="end">{_seconds(power)}</text>')
    for value in sorted(set(values)):
        x = at(value, 1)[0]
        pieces.append(f'<line class="grid" x1="{x}" y1="0" x2="{x}" y2="{HEIGHT}" />')
        pieces.append(
            f'<text x="{x}" y="{HEIGHT + 18}" text-anchor="middle">{_short(value)}</text>'
        )
    title = (
        f'<text x="{WIDTH / 2}" y="{HEIGHT + 42}" text-anchor="middle">{escape(panel.title)}</text>'
    )
    below = 0.0
    by_end = sorted(enumerate(panel.lines), key=lambda pair: -pair[1].points[-1][1])
    for number, line in by_end:
        colour = COLOURS[number % len(COLOURS)]
        points = [at(*point) for point in line.points]
        path = " ".join(f"{x},{y}" for x, y in points)
        marks = "".join(
            _mark(number, x, y, colour if full else "none", colour)
            for (x, y), full in zip(points, line.full, strict=True)
        )
        below = max(points[-1][1], below + 18)
        name = _mark(number, WIDTH + 22, below, colour, colour) + (
            f'<text x="{WIDTH + 34}" y="{below + 4}" style="fill: {colour}">{escape(line.name)}</text>'
        )
        pieces.append(
            f'<g class="curve"><polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" />'
            f"{marks}{name}</g>"
        )
    axis = f'<path class="axis" d="M0 0 V{HEIGHT} H{WIDTH}" fill="none" />'
    return "".join(pieces) + axis + title


def _mark(number: int, x: float, y: float, fill: str, stroke: str) -> str:
    style = f'fill="{fill}" stroke="{stroke}" stroke-width="1.5"'
    shapes = (
        f'<circle cx="{x}" cy="{y}" r="4" {style} />',
        f'<rect x="{x - 4}" y="{y - 4}" width="8" height="8" {style} />',
        f'<path d="M{x} {y - 5} l5 9 h-10 z" {style} />',
        f'<path d="M{x} {y - 5} l5 5 l-5 5 l-5 -5 z" {style} />',
        f'<path d="M{x} {y + 5} l5 -9 h-10 z" {style} />',
        f'<path d="M{x} {y - 5} l2 3 h4 l-2 3 l2 3 h-4 l-2 3 l-2 -3 h-4 l2 -3 l-2 -3 h4 z" {style} />',
    )
    return shapes[number % len(shapes)]


def _seconds(power: int) -> str:
    return f"{10**power} s" if power >= 0 else f"{10 ** (power + 3):g} ms"


def _short(value: float) -> str:
    return (
        f"{value / 1e6:g} M"
        if value >= 1e6
        else f"{value / 1e3:g} k"
        if value >= 1e3
        else f"{value:g}"
    )
