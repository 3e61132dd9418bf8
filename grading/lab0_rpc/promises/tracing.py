"""Part 0C: the logs of all nodes tell the story of each request, and levels change where and when they are told to.

The judge knows from the trace what really brought about what (every delivery has its send, every effect the handler
that caused it) and holds the logs and the spans on the wire against it. What it does not ask: how spans are named, and
which of a request's own spans a message carries, as long as that span was there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from distlab.check import Verdict, broken, kept
from distlab.core import Level
from distlab.grade.lab import Promise, Run, Situation
from distlab.trace import Event, Kind
from grading.lab0_rpc import vectors
from grading.lab0_rpc.promises import costs, inner, is_a, messages, named, role

PAGE = "labs/lab0.md#part-0c-tracing"

SPAN_TEXTS = {"op": "begins", "net": "received", "timer": "fired"}
"""Subsystem -> text of the line by which a span enters the log."""
TRACED = ("client", "front", "server")


def _tuned(run: Run) -> bool:
    """Some level was changed: then lines may be missing that would be there otherwise."""
    return any(messages(run, Kind.DELIVER, "SetLevel"))


def _fields(event: Event) -> dict[str, Any]:
    fields: dict[str, Any] = event.what.fields
    return fields


def _lines_by_handler(run: Run) -> dict[int, list[Event]]:
    """Event whose handler wrote them -> log lines."""
    found: dict[int, list[Event]] = defaultdict(list)
    for event in run.trace.of(Kind.LOG):
        found[event.cause].append(event)
    return found


def _span_lines(lines: list[Event], subsystem: str) -> list[Event]:
    return [
        e for e in lines if e.what.subsystem == subsystem and e.what.text == SPAN_TEXTS[subsystem]
    ]


def _about(message: Any) -> Any:
    """Which call a message is about: its RequestId."""
    return inner(message).id


# -- OP-S1 ------------------------------------------------------------------------------------------------------------


def logs_tell_the_story(run: Run) -> Verdict:
    """Each request's spans form one tree: every handler run is in the log, under a parent that is there too."""
    if _tuned(run):
        return kept()
    lines = _lines_by_handler(run)
    seen: dict[tuple[str, str], Event] = {}
    """(request, span) -> its line."""
    names: dict[str, Event] = {}
    roots: dict[str, Event] = {}
    first_sent: dict[int, Event] = {}
    for event in messages(run, Kind.SEND, "Traced"):
        first_sent.setdefault(event.cause, event)
    for event in run.trace.of(Kind.CALL, Kind.DELIVER, Kind.TIMER):
        if role(run, event.node) not in TRACED:
            continue
        subsystem, parent_on_wire = "timer", None
        if event.kind == Kind.CALL:
            subsystem = "op"
        elif event.kind == Kind.DELIVER:
            subsystem = "net"
            if is_a(event.what, "Traced"):
                parent_on_wire = event.what.span
            elif is_a(event.what, "Call", "Answer"):
                return broken(
                    f"{named(event.what)} came to {event.node} without a span",
                    event.id,
                    expected="Traced",
                )
            else:
                continue
        found = _span_lines(lines[event.id], subsystem)
        what = f"{event.node} handled {_described(event)}"
        if len(found) != 1:
            return broken(
                f"{what} and logged {len(found)} spans",
                event.id,
                expected="one line",
                got=len(found),
            )
        line = found[0]
        if (sent := first_sent.get(event.id)) is not None and sent.id < line.id:
            return broken(
                f"{what}, and logged the span only when it had done its work",
                event.id,
                sent.id,
                line.id,
                expected="the line first: it says what the following was done for",
                got="a message sent before it",
            )
        try:
            request, span, parent = (_fields(line)[name] for name in ("request", "span", "parent"))
        except KeyError as missing:
            return broken(f"{what} and logged no {missing}", event.id, line.id)
        if span in names:
            return broken(
                f"{what} under a span that was used before: {span!r}",
                names[span].id,
                line.id,
                expected="a new span",
                got=span,
            )
        if event.kind == Kind.CALL:
            if parent or request in roots:
                return broken(
                    f"{what}, a new request, as if it were part of another one",
                    line.id,
                    expected="a request of its own, parent ''",
                    got=_fields(line),
                )
            roots[request] = line
        elif (request, parent) not in seen:
            return broken(
                f"{what} under a parent that request {request!r} does not have",
                line.id,
                expected="a span of the same request, logged before",
                got=_fields(line),
            )
        if parent_on_wire is not None and (request, parent) != (
            parent_on_wire.request,
            parent_on_wire.span,
        ):
            return broken(
                f"{what}, and did not log the span that sent it as the parent",
                line.id,
                expected=parent_on_wire,
                got=_fields(line),
            )
        if event.kind == Kind.TIMER and seen[request, parent].node != event.node:
            return broken(
                f"{what} under a parent that is a span of another node", line.id, got=_fields(line)
            )
        seen[request, span] = names[span] = line
    return kept()


