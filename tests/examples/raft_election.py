"""Raft's leader election: one leader at a time, however badly the world behaves.

Theory
    Time is cut into *terms*, numbered upwards. In each term a node gives its vote to at most one
    candidate, and a candidate leads once a majority has voted for it. Two majorities of the same
    nodes share a node, and that node voted only once, so **no term has two leaders**. The argument
    needs a vote to be remembered: a node that forgot it in a crash could give it a second time. So
    the vote is on disk before it leaves the node.

    Two nodes may well believe that they lead, but in different terms: an old leader that was cut
    off, or asleep, does not know that it was replaced. The first message with a higher term tells
    it, and it steps down.

    A follower that hears no leader for a while becomes a candidate. If all waited equally long, all
    would stand together, vote for themselves, and nobody would win. So each wait is drawn at
    random, and is long against a message delay: usually one node wakes up first and has won before
    the next one does. Chance decides *when* there is a leader, never how many there are in a term.

    There is no log here. Raft proper also refuses its vote to a candidate whose log is behind the
    voter's own.

Messages
    RequestVote(term)           "vote for me in this term"
    VoteReply(term, granted)    the vote, or a refusal that tells the candidate of a higher term
    Heartbeat(term)             "I lead this term"
    HeartbeatReply(term)        tells a leader of the past that its term is over

Nodes
    Voter                       all are alike: follower, candidate or leader as things stand
"""

from enum import StrEnum

from distlab.core import MS, Address, Config, Message, Node, Timer


class RequestVote(Message):
    term: int


class VoteReply(Message):
    term: int
    granted: bool


class Heartbeat(Message):
    term: int


class HeartbeatReply(Message):
    term: int


class Ballot(Message):
    """What must survive a crash. It never travels: the last one on the disk is what counts."""

    term: int
    voted_for: Address | None


class Election(Timer):
    """No leader was heard for too long."""


class Beat(Timer):
    """Time to say it again: messages get lost, and a leader must show that it is there."""


class VoterConfig(Config):
    """Beats are well below patience: a few lost heartbeats must not cost a leader its office."""

    members: tuple[Address, ...]  # all of them, this node too
    beat: int = 50 * MS
    patience: tuple[int, int] = (200 * MS, 400 * MS)  # an election time-out is drawn from it


class Role(StrEnum):
    FOLLOWER = "follower"
    CANDIDATE = "candidate"
    LEADER = "leader"


class Voter(Node):
    """Follows the leader of its term, or tries to become the leader of the next."""

    config: VoterConfig
    term: int
    voted_for: Address | None
    role: Role
    leader: Address | None  # of this term, as far as this node knows
    votes: set[Address]  # for this node, in this term

    def on_start(self) -> None:
        self.term, self.voted_for = 0, None
        for ballot in self.disk.recover("ballots", Ballot):
            self.term, self.voted_for = ballot.term, ballot.voted_for
        self.follow(None)

    # Terms and votes, which are never forgotten.

    def enter(self, term: int, voted_for: Address | None) -> None:
        """Write down a term or a vote. What is sent after it leaves once it is on the disk."""
        self.term, self.voted_for = term, voted_for
        self.disk.append("ballots", Ballot(term, voted_for))
        self.disk.sync("ballots", "/")

    def catch_up(self, term: int) -> None:
        """Whoever hears of a higher term is a follower in it, whatever it was before."""
        if term > self.term:
            self.enter(term, voted_for=None)
            self.follow(None)

    # Follower.

    def follow(self, leader: Address | None) -> None:
        self.role, self.leader, self.votes = Role.FOLLOWER, leader, set()
        self.cancel_timer(Beat())
        self.be_patient()

    def be_patient(self) -> None:
        self.set_timer(Election(), after=self.random.randint(*self.config.patience))

    def on_heartbeat(self, heartbeat: Heartbeat, sender: Address) -> None:
        self.catch_up(heartbeat.term)
        if heartbeat.term == self.term:
            self.follow(sender)
        self.send(sender, HeartbeatReply(self.term))

    def on_request_vote(self, request: RequestVote, sender: Address) -> None:
        self.catch_up(request.term)
        if request.term == self.term and self.voted_for is None:
            self.enter(self.term, voted_for=sender)
            self.be_patient()
        # Asked twice by the same candidate, it says yes twice: its first answer may be lost.
        granted = request.term == self.term and self.voted_for == sender
        self.send(sender, VoteReply(self.term, granted))

    # Candidate.

    def on_election(self) -> None:
        self.enter(self.term + 1, voted_for=self.address)
        self.role, self.leader, self.votes = Role.CANDIDATE, None, {self.address}
        self.be_patient()
        self.on_beat()

    def on_vote_reply(self, reply: VoteReply, sender: Address) -> None:
        self.catch_up(reply.term)
        if reply.term == self.term and reply.granted and self.role == Role.CANDIDATE:
            self.votes.add(sender)  # a set: a vote that arrives twice is one vote
            if len(self.votes) > len(self.config.members) // 2:
                self.lead()

    # Leader.

    def lead(self) -> None:
        self.role, self.leader = Role.LEADER, self.address
        self.cancel_timer(Election())
        self.log.info("election", "leads", term=self.term)
        self.on_beat()

    def on_heartbeat_reply(self, reply: HeartbeatReply) -> None:
        self.catch_up(reply.term)

    # Whoever has something to say to all.

    def on_beat(self) -> None:
        message = Heartbeat(self.term) if self.role == Role.LEADER else RequestVote(self.term)
        for member in self.config.members:
            if member != self.address:
                self.send(member, message)
        self.set_timer(Beat(), after=self.config.beat)

    def probe(self) -> dict[str, object]:
        return {"role": self.role, "term": self.term, "leader": self.leader}
