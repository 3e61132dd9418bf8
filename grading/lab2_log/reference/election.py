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
    # BEGIN SOLUTION D1: count those that are members
    return 2 * len(voters.intersection(server.members)) > len(server.members)
    # END SOLUTION


def is_up_to_date(last_term: int, last_index: int, log: RaftLog) -> bool:
    """Whether a log that ends so is at least as up to date as ``log`` (§5.4.1)."""
    # BEGIN SOLUTION D1: the later last term wins; of equal ones, the longer log
    return (last_term, last_index) >= (log.last_term, log.last_index)
    # END SOLUTION


# -- changes of role: nowhere else is ``role`` assigned -------------------------------------------------


def start(server: Server) -> None:
    """A server begins as a follower, whatever it was before (also after a crash)."""
    # BEGIN SOLUTION D1: follow nobody yet, and wait
    become_follower(server, None)
    # END SOLUTION


def become_follower(server: Server, leader: Address | None) -> None:
    """Follow ``leader`` in this term, or whoever it will be."""
    # BEGIN SOLUTION D1: forget what only a candidate or a leader needs, and be patient
    if server.role == "leader":
        replication.end_leadership(server)
        reads.end_leadership(server)
    server.role, server.leader = "follower", leader
    server.pre_votes, server.votes = set(), set()
    server.cancel_timer(Heartbeat())
    server.cancel_timer(QuorumCheck())
    be_patient(server)
    # END SOLUTION


def enter(server: Server, term: int, voted_for: Address | None) -> None:
    """Be in ``term``, having voted so: on disk before anything is said in it."""
    # BEGIN SOLUTION D1: remember both, and save them
    if (term, voted_for) != (server.term, server.voted_for):
        if term != server.term:
            server.leader, server.heard_at = None, None
        server.term, server.voted_for = term, voted_for
        persistence.save_ballot(server)
    # END SOLUTION


def catch_up(server: Server, term: int) -> None:
    """Whoever hears of a later term is a follower in it (§5.1)."""
    # BEGIN SOLUTION D1: enter it without a vote, and follow nobody yet
    if term > server.term:
        enter(server, term, None)
        become_follower(server, None)
    # END SOLUTION


def stand(server: Server) -> None:
    """A candidate for the next term: vote for yourself, and ask the others (§5.2)."""
    # BEGIN SOLUTION D1: a new term, your own vote, RequestVote to all others
    enter(server, server.term + 1, server.address)
    server.role, server.leader = "candidate", None
    server.pre_votes, server.votes = set(), {server.address}
    be_patient(server)
    log = server.raft_log
    for peer in server.peers:
        server.send(peer, RequestVote(server.term, log.last_index, log.last_term))
    if is_majority(server, server.votes):
        become_leader(server)
    # END SOLUTION


def become_leader(server: Server) -> None:
    """The votes of a majority are there."""
    # BEGIN SOLUTION D1: lead; check the quorum now and then; let replication begin
    server.role, server.leader = "leader", server.address
    server.log.info("election", "leads", term=server.term)
    server.cancel_timer(Election())
    server.answered = set()
    server.set_timer(QuorumCheck(), server.config.election[1])
    replication.begin_leadership(server)
    # END SOLUTION


# -- patience -----------------------------------------------------------------------------------------


def be_patient(server: Server) -> None:
    """Wait for a leader: how long is drawn anew each time, so that two seldom stand at once (§5.2)."""
    # BEGIN SOLUTION D1: set the timer to a time drawn from config.election
    server.set_timer(Election(), server.random.randint(*server.config.election))
    # END SOLUTION


def on_timeout(server: Server) -> None:
    """No leader was heard, or an election came to nothing: would anybody vote for me?"""
    # BEGIN SOLUTION D1: a round of pre-votes; the own one is certain
    if not members.may_stand(server):
        be_patient(server)
        return
    server.role, server.leader = "follower", None
    server.pre_votes, server.votes = {server.address}, set()
    be_patient(server)
    log = server.raft_log
    for peer in server.peers:
        server.send(peer, PreVote(server.term + 1, log.last_index, log.last_term))
    if is_majority(server, server.pre_votes):
        stand(server)
    # END SOLUTION


