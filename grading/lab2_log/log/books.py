"""What a run says of replication: who was told what, who had fetched how far, who answered what. Boundary events
only."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from msgspec import Struct

from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab2_log.log import codec
from labs.lab2_log.brokers import (
    ALL,
    NONE,
    AlterPartition,
    Fetch,
    Fetched,
    LeaderAndIsr,
    PartitionAltered,
    PartitionState,
    Produce,
    Produced,
)

_DISTURBANCES = (Kind.CRASH, Kind.STOP, Kind.START, Kind.FAULT)

Life = tuple[str, int]
"""(broker, incarnation)."""


class Answer(Struct, frozen=True):
    """A broker's answer, and the question."""

    event: Event
    """The send."""
    life: Life
    at: int
    """Id of the event in whose handler it was given: what the broker knew then, it had heard before."""
    question: Any
    answer: Any
    asked: Event
    """The delivery of the question."""


class Books:
    """All of it, for one run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.states: dict[Life, list[tuple[int, PartitionState]]] = defaultdict(list)
        """What each life of a broker was told, in order: (event, state)."""
        self.fetches: dict[Life, list[tuple[int, Fetch]]] = defaultdict(list)
        """The followers' fetches that reached it."""
        self.proposals: dict[Life, list[tuple[int, AlterPartition]]] = defaultdict(list)
        self.altered: dict[Life, list[tuple[int, int]]] = defaultdict(list)
        """Ids of the proposals that were answered."""
        self.news: dict[Life, list[Event]] = defaultdict(list)
        """Deliveries that can change what is committed: followers' fetches, and what the controller says."""
        self.disturbances: list[Event] = []
        """Starts, ends and faults."""
        self.answers: list[Answer] = []
        asked: dict[tuple[Life, str, int], Event] = {}
        for event in run.trace.events:
            life = (event.node, event.incarnation)
            if event.kind in _DISTURBANCES:
                self.disturbances.append(event)
            elif event.kind == Kind.DELIVER:
                if isinstance(event.what, (Fetch, LeaderAndIsr, PartitionAltered)):
                    self.news[life].append(event)
                if isinstance(event.what, PartitionAltered):
                    self.altered[life].append((event.id, event.what.id))
                match event.what:
                    case LeaderAndIsr(_, state) | PartitionAltered(_, state):
                        self.states[life].append((event.id, state))
                    case Fetch(replica=replica) if replica:
                        self.fetches[life].append((event.id, event.what))
                if hasattr(event.what, "id"):
                    asked.setdefault((life, event.peer, event.what.id), event)
            elif event.kind == Kind.SEND and isinstance(event.what, AlterPartition):
                self.proposals[life].append((event.cause, event.what))
            elif event.kind == Kind.SEND and hasattr(event.what, "id"):
                question = asked.get((life, event.peer, event.what.id))
                if question is not None and event.node.startswith("b"):
                    self.answers.append(
                        Answer(
                            event,
                            life,
                            event.cause or event.id,
                            question.what,
                            event.what,
                            question,
                        )
                    )

    def known(self, life: Life, at: int) -> PartitionState | None:
        """The newest state that the broker had heard of by event ``at``."""
        heard = [state for event, state in self.states[life] if event <= at]
        return max(heard, key=lambda state: state.version, default=None)

    def has_fetched(self, life: Life, follower: str, epoch: int, offset: int, at: int) -> bool:
        """Whether the follower had fetched at ``offset`` or behind it, in that epoch, by event ``at``."""
        return any(
            event <= at
            and fetch.replica == follower
            and fetch.leader_epoch == epoch
            and fetch.offset >= offset
            for event, fetch in self.fetches[life]
        )

    def lacking(self, life: Life, state: PartitionState, offset: int, at: int) -> list[str]:
        """Who is in the ISR, or may be, by what the leader knew, and had not fetched at ``offset`` in its epoch."""
        return [
            member
            for member in (*state.isr, *self.maybe(life, state, at))
            if member != life[0]
            and not self.has_fetched(life, member, state.leader_epoch, offset, at)
        ]

    def was_committed(self, broker: str, offset: int, at: int) -> bool:
        """Whether the broker knew, in any epoch that it led by event ``at``, that all before the offset is committed.

        What is committed stays so, announced or not: it may say so later, in another epoch or another life.
        """
        return any(
            state is not None
            and state.leader == broker
            and not self.lacking(life, state, offset, event.id)
            for life, news in self.news.items()
            if life[0] == broker
            for event in news
            if event.id <= at
            for state in (self.known(life, event.id),)
        )

    def maybe(self, life: Life, state: PartitionState, at: int) -> list[str]:
        """Whom the leader had asked the controller to add to this version of the ISR, without an answer so far."""
        asked = [
            request
            for event, request in self.proposals[life]
            if event < at and request.version == state.version
        ]
        return [
            m
            for r in asked[-1:]
            if r.id not in self._answered(life, at)
            for m in r.isr
            if m not in state.isr
        ]

    def _answered(self, life: Life, at: int) -> set[int]:
        return {number for event, number in self.altered[life] if event <= at}

    def acknowledged(self, *acks: int) -> list[tuple[Answer, int]]:
        """Produces that were answered without error, and the offset behind their batch."""
        found = []
        for answer in self.answers:
            request, reply = answer.question, answer.answer
            is_produced = isinstance(request, Produce) and isinstance(reply, Produced)
            if is_produced and reply.error == NONE and request.acks in (acks or (ALL, 1)):
                count = codec.opened(request.records).last_delta + 1
                found.append((answer, reply.base_offset + count))
        return found

    def served(self) -> list[Answer]:
        """Fetches that were answered without error."""
        return [
            answer
            for answer in self.answers
            if isinstance(answer.answer, Fetched) and answer.answer.error == NONE
        ]


def books(run: Run) -> Books:
    """The run's books; made once for all judges."""
    if "books" not in run.notes:
        run.notes["books"] = Books(run)
    found: Books = run.notes["books"]
    return found


def min_insync(run: Run) -> int:
    least: int = run.scenario.shape.get("min_insync", 2)
    return least
