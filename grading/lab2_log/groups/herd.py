"""The first design of consumer groups, to be watched: each member decides for itself, from what it sees in a registry.

``python -m grading.lab2_log.groups.herd`` prints how often members stop, and for how long two of them read one
partition, beside the same changes under a coordinator. Members of the first design watch who is in the group and
which brokers there are (ephemeral nodes of a ZooKeeper, as the notes have it: ``/consumers/<group>/ids`` and
``/brokers/ids``), and after each event each of them computes the whole assignment, and takes its share. Reads of the
registry are served by the replica that a member is connected to, which may be behind. With *claims* a member writes
down what it owns, in the registry, and does not read what another one has claimed; without, nothing stops two of them.
"""

from __future__ import annotations

import sys

from msgspec import Struct

from distlab.core import MS, Address, Config, Message, Node, Timer
from distlab.core.cluster import Cluster, Member
from distlab.faults import Noise
from distlab.grade.perform import perform
from distlab.grade.solution import load_lab, load_solution
from distlab.sim import Simulation
from distlab.trace import EVERYTHING, Kind
from grading.lab2_log.groups import scenarios
from grading.lab2_log.groups.books import books

PARTITIONS = 24


class View(Message, frozen=True):
    """What a replica of the registry has seen by now."""

    version: int
    members: tuple[str, ...]


class Claim(Message, frozen=True):
    """These are mine now; and these are not any more."""

    take: tuple[int, ...]
    leave: tuple[int, ...]


class Claimed(Message, frozen=True):
    """These are yours; the others of those that you asked for are somebody else's."""

    granted: tuple[int, ...]


class Event(Timer, frozen=True):
    """Something changes: a member comes (``+m3``) or goes (``-m3``), or a broker does (empty)."""

    what: str


class Show(Timer, frozen=True):
    """A replica has caught up, and tells a member whose watch has fired."""

    member: str
    version: int


class Retry(Timer, frozen=True):
    """Claim again what was refused."""


class RegistryConfig(Config, frozen=True):
    """What will change, and how far replicas are behind."""

    events: tuple[tuple[int, str], ...]
    lag: int = 60 * MS


class Registry(Node):
    """Who is there, and who has claimed what."""

    config: RegistryConfig
    versions: list[tuple[str, ...]]
    owners: dict[int, str]

    def on_start(self) -> None:
        self.versions, self.owners = [()], {}
        for at, what in self.config.events:
            self.set_timer(Event(f"{what}@{at}"), at)

    def on_event(self, event: Event) -> None:
        what = event.what.partition("@")[0]
        members = set(self.versions[-1])
        if what[:1] == "+":
            members.add(what[1:])
        elif what[:1] == "-":
            members.discard(what[1:])
            self.owners = {p: m for p, m in self.owners.items() if m != what[1:]}
        self.versions.append(tuple(sorted(members)))
        for member in sorted(members):
            lag = self.random.randrange(self.config.lag)
            self.set_timer(Show(member, len(self.versions) - 1), lag)

    def on_show(self, show: Show) -> None:
        self.send(Address(show.member), View(show.version, self.versions[show.version]))

    def on_claim(self, claim: Claim, sender: Address) -> None:
        for part in claim.leave:
            if self.owners.get(part) == sender:
                del self.owners[part]
        granted = tuple(p for p in claim.take if self.owners.setdefault(p, sender) == sender)
        self.send(sender, Claimed(granted))


class LonerConfig(Config, frozen=True):
    """Whether claims are used."""

    claims: bool


class Reading(Struct, frozen=True):
    """What a loner's probe shows: what it reads, and how often it has stopped to think."""

    parts: tuple[int, ...]
    stops: int


class Loner(Node):
    """A member that decides for itself."""

    config: LonerConfig
    version: int
    share: tuple[int, ...]
    reads: set[int]
    stops: int

    def on_start(self) -> None:
        self.version, self.share, self.reads, self.stops = 0, (), set(), 0

    def probe(self) -> Reading:
        return Reading(tuple(sorted(self.reads)), self.stops)

    def on_view(self, view: View, sender: Address) -> None:
        if view.version <= self.version:
            return
        self.version = view.version
        self.stops += 1  # it stops reading, commits, and computes everybody's share
        mine = sorted(view.members).index(self.address) if self.address in view.members else -1
        before = self.reads
        self.share = tuple(range(mine, PARTITIONS, len(view.members))) if mine >= 0 else ()
        if not self.config.claims:
            self.reads = set(self.share)
            return
        self.reads = before & set(self.share)
        self.claim(sender, tuple(sorted(before - set(self.share))))

    def claim(self, registry: Address, leave: tuple[int, ...] = ()) -> None:
        missing = tuple(p for p in self.share if p not in self.reads)
        if missing or leave:
            self.send(registry, Claim(missing, leave))

    def on_claimed(self, answer: Claimed, sender: Address) -> None:
        self.reads |= set(answer.granted) & set(self.share)
        late = tuple(part for part in answer.granted if part not in self.share)
        if late:  # the group has changed since we asked
            self.send(sender, Claim((), late))
        if any(part not in self.reads for part in self.share):
            self.stops += 1  # somebody has not let go yet: later
            self.set_timer(Retry(), 50 * MS)

    def on_retry(self, _: Retry) -> None:
        self.claim(Address("registry"))


