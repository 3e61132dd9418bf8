"""Stages and random scenarios of part 4B: gateways before databases, a detector, and a DBA who interferes.

The shape is that of part 4A: ``rms`` gateways instead of participants, and the same coordinators.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from distlab.core import MS
from distlab.core.cluster import Cluster, Member
from distlab.grade.draw import (
    Swarm,
    clog,
    crash,
    draw_noise,
    draw_plan,
    logarithmic,
    one_way_cut,
    partition,
    pause,
    slow_disk,
)
from distlab.grade.lab import Stage
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution
from grading.lab4_transactions.twophase import scenarios
from grading.lab4_transactions.twophase.promises.common import ANSWERED_IN, CLEAN_IN
from grading.lab4_transactions.twophase.scenarios import HORIZON, OPENING, accounts, names
from labs.lab4_transactions.databases import GatewayConfig, Interfere
from labs.lab4_transactions.hosting import Dba, DbaConfig
from labs.lab4_transactions.teller import Teller
from labs.lab4_transactions.twophase import CoordinatorConfig, TellerConfig, Transact


def stage(solution: Solution, scenario: Scenario) -> Stage:
    """Applications, coordinators, gateways, the detector, the DBA."""
    shape = scenario.shape
    tms, rms = names(shape, "tm", 1), names(shape, "rm", 2)
    coordinator = solution.module("coordinator").Coordinator
    gateway = solution.module("gateway").Gateway
    deadlocks = solution.module("deadlocks")
    cast: dict[str, Member] = {}
    for tm in tms:
        cast[tm] = Member(coordinator, CoordinatorConfig(rms), "coordinator")
    for rm in rms:
        own = tuple((n, OPENING) for n in accounts(shape) if n.startswith(f"{rm}/"))
        config = GatewayConfig(own, lock_wait=shape.get("lock_wait", 300) * MS)
        cast[rm] = Member(gateway, config, "participant")
    cast["detector"] = Member(deadlocks.Detector, deadlocks.DetectorConfig(), "detector")
    cast["dba"] = Member(Dba, DbaConfig(), "dba")
    for number, ap in enumerate(names(shape, "ap", 1)):
        turn = number % len(tms)
        cast[ap] = Member(Teller, TellerConfig(tms[turn:] + tms[:turn]), "application")
    last = max((call.at for call in scenario.calls), default=0)
    until = max(scenario.plan.heal_at or 0, last) + ANSWERED_IN + CLEAN_IN
    settle: int | None = CLEAN_IN
    if "look_at" in shape:  # in the midst of it
        until, settle = shape["look_at"] * MS, None
    return Stage(
        cluster=Cluster(cast),
        operations=(Transact, Interfere),
        until=until,
        settle=settle,
        roles=scenarios.holders,
    )


def interfere(at: int, gateway: str, *, commit: bool) -> Call:
    """The DBA forces all that is in doubt there."""
    return Call(at, "dba", "Interfere", {"gateway": gateway, "commit": commit})


def draw_b(random: Random) -> Scenario:
    """Crashes and long partitions; and in half of the runs somebody who does not wait for their end."""
    shape: dict[str, Any] = {
        "tms": random.choice([1, 2]),
        "rms": random.choice([2, 3]),
        "aps": random.choice([1, 2]),
    }
    tms, rms, aps = (names(shape, kind, 1) for kind in ("tm", "rm", "ap"))
    around = Swarm(
        nodes=[*tms, *rms, *aps, "detector", "dba"],
        targets=[*tms, *tms, *rms, "@doubtful", "@deciding"],
        kinds=[
            scenarios.power_fails,
            crash,
            pause,
            partition,
            partition,
            one_way_cut,
            clog,
            slow_disk,
        ],
        horizon=HORIZON,
        most=8,
        outage=(20 * MS, 900 * MS),
        losses=(0.0, 0.0, 0.02, 0.1, 0.25),
        delays=((1 * MS, 1 * MS), (1 * MS, 5 * MS), (1 * MS, 20 * MS)),
    )
    count = int(logarithmic(random, 2, 16))
    times = sorted(random.randrange(HORIZON) // MS * MS for _ in range(count))
    calls = [scenarios.draw_call(random, shape, at) for at in times]
    if random.random() < 0.5:
        for _ in range(random.choice([1, 2, 6])):
            at = random.randrange(HORIZON) // MS * MS
            calls.append(interfere(at, random.choice(rms), commit=random.random() < 0.5))
    calls.append(scenarios.audit(HORIZON + 1_500 * MS, shape))
    plan = scenarios.with_moments(random, draw_plan(random, around), [*tms, *rms])
    calls.sort(key=lambda call: call.at)
    return Scenario(tuple(calls), plan, draw_noise(random, around), shape)


def simpler(scenario: Scenario) -> Iterator[Scenario]:
    """As in part 4A."""
    yield from scenarios.simpler(scenario)
