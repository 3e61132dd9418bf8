"""The world of part 5A2: one spout, some bolts, some ackers, and a network that loses, repeats and delays."""

from __future__ import annotations

import re
from collections.abc import Iterable
from random import Random
from typing import Any

from msgspec import structs

from distlab.core import MS, Address
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
from labs.lab5_streaming.tuples import Emit, Listener, TopologyConfig

HORIZON = 800 * MS
ROUNDS = 4
"""SM-S2's bound: so many times the spout's patience after all is well."""


def config_of(shape: dict[str, Any]) -> TopologyConfig:
    bolts = tuple(Address(f"bolt-{n}") for n in range(shape["bolts"]))
    ackers = tuple(Address(f"acker-{n}") for n in range(shape["ackers"]))
    return TopologyConfig(bolts, ackers, pace=shape.get("pace", 0))


def stage(solution: Solution, scenario: Scenario) -> Stage:
    config = config_of(scenario.shape)
    members = {"spout": Member(solution.module("spout").Spout, config, "spout")}
    members |= {str(a): Member(solution.module("bolt").Bolt, config, "bolt") for a in config.bolts}
    members |= {
        str(a): Member(solution.module("acker").Acker, config, "acker") for a in config.ackers
    }
    members["console"] = Member(Listener, None, "console")
    deadline = deadline_of(scenario, config)
    until = deadline + config.patience + 100 * MS
    notes = {"config": config, "deadline": deadline}
    return Stage(
        cluster=Cluster(members), operations=(Emit,), until=until, settle=None, notes=notes
    )


def deadline_of(scenario: Scenario, config: TopologyConfig) -> int:
    last = max((call.at for call in scenario.calls), default=0)
    return max(scenario.plan.heal_at or 0, last) + ROUNDS * config.patience


def emit(at: int, message: int, *fan: int) -> Call:
    return Call(at, "spout", "Emit", {"message": message, "fan": list(fan or (1,))})


def of(calls: list[Call], *faults: Fault, noise: Noise | None = None, **shape: Any) -> Scenario:
    whole = {"bolts": 3, "ackers": 1, **shape}
    is_noisy = noise is not None and (noise.loss or noise.duplicate)
    heal_at = HORIZON if faults or is_noisy else None
    return Scenario(tuple(calls), Plan(faults, heal_at), noise or Noise(), whole)


FANS = ((1,), (2,), (1, 2), (1, 3), (3, 2), (1, 0), (2, 2, 2), (1, 1, 1, 1))


def draw(random: Random) -> Scenario:
    """Messages that become small trees, at any time."""
    calls = [
        emit(random.randrange(HORIZON // MS) * MS, message, *random.choice(FANS))
        for message in range(random.choice([1, 3, 8]))
    ]
    calls.sort(key=lambda call: call.at)
    shape = {"bolts": random.choice([1, 2, 4]), "ackers": random.choice([1, 1, 2])}
    if len(calls) <= 3 and random.random() < 0.5:  # more would be an overload, and no fault
        shape["pace"] = random.choice([1, 3]) * MS
    config = config_of(shape)
    others = [*config.bolts, *config.ackers]
    swarm = Swarm(
        nodes=["spout", *others],
        targets=[*others, *config.ackers],
        kinds=[crash, crash, pause, partition, one_way_cut, clog, slow_node],
        horizon=HORIZON,
        most=6,
        outage=(5 * MS, 300 * MS),
    )
    return Scenario(tuple(calls), draw_plan(random, swarm), draw_noise(random, swarm), shape)


def simpler(scenario: Scenario) -> Iterable[Scenario]:
    """Fewer bolts, one acker, smaller trees."""
    shape = scenario.shape
    for name in ("bolts", "ackers"):
        if shape[name] > 1:
            smaller = structs.replace(scenario, shape={**shape, name: shape[name] - 1})
            config = config_of(smaller.shape)
            if names_members(smaller, ["spout", "console", *config.bolts, *config.ackers]):
                yield smaller
    for place, call in enumerate(scenario.calls):
        if len(call.arguments["fan"]) > 1:
            arguments = {**call.arguments, "fan": call.arguments["fan"][:-1]}
            smaller_call = structs.replace(call, arguments=arguments)
            calls = (*scenario.calls[:place], smaller_call, *scenario.calls[place + 1 :])
            yield structs.replace(scenario, calls=calls)


def names_members(scenario: Scenario, members: Iterable[str]) -> bool:
    """Whether the plan speaks of nobody else: of tasks, by their names."""
    named = re.findall(r'"([a-z]+[0-9]*-[0-9]+)"', scenario.to_json().decode())
    return set(named) <= set(members)
