"""Part 0D: stamps agree with what really happened before what.

The judge works out happened-before from the trace: an event follows those before it on its node, and a delivery its
send. A send counts as happening in the handler that asked for it; it may leave later, behind a sync.
"""

from __future__ import annotations

from distlab.check import Verdict, broken, kept
from distlab.grade.lab import Promise, Run, Situation
from distlab.trace import Event, Kind
from grading.lab0_rpc import vectors
from grading.lab0_rpc.promises import costs, inner, is_a, messages, named

PAGE = "labs/lab0.md#part-0d-time-and-order"

MOST = 80
"""Sends of a run that are compared with each other, the first ones: pairs are many."""

Past = dict[str, int]
"""How many sends of each node an event could know of."""


def sends_with_their_past(run: Run) -> list[tuple[Event, Past]]:
    """The stamped sends in an order that no cause contradicts, each with its past, itself included."""
    sends: dict[int, list[Event]] = {}
    for event in messages(run, Kind.SEND, "Stamped"):
        sends.setdefault(event.cause, []).append(event)
    now: dict[str, Past] = {}
    past_of: dict[int, Past] = {}
    found: list[tuple[Event, Past]] = []
    for event in run.trace.of(Kind.START, Kind.CALL, Kind.DELIVER, Kind.TIMER):
        past = dict(now.get(event.node, {}))
        if event.kind == Kind.DELIVER:
            for node, count in past_of.get(event.cause, {}).items():
                past[node] = max(past.get(node, 0), count)
        for send in sends.get(event.id, ()):
            past[event.node] = past.get(event.node, 0) + 1
            past_of[send.id] = dict(past)
            found.append((send, past_of[send.id]))
        now[event.node] = past
    return found[:MOST]


def _said(send: Event) -> str:
    return f"{send.node}'s {named(inner(send.what))} to {send.peer}"


def _knows_of(past: Past, other: tuple[Event, Past]) -> bool:
    """Whether the send ``other`` is in the past."""
    node = other[0].node
    return past.get(node, 0) >= other[1][node]


def _plain(run: Run) -> Verdict | None:
    for event in messages(run, Kind.SEND, "Call", "Answer"):
        return broken(
            f"{event.node} sent {event.what!r} without a stamp", event.id, expected="Stamped"
        )
    return None


def numbers_rise(run: Run) -> Verdict:
    """Of two sends of which one happened before the other, it has the smaller Lamport number."""
    if (verdict := _plain(run)) is not None:
        return verdict
    sends = sends_with_their_past(run)
    for at, (event, past) in enumerate(sends):
        for earlier in sends[:at]:
            first = earlier[0]
            if _knows_of(past, earlier) and first.what.stamp.lamport >= event.what.stamp.lamport:
                return broken(
                    f"{_said(first)} happened before {_said(event)}, and has no smaller number",
                    first.id,
                    event.id,
                    expected=f"more than {first.what.stamp.lamport}",
                    got=event.what.stamp.lamport,
                )
    return kept()


def vectors_agree(run: Run) -> Verdict:
    """One send happened before another if and only if its vector is less."""
    if (verdict := _plain(run)) is not None:
        return verdict
    sends = sends_with_their_past(run)
    for event, _ in sends:
        strangers = {node for node, _ in event.what.stamp.vector} - set(run.cluster.addresses())
        if strangers:
            return broken(
                f"the vector of {_said(event)} counts events of what is no node",
                event.id,
                expected="one number for each node",
                got=f"also one for {min(strangers)!r}",
            )
    for at, (event, past) in enumerate(sends):
        for earlier in sends[:at]:
            first = earlier[0]
            really = _knows_of(past, earlier)
            said = _less(first.what.stamp.vector, event.what.stamp.vector)
            back = _less(event.what.stamp.vector, first.what.stamp.vector)
            if said != really or back:
                relation = "happened before" if really else "could not know of"
                who = (first, event) if really else (event, first)
                return broken(
                    f"{_said(who[0])} {relation} {_said(who[1])}; the vectors say otherwise",
                    first.id,
                    event.id,
                    expected="less" if really else "neither less nor greater",
                    got=f"{dict(first.what.stamp.vector)} and {dict(event.what.stamp.vector)}",
                )
    return kept()


def _less(a: tuple[tuple[str, int], ...], b: tuple[tuple[str, int], ...]) -> bool:
    mine, theirs = dict(a), dict(b)
    at_most = all(count <= theirs.get(node, 0) for node, count in mine.items())
    return at_most and any(mine.get(node, 0) < count for node, count in theirs.items())


# -- situations -------------------------------------------------------------------------------------------------------


def _concurrent(run: Run) -> bool:
    sends = sends_with_their_past(run)
    return any(
        not _knows_of(past, earlier) for at, (_, past) in enumerate(sends) for earlier in sends[:at]
    )


def _clock_jumped_back(run: Run) -> bool:
    """A clock jumped back, and its node sent something afterwards."""
    jumps = {
        e.what.node: e.id
        for e in run.trace.of(Kind.FAULT)
        if is_a(e.what, "JumpClock") and e.what.by < 0
    }
    return any(e.id > jumps.get(e.node, 1 << 62) for e in messages(run, Kind.SEND, "Stamped"))


def _came_late(run: Run) -> bool:
    """A message was overtaken on its way by a later one of the same sender."""
    last: dict[tuple[str, str], int] = {}
    for event in messages(run, Kind.DELIVER, "Stamped"):
        link = (event.peer, event.node)
        if event.cause < last.get(link, 0):
            return True
        last[link] = max(event.cause, last.get(link, 0))
    return False


PROMISES = (
    Promise(
        code="RPC-S7",
        title="what happened before has the smaller Lamport number, whatever clocks on walls show",
        points=3,
        judge=numbers_rise,
        needs=(
            Situation("a node's clock jumped back", _clock_jumped_back),
            Situation("a message was overtaken by a later one", _came_late),
        ),
        page=PAGE,
    ),
    Promise(
        code="RPC-S8",
        title="one send happened before another if and only if its vector is less",
        points=3,
        judge=vectors_agree,
        needs=(Situation("two sends were concurrent", _concurrent),),
        page=PAGE,
    ),
    Promise(
        code="RPC-S9",
        title="before, after, concurrent: stamps alone tell which, and sort all events in one line",
        points=3,
        exams=(
            vectors.GROWTH,
            vectors.MERGE,
            vectors.ZEROS,
            vectors.LAMPORT_LAW,
            vectors.VECTOR_LAW,
            vectors.ORDER_LAW,
        ),
        page=PAGE,
    ),
    Promise(
        code="RPC-L4",
        title="the program under the layer of clocks works as it does without it",
        points=1,
        judge=costs.is_transparent,
        needs=(
            Situation("an operation was under way when the network healed", costs.healed_under_way),
        ),
        page=PAGE,
    ),
)
