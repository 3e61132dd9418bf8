"""Part 2F in the simulator: brokers, the world's controller, producers.

``shape``: ``brokers`` and ``partitions`` (how many), ``min_insync``, ``expiry`` (of producers' state, milliseconds),
``producer`` (fields of ``ProducerConfig``; times in milliseconds), ``well`` (the millisecond from which all is well,
though the plan does not heal: what is still down is not needed).
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec

from distlab.core import MS, SECOND, Address
from distlab.core.cluster import Cluster, Member
from distlab.faults import Noise, Plan
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
)
from distlab.grade.lab import Stage
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution
from distlab.sim import Simulation
from grading.lab2_log.producer.controller import Lead, Registry, RegistryConfig
from labs.lab2_log.brokers import BrokerConfig
from labs.lab2_log.producing import Flush, ProducerConfig, Send

HORIZON = 700 * MS
CALM = 800 * MS
"""So long after the last fault has healed, whatever is sent is delivered."""

TIMES = (
    "linger",
    "request_timeout",
    "retry_backoff",
    "retry_backoff_max",
    "metadata_retry",
    "delivery_timeout",
)


def brokers(shape: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"b{n + 1}" for n in range(shape.get("brokers", 3)))


def partitions(shape: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"orders-{n}" for n in range(shape.get("partitions", 2)))


def producer_config(shape: dict[str, Any]) -> ProducerConfig:
    """What the producers of this shape are told."""
    fields = dict(shape.get("producer", {}))
    fields |= {name: int(fields[name] * MS) for name in TIMES if name in fields}
    return ProducerConfig(brokers(shape), partitions(shape), **fields)


def stage(solution: Solution, scenario: Scenario) -> Stage:
    """Brokers ``b1``.., the controller, producers ``p1`` and ``p2``."""
    shape = scenario.shape
    names = brokers(shape)
    config = BrokerConfig(
        min_insync=shape.get("min_insync", 2),
        fetch_wait=100 * MS,
        retry=200 * MS,
        lag_time=400 * MS,
        producer_expiry=shape.get("expiry", 60_000) * MS,
    )
    producer, broker = solution.module("producer").Producer, solution.module("broker").Broker
    told = producer_config(shape)
    members = {name: Member(producer, told, "producer") for name in ("p1", "p2")}
    members["controller"] = Member(Registry, RegistryConfig(names, partitions(shape)), "controller")
    members |= {name: Member(broker, config, "broker") for name in names}

    def roles(simulation: Simulation, role: str) -> list[Any]:
        if role != "leader":
            return simulation.cluster.with_role(role)
        if "controller" not in simulation.up:
            return []
        registry: Any = simulation.up[Address("controller")].node
        leaders = {state.leader for state in registry.states.values()}
        return [b for b in names if b in leaders]

    last = max((call.at for call in scenario.calls), default=0)
    healed = max(last, scenario.plan.heal_at or 0)
    return Stage(
        cluster=Cluster(members),
        operations=(Send, Flush, Lead),
        until=healed + told.delivery_timeout + told.linger + 1 * SECOND,
        settle=300 * MS,
        roles=roles,
        notes={},
    )


# -- scenarios --------------------------------------------------------------------------------------------------------


def send(at: float, value: int | str, key: str | None = None, **more: Any) -> Call:
    client = more.pop("client", "p1")
    arguments = {"value": f"v{value}", **more}
    if key is not None:
        arguments["key"] = key
    return Call(int(at * MS), client, "Send", arguments)


def flush(at: float, client: str = "p1") -> Call:
    return Call(int(at * MS), client, "Flush", {})


def lead(at: float, leader: str, partition: int = 0) -> Call:
    arguments = {"partition": f"orders-{partition}", "leader": leader}
    return Call(int(at * MS), "controller", "Lead", arguments)


def scenario(
    *calls: Call, plan: Plan | None = None, noise: Noise | None = None, **shape: Any
) -> Scenario:
    ordered = tuple(sorted(calls, key=lambda call: call.at))
    return Scenario(ordered, plan or Plan(), noise or Noise(), shape)


def draw(random: Random) -> Scenario:
    """Leaders crash, stand still and are cut off; messages are lost, late, repeated and overtaken; producers crash."""
    count = random.choice([2, 3, 3])
    shape: dict[str, Any] = {
        "brokers": count,
        "partitions": random.choice([1, 1, 2]),
        "min_insync": random.choice([1, 2, 2]),
        "producer": {
            "linger": random.choice([1, 5, 20]),
            "batch_size": random.choice([100, 150, 400]),
            "partitioner": random.choice(["sticky", "round-robin"]),
            "request_timeout": random.choice([60, 150, 250]),
            "delivery_timeout": random.choice([350, 700, 1500]),
        },
    }
    names = brokers(shape)
    around = Swarm(
        nodes=[*names, "controller", "p1", "p2"],
        targets=["@leader", "@leader", *names, "p1"],
        kinds=[crash, crash, pause, partition, one_way_cut, clog],
        horizon=HORIZON,
        most=6,
        outage=(10 * MS, 500 * MS),
        losses=(0.0, 0.02, 0.1, 0.25),
        delays=((1 * MS, 1 * MS), (1 * MS, 6 * MS), (1 * MS, 12 * MS)),
        duplicates=(0.0, 0.05, 0.2),
    )
    plan = draw_plan(random, around)
    noise = draw_noise(random, around)
    noise = msgspec.structs.replace(noise, sync=random.choice([(2 * MS, 2 * MS), (1 * MS, 8 * MS)]))
    return Scenario(_traffic(random, plan.heal_at or HORIZON), plan, noise, shape)


def _traffic(random: Random, heal: int) -> tuple[Call, ...]:
    """Bursts of records, some with keys; a flush now and then; a few more when all has been well for long."""
    calls = []
    made = 0
    for _ in range(int(logarithmic(random, 2, 9))):
        start, gap = random.randrange(60, HORIZON // MS), random.choice([0, 1, 4])
        client = random.choice(["p1", "p1", "p1", "p2"])
        for n in range(int(logarithmic(random, 2, 16))):
            key = random.choice(["", "k1", "k2", "k3"]) if random.random() < 0.6 else None
            made += 1
            value = f"{made}" + "x" * random.choice([0, 0, 25])
            calls.append(send(start + gap * n, value, key, client=client))
    if random.random() < 0.5:
        calls.append(flush(random.randrange(100, HORIZON // MS)))
    calls.sort(key=lambda call: call.at)
    end = (heal + CALM) // MS
    last = [send(end + n, f"last{n}", f"k{n}") for n in range(3)]
    return (*calls, *last, send(end + 3, "last3"), flush(end + 4))


def simpler(scenario: Scenario) -> Iterator[Scenario]:
    """One partition, short values."""
    shape = scenario.shape
    names_one = any("partition" in call.arguments for call in scenario.calls)
    if shape.get("partitions", 2) > 1 and not names_one:
        yield msgspec.structs.replace(scenario, shape={**shape, "partitions": 1})
    if any("x" in str(call.arguments.get("value", "")) for call in scenario.calls):
        calls = tuple(
            msgspec.structs.replace(
                call, arguments={**call.arguments, "value": call.arguments["value"].rstrip("x")}
            )
            if call.operation == "Send"
            else call
            for call in scenario.calls
        )
        yield msgspec.structs.replace(scenario, calls=calls)
