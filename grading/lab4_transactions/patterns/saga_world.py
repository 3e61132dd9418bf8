"""The world of part 4D: a client, an orchestrator and some services; what they are asked, and what befalls them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from msgspec import structs

from distlab.core import MS, SECOND
from distlab.core.cluster import Cluster, Member
from distlab.faults import Fault, Noise, Plan
from distlab.grade.draw import (
    Swarm,
    clog,
    crash,
    draw_noise,
    draw_plan,
    one_way_cut,
    partition,
    pause,
    slow_disk,
    slow_node,
)
from distlab.grade.lab import Stage
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution
from labs.lab4_transactions.saga import Book, OrchestratorConfig, SagaClientConfig, ServiceConfig
from labs.lab4_transactions.saga_client import SagaClient
from labs.lab4_transactions.saga_service import Service

STOCK = (("rare", 2), ("plenty", 10_000))
SERVICES = ("airline", "hotel", "bank", "post")
HORIZON = 800 * MS
IN_TIME = 6 * SECOND
"""TX2-L8's bound, after all is well."""
SETTLED = 3 * SECOND
"""So long after the last answer, what is to be undone is undone."""


def stage(solution: Solution, scenario: Scenario) -> Stage:
    members = {
        "client": Member(SagaClient, SagaClientConfig("orchestrator"), "client"),
        "orchestrator": Member(
            solution.module("saga_orchestrator").Orchestrator,
            OrchestratorConfig(SERVICES),
            "orchestrator",
        ),
    }
    config = ServiceConfig(STOCK, scenario.shape.get("moody", 0))
    members |= {name: Member(Service, config, "service") for name in SERVICES}
    last = max((call.at for call in scenario.calls), default=0)
    return Stage(
        cluster=Cluster(members),
        operations=(Book,),
        until=max(scenario.plan.heal_at or 0, last) + IN_TIME + SETTLED,
        settle=SETTLED,
    )


# -- writing scenarios ------------------------------------------------------------------------------------------------


def step(service: int, item: str = "plenty", amount: int = 1) -> dict[str, Any]:
    return {"service": SERVICES[service], "item": item, "amount": amount}


def book(at: int, saga: str, *steps: dict[str, Any], pivot: int = 99, subject: str = "") -> Call:
    arguments = {"saga": saga, "subject": subject or saga, "steps": list(steps), "pivot": pivot}
    return Call(at, "client", "Book", arguments)


def of(calls: Sequence[Call], *faults: Fault, noise: Noise | None = None, **shape: Any) -> Scenario:
    heal_at = HORIZON if faults else None
    return Scenario(tuple(calls), Plan(faults, heal_at), noise or Noise(), shape)


# -- drawing ----------------------------------------------------------------------------------------------------------


def draw(random: Random) -> Scenario:
    """Some sagas, of which some fail at some step; some about one subject; services with moods; anything may happen."""
    calls = []
    for number in range(random.randint(1, 7)):
        at = random.randrange(HORIZON // MS) * MS
        subject = random.choice([f"order-{number}", "order-0", "order-0"])
        calls.append(_draw_saga(random, f"saga-{number}", subject, at))
    if random.random() < 0.3:
        again = random.choice(calls)
        other = _draw_saga(random, again.arguments["saga"], again.arguments["subject"], 0)
        calls.append(structs.replace(random.choice([again, again, other]), at=HORIZON // 2))
    swarm = Swarm(
        nodes=["orchestrator", *SERVICES],
        targets=["orchestrator", "orchestrator", "orchestrator", *SERVICES],
        kinds=[
            crash,
            crash,
            pause,
            partition,
            one_way_cut,
            one_way_cut,
            clog,
            slow_node,
            slow_disk,
        ],
        horizon=HORIZON,
        most=8,
        outage=(5 * MS, 700 * MS),
    )
    calls.sort(key=lambda call: call.at)
    shape = {"moody": random.choice([0, 0, 1, 3])}
    return Scenario(tuple(calls), draw_plan(random, swarm), draw_noise(random, swarm), shape)


def _draw_saga(random: Random, name: str, subject: str, at: int) -> Call:
    """One to five steps. Behind the pivot nothing is rare: those steps cannot fail."""
    count = random.randint(1, 5)
    pivot = random.choice([99, random.randrange(count), random.randrange(count)])
    steps = []
    for number in range(count):
        items = ["plenty", "plenty", "rare", "unheard of"] if number <= pivot else ["plenty"]
        item = random.choices(items, weights=[6, 6, 3, 1][: len(items)])[0]
        steps.append(step(random.randrange(len(SERVICES)), item, random.randint(1, 2)))
    if random.random() < 0.05:
        steps[0]["amount"] = random.choice([0, -1, 10**13])
    return book(at, name, *steps, pivot=pivot, subject=subject)


def simpler(scenario: Scenario) -> Iterator[Scenario]:
    """Services without moods."""
    if scenario.shape.get("moody"):
        yield structs.replace(scenario, shape={**scenario.shape, "moody": 0})
