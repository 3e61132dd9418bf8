"""Who leads (part D1; §5.1, §5.2, §5.4.1; thesis §9.6 and §6.2).

Theory of operation. Time is cut into terms. In a term each server votes at most once, a candidate
with a majority leads, and two majorities share a server: so no term has two leaders. A vote goes only
to a candidate whose log is at least as up to date as the voter's; a committed entry stands in a
majority of logs, so whoever wins has it.

Two additions keep the peace. Before it stands, a server asks whether it would be voted for (*pre-vote*),
and raises its term only if a majority would: a server that was cut off comes back without deposing
anybody. And a leader that is not answered by a majority for an election time-out steps down
(*CheckQuorum*): nobody keeps an office in which he can do nothing.
"""

from __future__ import annotations

from distlab.core import Address
from labs.lab2_log import members, persistence, reads, replication
from labs.lab2_log.quorum import (
    PreVote,
    PreVoteReply,
    RequestVote,
    VoteReply,
)
from labs.lab2_log.raft_log import RaftLog
from labs.lab2_log.raft_state import Election, Heartbeat, QuorumCheck, Server

# -- rules --------------------------------------------------------------------------------------------


def is_majority(server: Server, voters: set[Address]) -> bool:
    """Whether these are more than half of all servers."""
    raise NotImplementedError("D1: count those that are members")


def is_up_to_date(last_term: int, last_index: int, log: RaftLog) -> bool:
    """Whether a log that ends so is at least as up to date as ``log`` (§5.4.1)."""
    raise NotImplementedError("D1: the later last term wins; of equal ones, the longer log")


# -- changes of role: nowhere else is ``role`` assigned -------------------------------------------------


def start(server: Server) -> None:
    """A server begins as a follower, whatever it was before (also after a crash)."""
    raise NotImplementedError("D1: follow nobody yet, and wait")


def become_follower(server: Server, leader: Address | None) -> None:
    """Follow ``leader`` in this term, or whoever it will be."""
    raise NotImplementedError("D1: forget what only a candidate or a leader needs, and be patient")


def enter(server: Server, term: int, voted_for: Address | None) -> None:
    """Be in ``term``, having voted so: on disk before anything is said in it."""
    raise NotImplementedError("D1: remember both, and save them")


def catch_up(server: Server, term: int) -> None:
    """Whoever hears of a later term is a follower in it (§5.1)."""
    raise NotImplementedError("D1: enter it without a vote, and follow nobody yet")


def stand(server: Server) -> None:
    """A candidate for the next term: vote for yourself, and ask the others (§5.2)."""
    raise NotImplementedError("D1: a new term, your own vote, RequestVote to all others")


def become_leader(server: Server) -> None:
    """The votes of a majority are there."""
    raise NotImplementedError("D1: lead; check the quorum now and then; let replication begin")


# -- patience -----------------------------------------------------------------------------------------


def be_patient(server: Server) -> None:
    """Wait for a leader: how long is drawn anew each time, so that two seldom stand at once (§5.2)."""
    raise NotImplementedError("D1: set the timer to a time drawn from config.election")


def on_timeout(server: Server) -> None:
    """No leader was heard, or an election came to nothing: would anybody vote for me?"""
    raise NotImplementedError("D1: a round of pre-votes; the own one is certain")


# -- pre-votes ----------------------------------------------------------------------------------------


def on_pre_vote(server: Server, request: PreVote, sender: Address) -> None:
    """Yes, unless the term is past, the log is behind, or a leader has been heard of lately."""
    raise NotImplementedError("D1: answer, and change nothing")


def has_leader(server: Server) -> bool:
    """Whether this server leads, or has heard a leader within the shortest election time-out."""
    raise NotImplementedError("D1: look at the role, and at the clock")


def on_pre_vote_reply(server: Server, reply: PreVoteReply, sender: Address) -> None:
    """With a majority behind it, a server stands."""
    raise NotImplementedError("D1: count what answers the question that is open")


# -- votes --------------------------------------------------------------------------------------------


def on_request_vote(server: Server, request: RequestVote, sender: Address) -> None:
    """Yes, once in a term, to a candidate whose log is up to date; the same one may ask again."""
    raise NotImplementedError("D1: catch up; decide; save the vote before it is given")


def on_vote_reply(server: Server, reply: VoteReply, sender: Address) -> None:
    """A vote is for one term only."""
    raise NotImplementedError("D1: count it, if it is for the candidacy that is open")


# -- leaders, past and present ------------------------------------------------------------------------


def obeys(server: Server, term: int, sender: Address) -> bool:
    """``sender`` says that it leads ``term``. If that is not past, follow it; else say no."""
    raise NotImplementedError(
        "D1: a leader of this term, or a later one, is followed and remembered"
    )


def is_answer_to_leader(server: Server, term: int, sender: Address) -> bool:
    """Whether a follower's answer is to this leader, in its term; then the follower is there."""
    raise NotImplementedError("D1: catch up; note who has answered")


def on_quorum_check(server: Server) -> None:
    """A leader that a majority has not answered since the last check steps down (thesis §6.2)."""
    raise NotImplementedError("D1: count those who answered, and yourself")
