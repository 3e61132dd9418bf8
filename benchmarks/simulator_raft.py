"""A small consensus program, as a workload: Raft's election and replication, without snapshots or membership.

What it costs to simulate is what matters here, so it does what such programs do: it persists term, vote and log
before it answers, sends heartbeats, retries, and its clients propose to whoever may lead. Section numbers refer to
Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", USENIX ATC 2014.
"""

from random import Random

from distlab.core import MS, SECOND, Address, Config, Message, Node, Ok, Operation, Ticket, Timer
from distlab.core.cluster import Cluster, Member
from distlab.faults import (
    AnyAction,
    At,
    Crash,
    Cut,
    Fault,
    Noise,
    Partition,
    Pause,
    Plan,
)
from distlab.sim import Simulation

HORIZON = 3 * SECOND
HEARTBEAT = 50 * MS
PATIENCE = 150 * MS
FAULTS = 20
PROPOSALS = 30


class Entry(Message, frozen=True):
    term: int
    value: int


class RequestVote(Message, frozen=True):
    term: int
    last_index: int
    last_term: int


class Vote(Message, frozen=True):
    term: int
    granted: bool


class Append(Message, frozen=True):
    term: int
    previous_index: int
    previous_term: int
    entries: tuple[Entry, ...]
    commit: int


class Appended(Message, frozen=True):
    term: int
    ok: bool
    match: int


class Ballot(Message, frozen=True):
    """On disk: the current term, and who got this node's vote in it."""

    term: int
    vote: str | None


class Truncated(Message, frozen=True):
    """On disk: the log ends here."""

    length: int


class Election(Timer, frozen=True):
    pass


class Heartbeat(Timer, frozen=True):
    pass


class Propose(Operation, frozen=True):
    value: int


class Peers(Config, frozen=True):
    peers: tuple[Address, ...]


