"""What a failure screen points at: the student's line that decides; or, where nothing happened, how everybody stood.

A bug that does something wrong has a line that does it. A bug that lets something never happen has none: the last
line that ran is only where the program happened to be. Then each node's last news says more.
"""

from __future__ import annotations

from distlab.check import Verdict
from distlab.grade.lab import Run
from distlab.grade.perform import Performance, frame_at
from distlab.grade.result import Frame
from distlab.trace import Event, Kind
from distlab.trace.words import event_words, plain

MOST_NODES = 6
"""Nodes of which is said how they stood: those with the latest news."""


def decisive_line(performance: Performance, verdict: Verdict) -> tuple[Frame, ...]:
    """The student's line that decides: where an effect was asked for, or the handler that it ran in.

    That is the last effect that the evidence names. Else, where a client merely reports what it was told, it is what
    was said to it, by whoever said so first. Else it is the last event of the evidence, or its nearest cause.
    """
    run = performance.run
    if run is None or not verdict.events or verdict.is_absence:
        return ()
    events = run.trace.by_id()
    named = [events[number] for number in reversed(verdict.events) if number in events]
    looks = [
        *(e for e in named if e.kind in _EFFECTS),
        *_said_to_the_client(run, verdict.events[-1]),
    ]
    for event in looks:
        if (line := _line_of(performance, event)) is not None:
            return (frame_at(*line),)
    for event in reversed(run.trace.story(verdict.events[-1])):
        if (line := _line_of(performance, event)) is not None:
            return (frame_at(*line),)
    return ()


_EFFECTS = frozenset((Kind.SEND, Kind.JOB, Kind.WRITE, Kind.SYNC, Kind.SYNCED, Kind.STORE))


def _said_to_the_client(run: Run, decisive: int) -> list[Event]:
    """The sends on other nodes that an operation's end rests on, the nearest first, without what was only passed on.

    None if the end rests on what was said of another call: then the client's mistake is to believe it.
    """
    story = run.trace.story(decisive)
    if not story or story[-1].kind != Kind.RETURN:
        return []
    end, begin = story[-1], story[0]
    if begin.kind != Kind.CALL or begin.what[0] != end.what[0]:
        return []
    return [
        event
        for place, event in reversed(list(enumerate(story)))
        if event.kind == Kind.SEND
        and event.node != end.node
        and not any(
            e.kind == Kind.DELIVER and e.node == event.node and e.what == event.what
            for e in story[:place]
        )
    ]


def _line_of(performance: Performance, event: Event) -> tuple[str, int, str] | None:
    """Where the event was asked for."""
    line = performance.lines.get(event.id)
    return performance.lines.get(event.cause) if event.kind == Kind.SYNCED else line


def shown_by(performance: Performance, verdict: Verdict) -> tuple[int, ...]:
    """The events that a picture must show: those of the verdict; where something never happened, the last news too."""
    if performance.run is None or not verdict.is_absence:
        return verdict.events
    return (*verdict.events, *(event.id for event in last_news(performance.run)))


def standing(performance: Performance, verdict: Verdict) -> tuple[str, ...]:
    """Where something never happened: what each node did last that it had not done before, in words."""
    if performance.run is None or not verdict.is_absence:
        return ()
    return tuple(
        f"{event.node}, at {event.time // 1000} ms: {event_words(event)}"
        for event in sorted(last_news(performance.run), key=lambda event: event.node)
    )


def last_news(run: Run) -> list[Event]:
    """The last event of each node that was no repetition, in order of time."""
    news: dict[str, Event] = {}
    known: set[tuple[str, str, str, str]] = set()
    for event in run.trace.of(*_TELLING):
        said = (event.node, event.kind, event.peer, repr(plain(event.what)))
        if event.node and said not in known:
            known.add(said)
            news[event.node] = event
    return sorted(news.values(), key=lambda event: event.id)[-MOST_NODES:]


_TELLING = (
    Kind.SEND,
    Kind.DELIVER,
    Kind.JOB,
    Kind.JOB_END,
    Kind.STORE,
    Kind.CALL,
    Kind.RETURN,
    Kind.CRASH,
    Kind.STOP,
)
