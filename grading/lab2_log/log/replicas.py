"""Parts 2B and 2C in the simulator: brokers, the world's controller, a producer and a consumer.

``shape``: ``brokers`` (how many), ``min_insync``, ``auto`` (whether the controller elects on its own), ``log`` (as
in part
2A), ``lag`` (lag_time, in milliseconds).
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec

from distlab.core import MS, Address
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
from grading.lab2_log.log.controller import Controller, ControllerConfig, Elect
from grading.lab2_log.log.storing import log_config
from grading.lab2_log.log.world import Client, ClientConfig
from labs.lab2_log.brokers import ALL, Append, BrokerConfig, Drain, LookUp, Poll, Read

PARTITION = "orders-0"
HORIZON = 700 * MS
IN_TIME = 1_500 * MS
"""So long after the last fault has healed, all replicas must be in sync again (RL-L1)."""


def brokers(shape: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"b{n + 1}" for n in range(shape.get("brokers", 3)))


def stage(solution: Solution, scenario: Scenario) -> Stage:
    """Brokers ``b1``.., the controller, a producer (``client``) and a consumer."""
    shape = scenario.shape
    names = brokers(shape)
    config = BrokerConfig(
        log=log_config(shape),
        min_insync=shape.get("min_insync", 2),
        lag_time=shape.get("lag", 300) * MS,
    )
    members = {
        "client": Member(Client, ClientConfig(names), "client"),
        "consumer": Member(Client, ClientConfig(names), "client"),
        "controller": Member(
            Controller, ControllerConfig(names, auto=shape.get("auto", False)), "controller"
        ),
    }
    broker = solution.module("broker").Broker
    members |= {name: Member(broker, config, "broker") for name in names}

    def roles(simulation: Simulation, role: str) -> list[Any]:
        if role not in ("leader", "follower"):
            return simulation.cluster.with_role(role)
        if "controller" not in simulation.up:
            return []
        controller: Any = simulation.up[Address("controller")].node
        leader = controller.current.leader
        return [b for b in names if (b == leader) == (role == "leader")]

    last = max((call.at for call in scenario.calls), default=0)
    return Stage(
        cluster=Cluster(members),
        operations=(Append, Read, LookUp, Poll, Drain, Elect),
        until=max(last, scenario.plan.heal_at or 0) + IN_TIME + 3_000 * MS,
        settle=150 * MS,
        roles=roles,
        notes={},
    )


# -- scenarios --------------------------------------------------------------------------------------------------------


def append(at: int, n: int | str, acks: int = ALL, **more: Any) -> Call:
    values = more.pop("values", [f"v{n}"])
    return Call(int(at * MS), "client", "Append", {"values": values, "acks": acks, **more})


def poll(at: int, **more: Any) -> Call:
    return Call(int(at * MS), "consumer", "Poll", more)


def elect(at: int, leader: str, *isr: str) -> Call:
    arguments: dict[str, Any] = {"leader": leader}
    if isr:
        arguments["isr"] = list(isr)
    return Call(int(at * MS), "controller", "Elect", arguments)


def drain(at: int) -> Call:
    return Call(int(at * MS), "consumer", "Drain", {})


def scenario(
    *calls: Call, plan: Plan | None = None, noise: Noise | None = None, **shape: Any
) -> Scenario:
    return Scenario(calls, plan or Plan(), noise or Noise(), shape)


def _traffic(random: Random, horizon: int, heal: int) -> tuple[Call, ...]:
    """Appends of all kinds, a consumer that polls; when all is well again, one more of each, and all is read."""
    calls = []
    for n in range(int(logarithmic(random, 4, 30))):
        count = random.choice([1, 1, 1, 3])
        values = [f"{n}.{i}" + "x" * random.choice([0, 0, 60]) for i in range(count)]
        calls.append(
            append(
                random.randrange(5, horizon // MS),
                n,
                random.choice([ALL, ALL, ALL, 1, 0]),
                values=values,
                timeout=random.choice([100 * MS, 400 * MS]),
            )
        )
    for _ in range(random.choice([2, 6, 12])):
        wait = random.choice([0, 30, 200, 700]) * MS
        calls.append(
            poll(random.randrange(5, horizon // MS), min_bytes=int(wait > 0), max_wait=wait)
        )
    calls.sort(key=lambda call: call.at)
    end = heal // MS
    return (
        *calls,
        append(end + 900, "last", timeout=400 * MS),
        drain(end + IN_TIME // MS),
    )


LOGS: tuple[dict[str, Any], ...] = ({}, {"segment_bytes": 300, "index_interval": 100})


def draw_b(random: Random) -> Scenario:
    """One leader for ever. Messages are lost, late, repeated; brokers are cut off for a while."""
    shape = _shape(random, auto=False)
    names = brokers(shape)
    around = Swarm(
        nodes=[*names, "controller", "client", "consumer"],
        targets=names,
        kinds=[partition, one_way_cut, one_way_cut, clog],
        horizon=HORIZON,
        most=5,
        outage=(10 * MS, 600 * MS),
        losses=(0.0, 0.0, 0.02, 0.15),
    )
    return _drawn(random, around, shape)


def draw_c(random: Random) -> Scenario:
    """Leaders come and go: brokers crash, stand still, are cut off from each other or from the controller."""
    shape = _shape(random, auto=True)
    names = brokers(shape)
    around = Swarm(
        nodes=[*names, "controller", "client", "consumer"],
        targets=["@leader", "@leader", "@follower", *names],
        kinds=[crash, crash, pause, pause, partition, one_way_cut, clog],
        horizon=HORIZON,
        most=6,
        outage=(10 * MS, 600 * MS),
        losses=(0.0, 0.0, 0.02, 0.15),
    )
    return _drawn(random, around, shape)


def _shape(random: Random, *, auto: bool) -> dict[str, Any]:
    count = random.choice([2, 3, 3, 3])
    return {
        "brokers": count,
        "min_insync": random.choice([1, 2, 2]),
        "auto": auto,
        "lag": random.choice([150, 300]),
        "log": random.choice(LOGS),
    }


def _drawn(random: Random, around: Swarm, shape: dict[str, Any]) -> Scenario:
    plan = draw_plan(random, around)
    heal = plan.heal_at or HORIZON
    calls = _traffic(random, HORIZON, heal)
    noise = msgspec.structs.replace(
        draw_noise(random, around), sync=random.choice([(2 * MS, 2 * MS), (1 * MS, 10 * MS)])
    )
    return Scenario(calls, plan, noise, shape)


def simpler(scenario: Scenario) -> Iterator[Scenario]:
    """A plain log, batches of one record, fewer brokers."""
    shape = scenario.shape
    if shape.get("log"):
        yield msgspec.structs.replace(scenario, shape={**shape, "log": {}})
    for n, call in enumerate(scenario.calls):
        if len(call.arguments.get("values", ())) > 1:
            arguments = {**call.arguments, "values": call.arguments["values"][:1]}
            smaller = msgspec.structs.replace(call, arguments=arguments)
            yield msgspec.structs.replace(
                scenario, calls=(*scenario.calls[:n], smaller, *scenario.calls[n + 1 :])
            )