class Raft(Node):
    config: Peers
    term: int
    vote: str | None
    entries: list[Entry]
    commit: int
    leader: bool
    votes: set[str]
    next: dict[Address, int]
    match: dict[Address, int]
    waiting: dict[int, Ticket]

    def on_start(self) -> None:
        self.term, self.vote, self.entries = 0, None, []
        for record in self.disk.recover("wal", Entry | Ballot | Truncated):
            match record:
                case Entry():
                    self.entries.append(record)
                case Ballot(term, vote):
                    self.term, self.vote = term, vote
                case Truncated(length):
                    del self.entries[length:]
        self.commit = 0
        self.leader = False
        self.votes, self.next, self.match, self.waiting = set(), {}, {}, {}
        self.wait_for_leader()

    # -- elections (5.2) ------------------------------------------------------------------------------------------

    def wait_for_leader(self) -> None:
        self.set_timer(Election(), PATIENCE + self.random.randrange(PATIENCE))

    def on_election(self) -> None:
        self.wait_for_leader()
        if self.leader:
            return
        self.persist_ballot(self.term + 1, self.address)
        self.votes = {self.address}
        last_term = self.entries[-1].term if self.entries else 0
        for peer in self.config.peers:
            self.send(peer, RequestVote(self.term, len(self.entries), last_term))

    def on_request_vote(self, request: RequestVote, sender: Address) -> None:
        self.observe(request.term)
        last_term = self.entries[-1].term if self.entries else 0
        up_to_date = (request.last_term, request.last_index) >= (last_term, len(self.entries))
        granted = request.term == self.term and self.vote in (None, sender) and up_to_date
        if granted:
            if self.vote is None:
                self.persist_ballot(self.term, sender)
            self.wait_for_leader()
        self.send(sender, Vote(self.term, granted))

    def on_vote(self, vote: Vote, sender: Address) -> None:
        self.observe(vote.term)
        if vote.term != self.term or not vote.granted or self.leader:
            return
        self.votes.add(sender)
        if 2 * len(self.votes) > len(self.config.peers) + 1:
            self.leader = True
            self.next = dict.fromkeys(self.config.peers, len(self.entries))
            self.match = dict.fromkeys(self.config.peers, 0)
            self.on_heartbeat()

    def observe(self, term: int) -> None:
        if term > self.term:
            self.leader = False
            self.waiting.clear()
            self.persist_ballot(term, None)

    def persist_ballot(self, term: int, vote: str | None) -> None:
        self.term, self.vote = term, vote
        self.disk.append("wal", Ballot(term, vote))
        self.disk.sync("wal", "/")

    # -- replication (5.3) ----------------------------------------------------------------------------------------

    def on_heartbeat(self) -> None:
        if self.leader:
            self.set_timer(Heartbeat(), HEARTBEAT)
            for peer in self.config.peers:
                self.replicate(peer)

    def replicate(self, peer: Address) -> None:
        at = self.next[peer]
        previous = self.entries[at - 1].term if at else 0
        self.send(
            peer, Append(self.term, at, previous, tuple(self.entries[at : at + 8]), self.commit)
        )

    def on_append(self, request: Append, sender: Address) -> None:
        self.observe(request.term)
        if request.term < self.term:
            self.send(sender, Appended(self.term, False, 0))
            return
        self.wait_for_leader()
        at = request.previous_index
        if at > len(self.entries) or (at and self.entries[at - 1].term != request.previous_term):
            self.send(sender, Appended(self.term, False, max(0, min(at - 1, len(self.entries)))))
            return
        for entry in request.entries:
            if at < len(self.entries) and self.entries[at].term != entry.term:
                del self.entries[at:]
                self.disk.append("wal", Truncated(at))
            if at == len(self.entries):
                self.entries.append(entry)
                self.disk.append("wal", entry)
            at += 1
        if request.entries:
            self.disk.sync("wal", "/")
        self.commit = max(self.commit, min(request.commit, at))
        self.send(sender, Appended(self.term, True, at))

    def on_appended(self, answer: Appended, sender: Address) -> None:
        self.observe(answer.term)
        if not self.leader or answer.term != self.term:
            return
        if not answer.ok:
            self.next[sender] = answer.match
            self.replicate(sender)
            return
        self.match[sender] = max(self.match[sender], answer.match)
        self.next[sender] = max(self.next[sender], answer.match)
        agreed = sorted([*self.match.values(), len(self.entries)])[(len(self.match) + 1) // 2]
        if agreed > self.commit and self.entries[agreed - 1].term == self.term:  # (5.4.2)
            for index in range(self.commit, agreed):
                if (ticket := self.waiting.pop(index, None)) is not None:
                    self.finish(ticket, Ok(self.entries[index].value))
            self.commit = agreed

    # -- clients --------------------------------------------------------------------------------------------------

    def on_propose(self, proposal: Propose, ticket: Ticket) -> None:
        if not self.leader:
            self.finish(ticket, Ok(None))
            return
        entry = Entry(self.term, proposal.value)
        self.waiting[len(self.entries)] = ticket
        self.entries.append(entry)
        self.disk.append("wal", entry)
        self.disk.sync("wal", "/")
        for peer in self.config.peers:
            self.replicate(peer)


def cluster_of(size: int) -> Cluster:
    """So many servers."""
    names = [Address(f"s{n}") for n in range(size)]
    return Cluster(
        {name: Member(Raft, Peers(tuple(p for p in names if p != name))) for name in names}
    )


def leaders(sim: Simulation, role: str) -> list[Address]:
    """Who leads, as far as each knows."""
    return [a for a, process in sim.up.items() if getattr(process.node, "leader", False)]


def draw(seed: int, size: int) -> tuple[Plan, Noise, list[tuple[int, int]]]:
    """Faults, noise and proposals of one schedule: a pure function of the seed."""
    random = Random(seed)
    names = [f"s{n}" for n in range(size)]
    faults = []
    for _ in range(FAULTS):
        node, other = random.sample(names, 2)
        lasts = 50 * MS + int(random.random() * 400 * MS)
        actions: tuple[AnyAction, ...] = (
            Crash("@leader" if random.random() < 0.5 else node, restart_after=lasts),
            Pause(node, lasts),
            Cut(node, other, lasts),
            Partition(((node,), tuple(n for n in names if n != node)), lasts),
        )
        faults.append(Fault(At(int(random.random() * HORIZON)), actions[int(random.random() * 4)]))
    noise = Noise(seed=seed, delay=(1 * MS, 10 * MS), loss=0.02, duplicate=0.01, straggle=0.01)
    calls = [
        (int(random.random() * HORIZON), int(random.random() * size)) for _ in range(PROPOSALS)
    ]
    return Plan(tuple(faults)), noise, calls


def run_schedule(seed: int, size: int, cluster: Cluster) -> Simulation:
    """One schedule, from its seed to its end."""
    plan, noise, calls = draw(seed, size)
    sim = Simulation(cluster, plan, noise, roles=leaders)
    for value, (time, server) in enumerate(calls):
        sim.call(time, f"s{server}", Propose(value))
    sim.run(HORIZON)
    return sim
