"""Raft's election (:mod:`tests.examples.raft_election`) as scopes for the explorer, with bugs to find.

Terms grow for ever, so a scope must say where it ends: worlds in which a term is beyond the bound are judged and not
gone on from. Timers fire at any time, so an election may begin at any moment, and a candidate may ask again as often as
it likes.
"""

from distlab.core import Address, Node
from distlab.core.cluster import Cluster, Member
from distlab.explore import Scope, World
from tests.examples.raft_election import (
    Ballot,
    Election,
    RequestVote,
    Role,
    Voter,
    VoterConfig,
    VoteReply,
)


class VotesTwice(Voter):
    """A bug: it says yes to whoever asks."""

    def on_request_vote(self, request: RequestVote, sender: Address) -> None:
        self.catch_up(request.term)
        if request.term == self.term:
            self.enter(self.term, voted_for=sender)
        self.send(sender, VoteReply(self.term, request.term == self.term))


class ForgetsItsVote(Voter):
    """A bug: the vote is written down, and not synced before it is sent."""

    def enter(self, term: int, voted_for: Address | None) -> None:
        self.term, self.voted_for = term, voted_for
        self.disk.append("ballots", Ballot(term, voted_for))


class CountsTwice(Voter):
    """A bug: a vote that arrives twice is two votes."""

    count: int

    def on_election(self, election: Election) -> None:
        self.count = 1
        super().on_election()

    def on_vote_reply(self, reply: VoteReply, sender: Address) -> None:
        self.catch_up(reply.term)
        if reply.term == self.term and reply.granted and self.role == Role.CANDIDATE:
            self.count += 1
            if self.count > len(self.config.members) // 2:
                self.lead()


def one_leader(world: World) -> str | None:
    """No two nodes lead in one term."""
    leaders: dict[int, Address] = {}
    for node in world.up():
        if node.role == Role.LEADER:
            if node.term in leaders:
                return f"{leaders[node.term]} and {node.address} both lead in term {node.term}"
            leaders[node.term] = node.address
    return None


def scope(
    program: type[Node] = Voter,
    nodes: int = 3,
    *,
    terms: int = 2,
    crashes: int = 1,
    symmetry: bool = False,
) -> Scope:
    """So many voters, up to a term, with so many crashes."""
    names = tuple(Address(f"n{i}") for i in range(1, nodes + 1))
    return Scope(
        cluster=Cluster({name: Member(program, VoterConfig(members=names)) for name in names}),
        invariants={"no term has two leaders": one_leader},
        crashes=crashes,
        prune=lambda world: any(node.term > terms for node in world.up()),
        seen={
            f"somebody leads in term {terms}": lambda world: any(
                node.role == Role.LEADER and node.term == terms for node in world.up()
            )
        },
        symmetry=(names,) if symmetry else (),
    )
