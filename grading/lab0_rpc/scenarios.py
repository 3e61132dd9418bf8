"""Stages and random scenarios of lab 0: who takes part in each part, what they are asked, what befalls them.

A scenario's ``shape`` says what the lab adds to the common vocabulary: in part 0A what the switch does to which packet,
in the others how many clients and servers there are. Amounts in parts 0B to 0D are powers of ten where accounts are to
be read like an abacus: a balance of 1201 has taken in 1 once, 100 twice and 1000 once.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec

from distlab.core import MS, SECOND, Level
from distlab.core.cluster import Cluster, Member
from distlab.faults import Crash, Doing, Fault, Flip, Noise, Nth, Plan
from distlab.grade.draw import (
    Swarm,
    clog,
    crash,
    draw_noise,
    draw_plan,
    jump_clock,
    logarithmic,
    one_way_cut,
    partition,
    pause,
)
from distlab.grade.lab import Stage
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution

HORIZON = 3 * SECOND
"""Faults of parts 0B to 0D strike before this time; then everything heals."""
AFTER_HEALING = 6 * SECOND
"""How much longer such a run goes on: every operation has met its deadline by then."""
SETTLE = 2 * SECOND
"""How much longer it goes on once nothing is asked for any more: for stragglers, and for timers that should not be."""

# -- part 0A ----------------------------------------------------------------------------------------------------------

WORDS = ("account=100;amt=900", "account=900;amt=100", "hello", "to be or not to be", "x", "0" * 24)


def stage_a(solution: Solution, scenario: Scenario) -> Stage:
    """An asker, an echo server, and the switch between them."""
    protocol, switch, echo = map(solution.module, ("protocol", "switch", "echo"))
    program: Any = dict[int, tuple[switch.Damage, ...]]  # type: ignore[name-defined]  # of this copy of the lab
    damages = {
        way: msgspec.convert(scenario.shape.get(way, {}), program, strict=False)
        for way in ("queries", "responses")
    }
    members = {
        "asker": Member(echo.Asker, protocol.AskerConfig("switch"), "asker"),
        "switch": Member(switch.Switch, switch.SwitchConfig("asker", "echo", **damages), "switch"),
        "echo": Member(echo.Echo, None, "echo"),
    }
    return Stage(
        cluster=Cluster(members), operations=(protocol.Ask,), until=10 * SECOND, settle=SECOND
    )


def draw_a(random: Random) -> Scenario:
    """Questions in a burst or one by one; damage by the switch and by flipped bits; loss, repeats, reordering."""
    count = int(logarithmic(random, 1, 16))
    gap = random.choice([0, 0, 1 * MS, 5 * MS, 20 * MS])
    same = random.random() < 0.1
    texts = ["ping" if same else f"{random.choice(WORDS)} {n}" for n in range(count)]
    calls = tuple(Call(n * gap, "asker", "Ask", {"text": texts[n]}) for n in range(count))
    harm = random.choice([0.0, 0.2, 0.5, 0.8])
    shape: dict[str, Any] = {
        way: {
            str(n): [_damage(random) for _ in range(random.choice([1, 1, 2]))]
            for n in range(2 * count)
            if random.random() < harm
        }
        for way in ("queries", "responses")
    }
    links = (("asker", "switch"), ("switch", "echo"), ("echo", "switch"), ("switch", "asker"))
    flips = tuple(
        Fault(
            Nth(*random.choice(links), n=random.randint(1, count)), Flip(random.randrange(8 * 80))
        )
        for _ in range(random.choice([0, 0, 2, 8]))
    )
    noise = Noise(
        seed=random.getrandbits(30),
        delay=random.choice([(1 * MS, 1 * MS), (1 * MS, 10 * MS), (1 * MS, 40 * MS)]),
        loss=random.choice([0.0, 0.0, 0.1, 0.3]),
        duplicate=random.choice([0.0, 0.1, 0.3]),
        straggle=random.choice([0.0, 0.05]),
    )
    return Scenario(calls, Plan(flips), noise, shape)


def _damage(random: Random) -> dict[str, Any]:
    kind = random.randrange(8)
    if kind <= 1:
        return {"type": "SwapWords", "first": random.randrange(40), "second": random.randrange(40)}
    if kind == 2:
        return {"type": "Cut", "keep": random.randrange(60)}
    if kind == 3:
        return {"type": "Pad", "count": random.randint(1, 8)}
    if kind == 4:
        return {
            "type": "Zero",
            "start": random.choice([0, 8, 16, 20]),
            "count": random.randint(1, 24),
        }
    if kind == 5:
        # Nearby bits at the places of the header, or two of them 16 or 32 apart: what weak sums miss.
        first = random.randrange(8 * 40)
        return {"type": "FlipBits", "bits": [first, first + random.choice([1, 8, 16, 32, 64])]}
    if kind == 6:
        return {"type": "Repeat", "after": logarithmic(random, 1 * MS, 500 * MS)}
    return {"type": "Lose"}


def simpler_a(scenario: Scenario) -> Iterator[Scenario]:
    """With less damage by the switch: none on one way, or one packet's less, or the others' only."""
    for way in ("queries", "responses"):
        harmed = scenario.shape.get(way, {})
        if harmed:
            yield _with_shape(scenario, way, {})
        for packet in harmed:
            yield _with_shape(scenario, way, {n: d for n, d in harmed.items() if n != packet})
            if len(harmed[packet]) > 1:
                for damage in harmed[packet]:
                    yield _with_shape(scenario, way, {**harmed, packet: [damage]})


def _with_shape(scenario: Scenario, key: str, value: Any) -> Scenario:
    return msgspec.structs.replace(scenario, shape={**scenario.shape, key: value})


# -- parts 0B, 0C and 0D ----------------------------------------------------------------------------------------------


def _members(solution: Solution, scenario: Scenario, prefix: str, module: str) -> dict[str, Member]:
    """Clients ``c0..``, one front, servers ``s0..``; their classes from ``module``, under a prefix."""
    protocol, front = solution.module("protocol"), solution.module("front")
    programs = {
        role: getattr(
            front if not prefix and role == "Front" else solution.module(module or role.lower()),
            prefix + role,
        )
        for role in ("Client", "Front", "Server")
    }
    servers = tuple(f"s{n}" for n in range(scenario.shape.get("servers", 1)))
    client = protocol.ClientConfig("front", window=scenario.shape.get("window", 8))
    members = {
        f"c{n}": Member(programs["Client"], client, "client")
        for n in range(scenario.shape.get("clients", 1))
    }
    members["front"] = Member(programs["Front"], protocol.FrontConfig(servers), "front")
    for server in servers:
        members[server] = Member(programs["Server"], protocol.ServerConfig(), "server")
    return members


def _until(scenario: Scenario) -> int:
    return max([scenario.plan.heal_at or 0, *(call.at for call in scenario.calls)]) + AFTER_HEALING


def stage_b(solution: Solution, scenario: Scenario) -> Stage:
    members = _members(solution, scenario, "", "")
    operations = (solution.module("protocol").Add,)
    return Stage(
        cluster=Cluster(members), operations=operations, until=_until(scenario), settle=SETTLE
    )


def stage_c(solution: Solution, scenario: Scenario) -> Stage:
    members = _members(solution, scenario, "Traced", "traced")
    members["console"] = Member(solution.module("console").Console, None, "console")
    protocol = solution.module("protocol")
    return Stage(
        cluster=Cluster(members),
        operations=(protocol.Add, protocol.Tune),
        until=_until(scenario),
        settle=SETTLE,
    )


def stage_d(solution: Solution, scenario: Scenario) -> Stage:
    members = _members(solution, scenario, "Clocked", "clocked")
    operations = (solution.module("protocol").Add,)
    return Stage(
        cluster=Cluster(members), operations=operations, until=_until(scenario), settle=SETTLE
    )


def swarm(clients: int, servers: int, kinds: Any, most: int = 10) -> Swarm:
    ends = [f"c{n}" for n in range(clients)]
    behind = [f"s{n}" for n in range(servers)]
    return Swarm(
        nodes=[*ends, "front", *behind],
        targets=[*behind, *behind, *ends, "front"],
        kinds=kinds,
        horizon=HORIZON,
        most=most,
        outage=(5 * MS, 1_500 * MS),
    )


def draw_calls(random: Random, clients: int, count: int, powers_of: int = 16) -> tuple[Call, ...]:
    """Deposits of powers of ten into accounts ``a``, ``b``; into ``m`` and ``n`` withdrawals as well."""
    calls = []
    spread = random.choice([HORIZON, HORIZON // 4, 20 * MS])
    powers = dict.fromkeys("abmn", 0)
    same = random.random() < 0.3
    for _ in range(count):
        account = random.choice("aabbmn")
        power = powers[account]
        powers[account] = (power + 1) % powers_of
        amount = 5 if same else 10**power
        if account in "mn" and random.random() < 0.5:
            amount = -(10 ** random.randrange(max(1, power)))
        client = f"c{random.randrange(clients)}"
        calls.append(
            Call(random.randrange(spread), client, "Add", {"account": account, "amount": amount})
        )
    # The last ones come when all is well again: they must be answered, whatever happened before.
    for n in range(random.choice([0, 1, 2])):
        client = f"c{random.randrange(clients)}"
        at = HORIZON + (n + 1) * 300 * MS
        calls.append(Call(at, client, "Add", {"account": "z", "amount": 10**n}))
    return tuple(sorted(calls, key=lambda call: call.at))


def draw_b(random: Random) -> Scenario:
    """Crashes with lost writes, pauses, cuts, clogs, loss, repeats, clocks that jump; now and then many calls."""
    clients, servers = random.choice([1, 1, 2, 3]), random.choice([1, 1, 2])
    kinds = [crash, crash, pause, partition, one_way_cut, clog, jump_clock]
    around = swarm(clients, servers, kinds)
    busy = random.random() < 0.1
    # Few different amounts where there are many calls: the sums of those unknown must stay few.
    count, powers = (40 * clients, 5) if busy else (int(logarithmic(random, 1, 16)), 16)
    calls = draw_calls(random, clients, count, powers)
    shape = {"clients": clients, "servers": servers, "window": random.choice([2, 4, 8])}
    plan = draw_plan(random, around)
    aimed = tuple(_crash_in_the_act(random, around) for _ in range(random.choice([0, 0, 1, 3])))
    plan = msgspec.structs.replace(plan, faults=(*plan.faults, *aimed))
    return Scenario(calls, plan, draw_noise(random, around), shape)


def _crash_in_the_act(random: Random, around: Swarm) -> Fault:
    """A crash right before something is sent, synced or finished: moments that times of day rarely hit."""
    act = random.choice(["sync", "send", "send", "finish"])
    role = "@client" if act == "finish" else random.choice(["@server", "@server", "@client"])
    action = crash(random, around)
    assert isinstance(action, Crash)
    when = Doing(role, act, n=random.randint(1, 8))
    return Fault(when, msgspec.structs.replace(action, node=role))


def draw_c(random: Random) -> Scenario:
    """Crashes, loss, repeats, cuts; in half of the runs an operator changes levels while requests are under way."""
    clients, servers = random.choice([1, 2, 3]), random.choice([1, 2])
    around = swarm(clients, servers, [crash, partition, one_way_cut, clog], most=5)
    calls = draw_calls(random, clients, int(logarithmic(random, 1, 12)))
    if random.random() < 0.5:
        tuned = [
            Call(
                random.randrange(HORIZON),
                "console",
                "Tune",
                {
                    "node": random.choice([*around.nodes]),
                    "subsystem": random.choice(["net", "net", "timer", "op"]),
                    "level": int(random.choice([Level.DEBUG, Level.INFO, Level.ERROR])),
                },
            )
            for _ in range(random.randint(1, 8))
        ]
        calls = tuple(sorted((*calls, *tuned), key=lambda call: call.at))
    shape = {"clients": clients, "servers": servers}
    return Scenario(calls, draw_plan(random, around), draw_noise(random, around), shape)


def draw_d(random: Random) -> Scenario:
    """Loss, repeats, reordering, cuts, and clocks that jump and drift."""
    clients, servers = random.choice([2, 3]), random.choice([1, 2])
    around = swarm(clients, servers, [jump_clock, jump_clock, partition, one_way_cut, clog], most=5)
    calls = draw_calls(random, clients, int(logarithmic(random, 2, 10)))
    shape = {"clients": clients, "servers": servers}
    return Scenario(calls, draw_plan(random, around), draw_noise(random, around), shape)


def simpler(scenario: Scenario) -> Iterator[Scenario]:
    """Fewer clients, where the last one is asked nothing; one server."""
    clients = scenario.shape.get("clients", 1)
    last = f"c{clients - 1}"
    if clients > 1 and all(call.client != last for call in scenario.calls):
        named = msgspec.json.encode(scenario.plan).decode()
        if f'"{last}"' not in named:
            yield _with_shape(scenario, "clients", clients - 1)
    if (
        scenario.shape.get("servers", 1) > 1
        and '"s1"' not in msgspec.json.encode(scenario.plan).decode()
    ):
        yield _with_shape(scenario, "servers", 1)
