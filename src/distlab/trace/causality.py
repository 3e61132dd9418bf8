"""Happened-before, read off a trace: vector clocks, and the past of an event.

Theory. L. Lamport, "Time, clocks, and the ordering of events in a distributed system" (1978): an event follows the one
before it on its node, and the one that caused it; *happened before* is the transitive closure. The vector clock of an
event (F. Mattern, C. Fidge, 1988) counts, for each node, the events that happened before it or are it.

What the world does by itself (a fault, a lost message, the healing) is nobody's step: those events stand on a host of
their own, :data:`WORLD`, that hears of everything and tells nobody. The lives of a node are one host: it has its disk.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

from distlab.trace.event import Event, Kind

WORLD = "world"
"""Where events stand that are no node's own."""

_NOT_A_STEP = frozenset((Kind.DROP, Kind.FAULT, Kind.HEAL))

Clock = dict[str, int]


def host(event: Event) -> str:
    """Where the event stands: its node, or :data:`WORLD`."""
    return WORLD if event.kind in _NOT_A_STEP or not event.node else event.node


def vector_clocks(events: Iterable[Event]) -> dict[int, Clock]:
    """Event id -> its vector clock. ``events`` in order; a cause that was not recorded counts for nothing."""
    clocks: dict[int, Clock] = {}
    latest: dict[str, Clock] = {}
    for event in events:
        where = host(event)
        clock = dict(latest.get(where, {}))
        for node, count in clocks.get(event.cause, {}).items():
            if count > clock.get(node, 0):
                clock[node] = count
        clock[where] = clock.get(where, 0) + 1
        latest[where] = clocks[event.id] = clock
    return clocks


def happened_before(one: Clock, other: Clock) -> bool:
    """Whether the event with clock ``one`` happened before that with clock ``other``."""
    return one != other and all(count <= other.get(node, 0) for node, count in one.items())


def past(events: Sequence[Event], ids: Iterable[int]) -> dict[int, int]:
    """The events that happened before those named, or are they: id -> how far back it lies.

    A step back to the cause counts 1, a step back on the same node 2: what was asked for matters more than what merely
    came before.
    """
    by_id = {event.id: event for event in events}
    before: dict[int, int] = {}
    latest: dict[str, int] = {}
    for event in events:
        if event.kind not in _NOT_A_STEP and event.node:
            before[event.id] = latest.get(event.node, 0)
            latest[event.node] = event.id
    distance: dict[int, int] = {}
    heap = [(0, number) for number in ids if number in by_id]
    while heap:
        far, number = heapq.heappop(heap)
        if number in distance:
            continue
        distance[number] = far
        for earlier, step in ((by_id[number].cause, 1), (before.get(number, 0), 2)):
            if earlier in by_id and earlier not in distance:
                heapq.heappush(heap, (far + step, earlier))
    return distance
