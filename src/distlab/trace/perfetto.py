"""A trace for Perfetto (ui.perfetto.dev) and Chrome's tracing page: Trace Event JSON.

One process, one thread per node. A *slice* is what a node did at one moment: a handler and its effects, or what a sync
released. Handlers take no virtual time, and a slice without length can neither be seen nor hold an arrow's end, so each
gets a length of up to :data:`LENGTH` microseconds; slices at the same instant are put one after the other. They never
overlap. A message is an arrow between two slices; losses, crashes and faults are instants.
"""

from __future__ import annotations

from typing import Any

import msgspec

from distlab.trace.causality import host
from distlab.trace.event import Event, Kind, Trace
from distlab.trace.words import event_words, name_of, plain

LENGTH = 200
"""Microseconds that a slice has where there is room."""

_BEGINS = frozenset(
    (
        Kind.START,
        Kind.DELIVER,
        Kind.TIMER,
        Kind.JOB_END,
        Kind.CONNECT,
        Kind.DISCONNECT,
        Kind.SYNC_FAILED,
    )
)
_INSTANTS = frozenset((Kind.CRASH, Kind.STOP, Kind.DROP, Kind.FAULT, Kind.HEAL))


class _Slice:
    """What one node did at one moment."""

    def __init__(self, first: Event) -> None:
        self.node = host(first)
        self.time = first.time
        self.start = first.time
        self.length = 1
        self.events = [first]

    def holds(self, event: Event) -> bool:
        """Whether the event is an effect of what began this slice."""
        return event.time == self.time and not (
            event.kind in _BEGINS or (event.kind == Kind.CALL and not event.cause)
        )


def to_perfetto(trace: Trace, name: str = "distlab") -> bytes:
    """The JSON file."""
    steps = [event for event in trace.events if event.kind != Kind.PROBE]
    threads = {node: number for number, node in enumerate(dict.fromkeys(map(host, steps)), 1)}
    slices = _slices([event for event in steps if event.kind not in _INSTANTS])
    where = {event.id: piece for piece in slices for event in piece.events}
    entries: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": 1, "args": {"name": name}}
    ]
    for node, thread in threads.items():
        meta = {"ph": "M", "pid": 1, "tid": thread}
        entries.append({**meta, "name": "thread_name", "args": {"name": node}})
        entries.append({**meta, "name": "thread_sort_index", "args": {"sort_index": thread}})
    entries += [_slice_entry(piece, threads[piece.node]) for piece in slices]
    arrows = 0
    for event in steps:
        if event.kind in _INSTANTS:
            at = event.time
            common = {"ts": at, "pid": 1, "tid": threads[host(event)]}
            entries.append(
                {"ph": "i", "s": "t", "name": event_words(event), "cat": event.kind, **common}
            )
        elif event.kind == Kind.DELIVER and event.cause in where:
            arrows += 1
            message = name_of(plain(event.what))
            for phase, piece in (("s", where[event.cause]), ("f", where[event.id])):
                arrow = {"ph": phase, "cat": "message", "name": message, "id": arrows, "pid": 1}
                arrow |= {"ts": piece.start, "tid": threads[piece.node]} | (
                    {"bp": "e"} if phase == "f" else {}
                )
                entries.append(arrow)
    return msgspec.json.encode({"traceEvents": entries, "displayTimeUnit": "ms"})


def _slices(events: list[Event]) -> list[_Slice]:
    """The slices of all nodes: in time, side by side on each node, none longer than there is room."""
    latest: dict[str, _Slice] = {}
    found: list[_Slice] = []
    for event in events:
        current = latest.get(host(event))
        if current is not None and current.holds(event):
            current.events.append(event)
            continue
        piece = latest[host(event)] = _Slice(event)
        found.append(piece)
    by_node: dict[str, list[_Slice]] = {}
    for piece in found:
        by_node.setdefault(piece.node, []).append(piece)
    for pieces in by_node.values():
        free = 0
        for piece, later in zip(pieces, [*pieces[1:], None], strict=True):
            piece.start = max(piece.time, free)
            room = LENGTH if later is None else later.time - piece.start
            piece.length = max(1, min(LENGTH, room))
            free = piece.start + piece.length
    return found


def _slice_entry(piece: _Slice, thread: int) -> dict[str, Any]:
    first = piece.events[0]
    what = plain(first.what)
    match first.kind:
        case Kind.DELIVER | Kind.TIMER:
            name = name_of(what)
        case Kind.CALL:
            name = name_of(what[1])
        case Kind.JOB_END:
            name = f"{name_of(what[0])} ends"
        case _:
            name = first.kind
    return {
        "ph": "X",
        "name": name,
        "cat": first.kind,
        "ts": piece.start,
        "dur": piece.length,
        "pid": 1,
        "tid": thread,
        "args": {str(event.id): event_words(event) for event in piece.events},
    }
