"""A program that does everything at once, for tests that let anything happen to it.

``python -m tests.sim.busy SEED ...`` prints the digest of each seed's run, with and without full recording.
"""

import sys
from collections.abc import Sequence
from random import Random

from distlab.core import (
    MS,
    SECOND,
    Address,
    Config,
    DamagedFile,
    Job,
    JobContext,
    JobOutcome,
    Message,
    Node,
    Ok,
    Operation,
    SessionFull,
    SessionMessage,
    Steps,
    Ticket,
    Timer,
)
from distlab.core.cluster import Cluster, Member
from distlab.faults import (
    AnyAction,
    At,
    Clog,
    Crash,
    Cut,
    Delay,
    Doing,
    Drop,
    Duplicate,
    FailRead,
    FailSync,
    Fault,
    FillDisk,
    Flip,
    JumpClock,
    KillJob,
    Noise,
    Nth,
    Partition,
    Pause,
    Plan,
    Rot,
    SlowDisk,
    SlowNode,
    Survival,
    Twin,
)
from distlab.sim import Simulation
from distlab.trace import EVERYTHING

NODES = ("a", "b", "c", "d")


class Fact(Message, frozen=True):
    """Sent once it is durable."""

    n: int


class Line(SessionMessage, frozen=True):
    n: int
    session: int


class Beat(Timer, frozen=True):
    pass


class Later(Timer, frozen=True):
    n: int


class Work(Job, frozen=True):
    n: int

    def run(self, io: JobContext) -> Steps:
        try:
            for n in range(4):
                io.disk.append(f"job/{self.n}", bytes([n]))
                yield n
            io.disk.sync(f"job/{self.n}", "job/")
            io.store.put_if_absent(f"out/{io.address}/{self.n}", b"%d" % io.random.randrange(100))
        finally:
            io.disk.delete(f"job/{self.n}")


class Act(Operation, frozen=True):
    n: int


class Peers(Config, frozen=True):
    peers: tuple[str, ...]


class Busy(Node):
    config: Peers
    facts: int
    open: dict[str, int]
    lines: dict[str, list[tuple[int, int]]]
    trouble: list[str]

    def on_start(self) -> None:
        self.open = {}
        self.lines = {}
        self.trouble = []
        try:
            known = self.disk.recover("wal", Fact)
        except DamagedFile:
            self.disk.delete("wal")
            known = []
        self.facts = max((fact.n for fact in known), default=0)
        self.set_timer(Beat(), self.random.randrange(10 * MS))

    def on_beat(self) -> None:
        self.set_timer(Beat(), 1 * MS + self.random.randrange(10 * MS))
        peer = Address(self.random.choice(self.config.peers))
        match self.random.randrange(9):
            case 0 | 1:
                self.learn(peer)
            case 2:
                self.connect(peer)
            case 3:
                self.disconnect(peer)
            case 4:
                self.run_job(Work(self.random.randrange(3)))
            case 5:
                self.cancel_job(Work(self.random.randrange(3)))
            case 6:
                self.store.append("log", b"%d" % self.now())
            case 7:
                self.set_timer(Later(self.random.randrange(3)), self.random.randrange(9 * MS))
                self.cancel_timer(Later(self.random.randrange(3)))
        self.talk()

    def learn(self, peer: Address) -> None:
        self.facts += 1
        self.disk.append("wal", Fact(self.facts))
        self.disk.sync("wal", "/")
        self.send(peer, Fact(self.facts))

    def talk(self) -> None:
        """One more line to every peer with which a session is open."""
        for peer in sorted(self.open):
            try:
                self.send(Address(peer), Line(self.open[peer], self.monotonic()))
            except SessionFull:
                continue
            self.open[peer] += 1

    def on_fact(self, fact: Fact, sender: Address) -> None:
        if fact.n and fact.n % 3 == 0:
            self.send(sender, Fact(0))

    def on_line(self, line: Line, sender: Address) -> None:
        expected = len(self.lines.setdefault(sender, []))
        self.lines[sender].append((line.n, line.session))
        if line.n != expected:
            self.trouble.append(f"line {line.n} from {sender}, expected {expected}")

    def on_later(self, later: Later) -> None:
        self.learn(self.address)

    def on_work(self, work: Work, outcome: JobOutcome) -> None:
        self.run_job(work)

    def on_connect(self, peer: Address) -> None:
        if peer in self.open:
            self.trouble.append(f"second on_connect of {peer}")
        self.open[peer] = 0
        self.lines[peer] = []

    def on_disconnect(self, peer: Address) -> None:
        self.open.pop(peer, None)

    def on_sync_failed(self, path: str, error: str) -> None:
        if self.random.random() < 0.5:
            super().on_sync_failed(path, error)

    def on_act(self, act: Act, ticket: Ticket) -> None:
        self.disk.append("acts", b"%d\n" % act.n)
        self.disk.sync("acts", "/")
        self.finish(ticket, Ok(act.n))


