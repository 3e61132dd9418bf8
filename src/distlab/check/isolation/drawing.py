"""An anomaly drawn: its transactions and the cycle they are in, as text for a terminal and as an SVG.

Boxes are transactions, with their steps in their order. An arrow from A to B says that A comes before B; it carries the
kind of dependency, and the words stand below, numbered, so that nothing depends on following a line with the eye.
"""

from __future__ import annotations

import math
import textwrap
from html import escape

from distlab.check.history import Entry
from distlab.check.isolation.facts import shown
from distlab.check.isolation.levels import Anomaly
from distlab.check.transactions import Append, Read, Step, steps_of
from distlab.trace.svg import STYLE

LETTER, LINE = 7.3, 18
"""Width of a letter and height of a line in the picture."""


def as_text(anomaly: Anomaly, width: int = 80) -> str:
    """The anomaly, its transactions, and the cycle as a chain that ends where it began."""
    lines = [f"{anomaly.name}: not {anomaly.level}"]
    named = {f"T{entry.ticket}": entry for entry in anomaly.transactions}
    if not anomaly.cycle:
        lines += _wrapped(anomaly.reason, "  ", width)
        return "\n".join([*lines, *(_line(name, entry) for name, entry in named.items())])
    for before, after, kind, reason in anomaly.cycle:
        lines.append(_line(before, named[before]))
        lines += _wrapped(f"{kind}  {reason}", "   │ ", width)
        lines.append(f"   ▼ {after if after == anomaly.cycle[0][0] else ''}".rstrip())
    return "\n".join(lines)


def _wrapped(text: str, indent: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent + "    ")


def _line(name: str, entry: Entry) -> str:
    return f"  {_title(name, entry)}  {', '.join(step_words(step) for step in steps_of(entry))}"


def _title(name: str, entry: Entry) -> str:
    fate = "" if entry.is_ok else ", rolled back" if entry.is_failed else ", in doubt"
    return f"{name} ({entry.client}{fate})"


def step_words(step: Step) -> str:
    """``read x [1 2]``, ``append 3 to x``, ``write 3 to x``."""
    if isinstance(step, Read):
        value = "nothing" if step.value is None else step.value
        return f"read {step.key} {shown(value) if isinstance(value, tuple | list) else value}"
    return f"{'append' if isinstance(step, Append) else 'write'} {step.value} to {step.key}"


def to_svg(anomaly: Anomaly) -> str:
    """The picture, as one ``<svg>`` element."""
    entries = {f"T{entry.ticket}": entry for entry in anomaly.transactions}
    boxes = {
        name: [_title(name, entry), *(step_words(step) for step in steps_of(entry))]
        for name, entry in entries.items()
    }
    wide = max(len(line) for lines in boxes.values() for line in lines) * LETTER + 24
    tall = max(len(lines) for lines in boxes.values()) * LINE + 14
    bottom: float
    if not anomaly.cycle:
        at = {
            name: (20 + wide / 2 + i * (wide + 40), 20 + tall / 2) for i, name in enumerate(boxes)
        }
        bottom = 40 + tall
    elif len(boxes) <= 2:
        at = {
            name: (20 + wide / 2 + i * (wide + 150), 60 + tall / 2) for i, name in enumerate(boxes)
        }
        bottom = 134 + tall
    else:
        across = max(wide * 0.8 + 50, len(boxes) * (wide + 50) / math.tau)
        down = max(tall + 50, len(boxes) * (tall + 50) / math.tau)
        at = {}
        for i, name in enumerate(boxes):
            angle = math.tau * i / len(boxes) - math.pi / 2
            x, y = math.cos(angle) * across, math.sin(angle) * down
            at[name] = (20 + wide / 2 + across + x, 20 + tall / 2 + down + y)
        bottom = max(y for _, y in at.values()) + tall / 2 + 40
    reasons = [f"{i}. {kind}: {why}" for i, (*_, kind, why) in enumerate(anomaly.cycle, 1)]
    legend = [line for text in reasons or [anomaly.reason] for line in textwrap.wrap(text, 96)]
    right = max(x for x, _ in at.values()) + wide / 2 + 20
    width = max(right, max(len(line) for line in legend) * 6.7 + 40)
    height = bottom + len(legend) * LINE + 12
    pieces = [
        _arrow(at[before], at[after], (wide, tall), f"{i} {kind}", len(boxes))
        for i, (before, after, kind, _) in enumerate(anomaly.cycle, 1)
    ]
    pieces += [_box(*at[name], wide, tall, lines) for name, lines in boxes.items()]
    pieces += [
        f'<text x="20" y="{bottom + LINE * i:.0f}">{escape(line)}</text>'
        for i, line in enumerate(legend)
    ]
    title = f"{anomaly.name}: not {anomaly.level}"
    return (
        f'<svg class="st" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" aria-label="{escape(title)}">'
        f"<style>{STYLE} .st rect {{ fill: #8881; stroke: #888 }}</style>"
        '<defs><marker id="end" markerWidth="9" markerHeight="9" refX="8" refY="4" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8" /></marker></defs>{"".join(pieces)}</svg>'
    )


def _box(x: float, y: float, wide: float, tall: float, lines: list[str]) -> str:
    left, top = x - wide / 2, y - tall / 2
    text = "".join(
        f'<text x="{left + 12:.0f}" y="{top + LINE * (i + 1):.0f}" '
        f'font-weight="{"normal" if i else "bold"}">{escape(line)}</text>'
        for i, line in enumerate(lines)
    )
    return (
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{wide:.0f}" height="{tall:.0f}" rx="6" />{text}'
    )


def _arrow(
    start: tuple[float, float],
    end: tuple[float, float],
    size: tuple[float, float],
    label: str,
    boxes: int,
) -> str:
    """From the edge of one box to that of another; of two boxes, one arrow above and one below."""
    (x, y), (u, v) = start, end
    if boxes == 2:
        side = -1 if x < u else 1
        y, v = y + side * size[1] / 2, v + side * size[1] / 2
        middle = ((x + u) / 2, y + side * 60)
        told = (middle[0], y + side * 30 + (-6 if side < 0 else 16))
    else:
        (x, y), (u, v) = _edge_of(start, end, size), _edge_of(end, start, size)
        middle = ((x + u) / 2, (y + v) / 2)
        told = (middle[0], middle[1] + 4)
    return (
        f'<path d="M{x:.0f} {y:.0f} Q{middle[0]:.0f} {middle[1]:.0f} {u:.0f} {v:.0f}" marker-end="url(#end)" />'
        f'<text class="label" x="{told[0]:.0f}" y="{told[1]:.0f}" text-anchor="middle">{escape(label)}</text>'
    )


def _edge_of(
    box: tuple[float, float], towards: tuple[float, float], size: tuple[float, float]
) -> tuple[float, float]:
    """Where the straight line from the middle of a box to a point leaves the box."""
    dx, dy = towards[0] - box[0], towards[1] - box[1]
    share = min(
        size[0] / 2 / abs(dx) if dx else math.inf, size[1] / 2 / abs(dy) if dy else math.inf
    )
    return box[0] + dx * share, box[1] + dy * share
