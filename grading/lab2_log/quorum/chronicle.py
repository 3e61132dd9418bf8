"""What a run's messages say about terms, votes, logs and commits: the books that judges read.

Theory of operation. Everything here is read off what servers said to each other; nothing is asked of their insides.
If two logs hold an entry of one index and term, they are equal up to there (log matching), so ``(index, term)`` names
an entry, and with it the term of the entry before it. A leader's message shows a piece of its log, and the
predecessors known from other messages show what stands below. What it says to be committed, is: that piece of its log
must be in the log of every leader to come.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from msgspec import Struct

from distlab.grade.lab import Run
from distlab.trace import Event, Kind, Trace
from labs.lab2_log.quorum import (
    AppendEntries,
    AppendReply,
    Entry,
    InstallSnapshot,
    PreVoteReply,
    RequestVote,
    ServerConfig,
    VoteReply,
)

_OWN_TERM = (RequestVote, VoteReply, AppendEntries, AppendReply, InstallSnapshot, PreVoteReply)


class Wrong(Struct, frozen=True):
    """Something that no correct run shows."""

    rule: str
    reason: str
    events: tuple[int, ...]
    expected: str = ""
    got: str = ""


class Placed(Struct, frozen=True):
    """An entry, and the term of the one before it."""

    entry: Entry
    before: int
    event: int


class Committed(Struct, frozen=True):
    """A leader of ``leader_term`` said that the entry of ``term`` is committed."""

    term: int
    leader_term: int
    event: int


class Chronicle:
    """The books of one run."""

    def __init__(self, run: Run) -> None:
        self.wrong: dict[str, Wrong] = {}
        """The first thing wrong, by rule."""
        self.leaders: dict[int, tuple[str, int, int]] = {}
        """Term -> who led it: node, incarnation, its first message."""
        self.placed: dict[tuple[int, int], Placed] = {}
        """(index, term) -> the entry that it names."""
        self.committed: dict[int, Committed] = {}
        self.candidates: dict[tuple[str, int], tuple[int, int, int]] = {}
        """(candidate, term) -> last term and index that it claims, and the event."""
        self.rosters: dict[int, tuple[str, ...]] = {}
        """Index of a committed entry that changes the members, or of a snapshot that knows of one -> the members."""
        self.terms: list[tuple[int, int, str]] = []
        """(time, term, node), whenever a higher term than ever before was named."""
        self.initial = _members_of(run)
        self._said: dict[str, tuple[int, int]] = {}
        self._votes: dict[tuple[str, int], tuple[str, int]] = {}
        self._bounds: dict[str, tuple[int, int, int, int]] = {}
        for event in run.trace.of(Kind.SEND, Kind.DELIVER):
            if event.kind == Kind.DELIVER:
                self._may_be_cut(event)
                continue
            if isinstance(event.what, _OWN_TERM):
                self._term(event)
            match event.what:
                case AppendEntries():
                    self._leads(event)
                    self._entries(event)
                case InstallSnapshot():
                    self._leads(event)
                    self._snapshot(event)
                case AppendReply(success=True):
                    self._acknowledged(event)
                case RequestVote():
                    self._candidate(event)
                case VoteReply(granted=True):
                    self._vote(event)

    def _note(
        self, rule: str, reason: str, *events: int, expected: Any = "", got: Any = ""
    ) -> None:
        if rule not in self.wrong:
            self.wrong[rule] = Wrong(rule, reason, events, str(expected), str(got))

    # -- terms and votes --------------------------------------------------------------------------------------------

    def _term(self, event: Event) -> None:
        term, node = event.what.term, event.node
        before, said = self._said.get(node, (0, 0))
        if term < before:
            self._note(
                "term",
                f"{node} was in term {before} and is back in term {term}",
                said,
                event.id,
                expected=f"a term of at least {before}",
                got=type(event.what).__name__ + f" of term {term}",
            )
        elif term > before:
            self._said[node] = (term, event.id)
            if not self.terms or term > self.terms[-1][1]:
                self.terms.append((event.time, term, node))

    def _candidate(self, event: Event) -> None:
        ask: RequestVote = event.what
        self.candidates[event.node, ask.term] = (ask.last_term, ask.last_index, event.id)
        self._gives_vote(event, event.node, ask.term)

    def _vote(self, event: Event) -> None:
        vote: VoteReply = event.what
        self._gives_vote(event, event.peer, vote.term)
        claim = self.candidates.get((event.peer, vote.term))
        bound = self._bounds.get(event.node)
        if claim is not None and bound is not None and claim[:2] < bound[1:3]:
            self._note(
                "up to date",
                f"{event.node} votes for {event.peer}, whose log ends before its own does",
                bound[3],
                claim[2],
                event.id,
                expected=f"no vote: its own log has entry {bound[2]} of term {bound[1]}",
                got=f"a vote for a log that ends with entry {claim[1]} of term {claim[0]}",
            )

    def _gives_vote(self, event: Event, candidate: str, term: int) -> None:
        voter = event.node
        other, earlier = self._votes.setdefault((voter, term), (candidate, event.id))
        if other != candidate:
            self._note(
                "vote",
                f"{voter} voted twice in term {term}: for {other} and for {candidate}",
                earlier,
                event.id,
                expected="one vote in a term, also after a crash",
                got=f"a second one, in its life {event.incarnation + 1}",
            )

    # -- leaders ----------------------------------------------------------------------------------------------------

    def _leads(self, event: Event) -> None:
        term = event.what.term
        node, incarnation, first = self.leaders.setdefault(
            term, (event.node, event.incarnation, event.id)
        )
        if (node, incarnation) != (event.node, event.incarnation):
            who = f"{node} and {event.node}" if node != event.node else f"{node}, in two lives"
            self._note(
                "one leader",
                f"term {term} has two leaders: {who}",
                first,
                event.id,
                expected="one leader in a term, in one life of it",
                got=f"{event.node} (life {event.incarnation + 1}) leads it, too",
            )

    def _entries(self, event: Event) -> None:
        m: AppendEntries = event.what
        before, index = m.prev_term, m.prev_index
        for entry in m.entries:
            index += 1
            known = self.placed.get((index, entry.term))
            if known is None:
                self.placed[index, entry.term] = Placed(entry, before, event.id)
                if entry.members is not None and entry.term == m.term:
                    self._changes(event, index, entry)
            elif known.entry != entry or known.before != before:
                what = "commands" if known.entry != entry else "predecessors"
                self._note(
                    "one name",
                    f"entry {index} of term {entry.term} has two {what}",
                    known.event,
                    event.id,
                    expected=known.entry if what == "commands" else f"term {known.before} before",
                    got=entry if what == "commands" else f"term {before} before it",
                )
            self._must_have(event, m.term, index, entry.term)
            before = entry.term
        if m.prev_index:
            self._must_have(event, m.term, m.prev_index, m.prev_term)
        tip_term = m.entries[-1].term if m.entries else m.prev_term
        self._commits(event, m.term, index, tip_term, m.commit)

    def _snapshot(self, event: Event) -> None:
        m: InstallSnapshot = event.what
        self._must_have(event, m.term, m.last_index, m.last_term)
        self._commits(event, m.term, m.last_index, m.last_term, m.last_index)
        if m.members is not None:
            self.rosters[m.last_index] = m.members

    def _changes(self, event: Event, index: int, entry: Entry) -> None:
        """A leader's change of the members, seen first: what had to be committed is, and one server comes or goes."""
        commit, term = event.what.commit, entry.term
        assert entry.members is not None
        before = self.placed[index, term].before
        first = index if before != term else 0
        members: tuple[str, ...] | None = None
        at = index - 1
        while (known := self.placed.get((at, before))) is not None and members is None:
            if before == term and known.before != term:
                first = at
            members = known.entry.members
            if members is not None and commit < at:
                self._note(
                    "firm ground",
                    f"{event.node} changes the members in entry {index}, and the change before it, entry {at}, was not "
                    "committed",
                    known.event,
                    event.id,
                    expected=f"entry {at} is committed first",
                    got=f"a commit index of {commit}",
                )
            at, before = at - 1, known.before
        if commit < first:
            self._note(
                "firm ground",
                f"{event.node} changes the members before any entry of its term {term} is committed",
                event.id,
                expected=f"entry {first}, the first of its term, is committed first",
                got=f"a commit index of {commit}",
            )
        if at == 0 and members is None:
            members = self.initial
        moved = {*(members or entry.members)} ^ {*entry.members}
        if len(moved) > 1 or len({*entry.members}) < len(entry.members):
            self._note(
                "one by one",
                f"{event.node} makes {', '.join(members or ())} into {', '.join(entry.members)}",
                event.id,
                expected="one server more, or one less",
                got=f"{len(moved)} come or go" if len(moved) > 1 else "one that is there twice",
            )

    @property
    def members(self) -> tuple[str, ...]:
        """Who the servers are, by the newest that is known to be committed."""
        return self.rosters[max(self.rosters)] if self.rosters else self.initial

    def _must_have(self, event: Event, leader_term: int, index: int, term: int) -> None:
        """What was committed is in the log of every later leader, and a leader keeps what it has."""
        done = self.committed.get(index)
        if done is not None and done.leader_term <= leader_term and done.term != term:
            self._note(
                "complete",
                f"entry {index} was committed in term {done.leader_term}, and {event.node}, the leader of "
                f"term {leader_term}, has another one there",
                done.event,
                event.id,
                expected=f"the entry of term {done.term}, in the logs of all leaders to come",
                got=f"an entry of term {term}",
            )

    def _commits(
        self, event: Event, leader_term: int, tip: int, tip_term: int, commit: int
    ) -> None:
        """``event`` says that all up to ``commit`` is committed, and shows a log that ends at ``tip``."""
        index, term = tip, tip_term
        while index > commit and index:
            known = self.placed.get((index, term))
            if known is None:
                return
            index, term = index - 1, known.before
        while index:
            done = self.committed.get(index)
            if done is not None:
                if done.term == term:
                    return
                self._note(
                    "one commit",
                    f"two entries are committed at index {index}",
                    done.event,
                    event.id,
                    expected=f"the entry of term {done.term}",
                    got=f"{event.node} says: the entry of term {term}",
                )
                return
            self.committed[index] = Committed(term, leader_term, event.id)
            known = self.placed.get((index, term))
            if known is None:
                return
            if known.entry.members is not None:
                self.rosters[index] = known.entry.members
            index, term = index - 1, known.before

    # -- what a server certainly has ----------------------------------------------------------------------------------

    def _acknowledged(self, event: Event) -> None:
        """A follower has the entry; if the leader made it in this very term, we know the entry's term, too."""
        reply: AppendReply = event.what
        if (reply.match, reply.term) in self.placed:
            old = self._bounds.get(event.node)
            if old is None or old[0] < reply.term or old[2] < reply.match:
                self._bounds[event.node] = (reply.term, reply.term, reply.match, event.id)

    def _may_be_cut(self, event: Event) -> None:
        """A later leader may have cut the log: what it acknowledged before, it need not have any more."""
        if isinstance(event.what, AppendEntries | InstallSnapshot):
            bound = self._bounds.get(event.node)
            if bound is not None and bound[0] < event.what.term:
                del self._bounds[event.node]


def _members_of(run: Run) -> tuple[str, ...]:
    """Whom the configs name."""
    for member in run.cluster.members.values():
        if isinstance(member.config, ServerConfig):
            return member.config.members
    return ()


_books: WeakKeyDictionary[Trace, Chronicle] = WeakKeyDictionary()


def chronicle(run: Run) -> Chronicle:
    """The books of the run; written once, read by every judge."""
    books = _books.get(run.trace)
    if books is None:
        books = _books[run.trace] = Chronicle(run)
    return books
