"""The world of part 4E1: a shop with its outbox, and a consumer."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from distlab.core import MS, SECOND
from distlab.core.cluster import Cluster, Member
from distlab.faults import Fault, Noise, Plan
from distlab.grade.draw import (
    Swarm,
    clog,
    crash,
    draw_noise,
    draw_plan,
    one_way_cut,
    partition,
    pause,
    slow_node,
)
from distlab.grade.lab import Stage
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution
from labs.lab4_transactions.outbox import ConsumerConfig, Order, ShopConfig

HORIZON = 800 * MS
IN_TIME = 1 * SECOND
"""TX2-L5's bound: from a commit, or from when all is well, to the consumer."""
EACH = 200 * MS
"""And so much more for each event before it that is not there yet."""


def stage(solution: Solution, scenario: Scenario) -> Stage:
    members = {
        "shop": Member(solution.module("outbox_relay").Shop, ShopConfig("points"), "shop"),
        "points": Member(
            solution.module("outbox_consumer").Consumer, ConsumerConfig("shop"), "consumer"
        ),
    }
    last = max((c.at + c.arguments.get("think", 0) for c in scenario.calls), default=0)
    late = IN_TIME + EACH * len(scenario.calls) + 100 * MS
    until = max(scenario.plan.heal_at or 0, last) + late
    return Stage(cluster=Cluster(members), operations=(Order,), until=until, settle=None)


def order(at: int, value: int, customer: str = "ann", think: int = 0, fails: bool = False) -> Call:
    """``value`` is unique in a scenario: judges recognise events by it."""
    arguments: dict[str, Any] = {"customer": customer, "value": value}
    if think:
        arguments["think"] = think
    if fails:
        arguments["fails"] = True
    return Call(at, "shop", "Order", arguments)


def of(calls: Sequence[Call], *faults: Fault, noise: Noise | None = None, **shape: Any) -> Scenario:
    heal_at = HORIZON if faults else None
    return Scenario(tuple(calls), Plan(faults, heal_at), noise or Noise(), shape)


def draw(random: Random) -> Scenario:
    """Orders of a few customers, which think for any time, and some of which are rolled back."""
    calls = [
        order(
            random.randrange(HORIZON // MS) * MS,
            value,
            random.choice(["ann", "bob", "cat"]),
            random.choice([0, 1, 5, 30, 150]) * MS,
            random.random() < 0.15,
        )
        for value in range(1, random.choice([4, 8, 24]))
    ]
    swarm = Swarm(
        nodes=["shop", "points"],
        targets=["shop", "points"],
        kinds=[crash, crash, pause, partition, one_way_cut, clog, slow_node],
        horizon=HORIZON,
        most=8,
        outage=(5 * MS, 500 * MS),
    )
    calls.sort(key=lambda call: call.at)
    return Scenario(tuple(calls), draw_plan(random, swarm), draw_noise(random, swarm))