HORIZON = 400 * MS


def draw_fault(random: Random) -> Fault:
    """Any fault at all."""
    node, other = random.choice(NODES), random.choice(NODES)
    lasts = random.randrange(HORIZON)
    if random.random() < 0.2:
        actions: Sequence[AnyAction] = (Drop(), Delay(lasts), Duplicate(lasts), Flip(lasts))
        return Fault(Nth(node, other, random.randrange(1, 9)), random.choice(actions))
    actions = (
        Crash(node, random.choice((None, 0, lasts)), random.choice(list(Survival))),
        Twin(node, lasts),
        Pause(node, lasts),
        SlowNode(node, lasts, cost=random.randrange(5 * MS)),
        KillJob(node),
        JumpClock(node, random.randrange(-SECOND, SECOND), random.randrange(1000)),
        SlowDisk(node, lasts, factor=random.randrange(1, 20)),
        FailSync(node),
        FailRead(node),
        FillDisk(node, lasts),
        Rot(node, random.randrange(4), random.randrange(999)),
        Partition((NODES[:2], NODES[2:]), lasts),
        Cut(node, random.choice((other, "*")), lasts),
        Clog(random.choice((node, "*")), other, lasts),
    )
    action = random.choice(actions)
    if random.random() < 0.5:
        return Fault(At(random.randrange(HORIZON)), action)
    verb = random.choice(("start", "send", "sync", "job", "store", "finish"))
    return Fault(Doing(node, verb, n=random.randrange(1, 9)), action)


def busy_run(
    seed: int, record: frozenset[str] = EVERYTHING, *, without: tuple[type, ...] = ()
) -> Simulation:
    """One run in which anything happens."""
    random = Random(seed)
    faults = [draw_fault(random) for _ in range(random.randrange(20))]
    plan = Plan(
        tuple(fault for fault in faults if not isinstance(fault.do, without)),
        heal_at=random.choice((None, HORIZON)),
    )
    noise = Noise(
        seed=seed,
        delay=(1 * MS, random.choice((1, 5, 30)) * MS),
        loss=random.choice((0.0, 0.2)),
        duplicate=random.choice((0.0, 0.2)),
        straggle=random.choice((0.0, 0.1)),
        sync=(1 * MS, 4 * MS),
        job_step=(1 * MS, 4 * MS),
    )
    cluster = Cluster({address: Member(Busy, Peers(NODES[:4])) for address in NODES})
    for address, member in list(cluster.members.items()):
        others = tuple(peer for peer in NODES if peer != address)
        cluster.members[address] = Member(member.program, Peers(others))
    sim = Simulation(cluster, plan, noise, record=record)
    for n in range(random.randrange(20)):
        sim.call(random.randrange(HORIZON), random.choice(NODES), Act(n))
    sim.run(HORIZON + 100 * MS)
    return sim


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(busy_run(int(argument)).digest, busy_run(int(argument), frozenset()).digest)
