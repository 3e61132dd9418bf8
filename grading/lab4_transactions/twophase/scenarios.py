"""Stages and random scenarios of part 4A: who takes part, what applications ask for, what befalls whom.

A scenario's ``shape`` has ``tms``, ``rms`` and ``aps``, how many coordinators, participants and applications there
are; and ``opening``, the balance of every account at the start. Each participant holds accounts ``a`` and ``b``.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec

from distlab.core import MS, Address
from distlab.core.cluster import Cluster, Member
from distlab.faults import AnyAction, Crash, Doing, Fault, Plan, Survival
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
    slow_disk,
    slow_node,
)
from distlab.grade.lab import Stage
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution
from distlab.sim import Simulation
from grading.lab4_transactions.twophase.forger import Forge, Forger
from grading.lab4_transactions.twophase.promises.common import ANSWERED_IN, CLEAN_IN
from labs.lab4_transactions.teller import Teller
from labs.lab4_transactions.twophase import (
    CoordinatorConfig,
    Desk,
    Holdings,
    ParticipantConfig,
    TellerConfig,
    Transact,
)

OPERATIONS = (Transact, Forge)
HORIZON = 1_000 * MS
"""Faults strike before this time; then everything heals."""
OPENING = 100


# -- who takes part ---------------------------------------------------------------------------------------------------


def names(shape: dict[str, Any], kind: str, default: int) -> tuple[Address, ...]:
    return tuple(Address(f"{kind}{n + 1}") for n in range(shape.get(f"{kind}s", default)))


def accounts(shape: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"{rm}/{letter}" for rm in names(shape, "rm", 2) for letter in "ab")


def stage(solution: Solution, scenario: Scenario) -> Stage:
    """Applications, coordinators, participants; and somebody who forges requests, where a call needs it."""
    shape = scenario.shape
    tms, rms = names(shape, "tm", 1), names(shape, "rm", 2)
    opening = {name: shape.get("opening", OPENING) for name in accounts(shape)}
    coordinator = solution.module("coordinator").Coordinator
    participant = solution.module("participant").Participant
    cast: dict[str, Member] = {}
    for tm in tms:
        cast[tm] = Member(coordinator, CoordinatorConfig(rms), "coordinator")
    for rm in rms:
        own = tuple(item for item in opening.items() if item[0].startswith(f"{rm}/"))
        cast[rm] = Member(participant, ParticipantConfig(own), "participant")
    for number, ap in enumerate(names(shape, "ap", 1)):
        turn = number % len(tms)
        cast[ap] = Member(Teller, TellerConfig(tms[turn:] + tms[:turn]), "application")
    if any(call.operation == "Forge" for call in scenario.calls):
        cast["forger"] = Member(Forger, TellerConfig(tms), "application")
    last = max((call.at for call in scenario.calls), default=0)
    return Stage(
        cluster=Cluster(cast),
        operations=OPERATIONS,
        until=max(scenario.plan.heal_at or 0, last) + ANSWERED_IN + CLEAN_IN + 10 * MS,
        settle=CLEAN_IN,
        roles=holders,
    )


def holders(simulation: Simulation, role: str) -> list[Address]:
    """Who has a role now: ``doubtful`` are participants in doubt, ``deciding`` coordinators that are not through."""
    if role not in ("doubtful", "deciding"):
        return simulation.cluster.with_role(role)
    found = []
    for address, probe in simulation.probes().items():
        match probe:
            case Holdings(in_doubt=in_doubt) if role == "doubtful" and in_doubt:
                found.append(address)
            case Desk(active, open_) if role == "deciding" and (active or open_):
                found.append(address)
    return found


# -- what applications ask for ----------------------------------------------------------------------------------------


def transact(at: int, *steps: tuple[str, int] | str, ap: str = "ap1") -> Call:
    """At that time: amounts to add, and accounts to look at."""
    plain = [(step, 0) if isinstance(step, str) else step for step in steps]
    return Call(at, ap, "Transact", {"steps": [{"account": a, "amount": n} for a, n in plain]})


def transfer(at: int, source: str, target: str, amount: int = 10, ap: str = "ap1") -> Call:
    return transact(at, (source, -amount), (target, amount), ap=ap)


def audit(at: int, shape: dict[str, Any], ap: str = "ap1") -> Call:
    """Look at everything at once."""
    return transact(at, *accounts(shape), ap=ap)


def draw_call(random: Random, shape: dict[str, Any], at: int) -> Call:
    """A transfer between two or three accounts, perhaps with a look at others; or a look at some, or at all."""
    ap = random.choice(names(shape, "ap", 1))
    everything = list(accounts(shape))
    kind = random.random()
    if kind < 0.15:
        return audit(at, shape, ap)
    random.shuffle(everything)
    if kind < 0.3:
        return transact(at, *everything[: random.randint(1, 3)], ap=ap)
    amount = random.choice([1, 10, 10, 40, 90])
    if kind < 0.4 and len(everything) > 2:
        a, b, c = everything[:3]
        steps: list[tuple[str, int] | str] = [(a, -2 * amount), (b, amount), (c, amount)]
    else:
        steps = [(everything[0], -amount), (everything[1], amount)]
    looks = everything[3 : 3 + random.choice([0, 0, 0, 1, 2])]
    steps += looks
    random.shuffle(steps)
    return transact(at, *steps, ap=ap)


def draw_a(random: Random) -> Scenario:
    """Everybody crashes, at any moment and at the worst ones; messages are lost, late and repeated."""
    shape: dict[str, Any] = {
        "tms": random.choice([1, 1, 2]),
        "rms": random.choice([2, 3]),
        "aps": random.choice([1, 2]),
    }
    tms, rms, aps = (names(shape, kind, 1) for kind in ("tm", "rm", "ap"))
    around = Swarm(
        nodes=[*tms, *rms, *aps],
        targets=[*tms, *tms, *rms, "@doubtful", "@deciding"],
        kinds=[
            power_fails,
            power_fails,
            crash,
            pause,
            partition,
            one_way_cut,
            clog,
            slow_disk,
            slow_node,
        ],
        horizon=HORIZON,
        most=8,
        outage=(5 * MS, 700 * MS),
        losses=(0.0, 0.0, 0.02, 0.1, 0.25),
        delays=((1 * MS, 1 * MS), (1 * MS, 5 * MS), (1 * MS, 20 * MS)),
    )
    count = int(logarithmic(random, 2, 20))
    times = sorted(random.randrange(HORIZON) // MS * MS for _ in range(count))
    calls = [draw_call(random, shape, at) for at in times]
    calls.append(audit(HORIZON + 1_500 * MS, shape))
    plan = with_moments(random, draw_plan(random, around), [*tms, *rms])
    return Scenario(tuple(calls), plan, draw_noise(random, around), shape)


def power_fails(random: Random, swarm: Swarm) -> AnyAction:
    """A crash that takes what was not synced, and a restart soon afterwards."""
    return Crash(
        random.choice(list(swarm.targets)),
        logarithmic(random, 1 * MS, 60 * MS),
        random.choice([Survival.NOTHING, Survival.NOTHING, Survival.SOME, Survival.TORN]),
    )


def with_moments(random: Random, plan: Plan, nodes: list[Address]) -> Plan:
    """Perhaps some crashes more, each right before somebody sends or syncs something."""
    faults = list(plan.faults)
    for _ in range(random.choice([0, 1, 2, 4])):
        node = random.choice(nodes)
        verb = random.choice(["send", "send", "sync"])
        action = Crash(
            node,
            random.choice([1, 20, 120, 500]) * MS,
            random.choice([Survival.NOTHING, Survival.SOME, Survival.TORN]),
        )
        faults.append(Fault(Doing(node, verb, n=random.randint(1, 30)), action))
    return msgspec.structs.replace(plan, faults=tuple(faults))


# -- smaller shapes, for the minimiser --------------------------------------------------------------------------------


def simpler(scenario: Scenario) -> Iterator[Scenario]:
    """One coordinator, two participants, one application, where nobody names the others."""
    shape = scenario.shape
    named = msgspec.json.encode((scenario.plan, scenario.calls)).decode()
    for key, least in (("tms", 1), ("rms", 2), ("aps", 1)):
        if shape.get(key, least) > least and f'"{key[:-1]}{shape[key]}' not in named:
            yield msgspec.structs.replace(scenario, shape={**shape, key: shape[key] - 1})
