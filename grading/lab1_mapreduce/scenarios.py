"""Stages and random scenarios of lab 1: who takes part, what they compute, what befalls them.

A scenario's ``shape`` describes the inputs (see inputs.py) and the cluster: how many workers and masters, which of the
mechanisms of parts 1C to 1E are switched on, and the sizes that decide how often an attempt spills and in how many
pieces a partition travels. A job's step takes a millisecond of virtual time, so tasks last for tens of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import Any

import msgspec

from distlab.check import History
from distlab.core import MS, SECOND
from distlab.core.cluster import Cluster, Member
from distlab.faults import Noise, Plan
from distlab.grade.draw import (
    Swarm,
    clog,
    crash,
    draw_noise,
    draw_plan,
    kill_job,
    logarithmic,
    one_way_cut,
    partition,
    pause,
    slow_node,
    twin,
)
from distlab.grade.lab import Stage
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution
from distlab.sim import Simulation
from grading.lab1_mapreduce import inputs
from labs.lab1_mapreduce.client import Client
from labs.lab1_mapreduce.protocol import (
    ClientConfig,
    JobSpec,
    MasterConfig,
    RunJob,
    WorkerConfig,
)

LEASE = 200 * MS
HORIZON = 1 * SECOND
"""Faults strike before this time; then everything heals."""
IN_TIME = 4_500 * MS
"""A run goes on for so long after that; MR-L1 grants a job somewhat less."""

START = 5 * MS
"""When jobs are handed in."""


def spec_of(shape: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The arguments of ``RunJob`` for the inputs that ``shape`` describes."""
    spec = {
        "name": "job",
        "app": "WordCount",
        "inputs": inputs.names(shape),
        "reduces": 2,
        "split_size": 200,
    }
    return {"spec": spec | changes}


def job(
    shape: dict[str, Any], *, plan: Plan | None = None, noise: Noise | None = None, **spec: Any
) -> Scenario:
    """A scenario with one job."""
    call = Call(START, "client", "RunJob", spec_of(shape, **spec))
    return Scenario((call,), plan or Plan(), noise or Noise(), shape)


def all_masters(shape: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"master-{n + 1}" for n in range(shape.get("masters", 1)))


def workers(shape: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"worker-{n + 1}" for n in range(shape.get("workers", 3)))


def cluster(solution: Solution, shape: dict[str, Any]) -> Cluster:
    """A client, masters ``master-1``.., workers ``worker-1``.."""
    lease = LEASE if shape.get("lease", True) else None
    master = MasterConfig(
        lease=lease,
        backups=shape.get("backups", False),
        durable=shape.get("durable", True),
        max_failures=shape.get("max_failures", 12),
    )
    worker = WorkerConfig(
        masters=all_masters(shape),
        heartbeat=40 * MS if lease is not None else None,
        fetch_patience=300 * MS if lease is not None else None,
        piece=shape.get("piece", 300),
        fetches=shape.get("fetches", 2),
        batch=shape.get("batch", 60),
        memory=shape.get("memory", 4000),
        ways=shape.get("ways", 4),
    )
    members = {"client": Member(Client, ClientConfig(all_masters(shape)), "client")}
    members |= {
        m: Member(solution.module("master").Master, master, "master") for m in all_masters(shape)
    }
    members |= {
        w: Member(solution.module("worker").Worker, worker, "worker") for w in workers(shape)
    }
    return Cluster(members, inputs.documents(shape))


def stage(solution: Solution, scenario: Scenario) -> Stage:
    """Any part's cluster."""
    last = max((call.at for call in scenario.calls), default=0)
    until = max(scenario.plan.heal_at or 0, last) + IN_TIME
    return Stage(
        cluster=cluster(solution, scenario.shape),
        operations=(RunJob,),
        until=until,
        settle=300 * MS if scenario.plan.faults else 60 * MS,
    )


def stage_with_baseline(solution: Solution, scenario: Scenario) -> Stage:
    """Part 1D's: says how long the job takes when all are well; and, if asked, with the faults but without backups."""
    ready = stage(solution, scenario)
    if not (scenario.shape.get("straggler") or scenario.shape.get("kills")):
        return ready
    well = msgspec.structs.replace(scenario, plan=Plan())
    alone = msgspec.structs.replace(scenario, shape={**scenario.shape, "backups": False})
    notes = {
        "baseline": _makespan(solution, well.to_json()),
        "without backups": lambda: _makespan(solution, alone.to_json()),
    }
    return msgspec.structs.replace(ready, notes=notes)


