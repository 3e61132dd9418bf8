"""Part 2E as real processes: three controllers and three brokers over ZeroMQ, real files, kills and a stop.

``make live LAB=2 PART=e``. The first broker is killed (-9) in the act of writing, and a controller too; another
controller is stopped and wakes up. What counts is who led by which right, and what was acknowledged.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from distlab.core import MS, Operation
from distlab.faults import Crash, Doing, Fault, Noise, Pause, Plan, Survival
from distlab.grade.ended import Operations, judged_by
from distlab.grade.lab import RECORD_MESSAGES
from distlab.grade.live import BadInput, LiveStage
from distlab.grade.scenario import Scenario
from distlab.grade.solution import Solution
from distlab.trace import NOTICED
from grading.lab2_log.control import PART_E, scene
from labs.lab2_log.brokers import ALL, Append, Drain, Poll

ROUNDS: Final = 14
PLAN = Plan(
    (
        Fault(Doing("b1", "sync", "orders-0/", n=8), Crash("b1", 1_500 * MS, Survival.ALL)),
        Fault(Doing("k1", "sync", "", n=10), Crash("k1", 1_200 * MS, Survival.ALL)),
        Fault(Doing("k2", "sync", "", n=8), Pause("k2", 900 * MS)),
    )
)
NOISE = Noise(seed=1, delay=(1 * MS, 5 * MS), loss=0.03, duplicate=0.03)
JUDGED: Final = ("RL-S4", "RL-S7", "RL-S1")
"""The others promise times, or ask what a leader had heard when it decided to say something: a record of real
processes tells when it was said."""


def stage(solution: Solution, folder: Path | None, workspace: Path) -> LiveStage:
    """A producer, a consumer, three controllers, three brokers."""
    if folder is not None:
        raise BadInput("lab 2 reads no INPUT")
    shape: dict[str, Any] = {"brokers": 3, "min_insync": 2, "lag": 600, "slow": 3}
    rounds: list[list[tuple[str, Operation]]] = []
    for turn in range(ROUNDS):
        appends = [
            ("client", Append((f"{turn}.{n}",), acks=ALL if n < 2 else 1, timeout=1_000 * MS))
            for n in range(3)
        ]
        rounds.append([*appends, ("consumer", Poll(max_wait=100 * MS))])
    rounds.append([("consumer", Drain())])
    return LiveStage(
        about=[
            f"a producer appends {3 * ROUNDS} batches to a log on three brokers, a consumer reads",
            "three controllers decide who leads, one of them at a time",
            f"the network loses {NOISE.loss:.0%} of all messages and repeats {NOISE.duplicate:.0%}",
            "b1 and k1 will be killed (-9) in the act of writing, and k2 will be stopped (SIGSTOP)",
        ],
        cluster=scene.stage(solution, Scenario(shape=shape)).cluster,
        plan=PLAN,
        noise=NOISE,
        rounds=rounds,
        progress=Operations(rounds),
        judge=judged_by(PART_E.promises, JUDGED),
        shape=shape,
        record=NOTICED | RECORD_MESSAGES,
    )
