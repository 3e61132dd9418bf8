"""Part 2G in the simulator: coordinators ``k1`` and ``k2``, members ``m1``.., the topics' broker and the groups' log.

``shape``: ``members`` (a list of settings of each: ``at`` and ``stop`` in milliseconds, and fields of MemberConfig),
``config`` (fields of MemberConfig for all), ``topics`` (name -> partitions), ``records`` (in each partition at the
start), ``feed`` (milliseconds between two more), ``end`` and ``dead_after`` (of coordinators, milliseconds).
"""

from __future__ import annotations

from typing import Any

from distlab.core import MS, Address
from distlab.core.cluster import Cluster, Member
from distlab.faults import Noise, Plan
from distlab.grade.lab import Stage
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution
from distlab.sim import Simulation
from grading.lab2_log.groups.world import (
    DEAD_AFTER,
    AddPartitions,
    BrokerConfig,
    ElectCoordinator,
    LogConfig,
    LogKeeper,
    Produce,
    TopicBroker,
    Trim,
)
from labs.lab2_log.groups import CoordinatorConfig, MemberConfig, Stall

COORDINATORS = ("k1", "k2")
HORIZON = 900 * MS
"""Faults strike before, and heal by then."""
END = 2_000 * MS
"""When a run ends, unless its shape says something else."""


def member_names(shape: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"m{n + 1}" for n in range(len(shape.get("members", ({}, {})))))


def stage(solution: Solution, scenario: Scenario) -> Stage:
    """The cluster of a scenario."""
    shape = scenario.shape
    end = shape.get("end", END // MS) * MS
    dead_after = shape.get("dead_after", DEAD_AFTER // MS) * MS
    common = {"topics": tuple(shape.get("topics", {"orders": 4})), **shape.get("config", {})}
    broker = BrokerConfig(
        tuple(shape.get("topics", {"orders": 4}).items()),
        shape.get("records", 8),
        shape.get("feed", 0) * MS,
        shape.get("feed_until", end // MS - 500) * MS,
    )
    members = {
        "broker": Member(TopicBroker, broker, "broker"),
        "log": Member(LogKeeper, LogConfig(COORDINATORS, dead_after), "log"),
    }
    coordinator = solution.module("coordinator").Coordinator
    for name in COORDINATORS:
        members[name] = Member(coordinator, CoordinatorConfig(), "coordinators")
    program = solution.module("member").Member
    for name, setting in zip(member_names(shape), shape.get("members", ({}, {})), strict=True):
        members[name] = Member(program, _config(common, setting), "member")

    def roles(simulation: Simulation, role: str) -> list[Address]:
        if role != "coordinator":
            return simulation.cluster.with_role(role)
        keeper: Any = simulation.up[Address("log")].node
        return [Address(keeper.coordinator)]

    return Stage(
        cluster=Cluster(members),
        operations=(Produce, AddPartitions, Trim, ElectCoordinator, Stall),
        until=end,
        settle=None,
        roles=roles,
    )


def _config(common: dict[str, Any], setting: dict[str, Any]) -> MemberConfig:
    fields = {**common, **setting}
    fields["start_at"] = fields.pop("at", 60) * MS
    if "stop" in fields:
        fields["stop_at"] = fields.pop("stop") * MS
    fields["topics"] = tuple(fields["topics"])
    return MemberConfig(**fields)


# -- calls ------------------------------------------------------------------------------------------------------------


def produce(at: int, number: int, count: int = 1, topic: str = "orders") -> Call:
    return Call(at * MS, "broker", "Produce", {"topic": topic, "number": number, "count": count})


def add_partitions(at: int, count: int, topic: str = "orders") -> Call:
    return Call(at * MS, "broker", "AddPartitions", {"topic": topic, "count": count})


def trim(at: int, number: int, offset: int, topic: str = "orders") -> Call:
    return Call(at * MS, "broker", "Trim", {"topic": topic, "number": number, "offset": offset})


def elect(at: int, coordinator: str) -> Call:
    return Call(at * MS, "log", "ElectCoordinator", {"coordinator": coordinator})


def stall(at: int, member: str, duration: int) -> Call:
    return Call(at * MS, member, "Stall", {"duration": duration * MS})


def scenario(
    *calls: Call, plan: Plan | None = None, noise: Noise | None = None, **shape: Any
) -> Scenario:
    return Scenario(calls, plan or Plan(), noise or Noise(), shape)