@lru_cache(maxsize=64)
def _makespan(solution: Solution, scenario_json: bytes) -> int | None:
    """How long the first job of a scenario takes; remembered, since minimising asks again and again."""
    scenario = Scenario.from_json(scenario_json)
    simulation = Simulation(cluster(solution, scenario.shape), scenario.plan, scenario.noise)
    for call in scenario.calls:
        spec = msgspec.convert(call.arguments["spec"], JobSpec)
        simulation.call(call.at, call.client, RunJob(spec))
    simulation.run(stage(solution, scenario).until, settle=0)
    first = next(iter(History.of(simulation.trace.events)))
    return first.ended - first.began if first.ended is not None else None


# -- drawing ----------------------------------------------------------------------------------------------------------


def draw_documents(random: Random, style: str, most: int = 4) -> dict[str, Any]:
    """Inputs: a few documents of some lines, now and then an empty one."""
    docs = [int(logarithmic(random, 1, 40)) for _ in range(random.randint(1, most))]
    if style != "census" and random.random() < 0.15:
        docs[random.randrange(len(docs))] = 0
    return {"style": style, "docs": docs, "text": random.randrange(1000)}


def draw_sizes(random: Random) -> dict[str, Any]:
    """Buffers from tiny to ample: how often an attempt spills, in how many pieces a partition travels."""
    return {
        "batch": random.choice([7, 60, 200, 5000]),
        "memory": random.choice([200, 1500, 4000, 100_000]),
        "ways": random.choice([2, 3, 8]),
        "piece": random.choice([50, 300, 100_000]),
        "fetches": random.choice([1, 2, 4]),
    }


