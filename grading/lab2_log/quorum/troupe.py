"""Puppets: servers that follow a script, round one server of the student's. What figures 7 and 8 are played with.

A *play* is a generator. It lets puppets say things, waits until one of them hears something, and looks at what it
was. Puppets are honest: what they say could have been said by correct servers in some run, so whatever the student's
server makes of it, the lab's judges may hold against it. They answer only when they are told to, or have a *manner*.

A play that expected something else says so with :meth:`Play.complain`, naming the promise that is broken. Time is
virtual, so a play is exact and takes a millisecond.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from msgspec import Struct

from distlab.core import MS, Address, Message, Node, Timer
from labs.lab2_log.quorum import (
    AppendEntries,
    AppendReply,
    Command,
    Entry,
    InstallSnapshot,
    PreVote,
    PreVoteReply,
    Put,
    Request,
    RequestVote,
    Status,
    VoteReply,
)

STUDENT = "s1"
"""The server under test."""


class Hear(Struct):
    """Wait until ``puppet`` (any, if empty) hears a message of ``kind`` that fits; None comes after ``within``."""

    puppet: str
    kind: type | tuple[type, ...]
    where: Callable[[Any], bool] = lambda message: True
    within: int = 1_500 * MS
    sender: str = STUDENT
    """Who says it; empty for anybody."""


class Rest(Struct):
    """Let time pass."""

    duration: int


Script = Generator[Hear | Rest, Any, None]
Manner = Callable[[Message], Message | None]
"""What a puppet answers to what nobody waits for; None: nothing."""


class Complaint(Struct, frozen=True):
    """What a play expected and did not get."""

    code: str
    reason: str
    event: int
    expected: str = ""
    got: str = ""


class Cue(Timer, frozen=True):
    """The play goes on."""

    number: int


class Play:
    """One performance of a script. Its puppets are nodes of the simulation; it is their common mind."""

    def __init__(self, script: Callable[[Play], Script], puppets: tuple[str, ...]) -> None:
        self._script = script(self)
        self._names = puppets
        self._puppets: dict[str, Node] = {}
        self._waits: Hear | Rest | None = None
        self._cues = 0
        self.manners: dict[str, Manner] = {}
        self.complaints: list[Complaint] = []
        self.is_over = False

    # -- for scripts ------------------------------------------------------------------------------------------------

    def say(self, puppet: str, message: Message, to: str = STUDENT) -> None:
        """``puppet`` sends this to the student's server, or to somebody else."""
        self._puppets[puppet].send(Address(to), message)

    def complain(self, code: str, reason: str, *, expected: Any = "", got: Any = "") -> None:
        """A promise is broken: say what was expected of the last thing heard, and what came."""
        event = self._puppets[self._names[0]]._context.sim.cause  # type: ignore[attr-defined]
        self.complaints.append(Complaint(code, reason, event, str(expected), str(got)))

    def look(self) -> Status | None:
        """What the student's server says of itself now; None while it is down."""
        simulation = self._puppets[self._names[0]]._context.sim  # type: ignore[attr-defined]
        status: Status | None = simulation.probes().get(STUDENT)
        return status

    # -- for puppets ------------------------------------------------------------------------------------------------

    def arrived(self, puppet: Node) -> None:
        self._puppets[puppet.address] = puppet
        if len(self._puppets) == len(self._names):
            self._go_on(None)

    def heard(self, puppet: Node, message: Message, sender: str) -> None:
        waits = self._waits
        if (
            isinstance(waits, Hear)
            and waits.sender in ("", sender)
            and waits.puppet in ("", puppet.address)
            and isinstance(message, waits.kind)
            and waits.where(message)
        ):
            self._go_on(message)
        else:
            manner = self.manners.get(puppet.address)
            answer = manner(message) if manner is not None else None
            if answer is not None:
                puppet.send(Address(sender), answer)

    def cue(self, number: int) -> None:
        if number == self._cues and self._waits is not None:
            self._go_on(None)

    def _go_on(self, value: Any) -> None:
        self._waits = None
        self._cues += 1
        try:
            self._waits = waits = self._script.send(value)
        except StopIteration:
            self.is_over = True
            return
        after = waits.within if isinstance(waits, Hear) else waits.duration
        self._puppets[self._names[0]].set_timer(Cue(self._cues), after)


