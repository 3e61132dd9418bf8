"""Random scenarios of part 2E: controllers and brokers crash, stand still, are cut off; some shut down cleanly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import msgspec

from distlab.core import MS
from distlab.faults import AnyAction, At, Crash, Fault, Partition, Pause, Plan, SlowDisk, Survival
from distlab.grade.draw import (
    Swarm,
    clog,
    draw_noise,
    draw_plan,
    logarithmic,
    one_way_cut,
    partition,
)
from distlab.grade.scenario import Call, Scenario
from grading.lab2_log.control.scene import CONTROLLERS, IN_TIME, PARTITION, brokers
from grading.lab2_log.log.replicas import append, drain, poll
from labs.lab2_log.brokers import ALL

FIRST = 350 * MS
"""By then a cluster has a leader, on an ordinary day."""
HORIZON = 1_400 * MS


def ending(heal: int) -> tuple[Call, ...]:
    """When all has been well for long enough: one more batch, and everything is read."""
    at = (heal + IN_TIME) // MS
    return (append(at, "last", timeout=150 * MS), drain(at + 40))


def shut_down(at: int, broker: str) -> Call:
    return Call(int(at * MS), broker, "ShutDown", {})


def prefer(at: int, controller: str) -> Call:
    return Call(int(at * MS), controller, "ElectPreferred", {"partition": PARTITION})


# -- kinds of trouble ------------------------------------------------------------------------------


def power_fails(victims: Sequence[str]) -> Any:
    """A broker or a controller dies; what was not on disk is gone, mostly."""

    def kind(random: Random, swarm: Swarm) -> AnyAction:
        node = random.choice([*victims, *victims, "@active", "@active", "@standby"])
        back = None if random.random() < 0.15 else _outage(random, swarm)
        return Crash(
            node,
            back,
            random.choice([Survival.NOTHING, Survival.SOME, Survival.TORN, Survival.ALL]),
        )

    return kind


def stands_still(random: Random, swarm: Swarm) -> AnyAction:
    return Pause(
        random.choice(["@active", "@leader", "@follower", *swarm.targets]), _outage(random, swarm)
    )


def cut_off(random: Random, swarm: Swarm) -> AnyAction:
    """The active controller is on its own, perhaps with some brokers; or a broker is."""
    names = [node for node in swarm.nodes if node[0] == "b"]
    if random.random() < 0.3:
        one = random.choice(names)
        return Partition(
            ((one,), tuple(n for n in swarm.nodes if n != one)), _outage(random, swarm)
        )
    random.shuffle(names)
    count = random.randrange(len(names) + 1)
    ours = ("@active", *names[:count])
    rest = ("@standby:0", "@standby:1", *names[count:], "client", "consumer")
    return Partition((ours, rest), _outage(random, swarm))


def slow_disk(random: Random, swarm: Swarm) -> AnyAction:
    node = random.choice([*CONTROLLERS, *swarm.targets])
    return SlowDisk(node, _outage(random, swarm), random.choice([5, 20]))


def _outage(random: Random, swarm: Swarm) -> int:
    return max(MS, logarithmic(random, *swarm.outage) // MS * MS)


# -- scenarios -------------------------------------------------------------------------------------


def draw(random: Random) -> Scenario:
    """Everything at once, or some of it; in every sixth run nothing at all, and many records."""
    if random.random() < 0.15:
        return draw_calm(random)
    shape: dict[str, Any] = {
        "brokers": 3,
        "min_insync": random.choice([1, 2, 2]),
        "lag": random.choice([150, 300]),
        "unclean": random.random() < 0.2,
        "snapshot_after": random.choice([5, 20]),
    }
    names = brokers(shape)
    victims = random.sample(names, random.choice([1, 2, 2, 3]))
    around = Swarm(
        nodes=[*names, *CONTROLLERS, "client", "consumer"],
        targets=names,
        kinds=[
            power_fails(victims),
            power_fails(victims),
            stands_still,
            cut_off,
            partition,
            one_way_cut,
            clog,
            slow_disk,
        ],
        horizon=HORIZON - FIRST,
        most=6,
        outage=(10 * MS, 800 * MS),
        losses=(0.0, 0.0, 0.02, 0.1),
        delays=((1 * MS, 1 * MS), (1 * MS, 5 * MS), (1 * MS, 20 * MS)),
    )
    plan = later(draw_plan(random, around), FIRST)
    calls = [*traffic(random), *farewells(random, victims)]
    if random.random() < 0.3:
        calls += [prefer(random.randrange(600, HORIZON // MS), k) for k in CONTROLLERS]
    noise = msgspec.structs.replace(
        draw_noise(random, around), sync=random.choice([(2 * MS, 2 * MS), (1 * MS, 10 * MS)])
    )
    calls.sort(key=lambda call: call.at)
    return Scenario((*calls, *ending(HORIZON)), plan, noise, shape)


def draw_calm(random: Random) -> Scenario:
    """Nothing befalls anybody. Records come in bursts, larger than a follower fetches at once."""
    calls = [
        append(at + n // 4, f"{at}.{n}", 1, values=[f"{at}.{n}" + "x" * 150])
        for at in (500, 1_000, 1_500)[: random.choice([2, 3])]
        for n in range(random.choice([32, 40]))
    ]
    shape = {"brokers": 3, "lag": 300, "calm": True, "well_from": 0, "rest": 800}
    noise = msgspec.structs.replace(
        draw_noise(random, Swarm(nodes=(), targets=(), kinds=(), horizon=1)),
        loss=0.0,
        straggle=0.0,
        delay=random.choice([(1 * MS, 1 * MS), (1 * MS, 5 * MS)]),
        sync=(2 * MS, 2 * MS),
    )
    return Scenario((*calls, *ending(0)), Plan(), noise, shape)


def traffic(random: Random) -> list[Call]:
    """Appends of all kinds, and a consumer that polls."""
    appends = [
        append(
            random.randrange(FIRST // MS, HORIZON // MS),
            n,
            random.choice([ALL, ALL, ALL, 1]),
            timeout=random.choice([100 * MS, 400 * MS]),
        )
        for n in range(int(logarithmic(random, 4, 24)))
    ]
    return appends + [poll(random.randrange(FIRST // MS, HORIZON // MS)) for _ in range(3)]


def farewells(random: Random, victims: Sequence[str]) -> list[Call]:
    """Some brokers are asked to shut down; they start again when all is well."""
    if random.random() < 0.6:
        return []
    some = random.sample(list(victims), random.randint(1, len(victims)))
    return [shut_down(random.randrange(FIRST // MS + 200, HORIZON // MS), b) for b in some]


def later(plan: Plan, by: int) -> Plan:
    """The same plan, so much later."""
    faults = tuple(
        Fault(At(fault.when.time + by), fault.do) if isinstance(fault.when, At) else fault
        for fault in plan.faults
    )
    return Plan(faults, None if plan.heal_at is None else plan.heal_at + by)


def simpler(scenario: Scenario) -> Iterator[Scenario]:
    """Without snapshots, and without an opt-in."""
    shape = scenario.shape
    if "model" in shape:
        return
    for name in ("snapshot_after", "unclean"):
        if name in shape:
            less = {key: value for key, value in shape.items() if key != name}
            yield msgspec.structs.replace(scenario, shape=less)