def draw_job(
    random: Random, app: str, style: str, **more: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A shape and the changes to its job's spec."""
    shape = draw_documents(random, style) | draw_sizes(random) | more
    whole = style == "census"
    spec: dict[str, Any] = {
        "app": app,
        "reduces": random.choice([1, 2, 3, 5]),
        "split_size": 100_000 if whole else random.choice([40, 150, 400, 100_000]),
    }
    if app == "Grep":
        spec["params"] = ["YWU="]  # "ae"
    return shape, spec


APPS = (
    ("WordCount", "words"),
    ("WordCount", "odd"),
    ("InvertedIndex", "words"),
    ("Grep", "odd"),
    ("Sort", "odd"),
    ("Sort", "rows"),
    ("Mean", "stations"),
    ("Chronicle", "words"),
)


def draw_a(random: Random) -> Scenario:
    """Any program over any text, in any sizes; nothing goes wrong."""
    app, style = random.choice(APPS)
    shape, spec = draw_job(random, app, style, workers=random.choice([1, 2]))
    return job(shape, **spec)


def draw_b(random: Random) -> Scenario:
    """Messages are lost, repeated, late; nobody dies, and nobody is taken for dead."""
    app, style = random.choice(
        [("Census", "census"), ("WordCount", "words"), ("Chronicle", "words")]
    )
    shape, spec = draw_job(random, app, style, lease=False, workers=random.randint(1, 4))
    around = _swarm(shape, [one_way_cut, clog], most=4)
    return job(shape, plan=draw_plan(random, around), noise=_noise(random, around), **spec)


def draw_c(random: Random) -> Scenario:
    """Workers crash and restart, stand still, run twice; jobs are killed; networks split."""
    app, style = random.choice(
        [("Census", "census"), ("WordCount", "words"), ("Chronicle", "words"), ("Sort", "rows")]
    )
    shape, spec = draw_job(random, app, style, workers=random.randint(2, 5))
    around = _swarm(shape, [crash, crash, pause, twin, kill_job, partition, one_way_cut, clog])
    return job(shape, plan=draw_plan(random, around), noise=_noise(random, around), **spec)


def draw_d(random: Random) -> Scenario:
    """Workers of different speed, with backup tasks."""
    shape, spec = draw_job(
        random,
        random.choice(["Census", "WordCount"]),
        "census",
        workers=random.randint(2, 6),
        backups=True,
    )
    around = _swarm(shape, [slow_node, slow_node, slow_node, crash, pause], most=4)
    return job(shape, plan=draw_plan(random, around), noise=_noise(random, around), **spec)


def draw_e(random: Random) -> Scenario:
    """Masters crash and stand still, one or two of them; records kill; rows are dealt out."""
    app, style = random.choice(
        [("Census", "census"), ("Fragile", "words"), ("Fragile", "words"), ("Repartition", "rows")]
    )
    shape, spec = draw_job(
        random, app, style, workers=random.randint(2, 4), masters=random.choice([1, 2, 2])
    )
    if app == "Fragile":
        spec["params"] = ["UE9JU09O"]  # inputs.POISON
        lines = [(d, n) for d, count in enumerate(shape["docs"]) for n in range(count)]
        shape["poison"] = sorted(
            random.sample(lines, k=min(len(lines), random.choice([0, 1, 1, 2])))
        )
    # Long enough for a client to turn to the second master, and for the first one to wake in the midst of the job.
    around = _swarm(
        shape, [crash, pause, kill_job, partition, twin], masters=True, horizon=2 * SECOND
    )
    return job(shape, plan=draw_plan(random, around), noise=_noise(random, around), **spec)


def _swarm(
    shape: dict[str, Any],
    kinds: Any,
    most: int = 8,
    masters: bool = False,
    horizon: int = HORIZON,
) -> Swarm:
    return Swarm(
        nodes=[*all_masters(shape), *workers(shape), "client"],
        targets=[*(all_masters(shape) * 2 if masters else ()), *workers(shape)],
        kinds=kinds,
        horizon=horizon,
        most=most,
        outage=(5 * MS, 1_200 * MS if masters else 800 * MS),
        losses=(0.0, 0.0, 0.01, 0.1, 0.25),
    )


def _noise(random: Random, around: Swarm) -> Noise:
    noise = draw_noise(random, around)
    return msgspec.structs.replace(
        noise, job_step=random.choice([(1 * MS, 1 * MS), (1 * MS, 8 * MS)])
    )


# -- smaller shapes, for the minimiser --------------------------------------------------------------------------------


def simpler(scenario: Scenario) -> Iterator[Scenario]:
    """Fewer documents and lines, one reduce task, ample buffers, fewer workers."""
    shape = scenario.shape
    docs = shape.get("docs", [20])
    if len(docs) > 4:
        yield _with_docs(scenario, docs[: len(docs) // 2])
        yield _with_docs(scenario, docs[: len(docs) * 3 // 4])
    elif len(docs) > 1:
        for left_out in range(len(docs)):
            yield _with_docs(scenario, docs[:left_out] + docs[left_out + 1 :])
    if max(docs) > 1:
        yield _with_docs(scenario, [(count + 1) // 2 for count in docs])
    for name, value in (
        ("batch", 60),
        ("memory", 4000),
        ("ways", 4),
        ("piece", 300),
        ("fetches", 2),
    ):
        if shape.get(name, value) != value:
            yield _with_shape(scenario, {name: value})
    named = msgspec.json.encode(scenario.plan).decode()
    last = workers(shape)[-1]
    if len(workers(shape)) > 1 and f'"{last}"' not in named:
        yield _with_shape(scenario, {"workers": len(workers(shape)) - 1})
    if len(all_masters(shape)) > 1 and '"master-2"' not in named:
        yield _with_shape(scenario, {"masters": 1})
    for call in scenario.calls:
        if call.arguments["spec"]["reduces"] > 1:
            yield _with_spec(scenario, {"reduces": call.arguments["spec"]["reduces"] - 1})


def _with_shape(scenario: Scenario, changes: dict[str, Any]) -> Scenario:
    return msgspec.structs.replace(scenario, shape={**scenario.shape, **changes})


def _with_spec(scenario: Scenario, changes: dict[str, Any]) -> Scenario:
    calls = tuple(
        msgspec.structs.replace(call, arguments={"spec": {**call.arguments["spec"], **changes}})
        for call in scenario.calls
    )
    return msgspec.structs.replace(scenario, calls=calls)


def _with_docs(scenario: Scenario, docs: list[int]) -> Scenario:
    changes: dict[str, Any] = {"docs": docs}
    if "poison" in scenario.shape:
        changes["poison"] = [
            (doc, line)
            for doc, line in scenario.shape["poison"]
            if doc < len(docs) and line < docs[doc]
        ]
    smaller = _with_shape(scenario, changes)
    return _with_spec(smaller, {"inputs": inputs.names(smaller.shape)})
