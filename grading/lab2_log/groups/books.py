"""What a run says of a group: who was told what, who owned what and when, what was handed out, processed, committed.

Boundary events only: messages, and the program's operations. Made once for all judges.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from typing import Any

from msgspec import Struct

from distlab.core import Ok
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from labs.lab2_log.group_log import Lead
from labs.lab2_log.groups import (
    COOPERATIVE,
    ILLEGAL_GENERATION,
    LOADING,
    NONE,
    UNKNOWN_MEMBER,
    CommitNow,
    FindCoordinator,
    Handle,
    Heartbeat,
    HeartbeatAnswer,
    Joined,
    JoinGroup,
    LeaveGroup,
    OffsetCommit,
    OffsetCommitted,
    OffsetFetch,
    OffsetsFetched,
    Poll,
    Synced,
    SyncGroup,
    TopicPartition,
)

Life = tuple[str, int]
"""(node, incarnation)."""

_QUESTION = {
    Joined: JoinGroup,
    Synced: SyncGroup,
    HeartbeatAnswer: Heartbeat,
    OffsetCommitted: OffsetCommit,
    OffsetsFetched: OffsetFetch,
}
_OF_MEMBERS = (JoinGroup, SyncGroup, Heartbeat, LeaveGroup, OffsetCommit)
OUT = (UNKNOWN_MEMBER, ILLEGAL_GENERATION)


class Answer(Struct, frozen=True):
    """A coordinator's answer, and the question."""

    event: Event
    """The send."""
    life: Life
    question: Any
    asked: Event
    """The first delivery of the question."""
    answer: Any


class Tenure(Struct):
    """One member's ownership of one partition, from being told to letting go."""

    life: Life
    part: TopicPartition
    generation: int
    told: Event
    ended: Event | None = None
    begin: int | None = None
    """The committed offset that it was told, if any."""
    was_reset: bool = False
    """It was told that nothing is committed."""
    handed: list[tuple[int, Event]] = []
    """Offsets, and the return of the poll."""


class Work(Struct):
    """A piece of the program's work."""

    life: Life
    records: tuple[Any, ...]
    began: Event
    ended: Event | None = None


