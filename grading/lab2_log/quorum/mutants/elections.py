"""Bugs of part D1: votes that are given twice, counted twice, forgotten; leaders that will not go."""

from __future__ import annotations

from distlab.core import Address
from distlab.grade.lab import bug
from labs.lab2_log import election, persistence
from labs.lab2_log.quorum import (
    PreVote,
    PreVoteReply,
    RequestVote,
    VoteReply,
)
from labs.lab2_log.raft import Raft
from labs.lab2_log.raft_log import RaftLog
from labs.lab2_log.raft_state import Election, QuorumCheck

become_follower = election.become_follower
stand_once = election.stand
start_again = election.start


def votes_in_memory(server: Raft, term: int, voted_for: Address | None) -> None:
    """Terms are saved, votes are not: after a crash a server votes once more in the same term."""
    if (term, voted_for) != (server.term, server.voted_for):
        if term != server.term:
            server.leader, server.heard_at = None, None
        is_new = term != server.term
        server.term, server.voted_for = term, voted_for
        if is_new:
            server.voted_for = None
            persistence.save_ballot(server)
            server.voted_for = voted_for


def terms_in_memory(server: Raft, term: int, voted_for: Address | None) -> None:
    """A vote is saved, with its term; a term that one merely hears of is not."""
    if (term, voted_for) != (server.term, server.voted_for):
        if term != server.term:
            server.leader, server.heard_at = None, None
        server.term, server.voted_for = term, voted_for
        if voted_for is not None:
            persistence.save_ballot(server)


def votes_for_everyone(server: Raft, request: RequestVote, sender: Address) -> None:
    """Votes for every candidate of a term whose log is up to date, as often as it is asked."""
    election.catch_up(server, request.term)
    granted = request.term == server.term and election.is_up_to_date(
        request.last_term, request.last_index, server.raft_log
    )
    if granted and server.role == "follower":
        election.enter(server, server.term, sender)
        election.be_patient(server)
    server.send(sender, VoteReply(server.term, granted and server.role == "follower"))


def refuses_repeats(server: Raft, request: RequestVote, sender: Address) -> None:
    """Voted is voted: the candidate that has the vote is refused when it asks again: what if the answer is lost?"""
    election.catch_up(server, request.term)
    granted = (
        request.term == server.term
        and server.voted_for is None
        and election.is_up_to_date(request.last_term, request.last_index, server.raft_log)
    )
    if granted:
        election.enter(server, server.term, sender)
        election.be_patient(server)
    server.send(sender, VoteReply(server.term, granted))


def longer_log_wins(last_term: int, last_index: int, log: RaftLog) -> bool:
    """Up to date is who has the longer log, whatever stands in it."""
    return last_index >= log.last_index


def any_log_will_do(last_term: int, last_index: int, log: RaftLog) -> bool:
    """Votes for whoever asks first: a candidate without the committed entries wins, and overwrites them."""
    return True


def later_term_wins(last_term: int, last_index: int, log: RaftLog) -> bool:
    """Compares last terms, and not the lengths where they are equal."""
    return last_term >= log.last_term


def stale_votes(server: Raft, reply: VoteReply, sender: Address) -> None:
    """Counts a vote that was given in an earlier term."""
    election.catch_up(server, reply.term)
    if server.role == "candidate" and reply.granted:
        server.votes.add(sender)
        if election.is_majority(server, server.votes):
            election.become_leader(server)


def votes_not_voters(server: Raft, reply: VoteReply, sender: Address) -> None:
    """Counts answers, not those who answered: a vote that arrives three times is three votes."""
    election.catch_up(server, reply.term)
    if server.role == "candidate" and reply.granted and reply.term == server.term:
        server.votes.add(Address(f"{sender}, number {len(server.votes)}"))
        if 2 * len(server.votes) > len(server.members):
            election.become_leader(server)


def refusals_count(server: Raft, reply: VoteReply, sender: Address) -> None:
    """Counts everybody who answers."""
    election.catch_up(server, reply.term)
    if server.role == "candidate" and reply.term == server.term:
        server.votes.add(sender)
        if election.is_majority(server, server.votes):
            election.become_leader(server)


