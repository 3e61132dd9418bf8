"""Drawing random scenarios: swarms of faults, aimed at roles, of every intensity.

Each scenario first draws how hostile it will be: which kinds of faults, how many, over how long, how lossy the links. A
mixture of quiet and wild runs finds more than any one intensity does, and faults aimed at roles find more than faults
aimed at names (both measured on planted Raft bugs). Kinds are left out at random in some runs only (swarm testing,
Groce et al., ISSTA 2012).

A lab says with a :class:`Swarm` what may happen to whom, and asks for no more than its protocol promises to survive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from msgspec import Struct

from distlab.core.values import MS
from distlab.faults import (
    AnyAction,
    At,
    Clog,
    Crash,
    Cut,
    FailSync,
    Fault,
    JumpClock,
    KillJob,
    Noise,
    Partition,
    Pause,
    Plan,
    SlowDisk,
    SlowNode,
    Survival,
    Twin,
)

Kind = Callable[[Random, "Swarm"], AnyAction]


class Swarm(Struct, frozen=True, kw_only=True):
    """What may go wrong in a part, and for how long."""

    nodes: Sequence[str]
    """All addresses, for partitions and cuts."""
    targets: Sequence[str]
    """Whom crashes, pauses and the like may hit: addresses and ``@roles``; name one twice to hit it twice as often."""
    kinds: Sequence[Kind]
    horizon: int
    """Faults strike before this time, in microseconds."""
    most: int = 12
    """Faults in the wildest run."""
    outage: tuple[int, int] = (20 * MS, 2_000 * MS)
    """How long a fault may last, shortest and longest; drawn evenly on a logarithmic scale."""
    losses: Sequence[float] = (0.0, 0.0, 0.01, 0.1, 0.3)
    delays: Sequence[tuple[int, int]] = ((1 * MS, 1 * MS), (1 * MS, 5 * MS), (1 * MS, 30 * MS))
    duplicates: Sequence[float] = (0.0, 0.0, 0.05, 0.2)
    survivals: Sequence[Survival] = (Survival.SOME, Survival.NOTHING, Survival.TORN, Survival.ALL)


def draw_plan(random: Random, swarm: Swarm) -> Plan:
    """A fault plan: mixed kinds in most runs, a few kinds or a single one in others; heals after the horizon."""
    kinds = list(swarm.kinds)
    mixture = random.random()
    if mixture < 0.25:
        kinds = [random.choice(kinds)]
    elif mixture < 0.5:
        kinds = [kind for kind in kinds if random.random() < 0.5] or kinds
    horizon = logarithmic(random, max(1, swarm.horizon // 20), swarm.horizon)
    count = int(logarithmic(random, 1, swarm.most + 1))
    times = sorted(random.randrange(horizon) // MS * MS for _ in range(count))
    faults = tuple(Fault(At(time), random.choice(kinds)(random, swarm)) for time in times)
    return Plan(faults, heal_at=swarm.horizon)


def draw_noise(random: Random, swarm: Swarm) -> Noise:
    """Background: delays, loss, duplication, stragglers; quiet in some runs."""
    return Noise(
        seed=random.getrandbits(30),
        delay=random.choice(list(swarm.delays)),
        loss=random.choice(list(swarm.losses)),
        duplicate=random.choice(list(swarm.duplicates)),
        straggle=random.choice([0.0, 0.0, 0.05]),
        sync=random.choice([(2 * MS, 2 * MS), (1 * MS, 20 * MS)]),
    )


def logarithmic(random: Random, least: int, most: int) -> int:
    """A whole number from ``least`` to ``most``, small ones as likely as large ones by order of magnitude."""
    return int(least * (most / least) ** random.random())


# -- kinds ----------------------------------------------------------------------------------------------------------


def crash(random: Random, swarm: Swarm) -> AnyAction:
    restart = None if random.random() < 0.1 else _outage(random, swarm)
    return Crash(random.choice(list(swarm.targets)), restart, random.choice(list(swarm.survivals)))


def pause(random: Random, swarm: Swarm) -> AnyAction:
    return Pause(random.choice(list(swarm.targets)), _outage(random, swarm))


def partition(random: Random, swarm: Swarm) -> AnyAction:
    nodes = list(swarm.nodes)
    random.shuffle(nodes)
    cut = random.randrange(1, len(nodes))
    left, right = nodes[:cut], nodes[cut:]
    if len(nodes) > 2 and random.random() < 0.25:  # a bridge: one node sees both sides
        right = [left[-1], *right]
    return Partition((tuple(left), tuple(right)), _outage(random, swarm))


def one_way_cut(random: Random, swarm: Swarm) -> AnyAction:
    source, to = random.sample(list(swarm.nodes), 2)
    return Cut(source, to, _outage(random, swarm))


def clog(random: Random, swarm: Swarm) -> AnyAction:
    source, to = random.sample(list(swarm.nodes), 2)
    return Clog(source, to, _outage(random, swarm))


def slow_node(random: Random, swarm: Swarm) -> AnyAction:
    return SlowNode(
        random.choice(list(swarm.targets)),
        _outage(random, swarm),
        cost=logarithmic(random, 1 * MS, 50 * MS),
        factor=random.choice([3, 10]),
    )


def slow_disk(random: Random, swarm: Swarm) -> AnyAction:
    return SlowDisk(
        random.choice(list(swarm.targets)), _outage(random, swarm), random.choice([10, 100])
    )


def jump_clock(random: Random, swarm: Swarm) -> AnyAction:
    by = random.choice([-1, 1]) * logarithmic(random, 1 * MS, 10_000 * MS)
    return JumpClock(
        random.choice(list(swarm.targets)), by, random.choice([0, 0, 100_000, -100_000])
    )


def fail_sync(random: Random, swarm: Swarm) -> AnyAction:
    return FailSync(random.choice(list(swarm.targets)))


def kill_job(random: Random, swarm: Swarm) -> AnyAction:
    return KillJob(random.choice(list(swarm.targets)))


def twin(random: Random, swarm: Swarm) -> AnyAction:
    return Twin(random.choice(list(swarm.targets)), _outage(random, swarm))


def _outage(random: Random, swarm: Swarm) -> int:
    return max(MS, logarithmic(random, *swarm.outage) // MS * MS)
