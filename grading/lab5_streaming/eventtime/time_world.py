"""The world of part 5B: sources with partitions, perhaps a relay, windows by key, a sink, and a sink for what is late.

A scenario's shape holds the input: ``feeds[i][p]`` are the rows [at in ms, key, event time, id] of source i's
partition p.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

from msgspec import structs

from distlab.core import MS, SECOND
from distlab.core.cluster import Cluster, Member
from distlab.faults import At, Fault, Noise, Plan
from distlab.grade.draw import (
    Swarm,
    clog,
    draw_noise,
    draw_plan,
    jump_clock,
    one_way_cut,
    partition,
    pause,
    slow_node,
)
from distlab.grade.lab import Stage
from distlab.grade.scenario import Scenario
from distlab.grade.solution import Solution
from labs.lab5_streaming.graph import Edge, Job, Vertex
from labs.lab5_streaming.hosting import Console

FIRST = 100
"""No row comes before this, in ms: by then all sessions are open."""
HORIZON = 900 * MS
BUFFERS = 200
"""Nobody is ever without credit here: what comes is worked off at once, and in the order in which it comes."""

PLAIN = {
    "bound": 0,
    "idle_after": 100,
    "until": 0,
    "kind": "tumbling",
    "size": 10,
    "slide": 5,
    "offset": 0,
    "lateness": 0,
    "relay": False,
    "windows": 1,
}


def job_of(shape: dict[str, Any]) -> Job:
    feeds = shape["feeds"]
    shares = [[[[r[0] * MS, *r[1:]] for r in rows] for rows in feed] for feed in feeds]
    feed = {
        "shares": shares,
        "bound": shape["bound"],
        "idle_after": shape["idle_after"] * MS,
        "until": shape["until"] * MS,
    }
    window = {name: shape[name] for name in ("kind", "size", "slide", "offset", "lateness")}
    before = "relay" if shape["relay"] else "feed"
    vertices = [
        Vertex("feed", "eventtime:Feed", len(feeds), feed),
        Vertex("window", "windows:WindowOperator", shape["windows"], window),
        Vertex("sink", "operators:Sink"),
        Vertex("late", "operators:Sink"),
    ]
    edges = [
        Edge(before, "window", "key_by"),
        Edge("window", "sink", "global"),
        Edge("window", "late", "global", tag="late"),
    ]
    if shape["relay"]:
        vertices.insert(1, Vertex("relay", "operators:Stamp", len(feeds)))
        edges.append(Edge("feed", "relay", "forward"))
    return Job(tuple(vertices), tuple(edges))


def stage(solution: Solution, scenario: Scenario) -> Stage:
    task = solution.module("timed").TimedTask
    configs = job_of(scenario.shape).deploy(BUFFERS)
    members = {str(a): Member(task, config, config.name) for a, config in configs.items()}
    members["console"] = Member(Console, None, "console")
    rows = [row for feed in scenario.shape["feeds"] for part in feed for row in part]
    last = max([scenario.shape["until"], *(row[0] for row in rows)]) * MS
    until = max(last, scenario.plan.heal_at or 0) + 2 * SECOND
    return Stage(cluster=Cluster(members), until=until, settle=None, notes={"configs": configs})


def of(*faults: Fault, noise: Noise | None = None, **shape: Any) -> Scenario:
    """``feeds`` as a list of partitions for each source; a partition is a list of (at, time) or (at, key, time)."""
    number, feeds = 0, []
    for feed in shape.pop("feeds"):
        parts = []
        for rows in feed:
            part = []
            for row in rows:
                at, key, time = row if len(row) == 3 else (row[0], "k", row[1])
                part.append([FIRST + at, key, time, number])
                number += 1
            parts.append(part)
        feeds.append(parts)
    whole = {**PLAIN, "feeds": feeds, **shape}
    return Scenario((), Plan(faults, HORIZON if faults else None), noise or Noise(), whole)


def draw(random: Random) -> Scenario:
    """Rows in and out of order, partitions that fall silent and come back, windows of every kind."""
    bound = random.choice([0, 3, 10])
    feeds, number = [], 0
    for _ in range(random.choice([1, 1, 2, 3])):
        parts: list[list[list[Any]]] = []
        for _ in range(random.choice([1, 2, 2, 3])):
            rows: list[list[Any]] = []
            at, time = FIRST + random.randrange(20), random.randrange(-20, 5)
            wildness = random.choice([0, bound, bound, 2 * bound + 12])
            for _ in range(random.choice([0, 1, 6, 15])):
                at += random.choice([1, 3, 10, 10, 30, 250 if random.random() < 0.2 else 5])
                time += random.choice([0, 1, 4, 9])
                early = random.randrange(wildness + 1)
                rows.append([at, random.choice("abc"), time - early, number])
                number += 1
            parts.append(rows)
        feeds.append(parts)
    shape: dict[str, Any] = {
        **PLAIN,
        "feeds": feeds,
        "bound": bound,
        "idle_after": random.choice([40, 100, 100, 400]),
        "until": random.choice([0, 0, 900]),
        "kind": random.choice(["tumbling", "sliding", "session"]),
        "size": random.choice([5, 7, 12]),
        "slide": random.choice([2, 4, 5]),
        "offset": random.choice([0, 0, 3]),
        "lateness": random.choice([0, 0, 4, 20]),
        "relay": random.random() < 0.4,
        "windows": random.choice([1, 2]),
    }
    tasks = [str(address) for address in job_of(shape).deploy()]
    swarm = Swarm(
        nodes=tasks,
        targets=tasks,
        kinds=[pause, partition, one_way_cut, clog, slow_node, jump_clock],
        horizon=HORIZON,
        most=4,
        outage=(5 * MS, 200 * MS),
    )
    noise = structs.replace(draw_noise(random, swarm), loss=0.0, duplicate=0.0)
    plan = Plan()
    if random.random() < 0.5:
        plan = draw_plan(random, swarm)
        late = [
            structs.replace(fault, when=At(fault.when.time + 60 * MS))
            for fault in plan.faults
            if isinstance(fault.when, At)
        ]
        plan = Plan(tuple(late), HORIZON + 60 * MS)
    return Scenario((), plan, noise, shape)


def simpler(scenario: Scenario) -> Iterable[Scenario]:
    """Fewer rows; no lateness, no relay."""
    shape = scenario.shape
    for name, value in (("relay", False), ("windows", 1), ("lateness", 0), ("offset", 0)):
        if shape[name] != value and not scenario.plan.faults:
            yield structs.replace(scenario, shape={**shape, name: value})
    for source, feed in enumerate(shape["feeds"]):
        for part, rows in enumerate(feed):
            for smaller in (rows[: len(rows) // 2], rows[len(rows) // 2 :], rows[:-1], rows[1:]):
                if len(smaller) < len(rows):
                    feeds = [list(map(list, f)) for f in shape["feeds"]]
                    feeds[source][part] = smaller
                    yield structs.replace(scenario, shape={**shape, "feeds": feeds})
