"""Stages and random scenarios of part 3A: which machines there are, what runs on them, what befalls whom.

A scenario's ``shape`` has ``nodes``, a list of ``[memory, vcores, label]``, and ``masters``, how many AMs there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    jump_clock,
    kill_job,
    logarithmic,
    one_way_cut,
    partition,
    pause,
)
from distlab.grade.lab import Stage
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution
from distlab.sim import Simulation
from labs.lab3_scheduler.cluster import (
    Books,
    Held,
    KillApp,
    ManagerConfig,
    MasterConfig,
    NodeConfig,
    RunApp,
)
from labs.lab3_scheduler.scheduling import ANY, Limits, Queue, Resources

HORIZON = 400 * MS
"""Faults strike before this time; then everything heals."""
START = 5 * MS
SLACK = 1_500 * MS
"""An application has so long when all is well, and the time that all tasks take one after the other."""
SETTLED = 300 * MS
"""When all are through, everything is to be given back within this time."""

KEY = b"cluster key"
GPU = "gpu"
BOTH = (Limits(), Limits(GPU))
QUEUES = (
    Queue("root", limits=BOTH),
    Queue("default", "root", limits=BOTH),
    Queue("plain", "root"),
)
"""``default`` may use both labels, ``plain`` only nodes that have none."""

SMALL, LARGE = (1024, 1), (3072, 3)


# -- who takes part ---------------------------------------------------------------------------------------------------


def machines(shape: dict[str, Any]) -> list[tuple[Address, Resources, str]]:
    """Name, capacity, label."""
    nodes = shape.get("nodes", [[4096, 4, ""]] * 2)
    return [
        (Address(f"node-{n + 1}"), Resources(memory, vcores), label)
        for n, (memory, vcores, label) in enumerate(nodes)
    ]


def masters(shape: dict[str, Any]) -> list[Address]:
    return [Address(f"am-{n + 1}") for n in range(shape.get("masters", 1))]


def managers(shape: dict[str, Any]) -> list[Address]:
    """``rm``; and ``rm-2``, where there are two."""
    return [Address("rm"), Address("rm-2")][: shape.get("rms", 1)]


def cluster(solution: Solution, shape: dict[str, Any]) -> Cluster:
    """ResourceManagers ``rm`` and ``rm-2``, NodeManagers ``node-1``.., ApplicationMasters ``am-1``.."""
    rm = solution.module("manager").ResourceManager
    node = solution.module("node_manager").NodeManager
    master = solution.module("master").ApplicationMaster
    members: dict[str, Member] = {}
    rms, standby = managers(shape), tuple(managers(shape)[1:])
    for number, name in enumerate(rms):
        peers = tuple(other for other in rms if other != name)
        told = ManagerConfig(KEY, QUEUES, peers=peers, election=(100 + 60 * number) * MS)
        members[name] = Member(rm, told, "manager")
    for name, capacity, label in machines(shape):
        config = NodeConfig("rm", KEY, capacity, label=label, standby=standby)
        members[name] = Member(node, config, "node")
    for name in masters(shape):
        members[name] = Member(master, MasterConfig("rm", standby=standby), "master")
    return Cluster(members)


def stage(solution: Solution, scenario: Scenario) -> Stage:
    last = max((call.at for call in scenario.calls), default=0)
    return Stage(
        cluster=cluster(solution, scenario.shape),
        operations=(RunApp, KillApp),
        until=max(scenario.plan.heal_at or 0, last) + slack(scenario) + work(scenario) + SETTLED,
        settle=SETTLED,
        roles=holders,
    )


def holders(simulation: Simulation, role: str) -> list[Address]:
    """Who has a role now: ``busy`` are nodes in which something runs."""
    if role == "leader":
        return [a for a, p in simulation.probes().items() if isinstance(p, Books) and p.epoch]
    if role != "busy":
        return simulation.cluster.with_role(role)
    return [a for a, p in simulation.probes().items() if isinstance(p, Held) and p.running]


def slack(scenario: Scenario) -> int:
    """A cluster whose RMs may fail is granted a second more."""
    return SLACK + (1_000 * MS if "rms" in scenario.shape else 0)


def work(scenario: Scenario) -> int:
    """How long all tasks take, one after the other."""
    steps = sum(
        msgspec.convert(task, _Steps).steps
        for call in scenario.calls
        if call.operation == "RunApp"
        for task in call.arguments["spec"]["tasks"]
    )
    return steps * scenario.noise.job_step[1]


class _Steps(msgspec.Struct):
    """Of a task, how long it is."""

    steps: int = 20


# -- what is asked for ------------------------------------------------------------------------------------------------


def task(
    name: str,
    steps: int = 20,
    size: Sequence[int] = SMALL,
    *,
    label: str = "",
    prefers: str = ANY,
    priority: int = 0,
) -> dict[str, Any]:
    """A task, as a scenario writes it."""
    return {
        "name": name,
        "steps": steps,
        "capability": {"memory": size[0], "vcores": size[1]},
        "label": label,
        "prefers": prefers,
        "priority": priority,
    }


def tasks(count: int, steps: int = 20, size: Sequence[int] = SMALL, **more: Any) -> list[Any]:
    """So many alike."""
    return [task(f"t{n + 1}", steps, size, **more) for n in range(count)]


def run_app(
    wanted: Sequence[dict[str, Any]],
    *,
    name: str = "app-1",
    queue: str = "default",
    at: int = START,
    master: str = "am-1",
) -> Call:
    return Call(
        at, master, "RunApp", {"spec": {"name": name, "queue": queue, "tasks": list(wanted)}}
    )


def kill_app(app: str, at: int, master: str = "am-1") -> Call:
    return Call(at, master, "KillApp", {"app": app})


# -- drawing ----------------------------------------------------------------------------------------------------------


def draw_a(random: Random) -> Scenario:
    """Messages are lost, late and repeated; anybody stands still; nodes and containers die."""
    shape: dict[str, Any] = {
        "nodes": [
            [
                *random.choice([(2048, 2), (4096, 4), (4096, 2), (8192, 8)]),
                random.choice(["", "", "", GPU]),
            ]
            for _ in range(random.randint(1, 4))
        ],
        "masters": random.choice([1, 1, 2]),
    }
    names = [name for name, _, _ in machines(shape)]
    around = Swarm(
        nodes=["rm", *names, *masters(shape)],
        targets=[*names, "@busy"],
        kinds=[crash, crash_soon, pause, pause_any, partition, one_way_cut, clog, kill_job, clock],
        horizon=HORIZON,
        most=8,
        outage=(5 * MS, 350 * MS),
        losses=(0.0, 0.0, 0.02, 0.1, 0.25),
        delays=((1 * MS, 1 * MS), (1 * MS, 5 * MS), (1 * MS, 20 * MS)),
    )
    calls = [draw_app(random, shape, f"app-{n + 1}") for n in range(random.choice([1, 1, 2, 2, 3]))]
    for call in list(calls):
        if random.random() < 0.15:
            at = call.at + int(logarithmic(random, 1, 200)) * MS
            calls.append(kill_app(call.arguments["spec"]["name"], at, call.client))
    noise = msgspec.structs.replace(draw_noise(random, around), straggle_by=150 * MS)
    return Scenario(tuple(calls), draw_plan(random, around), noise, shape)


def draw_e(random: Random) -> Scenario:
    """All this; and RMs die, stand still, and are cut off, one or two of them."""
    before = draw_a(random)
    shape = {**before.shape, "rms": random.choice([1, 2, 2])}
    names = [name for name, _, _ in machines(shape)]
    around = Swarm(
        nodes=[*managers(shape), *names, *masters(shape)],
        targets=[*managers(shape), "@leader", "@leader"],
        kinds=[rm_crash, rm_crash, pause, partition, one_way_cut, clog],
        horizon=HORIZON,
        most=5,
        outage=(5 * MS, 350 * MS),
    )
    faults = (*draw_plan(random, around).faults, *before.plan.faults[:4])
    plan = Plan(faults, heal_at=HORIZON)
    return msgspec.structs.replace(before, plan=plan, shape=shape)


def rm_crash(random: Random, swarm: Swarm) -> Any:
    """An RM dies, and is back before anybody has missed it, or much later."""
    outage = random.choice([(1 * MS, 30 * MS), (50 * MS, 350 * MS)])
    return crash(random, msgspec.structs.replace(swarm, outage=outage))


def draw_app(random: Random, shape: dict[str, Any], name: str) -> Call:
    """An application that the cluster can run."""
    wanted = []
    kinds = [draw_kind(random, shape) for _ in range(random.choice([1, 1, 2, 3]))]
    for n in range(int(logarithmic(random, 1, 16))):
        size, label, prefers, priority = random.choice(kinds)
        steps = int(logarithmic(random, 4, 80))
        wanted.append(
            task(f"t{n + 1}", steps, size, label=label, prefers=prefers, priority=priority)
        )
    at = random.choice([START, random.randrange(START, HORIZON) // MS * MS])
    plain = all(one["label"] == "" for one in wanted)
    queue = random.choice(["default", "plain"]) if plain else "default"
    return run_app(wanted, name=name, queue=queue, at=at, master=random.choice(masters(shape)))


def draw_kind(random: Random, shape: dict[str, Any]) -> tuple[tuple[int, int], str, str, int]:
    """A size that some node has room for, that node's label, where to be, how urgent."""
    name, most, label = random.choice(machines(shape))
    size = random.choice([(256, 1), (1024, 1), (most.memory // 2, most.vcores // 2)])
    if random.random() < 0.15:
        size = (most.memory, most.vcores)
    where = random.choice([ANY, ANY, name, random.choice(machines(shape))[0]])
    return size, label, where, random.choice([0, 0, 1])


def pause_any(random: Random, swarm: Swarm) -> Any:
    """Anybody stands still, the RM and the AMs as well."""
    return pause(random, msgspec.structs.replace(swarm, targets=swarm.nodes))


def crash_soon(random: Random, swarm: Swarm) -> Any:
    """A node dies, and is back before anybody has missed it."""
    return crash(random, msgspec.structs.replace(swarm, outage=(1 * MS, 60 * MS)))


def clock(random: Random, swarm: Swarm) -> Any:
    return jump_clock(random, msgspec.structs.replace(swarm, targets=swarm.nodes))


# -- smaller shapes, for the minimiser --------------------------------------------------------------------------------


def simpler(scenario: Scenario) -> Iterator[Scenario]:
    """Fewer tasks, fewer nodes, one AM, where nobody names the others."""
    for number, call in enumerate(scenario.calls):
        if call.operation != "RunApp":
            continue
        wanted = call.arguments["spec"]["tasks"]
        halves = [wanted[: len(wanted) // 2]] if len(wanted) > 3 else []
        for fewer in (*halves, *(wanted[:n] + wanted[n + 1 :] for n in range(len(wanted)))):
            if fewer:
                spec = {**call.arguments["spec"], "tasks": fewer}
                changed = msgspec.structs.replace(call, arguments={"spec": spec})
                calls = (*scenario.calls[:number], changed, *scenario.calls[number + 1 :])
                yield msgspec.structs.replace(scenario, calls=calls)
    shape = scenario.shape
    named = msgspec.json.encode((scenario.plan, scenario.calls)).decode()
    nodes = shape.get("nodes", [])
    if len(nodes) > 1 and f'"node-{len(nodes)}"' not in named:
        yield msgspec.structs.replace(scenario, shape={**shape, "nodes": nodes[:-1]})
    if shape.get("rms", 1) > 1 and '"rm-2"' not in named:
        yield msgspec.structs.replace(scenario, shape={**shape, "rms": 1})
    if shape.get("masters", 1) > 1 and f'"am-{shape["masters"]}"' not in named:
        yield msgspec.structs.replace(scenario, shape={**shape, "masters": shape["masters"] - 1})


def scenario(
    *calls: Call, plan: Plan | None = None, noise: Noise | None = None, **shape: Any
) -> Scenario:
    return Scenario(calls, plan or Plan(), noise or Noise(), shape)
