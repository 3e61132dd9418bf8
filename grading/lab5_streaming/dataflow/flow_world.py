"""The world of part 5A1: a job of a few operators, whose sources read numbers and whose sinks write them down.

A scenario's shape says the job: ``sources`` and ``stages`` are parallelisms, the last stage being the sink;
``how[i]`` is the partitioner before stage i. Values carry the way that a record has come: its id, then a subtask for
each operator.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from msgspec import structs

from distlab.core import MS, SECOND, Address
from distlab.core.cluster import Cluster, Member
from distlab.faults import Fault, Noise, Plan
from distlab.grade.draw import (
    Swarm,
    clog,
    draw_noise,
    draw_plan,
    one_way_cut,
    partition,
    pause,
    slow_node,
)
from distlab.grade.lab import Stage
from distlab.grade.scenario import Scenario
from distlab.grade.solution import Solution
from grading.lab5_streaming.dataflow.tree_world import names_members
from labs.lab5_streaming.graph import Edge, Job, Vertex
from labs.lab5_streaming.hosting import Console
from labs.lab5_streaming.stream import TaskConfig

HORIZON = 600 * MS
CONSOLE = "console"
SINK = "sink"
SLACK = 1 * SECOND
"""CH-L1's bound: beside the work itself."""
ROUNDS = 3
"""And so many times what a pipeline with full use of its credit takes on the wire."""


def vertex_names(shape: dict[str, Any]) -> list[str]:
    """The operators behind the sources, in order."""
    return [f"op{n}" for n in range(len(shape["stages"]) - 1)] + [SINK]


def source_names(shape: dict[str, Any]) -> list[str]:
    return [f"src{n}" for n in range(len(shape["sources"]))]


def rows_of(shape: dict[str, Any], source: int, subtask: int) -> list[list[Any]]:
    """What one subtask of one source reads: (key, time, [id, subtask])."""
    first = source * 100_000 + subtask * 10_000
    keys = shape["keys"]
    return [[f"k{n % keys}", n, [first + n, subtask]] for n in range(shape["records"])]


def job_of(shape: dict[str, Any]) -> Job:
    names, stages = vertex_names(shape), shape["stages"]
    pace = shape.get("pace", {})
    vertices, edges = [], []
    for number, parallelism in enumerate(shape["sources"]):
        shares = [rows_of(shape, number, subtask) for subtask in range(parallelism)]
        arguments = {"shares": shares, "size": shape["size"], "pace": pace.get(f"src{number}", 0)}
        vertices.append(Vertex(f"src{number}", "operators:Rows", parallelism, arguments))
        edges.append(Edge(f"src{number}", names[0], shape["how"][0]))
    for number, (name, parallelism) in enumerate(zip(names, stages, strict=True)):
        operator = "operators:Sink" if name == SINK else _between(name, shape)
        vertices.append(Vertex(name, operator, parallelism, {"pace": pace.get(name, 0)}))
        if number:
            edges.append(Edge(names[number - 1], name, shape["how"][number]))
    return Job(tuple(vertices), tuple(edges))


def _between(name: str, shape: dict[str, Any]) -> str:
    return "operators:Hoard" if shape.get("hoard") == name else "operators:Stamp"


def configs_of(shape: dict[str, Any]) -> dict[Address, TaskConfig]:
    """Of all tasks; ``slow`` gives single ones a pace of their own."""
    configs = job_of(shape).deploy(shape["buffers"])
    for address, pace in shape.get("slow", {}).items():
        configs[Address(address)].arguments["pace"] = pace
    return configs


def stage(solution: Solution, scenario: Scenario) -> Stage:
    task = solution.module("task").Task
    configs = configs_of(scenario.shape)
    members = {
        str(address): Member(task, config, "source" if config.is_source else config.name)
        for address, config in configs.items()
    }
    members[CONSOLE] = Member(Console, None, CONSOLE)
    deadline = deadline_of(scenario)
    notes = {"configs": configs, "deadline": deadline}
    return Stage(cluster=Cluster(members), until=deadline + 100 * MS, settle=None, notes=notes)


