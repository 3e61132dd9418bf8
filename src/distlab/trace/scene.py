"""A run as a picture, before anybody draws it: columns, rows, lifelines. Text and SVG are drawn from this.

Theory of operation. Every event that a person would point at becomes a *mark* (a send and its delivery are one mark;
so are a planned crash and the crash). If there are more marks than rows, the ones that explain most are kept: the
evidence, what explains it (:mod:`distlab.trace.essence`), faults, client operations, then the causal past of the
evidence, near before far. Timers and what repeats itself go first, with what comes after the evidence. Each gap costs a
row that says how much is not shown. Pauses and partitions end without an event of their own; their ends are marks, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from distlab.trace.causality import past
from distlab.trace.durability import nameless
from distlab.trace.essence import REPEATED, TIMER, Essence
from distlab.trace.event import Event, Kind, Trace
from distlab.trace.words import (
    event_words,
    fault_words,
    fields_of,
    local_words,
    lost_because,
    name_of,
    outcome_words,
    plain,
)

_Moment = tuple[int, int]
"""Time and event: marks and changes of life in one order."""


class Shape(StrEnum):
    """What a mark looks like."""

    ARROW = "arrow"
    """A message that arrives, at ``column`` from ``source``."""
    LOST = "lost"
    """A message that does not."""
    UNDER_WAY = "under way"
    """A message of which the record ends before it arrives."""
    POINT = "point"
    """Something on one node."""
    BAR = "bar"
    """Something that concerns many: a partition, the healing."""
    GAP = "gap"
    """Marks that are not shown."""


class Life(StrEnum):
    """How a node is at a moment."""

    UP = "up"
    DOWN = "down"
    PAUSED = "paused"


class Mark(Struct, frozen=True, kw_only=True):
    """One row of the picture."""

    event: int
    """Id of the event; 0 for an end that is no event."""
    time: int
    shape: Shape
    node: str = ""
    """Where it happens: for messages, the receiver."""
    source: str = ""
    """For messages, the sender."""
    sent: int = 0
    """For messages, when it left."""
    name: str = ""
    """For messages, the class."""
    symbol: str = ""
    """For points, what kind it is: ``call``, ``return``, ``timer``, ``crash``, ``start``, ``pause``, ``sync``, ..."""
    words: str = ""
    """What happened, without the node's name."""
    fields: str = ""
    """For messages, what it says."""
    faults: tuple[int, ...] = ()
    """Numbers of the planned faults that this is, or shows; counted from 1."""
    rank: float = 9.0
    """How dispensable it is: 0 is the evidence."""
    decisive: bool = False
    hidden: int = 0
    """For gaps: how many marks are not shown."""
    lives: tuple[Life, ...] = ()
    """Of the columns, right after this."""


class Scene(Struct, frozen=True):
    """What is to be drawn."""

    columns: tuple[str, ...]
    marks: tuple[Mark, ...]
    left_out: tuple[str, ...] = ()
    """Nodes without a mark."""


def compose(
    trace: Trace,
    *,
    nodes: Sequence[str] = (),
    evidence: Iterable[int] = (),
    rows: int = 0,
    writes: bool = False,
) -> Scene:
    """The picture of a run in at most ``rows`` rows (0: all of it).

    ``evidence`` are ids of events, the decisive one last. ``nodes`` gives the order of the columns.
    """
    composer = _Composer(trace.events, tuple(evidence), writes)
    marks = composer.marks()
    everyone = list(dict.fromkeys([*nodes, *(e.node for e in trace.events if e.node)]))
    shown = _select(marks, rows) if rows and len(marks) > rows else marks
    touched = {n for m in shown for n in (m.node, m.source)} | composer.essence.nodes()
    columns = tuple(n for n in everyone if n in touched)
    lives = composer.lives(columns)
    return Scene(
        columns,
        tuple(_with_lives(shown, lives)),
        tuple(n for n in everyone if n not in touched),
    )


def _select(marks: list[Mark], rows: int) -> list[Mark]:
    """The marks worth most, in order, and gaps for the others; together at most ``rows``."""
    best = sorted(range(len(marks)), key=lambda i: (marks[i].rank, -i))
    chosen: list[int] = []
    shown: list[Mark] = []
    # One that does not fit, for the gaps that it makes, leaves its room to those that explain a little less.
    for i in best[: 4 * rows]:
        kept = _without_small_gaps(sorted([*chosen, i]), len(marks))
        if len(more := list(_with_gaps(marks, kept))) <= rows:
            chosen, shown = [*chosen, i], more
    return shown


