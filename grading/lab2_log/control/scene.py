"""Part 2E in the simulator: three controllers on a quorum, brokers, a producer and a consumer.

``shape``: ``brokers`` (how many), ``min_insync``, ``unclean`` (whether anybody may lead), ``lag`` (lag_time),
``snapshot_after`` (of the quorum), ``log`` (as in part 2A), ``slow`` (how many times as patient all are). And what a
judge must know: ``well_from`` (since when controllers and brokers can do their work, where nothing heals), ``calm``
(nothing befalls anybody), ``untouched`` (nothing befalls a broker: the ISR must not shrink), ``rest`` (how long the
last calls may take), ``until`` (when it is over, whatever is under way), ``able`` (who may certainly lead in the
end). Times in milliseconds.
"""

from __future__ import annotations

from typing import Any

from distlab.core import MS, Address
from distlab.core.cluster import Cluster, Member
from distlab.grade.lab import Stage
from distlab.grade.scenario import Scenario
from distlab.grade.solution import Solution
from distlab.sim import Simulation
from grading.lab2_log.control import model
from grading.lab2_log.log.storing import log_config
from grading.lab2_log.log.world import Client, ClientConfig
from labs.lab2_log.brokers import Append, BrokerConfig, Drain, PartitionState, Poll, ShutDown
from labs.lab2_log.metadata import ControllerConfig, ControllerProbe, ElectPreferred, Rules

PARTITION = "orders-0"
CONTROLLERS = ("k1", "k2", "k3")
IN_TIME = 2_000 * MS
"""So long after all is well a partition has a leader if it can have one, and all replicas are in sync again."""
ELECTION = (150 * MS, 300 * MS)
SESSION = 200 * MS


def brokers(shape: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"b{n + 1}" for n in range(shape.get("brokers", 3)))


def well_from(scenario: Scenario) -> int:
    """Since when nothing is wrong any more, or nothing that counts."""
    at: int | None = scenario.shape.get("well_from")
    return at * MS if at is not None else scenario.plan.heal_at or 0


def stage(solution: Solution, scenario: Scenario) -> Stage:
    """Controllers ``k1`` to ``k3``, brokers ``b1``.., a producer (``client``) and a consumer; or the small model."""
    shape = scenario.shape
    if "model" in shape:
        return model.stage(solution, scenario)
    names = brokers(shape)
    least = shape.get("min_insync", 2)
    broker_config = BrokerConfig(
        controllers=CONTROLLERS,
        log=log_config(shape),
        min_insync=least,
        lag_time=shape.get("lag", 300) * MS,
    )
    slow = shape.get("slow", 1)
    controller_config = ControllerConfig(
        members=tuple(map(Address, CONTROLLERS)),
        election=(slow * ELECTION[0], slow * ELECTION[1]),
        session=slow * SESSION,
        snapshot_after=shape.get("snapshot_after", 20),
        replicas={PARTITION: names},
        rules=Rules(least, shape.get("unclean", False)),
    )
    controller, broker = solution.module("controller").Controller, solution.module("broker").Broker
    cast = {
        "client": Member(Client, ClientConfig(names), "client"),
        "consumer": Member(Client, ClientConfig(names), "client"),
        **{name: Member(controller, controller_config, "controller") for name in CONTROLLERS},
        **{name: Member(broker, broker_config, "broker") for name in names},
    }
    last = max((call.at for call in scenario.calls), default=0)
    until = max(last, well_from(scenario) + IN_TIME) + shape.get("rest", 250) * MS
    return Stage(
        cluster=Cluster(cast),
        operations=(Append, Poll, Drain, ShutDown, ElectPreferred),
        until=min(until, shape.get("until", until // MS) * MS),
        settle=None,
        roles=holders,
    )


def holders(simulation: Simulation, role: str) -> list[Address]:
    """Who has a role now: ``active`` and ``standby`` among controllers, ``leader`` and ``follower`` among brokers."""
    here = [a for a in simulation.cluster.with_role("controller") if a in simulation.up]
    found = {a: simulation.up[a].node.probe() for a in here}
    if role in ("active", "standby"):
        ranked = sorted(found, key=lambda a: -found[a].epoch if found[a].is_active else 1)
        active = [a for a in ranked[:1] if found[a].is_active]
        return active if role == "active" else [a for a in ranked if a not in active]
    if role in ("leader", "follower"):
        state = newest(found.values())
        leader = state.leader if state is not None else ""
        names = simulation.cluster.with_role("broker")
        return [b for b in names if (b == leader) == (role == "leader")]
    return simulation.cluster.with_role(role)


def newest(probes: Any) -> PartitionState | None:
    """What is decided for the partition, as far as any controller knows."""
    states = [
        p.cluster.partitions[PARTITION]
        for p in probes
        if isinstance(p, ControllerProbe) and PARTITION in p.cluster.partitions
    ]
    return max(states, key=lambda state: state.version, default=None)
