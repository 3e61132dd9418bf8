"""A server of the quorum: its state, and where each event goes (part 2D).

Theory of operation. A server is a follower, a candidate or a leader, and every change of role is made
in one function of election.py. What it must never forget (term, vote, log) is changed only together
with persistence.py, so that nothing is said that a crash could unsay. A leader has one job: to make
the followers' logs equal to its own (replication.py), and to execute what stands safely in a
majority of them (machine.py). Snapshots and reads that need no entry are what makes it bearable in
practice (snapshots.py, reads.py).

What state there is stands in raft_state.py. Nothing is left to do in the two: they show what a server
knows, and which function deals with what. Your program may be cut up in another way; then change them,
they are yours.
"""

from __future__ import annotations

from distlab.core import Address
from labs.lab2_log import election, members, persistence, reads, replication, snapshots
from labs.lab2_log.quorum import (
    AppendEntries,
    AppendReply,
    InstallSnapshot,
    PreVote,
    PreVoteReply,
    Request,
    RequestVote,
    Status,
    VoteReply,
)
from labs.lab2_log.raft_state import Election, Heartbeat, QuorumCheck, Server


class Raft(Server):
    """Which event goes where."""

    @property
    def members(self) -> tuple[Address, ...]:
        """Who the servers are now (D5)."""
        return members.in_effect(self)

    def on_start(self) -> None:
        self.role, self.leader, self.heard_at = "follower", None, None
        self.pre_votes, self.votes = set(), set()
        self.progress, self.answered, self.began, self.round = {}, set(), 0, 0
        self.waiting, self.readings = {}, []
        persistence.load(self)
        election.start(self)

    # Elections (D1).

    def on_election(self, timer: Election) -> None:
        election.on_timeout(self)

    def on_pre_vote(self, request: PreVote, sender: Address) -> None:
        election.on_pre_vote(self, request, sender)

    def on_pre_vote_reply(self, reply: PreVoteReply, sender: Address) -> None:
        election.on_pre_vote_reply(self, reply, sender)

    def on_request_vote(self, request: RequestVote, sender: Address) -> None:
        election.on_request_vote(self, request, sender)

    def on_vote_reply(self, reply: VoteReply, sender: Address) -> None:
        election.on_vote_reply(self, reply, sender)

    def on_quorum_check(self, timer: QuorumCheck) -> None:
        election.on_quorum_check(self)

    # Replication (D2): whoever speaks as a leader is first looked at by election.py.

    def on_heartbeat(self, timer: Heartbeat) -> None:
        replication.on_heartbeat(self)

    def on_append_entries(self, request: AppendEntries, sender: Address) -> None:
        if election.obeys(self, request.term, sender):
            replication.on_append_entries(self, request, sender)
        else:
            self.send(sender, AppendReply(self.term, False, 0, request.round))

    def on_append_reply(self, reply: AppendReply, sender: Address) -> None:
        if election.is_answer_to_leader(self, reply.term, sender):
            replication.on_append_reply(self, reply, sender)
            reads.on_round(self, reply, sender)

    def on_request(self, request: Request, client: Address) -> None:
        replication.on_request(self, request, client)

    # Snapshots (D4).

    def on_install_snapshot(self, request: InstallSnapshot, sender: Address) -> None:
        if election.obeys(self, request.term, sender):
            snapshots.on_install_snapshot(self, request, sender)
        else:
            self.send(sender, AppendReply(self.term, False, 0, request.round))

    def probe(self) -> Status:
        log = self.raft_log
        return Status(
            role=self.role,
            term=self.term,
            leader=self.leader,
            commit=self.commit,
            applied=self.applied,
            kept=len(log.entries),
            last_index=log.last_index,
            last_term=log.last_term,
            state=self.kv,
            members=self.members,
        )