def _described(event: Event) -> str:
    what = event.what
    if event.kind == Kind.CALL:
        return repr(what[1])
    if event.kind == Kind.TIMER:
        return f"the timer {getattr(what, 'timer', what)!r}"
    return named(inner(what)) if hasattr(inner(what), "id") else repr(what)


# -- RPC-S6 -----------------------------------------------------------------------------------------------------------


def ids_stay_with_their_work(run: Run) -> Verdict:
    """Whatever is sent for a call carries that call's request, over hops, queues, timers and retries."""
    request_of: dict[Any, tuple[str, Event]] = {}
    call_of: dict[str, tuple[Any, Event]] = {}
    spans: set[tuple[str, str, str]] = {
        (e.node, _fields(e).get("request", ""), _fields(e).get("span", ""))
        for e in run.trace.of(Kind.LOG)
        if "parent" in _fields(e)
    }
    is_logged = not _tuned(run)
    for event in messages(run, Kind.SEND, "Traced", "Call", "Answer"):
        if is_a(inner(event.what), "LevelSet"):
            continue  # see the next promise
        if not is_a(event.what, "Traced"):
            return broken(
                f"{event.node} sent {named(event.what)} for nobody's request",
                event.id,
                expected="Traced",
            )
        span, about = event.what.span, _about(event.what)
        known, first = request_of.setdefault(about, (span.request, event))
        if known != span.request:
            return broken(
                f"{event.node} sent {named(inner(event.what))} under another request than before",
                first.id,
                event.id,
                expected=known,
                got=span.request,
            )
        other, first = call_of.setdefault(span.request, (about, event))
        if other != about:
            return broken(
                f"{event.node} sent {named(inner(event.what))} under the request of another call",
                first.id,
                event.id,
                expected="a request of its own",
                got=f"{span.request!r}, which is that of call {other.number} of {other.client}",
            )
        if is_logged and (event.node, span.request, span.span) not in spans:
            return broken(
                f"{event.node} sent {named(inner(event.what))} under a span that it never began",
                event.id,
                expected="a span from its own log",
                got=span,
            )
    return kept()


# -- OP-S2 ------------------------------------------------------------------------------------------------------------


def levels_are_obeyed(run: Run) -> Verdict:
    """From the SetLevel on, on that node and in that subsystem alone, exactly the lines of that level and above."""
    lines = _lines_by_handler(run)
    timers_set = Counter(event.cause for event in run.trace.of(Kind.TIMER))
    """Event -> how many of the timers that its handler set fired. (Others were cancelled, or moved.)"""
    sent_by = defaultdict(list)
    for event in messages(run, Kind.SEND, "Traced", "LevelSet"):
        sent_by[event.cause].append(event)
    levels: dict[tuple[str, str], int] = defaultdict(lambda: Level.INFO)
    changed: dict[tuple[str, str], int] = {}
    for event in run.trace.of(Kind.START, Kind.CALL, Kind.DELIVER, Kind.TIMER):
        node = event.node
        if role(run, node) not in TRACED:
            continue
        if event.kind == Kind.START:
            for subsystem in SPAN_TEXTS:
                levels[node, subsystem] = Level.INFO
                changed.pop((node, subsystem), None)
            continue
        if is_a(event.what, "SetLevel"):
            levels[node, event.what.subsystem] = event.what.level
            changed[node, event.what.subsystem] = event.id
            said = [e for e in sent_by[event.id] if is_a(e.what, "LevelSet")]
            if [(e.peer, e.what.subsystem, e.what.level) for e in said] != [
                (event.peer, event.what.subsystem, event.what.level)
            ]:
                return broken(
                    f"{node} was told to change a level, and did not say that it had",
                    event.id,
                    expected="LevelSet with the same fields, for nobody's request",
                    got=[e.what for e in sent_by[event.id]],
                )
        wrote = lines[event.id]
        for line in wrote:
            subsystem, level = line.what.subsystem, line.what.level
            if subsystem in SPAN_TEXTS and level < levels[node, subsystem]:
                return broken(
                    f"{node} wrote a line of level {_name(level)} in {subsystem!r}, whose level is "
                    f"{_name(levels[node, subsystem])}",
                    *_since(changed, node, subsystem),
                    line.id,
                    expected="no such line",
                    got=str(line.what),
                )
        for subsystem, level, text, times in _due(event, sent_by[event.id], timers_set[event.id]):
            if level < levels[node, subsystem]:
                continue
            found = [
                e.what.level for e in wrote if (e.what.subsystem, e.what.text) == (subsystem, text)
            ]
            if found.count(level) < times:
                others = sorted({_name(each) for each in found if each != level})
                return broken(
                    f"{node} handled {_described(event)} and wrote too few lines {text!r} of level "
                    f"{_name(level)} in {subsystem!r}, whose level is "
                    f"{_name(levels[node, subsystem])}",
                    *_since(changed, node, subsystem),
                    event.id,
                    expected=f"{times}",
                    got=f"{found.count(level)}"
                    + (f", and some of level {', '.join(others)}" if others else ""),
                )
    return kept()


