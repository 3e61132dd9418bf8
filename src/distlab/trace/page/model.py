"""What the page shows of a run, as plain data: rows of the picture, what caused what, states and lines of the program.

The shape of the data is that of :func:`as_plain`; ``model.js`` reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import zip_longest
from typing import Any

from msgspec import Struct

from distlab.trace.causality import host
from distlab.trace.event import Event, Kind, Trace
from distlab.trace.files import Head
from distlab.trace.scene import Life, Mark, Scene, Shape, compose
from distlab.trace.words import abbreviated, cut, event_words, plain

ROWS = 60
"""Rows that a reader is shown at first: what explains most. The others are behind the gaps."""

_AFTERWARDS = 20
"""Rows that are shown of a run from where it goes another way than the one beside it."""

_LETTER = {Life.UP: "u", Life.DOWN: "d", Life.PAUSED: "p"}
_LONG = 2_000
"""Characters of one field or state that are kept."""


class Run(Struct, frozen=True):
    """One run that a page shows."""

    trace: Trace
    head: Head = Head()
    """Nodes, evidence, and in ``about`` what a recording knows: ``states`` and ``lines``, by event."""
    name: str = ""
    """Whose it is, where there is more than one: ``yours``, ``reference``."""


def steps(trace: Trace) -> list[Event]:
    """The events one would stop at: not the mere probes at the end."""
    return [event for event in trace.events if event.kind != Kind.PROBE]


def as_plain(run: Run) -> dict[str, Any]:
    """The run for the page's script.

    ``marks`` are the rows; ``events`` are ``[id, host, cause, time, words]`` of everything that happened;
    ``states`` say what a handler made of its node: ``before`` where the page does not know it already, and ``set``.
    """
    trace, head = run.trace, run.head
    draw = partial(compose, trace, nodes=head.nodes, evidence=head.evidence)
    scene = draw(writes=True)
    first = {(mark.event, mark.time, mark.words) for mark in draw(rows=ROWS).marks}
    known = trace.by_id()
    lines = head.about.get("lines", {})
    return {
        "name": run.name,
        "columns": scene.columns,
        "leftOut": scene.left_out,
        "differs": None,
        "marks": [
            _mark(mark, scene, known) | {"first": (mark.event, mark.time, mark.words) in first}
            for mark in scene.marks
        ],
        "events": [
            [
                event.id,
                host(event),
                event.cause,
                event.time,
                f"{event.node} {event_words(event)}".strip(),
            ]
            for event in steps(trace)
        ],
        "states": _states(head.about.get("states", {}), known),
        "lines": {event: line for event, line in lines.items() if int(event) in known},
    }


def set_beside(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Show of the second run what is shown of the first, as long as they are alike, and what comes next."""
    pairs = zip_longest(one["marks"], other["marks"])
    place = next((n for n, (a, b) in enumerate(pairs) if _said(a) != _said(b)), None)
    one["differs"] = other["differs"] = place
    alike = len(other["marks"]) if place is None else place
    for n, mark in enumerate(other["marks"]):
        mark["first"] = one["marks"][n]["first"] if n < alike else n < alike + _AFTERWARDS
    for mark in one["marks"][alike : alike + 1]:
        mark["first"] = True


def _said(mark: dict[str, Any] | None) -> Any:
    return mark and [mark[part] for part in ("shape", "at", "from", "name", "words", "fields")]


def _mark(mark: Mark, scene: Scene, known: dict[int, Event]) -> dict[str, Any]:
    column = {name: place for place, name in enumerate(scene.columns)}
    event = known.get(mark.event)
    sent = event.cause if event is not None and mark.shape is Shape.LOST else mark.event
    return {
        "event": mark.event,
        "anchor": sent,  # what led to a message that is lost is what led to its sending
        "time": mark.time,
        "shape": mark.shape.value.replace(" ", "-"),
        "at": column.get(mark.node, -1),
        "from": column.get(mark.source, -1),
        "sent": mark.sent,
        "name": mark.name,
        "short": abbreviated(mark.name, 8),
        "symbol": mark.symbol,
        "words": mark.words,
        "fields": _fields(event),
        "faults": mark.faults,
        "decisive": mark.decisive,
        "lives": "".join(_LETTER[life] for life in mark.lives),
    }


def _fields(event: Event | None) -> list[tuple[str, str]]:
    """All that a message, timer or operation says, field by field."""
    if event is None:
        return []
    what = plain(event.what)
    if event.kind in (Kind.DROP, Kind.JOB_END):
        what = what[0]
    elif event.kind in (Kind.CALL, Kind.RETURN):
        what = what[1]
    if not isinstance(what, dict):
        return []
    return [(name, _text(value)) for name, value in what.items() if name != "type"]


def _text(value: Any) -> str:
    match value:
        case dict():
            inner = ", ".join(
                f"{name}={_text(item)}" for name, item in value.items() if name != "type"
            )
            return cut(f"{value.get('type', '')}({inner})", _LONG)
        case list():
            return cut(f"[{', '.join(map(_text, value))}]", _LONG)
        case str():
            return cut(value, _LONG) if value.isprintable() and value else repr(cut(value, _LONG))
        case _:
            return str(value)


def _states(states: dict[str, Any], known: dict[int, Event]) -> dict[int, dict[str, Any]]:
    """Only what changes: a node's state is long, and most of it stays as it was."""
    current: dict[str, dict[str, str]] = {}
    told: dict[int, dict[str, Any]] = {}
    for number, (before, after) in sorted(states.items(), key=lambda item: int(item[0])):
        event = known.get(int(number))
        if event is None:
            continue
        node, old, new = event.node, _cut(before), _cut(after)
        entry: dict[str, Any] = {"node": node}
        if current.get(node) != old:
            entry["before"] = old
        entry["set"] = {name: text for name, text in new.items() if old.get(name) != text}
        current[node] = new
        told[event.id] = entry
    return told


def _cut(state: Sequence[Any] | dict[str, str]) -> dict[str, str]:
    return {name: cut(text, _LONG) for name, text in dict(state).items()}
