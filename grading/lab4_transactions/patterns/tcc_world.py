"""The world of part 4C: a teller, an auditor, a manager and some banks; what they are asked, and what befalls them."""

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
    jump_clock,
    one_way_cut,
    partition,
    pause,
    slow_node,
)
from distlab.grade.lab import Stage
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution
from grading.lab4_transactions.twophase.written import signed
from labs.lab4_transactions.tcc import (
    MAX_AMOUNT,
    BankConfig,
    ClientConfig,
    Look,
    ManagerConfig,
    Transfer,
)
from labs.lab4_transactions.tcc_client import TccClient

OPENING = (("alice", 100), ("bob", 100), ("carol", 0))
"""The accounts of every bank."""
HORIZON = 800 * MS
IN_TIME = 2 * SECOND
"""TX2-L7's bound: so long after all is well, everything is over."""
LISTEN = 200 * MS
"""And then for so long nobody says anything more about it."""


def banks_of(shape: dict[str, Any]) -> list[str]:
    return [f"bank-{n + 1}" for n in range(shape.get("banks", 2))]


def stage(solution: Solution, scenario: Scenario) -> Stage:
    banks = banks_of(scenario.shape)
    members = {
        "teller": Member(TccClient, ClientConfig("manager"), "teller"),
        "auditor": Member(TccClient, ClientConfig("manager"), "auditor"),
        "manager": Member(
            solution.module("tcc_manager").Manager, ManagerConfig(tuple(banks)), "manager"
        ),
    }
    bank = solution.module("tcc_bank").Bank
    members |= {name: Member(bank, BankConfig(OPENING), "bank") for name in banks}
    last = max((call.at for call in scenario.calls), default=0)
    until = max(scenario.plan.heal_at or 0, last, scenario.shape.get("until", 0))
    return Stage(
        cluster=Cluster(members),
        operations=(Transfer, Look),
        until=until + IN_TIME + LISTEN,
        settle=None if "until" in scenario.shape else IN_TIME + LISTEN,
    )


# -- writing scenarios ------------------------------------------------------------------------------------------------


def leg(bank: int, account: str, amount: int) -> dict[str, Any]:
    return {"bank": f"bank-{bank}", "account": account, "amount": amount}


def pay(at: int, key: str, *legs: dict[str, Any]) -> Call:
    return Call(at, "teller", "Transfer", {"key": key, "legs": list(legs)})


def pay_across(at: int, key: str, amount: int = 30) -> Call:
    """From the first bank to the second one."""
    return pay(at, key, leg(1, "alice", -amount), leg(2, "bob", amount))


def look(at: int, bank: int) -> Call:
    return Call(at, "auditor", "Look", {"bank": f"bank-{bank}"})


def of(calls: Sequence[Call], *faults: Fault, noise: Noise | None = None, **shape: Any) -> Scenario:
    heal_at = HORIZON if faults else None
    return signed(Scenario(tuple(calls), Plan(faults, heal_at), noise or Noise(), shape))


# -- drawing ----------------------------------------------------------------------------------------------------------


def draw(random: Random) -> Scenario:
    """Some transfers, sensible and not; views of the accounts; anything may happen to anybody."""
    shape = {"banks": random.choice([2, 2, 3])}
    calls = [
        _draw_transfer(random, shape, f"t{n}", random.randrange(HORIZON // MS) * MS)
        for n in range(random.randint(1, 10))
    ]
    if random.random() < 0.3:  # the same once more; or its key, for something else
        again = random.choice(calls)
        other = _draw_transfer(random, shape, again.arguments["key"], 0)
        chosen = random.choice([again, other])
        calls.append(structs.replace(chosen, at=random.randrange(HORIZON // MS) * MS))
    calls += [
        look(random.randrange(HORIZON // MS) * MS, random.randint(1, shape["banks"]))
        for _ in range(random.randrange(4))
    ]
    swarm = Swarm(
        nodes=["manager", *banks_of(shape)],
        targets=["manager", "manager", *banks_of(shape)],
        kinds=[
            crash,
            crash,
            pause,
            partition,
            one_way_cut,
            one_way_cut,
            clog,
            clog,
            jump_clock,
            slow_node,
        ],
        horizon=HORIZON,
        most=8,
        outage=(5 * MS, 800 * MS),
    )
    calls.sort(key=lambda call: call.at)
    return Scenario(tuple(calls), draw_plan(random, swarm), draw_noise(random, swarm), shape)


def _draw_transfer(random: Random, shape: dict[str, Any], key: str, at: int) -> Call:
    """Two to four legs; the last one takes what the others leave. One in eight makes no sense."""
    names = [name for name, _ in OPENING]
    banks = shape["banks"]
    legs = [
        leg(random.randint(1, banks), random.choice(names[:2]), -random.randint(1, 70))
        for _ in range(random.randint(1, 3))
    ]
    rest = -sum(each["amount"] for each in legs)
    legs.append(leg(random.randint(1, banks), random.choice(names), rest))
    if random.random() < 0.12:
        nonsense = random.randrange(6)
        if nonsense == 0:
            legs = [leg(1, "alice", 0), leg(2, "bob", 0)]
        elif nonsense == 1:
            legs[-1]["amount"] += random.choice([-1, 1, 10])
        elif nonsense == 2:
            legs = [leg(1, "alice", -2 * MAX_AMOUNT), leg(2, "bob", 2 * MAX_AMOUNT)]
        elif nonsense == 3:
            legs[-1]["account"] = "nobody"
        elif nonsense == 4:
            legs[-1]["bank"] = "bank-9"
        else:
            legs = []
    random.shuffle(legs)
    return pay(at, key, *legs)


def simpler(scenario: Scenario) -> Iterator[Scenario]:
    """Two banks where that is enough."""
    if scenario.shape.get("banks", 2) == 3 and b"bank-3" not in scenario.to_json():
        yield structs.replace(scenario, shape={**scenario.shape, "banks": 2})