def half_is_enough(server: Raft, voters: set[Address]) -> bool:
    """Takes half of the servers for a majority."""
    return len(voters) >= max(1, len(server.config.members) // 2)


def own_vote_not_noted(server: Raft) -> None:
    """Counts its own vote, but does not note that it gave it: another candidate of the term gets it, too."""
    stand_once(server)
    if server.role == "candidate":
        election.enter(server, server.term, None)


class KeepsOldVotes(Raft):
    """Stands again, and still counts those who voted for it in an earlier term."""

    before: set[Address]

    def on_start(self) -> None:
        self.before = set()
        super().on_start()

    def on_vote_reply(self, reply: VoteReply, sender: Address) -> None:
        if self.role == "candidate":
            self.votes |= self.before
        super().on_vote_reply(reply, sender)
        self.before |= self.votes


def answered_once(server: Raft) -> None:
    """Whoever has ever answered this leader is taken to hear it for ever."""
    if election.is_majority(server, server.answered | {server.address}):
        server.set_timer(QuorumCheck(), server.config.election[1])
    else:
        election.become_follower(server, None)


def own_vote_in_memory(server: Raft) -> None:
    """Saves its term when it stands, and not that it voted for itself."""
    election.enter(server, server.term + 1, None)
    server.voted_for = server.address
    server.role, server.leader = "candidate", None
    server.pre_votes, server.votes = set(), {server.address}
    election.be_patient(server)
    log = server.raft_log
    for peer in server.peers:
        server.send(peer, RequestVote(server.term, log.last_index, log.last_term))


def vote_lost_in_defeat(server: Raft, leader: Address | None) -> None:
    """A candidate that meets the leader of its term follows it, and forgets whom it voted for: itself."""
    if server.role == "candidate":
        election.enter(server, server.term, None)
    become_follower(server, leader)


def no_pre_vote(server: Raft) -> None:
    """Stands at once: whoever was cut off comes back with a later term, and deposes a leader that did nothing wrong."""
    election.stand(server)


def pre_votes_raise_terms(server: Raft, request: PreVote, sender: Address) -> None:
    """Enters the term that it is asked about: the question does the harm that it was invented to prevent."""
    granted = (
        request.term > server.term
        and election.is_up_to_date(request.last_term, request.last_index, server.raft_log)
        and not election.has_leader(server)
    )
    election.catch_up(server, request.term)
    server.send(sender, PreVoteReply(server.term, request.term, granted))


def pre_votes_are_votes(server: Raft) -> None:
    """Whoever would vote for me has voted for me: the pre-votes are kept, and a majority of them leads."""
    willing = set(server.pre_votes)
    stand_once(server)
    if server.role == "candidate":
        server.votes = willing if len(server.config.members) > 3 else server.votes
        if election.is_majority(server, server.votes):
            election.become_leader(server)


def helps_rivals(server: Raft) -> bool:
    """Would vote for anybody with a good log, also while it hears its leader."""
    return False


def old_pre_votes(server: Raft, reply: PreVoteReply, sender: Address) -> None:
    """Counts an answer to any question that it ever asked."""
    election.catch_up(server, reply.term)
    if reply.granted and server.role != "leader":
        server.pre_votes |= {sender, server.address}
        if election.is_majority(server, server.pre_votes):
            election.stand(server)


def never_checks(server: Raft) -> None:
    """A leader leads until it hears of a later term. If nobody can answer it, nobody can tell it."""


def same_patience(server: Raft) -> None:
    """All wait equally long, so all stand at once, vote for themselves, and wait equally long."""
    server.set_timer(Election(), server.config.election[0])


def impatient(server: Raft) -> None:
    """Waits for as long as a heartbeat, not for as long as an election time-out."""
    server.set_timer(Election(), server.random.randint(40_000, 75_000))


def asks_once(server: Raft) -> None:
    """Does not set its timer again when it asks: if its question is lost, it waits for ever."""
    server.role, server.leader = "follower", None
    server.pre_votes, server.votes = {server.address}, set()
    log = server.raft_log
    for peer in server.peers:
        server.send(peer, PreVote(server.term + 1, log.last_index, log.last_term))


def leads_again(server: Raft) -> None:
    """Finds after a crash that it voted for itself, and goes on as the leader of that term."""
    start_again(server)
    if server.voted_for == server.address:
        server.commit = server.applied
        election.become_leader(server)


def will_not_go(server: Raft, term: int, sender: Address) -> bool:
    """A leader takes no notice of later terms in the answers to it."""
    if server.role != "leader":
        return False
    server.answered.add(sender)
    return True


BUGS = (
    bug(
        "votes-in-memory",
        votes_in_memory,
        part="D1",
        replaces="election:enter",
        breaks="RF-S6",
        code="m2",
        source="raft-java #57",
    ),
    bug("terms-in-memory", terms_in_memory, part="D1", replaces="election:enter", breaks="RF-S6"),
    bug(
        "votes-for-everyone",
        votes_for_everyone,
        part="D1",
        replaces="election:on_request_vote",
        breaks="RF-S6",
    ),
    bug(
        "refuses-repeats",
        refuses_repeats,
        part="D1",
        replaces="election:on_request_vote",
        breaks="RF-L1",
        kind="liveness",
    ),
    bug(
        "longer-log-wins",
        longer_log_wins,
        part="D1",
        replaces="election:is_up_to_date",
        breaks="RF-S4",
        code="m8",
    ),
    bug(
        "any-log-will-do",
        any_log_will_do,
        part="D1",
        replaces="election:is_up_to_date",
        breaks="RF-S4",
    ),
    bug(
        "later-term-wins",
        later_term_wins,
        part="D1",
        replaces="election:is_up_to_date",
        breaks="RF-S4",
    ),
    bug(
        "stale-votes",
        stale_votes,
        part="D1",
        replaces="election:on_vote_reply",
        breaks="RF-S1",
        code="m4",
        source="little-raft #44",
    ),
    bug(
        "votes-not-voters",
        votes_not_voters,
        part="D1",
        replaces="election:on_vote_reply",
        breaks="RF-S1",
    ),
    bug(
        "refusals-count",
        refusals_count,
        part="D1",
        replaces="election:on_vote_reply",
        breaks="RF-S1",
    ),
    bug(
        "half-is-enough", half_is_enough, part="D1", replaces="election:is_majority", breaks="RF-S1"
    ),
    bug(
        "own-vote-not-noted",
        own_vote_not_noted,
        part="D1",
        replaces="election:stand",
        breaks="RF-S6",
        code="m5",
        source="nebula #3415",
    ),
    bug(
        "own-vote-in-memory",
        own_vote_in_memory,
        part="D1",
        replaces="election:stand",
        breaks="RF-S6",
    ),
    bug(
        "vote-lost-in-defeat",
        vote_lost_in_defeat,
        part="D1",
        replaces="election:become_follower",
        breaks="RF-S6",
        code="m7",
        source="xraft #29",
    ),
    bug(
        "no-pre-vote",
        no_pre_vote,
        part="D1",
        replaces="election:on_timeout",
        breaks="RF-L4",
        kind="liveness",
        source="Ongaro 2014, section 9.6",
    ),
    bug(
        "pre-votes-raise-terms",
        pre_votes_raise_terms,
        part="D1",
        replaces="election:on_pre_vote",
        breaks="RF-L4",
        kind="liveness",
    ),
    bug(
        "pre-votes-are-votes",
        pre_votes_are_votes,
        part="D1",
        replaces="election:stand",
        breaks="RF-S1",
    ),
    bug(
        "helps-rivals",
        helps_rivals,
        part="D1",
        replaces="election:has_leader",
        breaks="RF-L4",
        kind="liveness",
    ),
    bug(
        "old-pre-votes",
        old_pre_votes,
        part="D1",
        replaces="election:on_pre_vote_reply",
        breaks="RF-L4",
        kind="liveness",
    ),
    bug(
        "never-checks",
        never_checks,
        part="D1",
        replaces="election:on_quorum_check",
        breaks="RF-L1",
        kind="liveness",
        source="Ongaro 2014, section 6.2",
    ),
    bug("keeps-old-votes", KeepsOldVotes, part="D1", replaces="raft:Raft", breaks="RF-S1"),
    bug(
        "answered-once",
        answered_once,
        part="D1",
        replaces="election:on_quorum_check",
        breaks="RF-L1",
        kind="liveness",
    ),
    bug(
        "same-patience",
        same_patience,
        part="D1",
        replaces="election:be_patient",
        breaks="RF-L1",
        kind="liveness",
    ),
    bug(
        "impatient",
        impatient,
        part="D1",
        replaces="election:be_patient",
        breaks="RF-L4",
        kind="liveness",
    ),
    bug(
        "asks-once",
        asks_once,
        part="D1",
        replaces="election:on_timeout",
        breaks="RF-L1",
        kind="liveness",
    ),
    bug(
        "leads-again",
        leads_again,
        part="D1",
        replaces="election:start",
        breaks="RF-S1",
        code="m14",
        source="KAFKA-10527",
    ),
    bug(
        "will-not-go",
        will_not_go,
        part="D1",
        replaces="election:is_answer_to_leader",
        breaks="RF-S6",
    ),
)
