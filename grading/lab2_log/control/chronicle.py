"""What a run of part 2E says of decisions: who said what was decided, who had asked for it, who lived which life.

Boundary events only: messages that controllers and brokers send and get, starts and ends, what brokers were asked. A
state is known by its version: whoever says it, and however often.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from msgspec import Struct

from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab2_log.control.scene import CONTROLLERS
from grading.lab2_log.log.books import Books, Life
from labs.lab2_log.brokers import (
    Alive,
    AlterPartition,
    Heard,
    LeaderAndIsr,
    PartitionAltered,
    PartitionState,
    ShutDown,
)


class Said(Struct, frozen=True):
    """A controller said that this is decided."""

    event: Event
    state: PartitionState


class Lived(Struct):
    """One life of a broker."""

    broker: str
    start: Event
    is_clean: bool
    """Whether the life before it ended cleanly: it was asked to shut down, and ended itself. (The first: yes.)"""
    number: int = -1
    """As it is called in Alive; -1: it never said so."""
    previous: int = 0
    said: int = 0
    """The event in which it first did."""


class StrictBooks(Books):
    """Any proposal that was made at the version that a leader knows may have been granted.

    And what it knows is of the epoch that it was told to be in: that another one has begun, LeaderAndIsr says.
    """

    def known(self, life: Life, at: int) -> PartitionState | None:
        epoch = max(
            (
                event.what.state.leader_epoch
                for event in self.news[life]
                if event.id <= at and isinstance(event.what, LeaderAndIsr)
            ),
            default=-1,
        )
        heard = [s for event, s in self.states[life] if event <= at and s.leader_epoch <= epoch]
        return max(heard, key=lambda state: state.version, default=None)

    def maybe(self, life: Life, state: PartitionState, at: int) -> list[str]:
        return [
            member
            for event, request in self.proposals[life]
            if event < at and request.version == state.version
            for member in request.isr
            if member not in state.isr
        ]


class Chronicle:
    """All of it, for one run."""

    def __init__(self, run: Run) -> None:
        self.said: list[Said] = []
        """In the order of the run."""
        self.asked: list[tuple[Event, AlterPartition]] = []
        """Requests that reached a controller."""
        self.lives: dict[str, list[Lived]] = defaultdict(list)
        self.told: dict[str, int] = {}
        """Broker -> the event in which it first said that it had heard of a partition."""
        self.heard: dict[tuple[str, str, int], Event] = {}
        """(controller, broker, life's number) -> the first Alive of that life that reached it."""
        ended: dict[str, bool] = {}
        shutting: dict[str, int] = {}
        for event in run.trace.events:
            self._note(event, ended, shutting)
        self.versions = self._by_version()

    def _note(self, event: Event, ended: dict[str, bool], shutting: dict[str, int]) -> None:
        node, what = event.node, event.what
        is_controller = node in CONTROLLERS
        if event.kind == Kind.SEND:
            if is_controller and isinstance(what, LeaderAndIsr | PartitionAltered):
                self.said.append(Said(event, what.state))
            elif isinstance(what, Alive) and self.lives[node] and self.lives[node][-1].number < 0:
                life = self.lives[node][-1]
                life.number, life.previous, life.said = what.life, what.previous, event.id
            elif isinstance(what, Heard):
                self.told.setdefault(node, event.id)
        elif event.kind == Kind.DELIVER and is_controller:
            if isinstance(what, AlterPartition):
                self.asked.append((event, what))
            elif isinstance(what, Alive):
                self.heard.setdefault((node, event.peer, what.life), event)
        elif event.kind == Kind.START and node.startswith("b"):
            self.lives[node].append(Lived(node, event, ended.get(node, True)))
        elif event.kind in (Kind.CRASH, Kind.STOP):
            ended[node] = event.kind == Kind.STOP and shutting.get(node) == event.incarnation
        elif event.kind == Kind.CALL and isinstance(what[1], ShutDown):
            shutting[node] = event.incarnation

    def _by_version(self) -> list[Said]:
        """The first word of each version, the lowest first."""
        first: dict[int, Said] = {}
        for said in self.said:
            first.setdefault(said.state.version, said)
        return [first[version] for version in sorted(first)]

    def was_asked(self, before: Said, after: Said, member: str) -> bool:
        """Whether the leader asked for the member, knowing ``before`` or what came between it and ``after``."""
        return any(
            member in request.isr
            and before.state.version <= request.version < after.state.version
            and event.id < after.event.id
            for event, request in self.asked
        )

    def unclean_lives(self) -> list[Lived]:
        """Those before which a broker was killed that had been told anything: before that, there is nothing to lose."""
        return [
            life
            for lives in self.lives.values()
            for life in lives
            if not life.is_clean and self.told.get(life.broker, life.start.id) < life.start.id
        ]


def chronicle(run: Run) -> Chronicle:
    """The run's chronicle; made once for all judges. The judges of part 2B find strict books, too."""
    notes: dict[str, Any] = run.notes
    if "chronicle" not in notes:
        notes["chronicle"] = Chronicle(run)
        notes["books"] = StrictBooks(run)
    found: Chronicle = notes["chronicle"]
    return found