def alone(members: int, claims: bool, events: list[tuple[int, str]]) -> dict[str, float]:
    """The first design: stops for each member and change, and partition-milliseconds read by two, or by nobody."""
    begin = [(10 * MS + n, f"+m{n}") for n in range(members)]
    names = sorted({what[1:] for _, what in [*begin, *events] if what})
    cluster: dict[str, Member] = {"registry": Member(Registry, RegistryConfig((*begin, *events)))}
    cluster |= {name: Member(Loner, LonerConfig(claims)) for name in names}
    simulation = Simulation(Cluster(cluster), noise=Noise(seed=1, delay=(1 * MS, 5 * MS)))
    simulation.run(900 * MS)
    before = _stops(simulation)
    twice = unread = 0
    for at in range(900, 3_000):
        simulation.run(at * MS)
        gone = {w[1:] for t, w in events if w[:1] == "-" and t <= at * MS}
        read = [
            part
            for name, view in simulation.probes().items()
            if isinstance(view, Reading) and name not in gone
            for part in view.parts
        ]
        twice += len(read) - len(set(read))
        unread += PARTITIONS - len(set(read))
    stops = (_stops(simulation) - before) / len(events) / members
    return {"stops": stops, "twice": twice / len(events), "unread": unread / len(events)}


def _stops(simulation: Simulation) -> int:
    return sum(v.stops for v in simulation.probes().values() if isinstance(v, Reading))


def coordinated(members: int, assignor: str, changes: list[dict[str, int]]) -> dict[str, float]:
    """The reference: JoinGroups for each member and change, and the same partition-milliseconds."""
    lab = load_lab("2")
    solution = load_solution(lab, lab.part("G2"), "reference")
    scenario = scenarios.scenario(
        noise=Noise(seed=1, delay=(1 * MS, 5 * MS)),
        members=[*({} for _ in range(members)), *changes],
        topics={"orders": PARTITIONS},
        config={"assignor": assignor},
        end=3_000,
    )
    run = perform(lab.part("G2"), solution, scenario, record=EVERYTHING).run
    assert run is not None
    joins = {
        (event.node, event.what.id)
        for event in run.trace.of(Kind.SEND)
        if type(event.what).__name__ == "JoinGroup" and event.time > 900 * MS
    }
    owners = [0] * (3_000 * PARTITIONS)
    for tenure in books(run).tenures:
        end = tenure.ended.time if tenure.ended is not None else run.time
        for at in range(tenure.told.time // MS, end // MS):
            owners[at * PARTITIONS + tenure.part.number] += 1
    window = owners[900 * PARTITIONS :]
    return {
        "stops": len(joins) / len(changes) / members,
        "twice": sum(count - 1 for count in window if count > 1) / len(changes),
        "unread": window.count(0) / len(changes),
    }


def main() -> None:
    """Print the table."""
    rows: list[tuple[str, dict[str, float]]] = []
    times = [1_000 * MS, 1_500 * MS, 2_000 * MS, 2_500 * MS]
    for members in (4, 12):
        comes = [(at, f"+n{n}") for n, at in enumerate(times)]
        brokers = [(at, "") for at in times]
        for claims in (False, True):
            name = f"{members} alone, {'with' if claims else 'without'} claims"
            for what, events in (("a member comes", comes), ("a broker restarts", brokers)):
                rows.append((f"{name}: {what}", alone(members, claims, events)))
        for assignor in ("range", "cooperative-sticky"):
            changes = [{"at": at // MS} for at in times]
            name = f"{members} coordinated, {assignor}: a member comes"
            rows.append((name, coordinated(members, assignor, changes)))
    lines = [f"{'for each change':54} stops/member  read twice  unread   (partition-ms)"]
    for name, found in rows:
        figures = f"{found['stops']:12.1f} {found['twice']:11.0f} {found['unread']:7.0f}"
        lines.append(f"{name:54} {figures}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