def _without_small_gaps(kept: list[int], total: int) -> list[int]:
    """Also what stands alone between two that are kept: a gap would take as much room as the mark."""
    known = {-1, *kept, total}
    return sorted({*kept, *(i + 1 for i in known if i + 1 not in known and i + 2 in known)})


def _with_gaps(marks: list[Mark], kept: list[int]) -> Iterator[Mark]:
    expected = 0
    for i in kept:
        if i > expected:
            yield Mark(event=0, time=marks[expected].time, shape=Shape.GAP, hidden=i - expected)
        yield marks[i]
        expected = i + 1
    if expected < len(marks):
        yield Mark(
            event=0, time=marks[expected].time, shape=Shape.GAP, hidden=len(marks) - expected
        )


def _with_lives(
    marks: Iterable[Mark], changes: list[tuple[_Moment, tuple[Life, ...]]]
) -> Iterator[Mark]:
    at = 0
    for mark in marks:
        while at + 1 < len(changes) and changes[at + 1][0] <= (mark.time, mark.event):
            at += 1
        yield msgspec.structs.replace(mark, lives=changes[at][1])


class _Composer:
    """Turns events into marks."""

    def __init__(self, events: Sequence[Event], evidence: tuple[int, ...], writes: bool) -> None:
        self.events = sorted(events, key=lambda e: (e.time, e.id))
        self.by_id = {e.id: e for e in events}
        evidence = tuple(number for number in evidence if number in self.by_id)
        self.essence = Essence(self.events, evidence)
        # A message is drawn where it arrives: that is what shows its sending.
        arrivals = {e.cause: e.id for e in reversed(events) if e.kind in (Kind.DELIVER, Kind.DROP)}
        evidence = tuple(arrivals.get(number, number) for number in evidence)
        self.evidence = set(evidence)
        self.decisive = evidence[-1] if evidence else 0
        self.last = max(evidence, default=0)
        self.until = (
            self.by_id[self.last].time
            if self.last in self.by_id
            else self.events[-1].time
            if events
            else 0
        )
        self.writes = writes
        self.distance = past(self.events, evidence)
        self.operations = {e.what[0]: plain(e.what[1]) for e in events if e.kind == Kind.CALL}
        self.faults = {
            e.id: n for n, e in enumerate((e for e in self.events if e.kind == Kind.FAULT), 1)
        }
        self.message_faults: dict[int, list[int]] = {}
        """Send -> the faults planned for this message: they are written right after it."""
        self.crash_faults: dict[int, int] = {}
        """Crash -> the fault that brought it about."""
        self.synced = {e.cause for e in events if e.kind in (Kind.SYNCED, Kind.SYNC_FAILED)}
        self.nameless = nameless(self.events)
        self.arrivals: dict[int, int] = {}
        """Send -> how often it has arrived so far."""
        self._pair_faults()

    def _pair_faults(self) -> None:
        sent = struck = 0
        for event in self.events:
            match event.kind:
                case Kind.SEND:
                    sent, struck = event.id, 0
                case Kind.FAULT if name_of(plain(event.what)) in (
                    "Drop",
                    "Delay",
                    "Duplicate",
                    "Flip",
                ):
                    self.message_faults.setdefault(sent, []).append(event.id)
                case Kind.FAULT:
                    struck = event.id
                case Kind.CRASH if struck and self.by_id[struck].node == event.node:
                    if self.by_id[struck].time == event.time:
                        self.crash_faults[event.id] = struck
                    struck = 0

    def marks(self) -> list[Mark]:
        told = {fault for faults in self.message_faults.values() for fault in faults}
        told |= set(self.crash_faults.values())
        arrived = {e.cause for e in self.events if e.kind in (Kind.DELIVER, Kind.DROP)}
        marks: list[Mark] = []
        ends: list[Mark] = []
        for event in self.events:
            due = [end for end in ends if end.time <= event.time]
            marks += sorted(due, key=lambda end: end.time)
            ends = [end for end in ends if end.time > event.time]
            if event.kind == Kind.HEAL:
                ends = []
            if event.kind == Kind.SEND and event.id not in arrived:
                marks.append(self._message(event, event, Shape.UNDER_WAY, "still under way"))
            elif event.id not in told and (mark := self._mark(event)) is not None:
                marks.append(mark)
            if event.kind == Kind.FAULT:
                ends += self._end_of(event)
        return marks

    # -- one event ------------------------------------------------------------------------------------------------

    def _mark(self, event: Event) -> Mark | None:
        what = plain(event.what)
        match event.kind:
            case Kind.DELIVER:
                return self._message(event, self.by_id.get(event.cause), Shape.ARROW, "")
            case Kind.DROP:
                why = lost_because(what[1], event.node)
                return self._message(event, self.by_id.get(event.cause), Shape.LOST, why)
            case Kind.CALL:
                words = f"{name_of(what[1])} {fields_of(what[1])}".rstrip()
                return self._point(event, "call", words, 2)
            case Kind.RETURN:
                name = name_of(self.operations.get(what[0], {"type": "operation"}))
                return self._point(event, "return", f"{name}: {outcome_words(what[1])}", 1.9)
            case Kind.START if event.incarnation == 0 and event.time == 0:
                return None
            case Kind.START:
                return self._point(event, "start", f"{event.node} starts again", 1.6)
            case Kind.CRASH:
                fault = self.faults.get(self.crash_faults.get(event.id, 0))
                return self._point(event, "crash", f"{event.node} {self._crash(event)}", 1.2, fault)
            case Kind.STOP:
                return self._point(event, "crash", f"{event.node} stops itself: {what}", 1.4)
            case Kind.FAULT:
                return self._fault(event, what)
            case Kind.HEAL:
                return Mark(
                    event=event.id,
                    time=event.time,
                    shape=Shape.BAR,
                    words="everything is mended",
                    rank=3,
                )
            case Kind.SYNC if event.id in self.synced:
                return None
            case Kind.SYNC:
                return self._point(event, "sync", f"sync of {' '.join(what)} is never done", 5)
            case Kind.SYNC_FAILED:
                return self._point(event, "crash", local_words(event.kind, what), 1.8)
            case Kind.DISCONNECT:
                return self._point(event, "session", local_words(event.kind, what, event.peer), 5)
            case Kind.TIMER | Kind.SYNCED | Kind.JOB | Kind.JOB_END | Kind.STORE | Kind.CONNECT:
                symbol = event.kind.removesuffix("ed").removesuffix("_end")
                symbol = "session" if event.kind == Kind.CONNECT else symbol
                words = local_words(event.kind, what, event.peer)
                if files := self.nameless.get(event.id):
                    whose = "its name" if len(what) == 1 else f"the name of {files[0]}"
                    words += f" ({whose} is not)"
                return self._point(event, symbol, words, 7)
            case Kind.WRITE if self.writes:
                return self._point(event, "write", local_words(event.kind, what), 8)
            case Kind.SEND:
                return None
        return (
            self._point(event, "write", event_words(event), 8)
            if event.id in self.evidence
            or (event.kind == Kind.WRITE and event.id in self.essence.rank)
            else None
        )

    def _message(self, event: Event, send: Event | None, shape: Shape, words: str) -> Mark:
        what = plain(event.what)
        message = what[0] if event.kind == Kind.DROP else what
        faults = self.message_faults.get(event.cause if send is not event else event.id, [])
        if shape is Shape.ARROW:
            self.arrivals[event.cause] = self.arrivals.get(event.cause, 0) + 1
            notes = [fault_words(plain(self.by_id[f].what)) for f in faults]
            if not faults and self.arrivals[event.cause] > 1:
                notes = ["again"]
            words = ", ".join(notes)
        if event.kind == Kind.SEND:
            node, source = event.peer, event.node
        else:
            node, source = event.node, event.peer
        sent = send.time if send is not None else event.time
        return Mark(
            event=event.id,
            time=event.time,
            shape=shape,
            node=node,
            source=source,
            sent=sent,
            name=name_of(message),
            words=words,
            fields=fields_of(message),
            faults=tuple(self.faults[f] for f in faults),
            rank=min([self._rank(event, 1.5 if faults else 8), *map(self._rank_of_fault, faults)]),
            decisive=event.id == self.decisive,
        )

    def _point(
        self, event: Event, symbol: str, words: str, rank: float, fault: int | None = None
    ) -> Mark:
        return Mark(
            event=event.id,
            time=event.time,
            shape=Shape.POINT,
            node=event.node,
            symbol=symbol,
            words=words,
            faults=(fault,) if fault else (),
            rank=self._rank(event, rank),
            decisive=event.id == self.decisive,
        )

    def _crash(self, event: Event) -> str:
        fault = self.crash_faults.get(event.id)
        if fault is None:
            return local_words(event.kind, plain(event.what))
        kept = plain(self.by_id[fault].what).get("unsynced", "")
        return {
            "nothing": "crashes, loses all it had not synced",
            "all": "crashes, its disk stays as it was",
            "torn": "crashes, its last write is torn",
        }.get(kept, "crashes, may lose what it had not synced")

    def _fault(self, event: Event, what: Any) -> Mark:
        number, name = self.faults[event.id], name_of(what)
        if not event.node:
            return Mark(
                event=event.id,
                time=event.time,
                shape=Shape.BAR,
                words=fault_words(what),
                faults=(number,),
                rank=self._rank(event, 1),
            )
        words = fault_words(what)
        return self._point(event, "pause" if name == "Pause" else "fault", words, 1, number)

    def _end_of(self, event: Event) -> list[Mark]:
        """The end of a fault that lasts: no event says it."""
        what = plain(event.what)
        name = name_of(what)
        duration = what.get("duration") if isinstance(what, dict) else None
        ended = {
            "Partition": "the partition is over",
            "Pause": f"{event.node} wakes",
            "Cut": f"{what.get('source')} to {what.get('to')} is open again",
            "Clog": f"{what.get('source')} to {what.get('to')} flows again",
            "Twin": f"the first {event.node} ends",
        }
        if not duration or name not in ended:
            return []
        return [
            Mark(
                event=0,
                time=event.time + duration,
                shape=Shape.POINT if event.node else Shape.BAR,
                node=event.node,
                symbol="start" if name == "Pause" else "fault",
                words=ended[name],
                faults=(self.faults[event.id],),
                rank=2.5 if event.time + duration <= self.until else 12.5,
            )
        ]

    def _rank_of_fault(self, fault: int) -> float:
        return self.essence.rank.get(fault, 1.5)

    def _rank(self, event: Event, rank: float) -> float:
        if event.id in self.evidence:
            return 0.0 if event.id == self.decisive else 0.5
        if event.id in self.essence.rank:
            return self.essence.rank[event.id]
        if event.id > self.last > 0:
            return 10 + rank
        far = self.distance.get(event.id)
        if event.id in self.essence.repeated and rank > 2:
            return REPEATED
        if event.kind == Kind.TIMER and far != 1:
            return TIMER
        if event.kind == Kind.CALL and far is not None:
            return 1.7
        # The near past of the evidence outranks client calls that have nothing to do with it.
        return rank if far is None else min(rank, 2.0 + far / 10 + rank / 100)

    # -- lifelines ------------------------------------------------------------------------------------------------

    def lives(self, columns: tuple[str, ...]) -> list[tuple[_Moment, tuple[Life, ...]]]:
        """How the columns' nodes are, from which moment on; the first entry is how all begin."""
        lives = dict.fromkeys(columns, Life.UP)
        changes: list[tuple[_Moment, tuple[Life, ...]]] = [((-1, 0), tuple(lives.values()))]
        wakes: list[tuple[int, str]] = []
        for event in self.events:
            for time, node in sorted(wake for wake in wakes if wake[0] <= event.time):
                if lives.get(node) is Life.PAUSED:
                    lives[node] = Life.UP
                    changes.append(((time, 0), tuple(lives.values())))
            wakes = [wake for wake in wakes if wake[0] > event.time]
            if event.kind == Kind.HEAL:
                lives = {n: Life.UP if life is Life.PAUSED else life for n, life in lives.items()}
            elif event.node not in lives:
                continue
            elif event.kind in (Kind.CRASH, Kind.STOP):
                lives[event.node] = Life.DOWN
            elif event.kind == Kind.START:
                lives[event.node] = Life.UP
            elif event.kind == Kind.FAULT and name_of(what := plain(event.what)) == "Pause":
                lives[event.node] = Life.PAUSED
                wakes.append((event.time + what["duration"], event.node))
            if tuple(lives.values()) != changes[-1][1]:
                changes.append(((event.time, event.id), tuple(lives.values())))
        return changes
