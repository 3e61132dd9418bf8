"""Random scenarios of part 2G, and smaller shapes of one."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec

from distlab.core import MS
from distlab.grade.draw import (
    Swarm,
    clog,
    crash,
    draw_noise,
    draw_plan,
    one_way_cut,
    partition,
    pause,
)
from distlab.grade.scenario import Call, Scenario
from grading.lab2_log.groups.progress import WHOLE_AGAIN
from grading.lab2_log.groups.scenarios import COORDINATORS, add_partitions, elect, stall

HORIZON = 600 * MS
ASSIGNORS = ("range", "roundrobin", "sticky", "cooperative-sticky", "cooperative-sticky")


def draw_coordinating(random: Random) -> Scenario:
    """Coordinators crash, stand still, are cut off, and replaced; members come and go."""
    return _drawn(random, ["@coordinator", "@coordinator", *COORDINATORS])


def draw_consuming(random: Random) -> Scenario:
    """Members crash, stand still, are cut off and stuck."""
    return _drawn(random, ["@coordinator"])


def _drawn(random: Random, coordinators: list[str]) -> Scenario:
    count = random.choice([2, 3, 3, 4])
    last = HORIZON // MS
    members: list[dict[str, Any]] = []
    for _ in range(count):
        setting: dict[str, Any] = {}
        if random.random() < 0.35:
            setting["at"] = random.randrange(60, last)
        if random.random() < 0.15:
            setting["stop"] = random.randrange(setting.get("at", 60) + 100, last + 150)
        members.append(setting)
    if all("stop" in setting for setting in members):
        members[0] = {}
    commits = random.random() < 0.4
    config: dict[str, Any] = {
        "assignor": random.choice(ASSIGNORS),
        "work": random.choice([2, 4, 4, 25]) * MS,
        "reset": random.choice(["earliest"] * 5 + ["latest"]),
    }
    if commits:
        config |= {"auto_commit": False, "commits": True, "poll_records": 12}
    names = [f"m{n + 1}" for n in range(count)]
    topics = {"orders": random.choice([2, 3, 4, 6])}
    if random.random() < 0.25:
        topics["visits"] = random.choice([1, 3])
    around = Swarm(
        nodes=[*names, *COORDINATORS, "log", "broker"],
        targets=[*names, *coordinators],
        kinds=[crash, crash, pause, pause, partition, one_way_cut, clog],
        horizon=HORIZON,
        most=5,
        outage=(10 * MS, 550 * MS),
        losses=(0.0, 0.0, 0.0, 0.02, 0.1),
    )
    is_calm = random.random() < 0.15
    plan = draw_plan(random, around)
    noise = draw_noise(random, around)
    if is_calm:
        plan = msgspec.structs.replace(plan, faults=(), heal_at=None)
        noise = msgspec.structs.replace(
            noise, loss=0.0, duplicate=0.0, delay=(1 * MS, 3 * MS), straggle=0.0
        )
    calls: list[Call] = []
    if random.random() < 0.25:
        calls.append(elect(random.randrange(100, last), random.choice(COORDINATORS)))
    if random.random() < 0.2 and config["reset"] == "earliest":
        calls.append(add_partitions(random.randrange(100, last), topics["orders"] + 2))
    if random.random() < 0.3:
        victim = random.choice(names)
        calls.append(stall(random.randrange(100, last), victim, random.choice([150, 300, 600])))
    calls.sort(key=lambda call: call.at)
    over = max(
        [
            last,
            *(
                max(c.at // MS, _start(members, c.client)) + c.arguments.get("duration", 0) // MS
                for c in calls
            ),
            *(s.get("stop", 0) for s in members),
        ]
    )
    shape = {
        "members": members,
        "config": config,
        "topics": topics,
        "records": random.choice([0, 3, 8]),
        "feed": random.choice([15, 30, 60]),
        "feed_until": over + 200,
        "end": over + WHOLE_AGAIN // MS + 100,
    }
    return Scenario(tuple(calls), plan, noise, shape)


def _start(members: list[dict[str, Any]], client: str) -> int:
    """When that member's program begins to work, about."""
    at: int = members[int(client[1:]) - 1].get("at", 60) + 100 if client[0] == "m" else 0
    return at


def simpler(scenario: Scenario) -> Iterator[Scenario]:
    """Fewer members, fewer partitions, fewer records."""
    shape = scenario.shape
    members = shape.get("members", [])
    named = msgspec.json.encode([scenario.plan, scenario.calls]).decode()
    last = f'"m{len(members)}"'
    if len(members) > 1 and last not in named:
        yield _with(scenario, {"members": members[:-1]})
    for topic, size in shape.get("topics", {}).items():
        if len(shape["topics"]) > 1 and topic != "orders":
            yield _with(scenario, {"topics": {"orders": shape["topics"]["orders"]}})
        elif size > 1:
            yield _with(scenario, {"topics": {**shape["topics"], topic: size - 1}})
    if shape.get("records"):
        yield _with(scenario, {"records": 0})
    for n, setting in enumerate(members):
        if setting:
            yield _with(scenario, {"members": [*members[:n], {}, *members[n + 1 :]]})


def _with(scenario: Scenario, changes: dict[str, Any]) -> Scenario:
    return msgspec.structs.replace(scenario, shape={**scenario.shape, **changes})
