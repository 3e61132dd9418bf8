"""What a run's messages say about transactions: the books that judges read.

Theory of operation. Everything is read off what nodes said to each other, when their disks were synced, and what a
participant shows of its accounts. A balance never travels alone: with it goes the name of the transaction that wrote
it (``Seen.by``), and whoever is to write an account has seen it first. So what participants say of an account is a
chain from its opening balance to the end, and a transaction stands in it exactly if it has taken effect there.
"""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

from msgspec import Struct

from distlab.check.history import Entry
from distlab.core import Address
from distlab.core.disk import folder_of
from distlab.grade.lab import Run
from distlab.trace import Event, Kind, Trace
from labs.lab4_transactions.twophase import (
    Ack,
    Began,
    Decision,
    Execute,
    Holdings,
    Outcome,
    Seen,
    Step,
    Transact,
    Txn,
    Vote,
    Work,
    Worked,
)


class Said(Struct, frozen=True):
    """A coordinator said how a transaction ended."""

    event: int
    commit: bool
    to: str


class Story(Struct):
    """One transaction."""

    txn: Txn
    steps: tuple[Step, ...] = ()
    """As its coordinator heard of them first."""
    asked: int = 0
    """That event."""
    said: list[Said] = []
    yes: dict[str, int] = {}
    """Participant -> where it first said yes."""
    no: dict[str, int] = {}
    """Participant -> where it said no last."""
    votes: dict[str, int] = {}
    """Participant -> where its first yes, or read, reached the coordinator."""
    told: dict[str, int] = {}
    """Participant -> where the first decision reached it."""
    worked_on: dict[str, int] = {}
    """Participant -> where the first work reached it."""

    def first(self, commit: bool) -> Said | None:
        return next((said for said in self.said if said.commit is commit), None)

    @property
    def is_committed(self) -> bool:
        return self.first(commit=True) is not None

    @property
    def holders(self) -> list[Address]:
        return sorted({step.holder for step in self.steps})

    def amount(self, account: str) -> int:
        return next((step.amount for step in self.steps if step.account == account), 0)


class Look(Struct, frozen=True):
    """Somebody showed an account."""

    event: int
    """0: at the end of the run, when it was looked at."""
    node: str
    seen: Seen
    on_behalf_of: Txn | None = None
    is_first: bool = True
    """Not a repetition of what this life of the node had said before."""


class Chronicle:
    """The books of one run."""

    def __init__(self, run: Run) -> None:
        self.stories: dict[Txn, Story] = {}
        self.looks: list[Look] = []
        self.acks: list[tuple[int, str, Txn]] = []
        self.txn_of: dict[int, Txn] = {}
        """Ticket of a client's operation -> its transaction."""
        self._requests: dict[str, list[Entry]] = {}
        for entry in run.history:
            if isinstance(entry.operation, Transact):
                self._requests.setdefault(entry.client, []).append(entry)
        repeated: set[tuple[str, Txn, int]] = set()
        for event in run.trace.of(Kind.SEND, Kind.DELIVER):
            if event.kind == Kind.DELIVER:
                self._heard(event)
                continue
            match event.what:
                case Outcome(txn, committed):
                    self.story(txn).said.append(Said(event.id, committed, event.peer))
                case Decision(txn, commit):
                    self.story(txn).said.append(Said(event.id, commit, event.peer))
                case Vote(txn, "yes"):
                    self.story(txn).yes.setdefault(event.node, event.id)
                case Vote(txn, "no"):
                    self.story(txn).no[event.node] = event.id
                case Worked(txn, life, seen):
                    is_first = (event.node, txn, life) not in repeated
                    repeated.add((event.node, txn, life))
                    self.looks += [Look(event.id, event.node, s, txn, is_first) for s in seen]
                case Ack(txn):
                    self.acks.append((event.id, event.node, txn))
        for address, holdings in run.probes.items():
            if isinstance(holdings, Holdings):
                self.looks += [Look(0, address, seen) for seen in holdings.accounts]

    def story(self, txn: Txn) -> Story:
        if txn not in self.stories:
            self.stories[txn] = Story(txn)
        return self.stories[txn]

    def _heard(self, event: Event) -> None:
        match event.what:
            case Began(request, txn):
                entries = self._requests.get(event.node, [])
                if 0 < request <= len(entries):
                    self.txn_of.setdefault(entries[request - 1].ticket, txn)
            case Execute(txn, steps):
                story = self.story(txn)
                if not story.asked:
                    story.asked, story.steps = event.id, steps
            case Work(txn):
                self.story(txn).worked_on.setdefault(event.node, event.id)
            case Vote(txn, "yes" | "read"):
                self.story(txn).votes.setdefault(event.peer, event.id)
            case Decision(txn):
                self.story(txn).told.setdefault(event.node, event.id)

    def before(self, account: str, txn: Txn) -> Look | None:
        """What the transaction saw of the account that it wrote: the last look on its behalf."""
        looks = [k for k in self.looks if k.on_behalf_of == txn and k.seen.account == account]
        return looks[-1] if looks else None

    def effects(self) -> Iterator[tuple[str, Txn, Look]]:
        """(account, transaction, where it first shows) of everything that has taken effect."""
        shown: dict[tuple[str, Txn], Look] = {}
        for look in self.looks:
            if look.seen.by is not None:
                shown.setdefault((look.seen.account, look.seen.by), look)
        for (account, txn), look in shown.items():
            yield account, txn, look


_BOOKS: WeakKeyDictionary[Trace, Chronicle] = WeakKeyDictionary()


def chronicle(run: Run) -> Chronicle:
    """The books of the run; made once for all judges."""
    if run.trace not in _BOOKS:
        _BOOKS[run.trace] = Chronicle(run)
    return _BOOKS[run.trace]


class Disks:
    """When what was written became safe, per node and file; names of files, too. Read off in order of events."""

    def __init__(self) -> None:
        self._written: dict[tuple[str, str], list[int]] = {}
        """(node, file) -> events of its writes."""
        self._safe: dict[tuple[str, str], int] = {}
        """(node, file) -> all writes before this event are on disk."""
        self._made: dict[tuple[str, str], int] = {}
        self._asked: dict[int, Event] = {}

    def see(self, event: Event) -> None:
        match event.kind:
            case Kind.WRITE:
                _, path, _ = event.what
                self._made.setdefault((event.node, path), event.id)
                self._written.setdefault((event.node, path), []).append(event.id)
            case Kind.SYNC:
                self._asked[event.id] = event
            case Kind.SYNCED:
                for path in event.what:
                    self._safe[event.node, path] = max(
                        event.cause, self._safe.get((event.node, path), 0)
                    )
            case Kind.START:  # what is found at a start is there
                for node, path in list(self._written):
                    if node == event.node:
                        self._safe[node, path] = event.id
                        self._safe[node, folder_of(path)] = event.id

    def has_noted(self, node: str, since: int) -> bool:
        """Whether anything that ``node`` wrote after event ``since`` is on disk now, under its name."""
        for (writer, path), writes in self._written.items():
            if writer != node:
                continue
            safe = self._safe.get((node, path), 0)
            named = self._safe.get((node, folder_of(path)), 0) > self._made[node, path]
            if named and any(since < write < safe for write in writes):
                return True
        return False