def _due(event: Event, sends: list[Event], timers: int) -> list[tuple[str, int, str, int]]:
    """Lines that a handler must write if their level is on: subsystem, level, text, how often at least."""
    due = [
        ("net", int(Level.DEBUG), "sent", sum(is_a(e.what, "Traced") for e in sends)),
        ("timer", int(Level.DEBUG), "set", timers),
    ]
    if event.kind == Kind.CALL:
        due.append(("op", int(Level.INFO), "begins", 1))
    elif event.kind == Kind.TIMER:
        due.append(("timer", int(Level.INFO), "fired", 1))
    elif is_a(event.what, "Traced"):
        due.append(("net", int(Level.INFO), "received", 1))
    return due


def _name(level: int) -> str:
    return Level(level).name if level in Level.__members__.values() else str(level)


def _since(changed: dict[tuple[str, str], int], node: str, subsystem: str) -> list[int]:
    return [changed[node, subsystem]] if (node, subsystem) in changed else []


# -- situations -------------------------------------------------------------------------------------------------------


def _retried(run: Run) -> bool:
    """A client sent one call twice, from a timer."""
    timers = {e.id for e in run.trace.of(Kind.TIMER) if role(run, e.node) == "client"}
    return any(e.cause in timers for e in messages(run, Kind.SEND, "Traced"))


def _gathered(run: Run) -> bool:
    """The front passed on calls of two requests at once."""
    requests: dict[int, set[str]] = defaultdict(set)
    for event in messages(run, Kind.SEND, "Traced"):
        if event.node == "front" and is_a(event.what.message, "Call"):
            requests[event.cause].add(event.what.span.request)
    return any(len(together) > 1 for together in requests.values())


def _whole_story(run: Run) -> bool:
    return not _tuned(run) and any(entry.is_ok for entry in run.history)


def _after_a_change(run: Run, lower: bool) -> bool:
    """On a node whose level was changed, something was handled afterwards that the subsystem has a line for."""
    for change in messages(run, Kind.DELIVER, "SetLevel"):
        if (change.what.level < Level.INFO) == lower and change.what.level != Level.INFO:
            later = (
                e
                for e in run.trace.of(Kind.DELIVER, Kind.TIMER)
                if e.node == change.node and e.id > change.id
            )
            kind = Kind.DELIVER if change.what.subsystem == "net" else Kind.TIMER
            others = {e.kind for e in later if not is_a(e.what, "SetLevel")}
            if len(others) == 2 and kind in others:
                return True
    return False


PROMISES = (
    Promise(
        code="OP-S1",
        title="for each request, the spans in all logs form one tree, and no step is missing",
        points=4,
        judge=logs_tell_the_story,
        needs=(
            Situation("a request went all the way, with every level at INFO", _whole_story),
            Situation(
                "a timer tried a request again", lambda run: not _tuned(run) and _retried(run)
            ),
        ),
        page=PAGE,
    ),
    Promise(
        code="RPC-S6",
        title="a request's id stays with its work: over hops, queues, timers and retries",
        points=3,
        judge=ids_stay_with_their_work,
        needs=(
            Situation("a timer tried a request again", _retried),
            Situation("the front passed on two requests at once", _gathered),
        ),
        page=PAGE,
    ),
    Promise(
        code="OP-S2",
        title="a log level changes for one subsystem of one node, at once, without a restart",
        points=2,
        judge=levels_are_obeyed,
        needs=(
            Situation(
                "a level was lowered in the midst of things", lambda run: _after_a_change(run, True)
            ),
            Situation(
                "a level was raised in the midst of things", lambda run: _after_a_change(run, False)
            ),
        ),
        page=PAGE,
    ),
    Promise(
        code="RPC-L3",
        title="the program under the tracing layer works as it does without it",
        points=1,
        judge=costs.is_transparent,
        exams=(vectors.NOTHING_KEPT,),
        needs=(
            Situation("an operation was under way when the network healed", costs.healed_under_way),
        ),
        page=PAGE,
    ),
)