# -- pre-votes ----------------------------------------------------------------------------------------


def on_pre_vote(server: Server, request: PreVote, sender: Address) -> None:
    """Yes, unless the term is past, the log is behind, or a leader has been heard of lately."""
    # BEGIN SOLUTION D1: answer, and change nothing
    granted = (
        request.term > server.term
        and is_up_to_date(request.last_term, request.last_index, server.raft_log)
        and not has_leader(server)
    )
    server.send(sender, PreVoteReply(server.term, request.term, granted))
    # END SOLUTION


def has_leader(server: Server) -> bool:
    """Whether this server leads, or has heard a leader within the shortest election time-out."""
    # BEGIN SOLUTION D1: look at the role, and at the clock
    if server.role == "leader":
        return True
    lately = server.monotonic() - server.config.election[0]
    return server.heard_at is not None and server.heard_at > lately
    # END SOLUTION


def on_pre_vote_reply(server: Server, reply: PreVoteReply, sender: Address) -> None:
    """With a majority behind it, a server stands."""
    # BEGIN SOLUTION D1: count what answers the question that is open
    catch_up(server, reply.term)
    is_open = bool(server.pre_votes) and reply.asked == server.term + 1
    if is_open and reply.granted:
        server.pre_votes.add(sender)
        if is_majority(server, server.pre_votes):
            stand(server)
    # END SOLUTION


# -- votes --------------------------------------------------------------------------------------------


def on_request_vote(server: Server, request: RequestVote, sender: Address) -> None:
    """Yes, once in a term, to a candidate whose log is up to date; the same one may ask again."""
    # BEGIN SOLUTION D1: catch up; decide; save the vote before it is given
    catch_up(server, request.term)
    granted = (
        request.term == server.term
        and server.voted_for in (None, sender)
        and is_up_to_date(request.last_term, request.last_index, server.raft_log)
    )
    if granted:
        enter(server, server.term, sender)
        be_patient(server)
    server.send(sender, VoteReply(server.term, granted))
    # END SOLUTION


def on_vote_reply(server: Server, reply: VoteReply, sender: Address) -> None:
    """A vote is for one term only."""
    # BEGIN SOLUTION D1: count it, if it is for the candidacy that is open
    catch_up(server, reply.term)
    if server.role == "candidate" and reply.granted and reply.term == server.term:
        server.votes.add(sender)
        if is_majority(server, server.votes):
            become_leader(server)
    # END SOLUTION


# -- leaders, past and present ------------------------------------------------------------------------


def obeys(server: Server, term: int, sender: Address) -> bool:
    """``sender`` says that it leads ``term``. If that is not past, follow it; else say no."""
    # BEGIN SOLUTION D1: a leader of this term, or a later one, is followed and remembered
    catch_up(server, term)
    if term < server.term:
        return False
    become_follower(server, sender)
    server.heard_at = server.monotonic()
    return True
    # END SOLUTION


def is_answer_to_leader(server: Server, term: int, sender: Address) -> bool:
    """Whether a follower's answer is to this leader, in its term; then the follower is there."""
    # BEGIN SOLUTION D1: catch up; note who has answered
    catch_up(server, term)
    if server.role != "leader" or term != server.term:
        return False
    server.answered.add(sender)
    return True
    # END SOLUTION


def on_quorum_check(server: Server) -> None:
    """A leader that a majority has not answered since the last check steps down (thesis §6.2)."""
    # BEGIN SOLUTION D1: count those who answered, and yourself
    if is_majority(server, server.answered | {server.address}):
        server.answered = set()
        server.set_timer(QuorumCheck(), server.config.election[1])
    else:
        become_follower(server, None)
    # END SOLUTION