class Books:
    """All of it, for one run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.answers: list[Answer] = []
        self.heard: dict[tuple[Life, str], list[Event]] = defaultdict(list)
        """(coordinator's life, member's name) -> what was delivered from it."""
        self.joins: list[Event] = []
        """JoinGroups that were delivered to coordinators."""
        self.elections: list[tuple[int, int, str]] = []
        """(event, epoch, coordinator): first said then."""
        self.terms: dict[Life, list[int]] = defaultdict(list)
        """Coordinator's life -> the events by which it heard of another epoch."""
        self.tenures: list[Tenure] = []
        self.foreign: list[tuple[Event, Any]] = []
        """Records that a member handed out and did not own: (return, record)."""
        self.works: list[Work] = []
        self.snatched: list[tuple[Work, Event]] = []
        """Work under way, and the JoinGroup by which its partition was let go."""
        self.commits: list[Event] = []
        """OffsetCommits, when they were sent."""
        self.lied: list[tuple[Event, Tenure]] = []
        """A program was told that all is committed, and something of this tenure was not."""
        self.lost: list[tuple[Life, Event]] = []
        """A member was told that it is out."""
        self.claims: list[tuple[Event, tuple[int, ...], tuple[TopicPartition, ...]]] = []
        """JoinGroups of members; the generations of their shares, and what the last one had of what they let go of."""
        self.names: dict[Life, str] = {}
        self._questions: dict[tuple[Life, str, int, type], list[Event]] = defaultdict(list)
        self._owned: dict[Life, dict[TopicPartition, Tenure]] = defaultdict(dict)
        self._sent: dict[tuple[Life, int], Any] = {}
        self._epochs: dict[Life, int] = {}
        self._latest: dict[tuple[Life, type], int] = {}
        """Id of the last question of each kind."""
        self._acked: dict[tuple[Life, TopicPartition], int] = {}
        self._synced: dict[Life, int] = {}
        self._given: dict[Life, list[int]] = defaultdict(list)
        self._shares: dict[Life, tuple[TopicPartition, ...]] = {}
        self._warned: set[Life] = set()
        """Whoever was told that it is out, and has not joined since."""
        self._joined: dict[Life, int] = {}
        """Life -> id of its last JoinGroup."""
        self._open: dict[int, Any] = {}
        """Ticket -> work or poll."""
        for event in run.trace.events:
            life = (event.node, event.incarnation)
            if event.kind == Kind.SEND:
                self._send(event, life)
            elif event.kind == Kind.DELIVER:
                self._deliver(event, life)
            elif event.kind == Kind.CALL:
                self._call(event, life)
            elif event.kind == Kind.RETURN:
                self._return(event, life)
            elif event.kind in (Kind.CRASH, Kind.STOP):
                self._end(event, life)
        self.by_kind: dict[type, list[Answer]] = defaultdict(list)
        for answer in self.answers:
            self.by_kind[type(answer.answer)].append(answer)

    # -- coordinators ----------------------------------------------------------------------------------------------

    def _send(self, event: Event, life: Life) -> None:
        what = event.what
        if isinstance(what, Lead):
            if not self.elections or self.elections[-1][1] < what.epoch:
                self.elections.append((event.id, what.epoch, what.coordinator))
        elif event.node.startswith("k"):
            kind = _QUESTION.get(type(what))
            if kind is None:
                return
            asked = self._questions[life, event.peer, what.id, kind]
            if asked and all(a.what == asked[0].what for a in asked):
                self.answers.append(Answer(event, life, asked[0].what, asked[0], what))
        elif event.node.startswith("m"):
            if hasattr(what, "id"):
                self._sent.setdefault((life, what.id), what)
                self._latest[life, type(what)] = what.id
            if isinstance(what, JoinGroup):
                self.names[life] = what.member
                self._joined[life] = what.id
                self._lets_go(event, life, what)
            elif isinstance(what, LeaveGroup):
                self._end(event, life)
            elif isinstance(what, OffsetCommit):
                self.commits.append(event)

    def _lets_go(self, event: Event, life: Life, join: JoinGroup) -> None:
        keeps = join.owned if join.assignor == COOPERATIVE else ()
        owned = self._owned[life]
        share = self._shares.get(life, ())
        # A share that came when the member knew already that the group rebalances, it may have ignored.
        gone = tuple(p for p in owned if p in share and p not in keeps and owned[p].handed)
        if life in self._warned:
            self._warned.discard(life)
            gone = ()
        self.claims.append((event, tuple(self._given[life]), gone))
        for part in [part for part in owned if part not in keeps]:
            self.snatched += [
                (work, event)
                for work in self.works
                if work.life == life
                and work.ended is None
                and any(want.partition == part for want in work.records)
            ]
            owned.pop(part).ended = event

    def _deliver(self, event: Event, life: Life) -> None:
        what = event.what
        if event.node.startswith("k"):
            if isinstance(what, Lead) and what.epoch > self._epochs.get(life, -1):
                self._epochs[life] = what.epoch
                self.terms[life].append(event.id)
            if isinstance(what, (*_OF_MEMBERS, OffsetFetch)):
                self._questions[life, event.peer, what.id, type(what)].append(event)
            if isinstance(what, _OF_MEMBERS):
                self.heard[life, what.member].append(event)
            if isinstance(what, JoinGroup):
                self.joins.append(event)
            return
        if not event.node.startswith("m"):
            return
        question = self._sent.get((life, getattr(what, "id", -1)))
        if question is not None and getattr(what, "error", "") != LOADING:
            self._sent[life, what.id] = None  # a second answer to it is old
        match what:
            case Synced(error="") if isinstance(question, SyncGroup):
                is_news = question.id > self._joined.get(life, 0)
                if is_news and what.generation > self._synced.get(life, -1):
                    self._synced[life] = what.generation
                    self._given[life].append(what.generation)
                    self._gets(event, life, what)
            case OffsetCommitted(error="") if isinstance(question, OffsetCommit):
                for position in question.positions:
                    before = self._acked.get((life, position.partition), 0)
                    self._acked[life, position.partition] = max(before, position.offset or 0)
            case OffsetsFetched(error="") if isinstance(question, OffsetFetch):
                self._begins(life, what)
            case Synced() | HeartbeatAnswer() | OffsetCommitted() if what.error in OUT:
                if question is not None and self._is_of_this_place(life, question):
                    self._warned.add(life)
                    if self._is_last(life, question) and self._owned[life]:
                        self.lost.append((life, event))
                        self._end(event, life)

    # -- members ---------------------------------------------------------------------------------------------------

    def _is_of_this_place(self, life: Life, question: Any) -> bool:
        """Whether it was asked since the member joined, and looked for a coordinator: the answer may be believed."""
        last = max(self._latest.get((life, kind), 0) for kind in (JoinGroup, FindCoordinator))
        return bool(question.id > last)

    def _is_last(self, life: Life, question: Any) -> bool:
        """Whether it is the last of its kind: the answer must be believed."""
        return bool(question.id == self._latest[life, type(question)])

    def _gets(self, event: Event, life: Life, synced: Synced) -> None:
        owned = self._owned[life]
        self._shares[life] = synced.partitions
        for part in synced.partitions:
            if part not in owned:
                owned[part] = Tenure(life, part, synced.generation, event)
                self.tenures.append(owned[part])

    def _begins(self, life: Life, fetched: OffsetsFetched) -> None:
        for position in fetched.positions:
            tenure = self._owned[life].get(position.partition)
            if tenure is not None and not tenure.handed and tenure.begin is None:
                tenure.begin, tenure.was_reset = position.offset, position.offset is None

    def _end(self, event: Event, life: Life) -> None:
        for tenure in self._owned.pop(life, {}).values():
            tenure.ended = event

    def _call(self, event: Event, life: Life) -> None:
        ticket, operation = event.what
        if isinstance(operation, Handle):
            self.works.append(Work(life, operation.records, event))
            self._open[ticket] = self.works[-1]
        elif isinstance(operation, Poll | CommitNow):
            self._open[ticket] = event

    def _return(self, event: Event, life: Life) -> None:
        ticket, outcome = event.what
        opened = self._open.pop(ticket, None)
        if isinstance(opened, Work):
            opened.ended = event
        elif opened is None or not isinstance(outcome, Ok):
            return
        elif isinstance(opened.what[1], CommitNow):
            for part, tenure in self._owned[life].items():
                upto = max(self._acked.get((life, part), 0), tenure.begin or 0)
                if tenure.handed and tenure.handed[-1][0] >= upto:
                    self.lied.append((event, tenure))
        else:
            for record in outcome.value or ():
                mine = self._owned[life].get(record.partition)
                if mine is None:
                    self.foreign.append((event, record))
                else:
                    mine.handed.append((record.offset, event))

    # -- questions -------------------------------------------------------------------------------------------------

    def coordinator_at(self, event: int) -> tuple[int, str]:
        """(epoch, who) as the log's controller had said by then."""
        at = bisect_right(self.elections, event, key=lambda e: e[0]) - 1
        _, epoch, who = self.elections[max(at, 0)]
        return epoch, who

    def term(self, life: Life, event: int) -> int:
        """The event by which the coordinator had heard of the epoch that it was in at ``event``."""
        at = bisect_right(self.terms[life], event)
        return self.terms[life][at - 1] if at else 0

    def members_of(self, generation: int, before: int) -> list[tuple[Answer, dict[str, Any]]]:
        """What leaders were told of that generation's members, by event ``before``."""
        return [
            (a, {m.member: m for m in a.answer.members})
            for a in self.by_kind[Joined]
            if a.answer.error == NONE
            and a.answer.generation == generation
            and a.answer.members
            and a.event.id <= before
        ]


def books(run: Run) -> Books:
    """The run's books; made once for all judges."""
    if "groups" not in run.notes:
        run.notes["groups"] = Books(run)
    found: Books = run.notes["groups"]
    return found


def assignor(run: Run) -> str:
    return str(run.scenario.shape.get("config", {}).get("assignor", "range"))


def is_cooperative(run: Run) -> bool:
    return assignor(run) == COOPERATIVE
