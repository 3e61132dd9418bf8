"""Stages and random scenarios of part 2D: how many servers, what clients ask for, what befalls whom.

A scenario's ``shape`` has ``servers`` (3 or 5), ``members`` (how many of them, or which ones, are members to begin
with; all by default), ``clients``, ``snapshot_after``, ``batch``; and what a judge must know:
``well_from`` (since when a majority is up and connected, where nothing heals), ``steady`` (since when no trouble of
others is a reason to elect). Where it has a ``play``, puppets stand round one server (see troupe.py).

Written values are unique: so a read names its write, and linearizability is decided at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec

from distlab.core import MS, SECOND, Address
from distlab.core.cluster import Cluster, Member
from distlab.faults import (
    AnyAction,
    At,
    Crash,
    Cut,
    Doing,
    Fault,
    Noise,
    Partition,
    Pause,
    Plan,
    Survival,
)
from distlab.grade.draw import (
    Swarm,
    clog,
    crash,
    draw_noise,
    draw_plan,
    fail_sync,
    jump_clock,
    logarithmic,
    one_way_cut,
    partition,
    pause,
    slow_disk,
    slow_node,
)
from distlab.grade.lab import Stage
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution
from distlab.sim import Simulation
from grading.lab2_log.quorum.pacer import Burst, Pacer
from grading.lab2_log.quorum.plays import PLAYS
from grading.lab2_log.quorum.promises import CAUGHT_UP, IN_TIME
from grading.lab2_log.quorum.troupe import STUDENT, Play, puppet_class
from grading.lab2_log.quorum.wishes import add, append, cas, get, put, remove
from labs.lab2_log.quorum import (
    AddServer,
    Append,
    Cas,
    ClientConfig,
    Get,
    Put,
    RemoveServer,
    ServerConfig,
    Status,
)

OPERATIONS = (Put, Get, Append, Cas, Burst, AddServer, RemoveServer)
HORIZON = 1_500 * MS
"""Faults strike before this time; then everything heals."""


# -- who takes part ---------------------------------------------------------------------------------------------------


def servers(shape: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"s{n + 1}" for n in range(shape.get("servers", 3)))


def members_of(shape: dict[str, Any]) -> tuple[Address, ...]:
    """Those that are members to begin with."""
    members = shape.get("members")
    if isinstance(members, list):
        return tuple(map(Address, members))
    return tuple(map(Address, servers(shape)[:members]))


def clients(shape: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"c{n + 1}" for n in range(shape.get("clients", 1)))


def stage(solution: Solution, scenario: Scenario) -> Stage:
    """Servers and clients; or, in a play, one server among puppets."""
    shape = scenario.shape
    everybody = tuple(map(Address, servers(shape)))
    config = ServerConfig(
        members_of(shape), batch=shape.get("batch", 64), snapshot_after=shape.get("snapshot_after")
    )
    program = solution.module("raft").Raft
    cast = {name: Member(program, config, "server") for name in servers(shape)}
    notes: dict[str, Any] = {}
    if "play" in shape:
        puppets = tuple(name for name in everybody if name != STUDENT)
        play = notes["play"] = Play(PLAYS[shape["play"]].script, puppets)
        cast |= {name: Member(puppet_class(play), None, "puppet") for name in puppets}
    for name in clients(shape):
        asks = tuple(map(Address, shape.get("servers_of", {}).get(name, everybody)))
        cast[name] = Member(Pacer, ClientConfig(asks), "client")
    well = shape.get("well_from", scenario.plan.heal_at or 0)
    last = max((call.at for call in scenario.calls), default=0)
    until = max(well, last) + IN_TIME + CAUGHT_UP + 100 * MS
    settle: int | None = CAUGHT_UP + 50 * MS
    if "play" in shape:
        until, settle = PLAYS[shape["play"]].until, None
    elif shape.get("pace") or shape.get("brief"):
        settle = 50 * MS
    if "until" in shape:
        until, settle = shape["until"], None
    return Stage(
        cluster=Cluster(cast),
        operations=OPERATIONS,
        until=until,
        settle=settle,
        roles=holders,
        notes=notes,
    )


def holders(simulation: Simulation, role: str) -> list[Address]:
    """Who has a role now: of several that call themselves leaders, the one of the latest term first."""
    probes = {a: p for a, p in simulation.probes().items() if isinstance(p, Status)}
    if role in ("leader", "follower", "candidate"):
        found = [address for address, status in probes.items() if status.role == role]
        return sorted(found, key=lambda a: -probes[a].term)
    return simulation.cluster.with_role(role)


# -- what clients ask for ---------------------------------------------------------------------------------------------


def draw_calls(
    random: Random, shape: dict[str, Any], count: int, horizon: int, reads: float = 0.35
) -> tuple[Call, ...]:
    """So many operations on a few keys up to the horizon; then a write, and a read of each key."""
    calls: list[Call] = []
    values: dict[str, list[str | None]] = {"r1": [None], "r2": [None]}
    times = sorted(random.randrange(horizon) // MS * MS for _ in range(count))
    for number, at in enumerate(times):
        client = random.choice(clients(shape))
        key = random.choice(["r1", "r1", "r2", "l1", "l1"])
        if random.random() < reads:
            calls.append(get(at, key, client))
        elif key[0] == "l":
            calls.append(append(at, key, f"a{number}", client))
        elif random.random() < 0.3:
            calls.append(cas(at, key, random.choice(values[key][-3:]), f"v{number}", client))
            values[key].append(f"v{number}")
        else:
            calls.append(put(at, key, f"v{number}", client))
            values[key].append(f"v{number}")
    end = horizon + 20 * MS
    calls.append(append(end, "l1", "end", random.choice(clients(shape))))
    calls += [get(end + 400 * MS, key) for key in ("r1", "r2", "l1")]
    return tuple(calls)


# -- swarms -----------------------------------------------------------------------------------------------------------


def _swarm(shape: dict[str, Any], kinds: Any, most: int = 8, horizon: int = HORIZON) -> Swarm:
    return Swarm(
        nodes=[*servers(shape), *clients(shape)],
        targets=["@leader", "@leader", "@follower", "@candidate", *servers(shape)],
        kinds=kinds,
        horizon=horizon,
        most=most,
        outage=(5 * MS, 1_000 * MS),
        losses=(0.0, 0.0, 0.01, 0.1, 0.25),
        delays=((1 * MS, 1 * MS), (1 * MS, 5 * MS), (1 * MS, 20 * MS)),
    )


def _shape(random: Random, **more: Any) -> dict[str, Any]:
    return {"servers": random.choice([3, 3, 5]), "clients": random.choice([1, 2])} | more


def two_sides(random: Random, swarm: Swarm) -> AnyAction:
    """The leader is cut off, alone or with one other and perhaps a client: it does not know for a while."""
    shape_servers = [name for name in swarm.nodes if name[0] == "s"]
    rest = list(range(len(shape_servers) - 1))
    with_it = 1 if len(shape_servers) == 5 and random.random() < 0.5 else 0
    ours = ["@leader", *(f"@follower:{n}" for n in rest[:with_it])]
    theirs = [f"@follower:{n}" for n in rest[with_it:]]
    some = [name for name in swarm.nodes if name[0] == "c"]
    for client in some:
        (ours if random.random() < 0.4 else theirs).append(client)
    return Partition((tuple(ours), tuple(theirs)), logarithmic(random, 100 * MS, 1_200 * MS))


def power_fails(random: Random, swarm: Swarm) -> AnyAction:
    """A crash that takes what was not synced, and a restart soon afterwards."""
    return Crash(
        random.choice(list(swarm.targets)),
        logarithmic(random, 1 * MS, 60 * MS),
        random.choice([Survival.NOTHING, Survival.NOTHING, Survival.SOME, Survival.TORN]),
    )


def draw_d1(random: Random) -> Scenario:
    """Leaders come and go; in every fourth run only one follower has trouble, and the leader must stay."""
    if random.random() < 0.25:
        return draw_steady(random)
    shape = _shape(random)
    around = _swarm(shape, [crash, pause, partition, two_sides, one_way_cut, clog, power_fails])
    calls = draw_calls(random, shape, random.randint(0, 6), HORIZON)
    return Scenario(
        calls,
        _with_moments(random, draw_plan(random, around), _BALLOTS),
        draw_noise(random, around),
        shape,
    )


def draw_steady(random: Random) -> Scenario:
    """One follower crashes, is cut off in one direction or both, or stands still. The others hear their leader."""
    shape: dict[str, Any] = {"servers": random.choice([3, 5]), "clients": 1, "steady": SECOND}
    others = [f"@follower:{n}" for n in range(1, shape["servers"] - 1)]
    one = "@follower:0"
    faults = []
    at = 1_100 * MS
    for _ in range(random.randint(1, 2)):
        duration = random.choice([50, 400, 700]) * MS
        action: AnyAction = random.choice(
            (
                Partition(((one,), ("@leader", *others)), duration),
                Cut("@leader", one, duration),
                Cut(one, "@leader", duration),
                Pause(one, duration),
                Crash(one, duration, Survival.NOTHING),
            )
        )
        faults.append(Fault(At(at), action))
        at += duration + 400 * MS
    noise = Noise(
        seed=random.getrandbits(30), delay=random.choice([(1 * MS, 1 * MS), (1 * MS, 5 * MS)])
    )
    calls = (put(900 * MS, "r1", "v1"), put(at, "r1", "v2"))
    return Scenario(calls, Plan(tuple(faults), heal_at=at), noise, shape | {"brief": True})


_BALLOTS = (("send", "VoteReply"), ("send", "RequestVote"), ("sync", ""), ("send", "PreVoteReply"))
_ENTRIES = (("send", "AppendReply"), ("send", "AppendEntries"), ("sync", ""), ("send", "Reply"))


def _with_moments(random: Random, plan: Plan, moments: tuple[tuple[str, str], ...]) -> Plan:
    """Perhaps some crashes more, each right before somebody does what a crash had better not undo."""
    faults = list(plan.faults)
    for _ in range(random.choice([0, 0, 1, 3])):
        verb, what = random.choice(moments)
        node = random.choice(["s1", "s2", "s3"])
        action = Crash(
            node,
            random.randint(1, 20) * MS,
            random.choice([Survival.NOTHING, Survival.SOME, Survival.TORN]),
        )
        faults.append(Fault(Doing(node, verb, what, random.randint(1, 12)), action))
    return msgspec.structs.replace(plan, faults=tuple(faults))


def draw_d2(random: Random) -> Scenario:
    """Messages are lost, late and repeated, leaders are cut off; some servers crash."""
    shape = _shape(random, batch=random.choice([1, 3, 64, 64]))
    around = _swarm(
        shape, [two_sides, two_sides, partition, one_way_cut, clog, pause, crash, slow_node]
    )
    calls = draw_calls(random, shape, int(logarithmic(random, 4, 40)), HORIZON)
    return Scenario(calls, draw_plan(random, around), draw_noise(random, around), shape)


def draw_d3(random: Random) -> Scenario:
    """Power fails, at any moment and at the worst ones; disks are slow, and syncs fail."""
    shape = _shape(random, batch=random.choice([1, 64]))
    around = _swarm(
        shape,
        [power_fails, power_fails, power_fails, crash, fail_sync, slow_disk, two_sides],
        most=10,
    )
    calls = draw_calls(random, shape, int(logarithmic(random, 4, 30)), HORIZON)
    plan = _with_moments(random, draw_plan(random, around), (*_BALLOTS, *_ENTRIES))
    return Scenario(calls, plan, draw_noise(random, around), shape)


def draw_d4(random: Random) -> Scenario:
    """Small snapshots, servers that are away for long, and many reads."""
    shape = _shape(
        random, snapshot_after=random.choice([1, 3, 8, 20]), batch=random.choice([1, 4, 64])
    )
    around = _swarm(
        shape,
        [two_sides, two_sides, partition, one_way_cut, power_fails, crash, pause, clog, jump_clock],
    )
    calls = draw_calls(
        random, shape, int(logarithmic(random, 6, 45)), HORIZON, reads=random.choice([0.2, 0.6])
    )
    return Scenario(calls, draw_plan(random, around), draw_noise(random, around), shape)


def draw_d5(random: Random) -> Scenario:
    """Servers come and go, the leader too, while clients write and leaders are cut off."""
    shape: dict[str, Any] = {"servers": 5, "members": random.choice([3, 3, 4, 5]), "clients": 2}
    if random.random() < 0.3:
        shape["snapshot_after"] = random.choice([2, 8])
    around = _swarm(shape, [two_sides, two_sides, partition, power_fails, crash, pause, clog], 5)
    calls = list(draw_calls(random, shape, int(logarithmic(random, 3, 15)), HORIZON))
    members = set(members_of(shape))
    for at in sorted(
        random.randrange(300 * MS, HORIZON) // MS * MS for _ in range(random.randint(1, 5))
    ):
        server = random.choice(servers(shape))
        client = random.choice(clients(shape))
        if server not in members:
            members.add(Address(server))
            calls.append(add(at, server, client))
        elif len(members) > 2:
            members.discard(Address(server))
            calls.append(remove(at, server, client))
    plan, noise = draw_plan(random, around), draw_noise(random, around)
    return Scenario(tuple(sorted(calls, key=lambda call: call.at)), plan, noise, shape)


# -- smaller shapes, for the minimiser --------------------------------------------------------------------------------


def simpler(scenario: Scenario) -> Iterator[Scenario]:
    """Three servers instead of five, one client, large messages."""
    shape = scenario.shape
    if "play" in shape:
        return
    named = msgspec.json.encode(scenario.plan).decode()
    of_five = ('"s4"', '"s5"', "follower:2", "follower:3")
    if (
        shape.get("servers", 3) == 5
        and "members" not in shape
        and not any(name in named for name in of_five)
    ):
        yield _with_shape(scenario, {"servers": 3})
    if shape.get("batch", 64) != 64:
        yield _with_shape(scenario, {"batch": 64})
    if shape.get("clients", 1) == 2 and '"c2"' not in named:
        calls = tuple(msgspec.structs.replace(call, client="c1") for call in scenario.calls)
        yield msgspec.structs.replace(scenario, calls=calls, shape={**shape, "clients": 1})


def _with_shape(scenario: Scenario, changes: dict[str, Any]) -> Scenario:
    return msgspec.structs.replace(scenario, shape={**scenario.shape, **changes})
