"""What a play is called and how long it lasts, and the steps that many of them begin with."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from msgspec import Struct

from distlab.core import MS
from grading.lab2_log.quorum.troupe import Follower, Hear, Play, Rest, Script, append
from labs.lab2_log.quorum import (
    AppendEntries,
    AppendReply,
    Entry,
    PreVote,
    PreVoteReply,
    RequestVote,
    VoteReply,
)

FORGOTTEN = 350 * MS
"""After so long a server no longer counts as having heard a leader."""


class Staged(Struct, frozen=True):
    """A play, ready to be put on."""

    name: str
    part: str
    about: str
    script: Callable[[Play], Script]
    until: int = 1_500 * MS
    shape: dict[str, Any] = {}
    plan: Any = None
    calls: tuple[Any, ...] = ()
    noise: Any = None


Steps = Generator[Hear | Rest, Any, Any]


def teach(
    play: Play, leader: str, term: int, log: tuple[Entry, ...], commit: int = 0, tries: int = 60
) -> Steps:
    """``leader`` of ``term`` makes the server's log equal to ``log``; whether it managed to."""
    prev = len(log)
    for _ in range(tries):
        play.say(leader, append(term, log, prev, commit=commit))
        reply = yield Hear(leader, AppendReply, within=200 * MS)
        if reply is None:
            continue
        if reply.term > term:
            return False
        if reply.success:
            if reply.match >= len(log):
                return True
            prev = reply.match
        else:
            prev = max(0, min(reply.match, prev - 1))
    return False


def ask_vote(play: Play, candidate: str, term: int, last_term: int, last_index: int) -> Steps:
    """``candidate`` asks for a vote, three times if need be; the answer, or None."""
    for _ in range(3):
        play.say(candidate, RequestVote(term, last_index, last_term))
        reply = yield Hear(
            candidate, VoteReply, where=lambda reply: reply.term >= term, within=150 * MS
        )
        if reply is not None:
            return reply
    return None


def to_candidate(play: Play, helper: str) -> Steps:
    """``helper`` says that it would vote for the server, until it stands; its RequestVote, or None."""
    manner = play.manners.get(helper)

    def would_vote(message: Any) -> Any:
        match message:
            case PreVote(term):
                return PreVoteReply(term - 1, term, granted=True)
        return None

    play.manners[helper] = would_vote
    request = yield Hear(helper, RequestVote, within=2_000 * MS)
    if manner is None:
        del play.manners[helper]
    else:
        play.manners[helper] = manner
    return request


def to_leader(play: Play, helper: str, follower: Follower) -> Steps:
    """``helper`` votes for the server, which leads then; its first AppendEntries, or None.

    From then on ``helper`` has the manner ``follower``, but has heard nothing yet of what the leader says.
    """
    request = yield from to_candidate(play, helper)
    if request is None:
        return None
    follower.term = request.term
    play.say(helper, VoteReply(request.term, granted=True))
    first = yield Hear(helper, AppendEntries, within=500 * MS)
    play.manners[helper] = follower
    return first