def puppet_class(play: Play) -> type[Node]:
    """The class of the puppets of one performance."""

    class Puppet(Node):
        """Does what the play says."""

        def on_start(self) -> None:
            play.arrived(self)

        def on_cue(self, cue: Cue) -> None:
            play.cue(cue.number)

        def on_pre_vote(self, message: PreVote, sender: Address) -> None:
            play.heard(self, message, sender)

        def on_pre_vote_reply(self, message: PreVoteReply, sender: Address) -> None:
            play.heard(self, message, sender)

        def on_request_vote(self, message: RequestVote, sender: Address) -> None:
            play.heard(self, message, sender)

        def on_vote_reply(self, message: VoteReply, sender: Address) -> None:
            play.heard(self, message, sender)

        def on_append_entries(self, message: AppendEntries, sender: Address) -> None:
            play.heard(self, message, sender)

        def on_append_reply(self, message: AppendReply, sender: Address) -> None:
            play.heard(self, message, sender)

        def on_install_snapshot(self, message: InstallSnapshot, sender: Address) -> None:
            play.heard(self, message, sender)

        def on_request(self, message: Request, sender: Address) -> None:
            play.heard(self, message, sender)

    return Puppet


# -- what puppets need to know ----------------------------------------------------------------------------------------


def entries(*terms: int, start: int = 1) -> tuple[Entry, ...]:
    """A log by its terms, as the paper's figures draw it; each entry writes a value of its own."""
    return tuple(entry(term, index) for index, term in enumerate(terms, start))


def entry(term: int, index: int) -> Entry:
    """The entry that stands at ``index``, made in ``term``: the same one wherever it is named."""
    command = Command(f"play/{term}.{index}", 1, Put(f"k{index}", f"{term}.{index}"))
    return Entry(term, command)


def append(
    term: int,
    log: tuple[Entry, ...],
    prev: int,
    upto: int | None = None,
    commit: int = 0,
) -> AppendEntries:
    """What the leader of ``term`` with that log says about the entries behind ``prev``."""
    prev = min(prev, len(log))
    prev_term = log[prev - 1].term if prev else 0
    return AppendEntries(term, prev, prev_term, log[prev:upto], commit)


class Follower:
    """A puppet's manner: an honest follower, with a log of its own, that may pretend that messages got lost."""

    def __init__(
        self,
        term: int = 0,
        log: tuple[Entry, ...] = (),
        *,
        votes: bool = True,
        hears_up_to: int | None = None,
    ) -> None:
        self.term = term
        self.log = list(log)
        self.votes = votes
        """Whether it answers candidates (with a yes, if that is right)."""
        self.hears_up_to = hears_up_to
        """Entries beyond this index are lost on the way to it."""
        self.voted: dict[int, bool] = {}
        self.last_commit = 0

    def __call__(self, message: Message) -> Message | None:
        match message:
            case PreVote(term) if self.votes:
                granted = term > self.term and self._is_up_to_date(message)
                return PreVoteReply(self.term, term, granted)
            case RequestVote(term) if self.votes:
                self.term = max(self.term, term)
                granted = term == self.term and self._is_up_to_date(message)
                return VoteReply(self.term, granted)
            case AppendEntries():
                return self._append(message)
        return None

    def _is_up_to_date(self, message: Any) -> bool:
        last = self.log[-1].term if self.log else 0
        return (message.last_term, message.last_index) >= (last, len(self.log))

    def _append(self, m: AppendEntries) -> Message | None:
        upto = m.prev_index + len(m.entries)
        if m.term < self.term:
            return AppendReply(self.term, False, 0, m.round)
        self.term = m.term
        prev = m.prev_index
        if prev > len(self.log) or (prev and self.log[prev - 1].term != m.prev_term):
            return AppendReply(self.term, False, min(prev - 1, len(self.log)), m.round)
        if self.hears_up_to is not None and m.entries and upto > self.hears_up_to:
            return None
        for index, one in enumerate(m.entries, prev):
            if index < len(self.log) and self.log[index].term != one.term:
                del self.log[index:]
            if index >= len(self.log):
                self.log.append(one)
        self.last_commit = max(self.last_commit, min(m.commit, upto))
        return AppendReply(self.term, True, upto, m.round)
