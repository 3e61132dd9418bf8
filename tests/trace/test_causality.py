"""Happened-before: the clocks agree with the dumb definition, and the world tells nobody anything."""

import random
from typing import Any

from distlab.trace import Kind, Trace
from distlab.trace.causality import WORLD, happened_before, host, past, vector_clocks
from tests.cli.samples import message, stale_read, trace_of


def dumb_past(trace: Trace, event: int) -> set[int]:
    """What happened before, straight from Lamport's definition."""
    by_id = trace.by_id()
    before, todo = set(), [event]
    while todo:
        here = by_id[todo.pop()]
        if here.id in before:
            continue
        before.add(here.id)
        if here.cause in by_id:
            todo.append(here.cause)
        todo += [e.id for e in trace.events if host(e) == host(here) and e.id < here.id]
    return before


def storm(seed: int) -> Trace:
    chance = random.Random(seed)
    rows: list[tuple[int, str, str, int, str, Any]] = []
    for time in range(30):
        node, other = chance.sample("abcd", 2)
        sends = [i for i, row in enumerate(rows, 1) if row[2] == Kind.SEND and row[4] == node]
        if sends and chance.random() < 0.5:
            cause = chance.choice(sends)
            kind = chance.choice([Kind.DELIVER, Kind.DELIVER, Kind.DROP])
            what: Any = message("M") if kind == Kind.DELIVER else (message("M"), "loss")
            rows.append((time, node, kind, cause, rows[cause - 1][1], what))
        else:
            rows.append((time, node, Kind.SEND, 0, other, message("M")))
    return trace_of(rows)


def test_clocks_agree_with_the_definition() -> None:
    for seed in range(30):
        trace = storm(seed)
        clocks = vector_clocks(trace.events)
        for one in trace.events:
            for other in trace.events:
                expected = one.id != other.id and one.id in dumb_past(trace, other.id)
                assert happened_before(clocks[one.id], clocks[other.id]) == expected


def test_the_past_is_what_happened_before() -> None:
    for seed in range(10):
        trace = storm(seed)
        last = next(e for e in reversed(trace.events) if e.kind != Kind.DROP)
        assert set(past(trace.events, [last.id])) == dumb_past(trace, last.id)


def test_causes_are_nearer_than_what_merely_came_before() -> None:
    trace, _, (_, decisive) = stale_read()
    far = past(trace.events, [decisive])
    assert far[decisive] == 0
    assert far[19] == 1  # the delivery that it was the answer to
    assert far[18] == 2
    assert 14 not in far  # the writer's return: the reader knows nothing of it


def test_a_receiver_learns_nothing_from_a_lost_message() -> None:
    trace, _, _ = stale_read()
    clocks = vector_clocks(trace.events)
    assert host(trace.by_id()[7]) == WORLD
    assert "c1" not in clocks[17]
    assert clocks[7]["c1"] > 0