def deadline_of(scenario: Scenario) -> int:
    """When everything must be written: all the work one after the other, and the wire at a third of its speed."""
    shape, noise = scenario.shape, scenario.noise
    copies = 1
    for how, parallelism in zip(shape["how"], shape["stages"], strict=True):
        copies *= parallelism if how == "broadcast" else 1
    batches = sum(shape["sources"]) * -(-shape["records"] // shape["size"])
    tasks = sum(shape["stages"]) + sum(shape["sources"])
    paces = [*shape.get("pace", {}).values(), *shape.get("slow", {}).values()]
    most = min(
        batches * max(shape["stages"]) ** len(shape["stages"]),
        shape["records"] * sum(shape["sources"]),
    )
    work = most * copies * sum(paces)
    if shape.get("swift"):
        trips = -(-shape["records"] // shape["size"] // shape["buffers"]) * 2 * noise.delay[1]
        return ROUNDS * trips + batches * sum(paces) + 200 * MS
    straggling = 50 * MS if noise.straggle else 0
    wire = most * copies * 2 * (noise.delay[1] + straggling) + tasks * straggling
    return (scenario.plan.heal_at or 0) + work + wire + SLACK


def of(*faults: Fault, noise: Noise | None = None, **shape: Any) -> Scenario:
    """A shape, with what it does not say filled in."""
    whole = {"sources": [2], "stages": [2, 2], "how": ["rebalance", "key_by"], "records": 12}
    whole |= {"size": 3, "keys": 5, "buffers": 2, **shape}
    return Scenario((), Plan(faults, HORIZON if faults else None), noise or Noise(), whole)


def draw(random: Random) -> Scenario:
    """A job of one to three stages, of any widths and partitioners, some of it slow."""
    sources = [random.choice([1, 1, 2, 3]) for _ in range(random.choice([1, 1, 2]))]
    stages = [random.choice([1, 2, 3]) for _ in range(random.choice([1, 2, 2, 3]))]
    before: Sequence[int] = [sources[0] if len(set(sources)) == 1 else 0, *stages]
    how = []
    for upstream, downstream in zip(before, stages, strict=False):
        kinds = ["key_by", "key_by", "rebalance", "shuffle", "broadcast", "global", "partial_key"]
        how.append(random.choice(kinds + ["forward"] * 4 * (upstream == downstream)))
    if how.count("broadcast") > 1:
        how = ["key_by" if kind == "broadcast" else kind for kind in how]
    shape = {
        "sources": sources,
        "stages": stages,
        "how": how,
        "records": random.choice([0, 1, 5, 12, 24]),
        "size": random.choice([1, 2, 4]),
        "keys": random.choice([1, 3, 8]),
        "buffers": random.choice([1, 2, 4]),
    }
    names = vertex_names(shape)
    if random.random() < 0.5:
        shape["pace"] = {random.choice(names): random.choice([1, 5]) * MS}
    if random.random() < 0.3:
        shape["slow"] = {f"{SINK}-{random.randrange(stages[-1])}": 10 * MS}
    if len(stages) > 1 and random.random() < 0.3:
        shape["hoard"] = names[0]
    tasks = [str(address) for address in configs_of(shape)]
    swarm = Swarm(
        nodes=tasks,
        targets=tasks,
        kinds=[pause, partition, one_way_cut, clog, slow_node],
        horizon=HORIZON,
        most=5,
        outage=(5 * MS, 300 * MS),
    )
    noise = structs.replace(draw_noise(random, swarm), straggle=random.choice([0.0, 0.0, 0.02]))
    plan = draw_plan(random, swarm) if random.random() < 0.7 else Plan((), HORIZON)
    return Scenario((), plan, noise, shape)


def simpler(scenario: Scenario) -> Iterable[Scenario]:
    """Fewer sources, fewer records, nothing slow."""
    shape = scenario.shape
    smaller: list[dict[str, Any]] = []
    if len(shape["sources"]) > 1:
        smaller.append({"sources": shape["sources"][:1]})
    if shape["records"] > 1:
        smaller += [{"records": shape["records"] // 2}, {"records": shape["records"] - 1}]
    for name in ("pace", "slow"):
        if name in shape:
            smaller.append({name: {}})
    if len(shape["stages"]) > 1 and "forward" not in shape["how"]:
        smaller.append({"stages": shape["stages"][1:], "how": shape["how"][1:], "pace": {}})
    for change in smaller:
        simple = structs.replace(scenario, shape=shape | change)
        if names_members(simple, configs_of(simple.shape)):
            yield simple
