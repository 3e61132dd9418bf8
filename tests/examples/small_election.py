"""Raft's vote and nothing else, small enough to be searched whole: terms up to 2, with a crash.

Theory. As in :mod:`tests.examples.raft_election`, without what only serves progress: no heartbeats, nothing is said
twice, and whoever stands for election does so once a term. The vote is one file that is replaced, not a log: a log
remembers how it came about, and every history would be a state of its own. What a program keeps that its promise does
not need is what makes its space large.
"""

from distlab.core import MS, Address, Config, Message, Node, Timer
from distlab.core.cluster import Cluster, Member
from distlab.explore import Scope, World


class RequestVote(Message):
    term: int


class Granted(Message):
    term: int


class Ballot(Message):
    """It never travels: it is what the disk holds."""

    term: int
    voted_for: Address | None


class Election(Timer):
    pass


class VoterConfig(Config):
    members: tuple[Address, ...]


class Voter(Node):
    config: VoterConfig
    term: int
    voted_for: Address | None
    votes: set[Address]
    leads: bool

    def on_start(self) -> None:
        self.term, self.voted_for, self.votes, self.leads = 0, None, set(), False
        for ballot in self.disk.recover("ballot", Ballot):
            self.term, self.voted_for = ballot.term, ballot.voted_for
        self.be_patient()

    def be_patient(self) -> None:
        self.set_timer(Election(), after=self.random.randint(200 * MS, 400 * MS))

    def enter(self, term: int, voted_for: Address | None) -> None:
        """A new vote, on disk before anything is sent."""
        self.term, self.voted_for = term, voted_for
        self.disk.delete("new")
        self.disk.append("new", Ballot(term, voted_for))
        self.disk.sync("new")
        self.disk.replace("new", "ballot")
        self.disk.sync("/")

    def stand_down(self, term: int) -> None:
        if term > self.term:
            self.enter(term, None)
            self.votes, self.leads = set(), False

    def on_election(self) -> None:
        self.enter(self.term + 1, self.address)
        self.votes, self.leads = {self.address}, False
        self.be_patient()
        for member in self.config.members:
            if member != self.address:
                self.send(member, RequestVote(self.term))

    def on_request_vote(self, request: RequestVote, sender: Address) -> None:
        self.stand_down(request.term)
        if request.term == self.term and self.voted_for in (None, sender):
            if self.voted_for is None:
                self.enter(self.term, sender)
            self.send(sender, Granted(self.term))

    def on_granted(self, granted: Granted, sender: Address) -> None:
        if granted.term == self.term and self.voted_for == self.address:
            self.votes.add(sender)
            self.leads = 2 * len(self.votes) > len(self.config.members)


class VotesTwice(Voter):
    """A bug: it says yes to whoever asks."""

    def on_request_vote(self, request: RequestVote, sender: Address) -> None:
        self.stand_down(request.term)
        if request.term == self.term:
            self.send(sender, Granted(self.term))


class ForgetsItsVote(Voter):
    """A bug: the new file's name is never synced, so that a crash brings back the old vote."""

    def enter(self, term: int, voted_for: Address | None) -> None:
        self.term, self.voted_for = term, voted_for
        self.disk.delete("new")
        self.disk.append("new", Ballot(term, voted_for))
        self.disk.sync("new")
        self.disk.replace("new", "ballot")


class SpeaksTooEarly(Voter):
    """A bug that shows only if the crash comes in the midst of a handler: the vote leaves before the ballot's name.

    The bytes of the new ballot are on disk by then, and under the old name is still the old one.
    """

    def on_request_vote(self, request: RequestVote, sender: Address) -> None:
        if request.term > self.term:
            self.term, self.voted_for, self.votes, self.leads = request.term, None, set(), False
        if request.term == self.term and self.voted_for in (None, sender):
            self.voted_for = sender
            self.disk.delete("new")
            self.disk.append("new", Ballot(self.term, sender))
            self.disk.sync("new")
            self.send(sender, Granted(self.term))
            self.disk.replace("new", "ballot")
            self.disk.sync("/")


def one_leader(world: World) -> str | None:
    """No two nodes lead in one term."""
    leaders: dict[int, Address] = {}
    for node in world.up():
        if node.leads:
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
                node.leads and node.term == terms for node in world.up()
            )
        },
        symmetry=(names,) if symmetry else (),
    )
