"""Part 2C as real processes: three brokers over ZeroMQ, real files, a kill and a stop.

``make live LAB=2 PART=c``. The leader is killed (-9) in the act of writing, its successor is stopped and wakes up as a
zombie; a proxy loses a few messages. The controller is the world's. What counts is what was acknowledged.
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
from grading.lab2_log.log import replicas
from grading.lab2_log.log.parts import PART_C
from grading.lab2_log.serving.sight import table
from labs.lab2_log.brokers import ALL, Append, Drain, Poll

ROUNDS: Final = 14
PLAN = Plan(
    (
        Fault(Doing("b1", "sync", "orders-0/", n=8), Crash("b1", 1_500 * MS, Survival.ALL)),
        Fault(Doing("b2", "sync", "orders-0/", n=16), Pause("b2", 900 * MS)),
    )
)
NOISE = Noise(seed=1, delay=(1 * MS, 5 * MS), loss=0.03, duplicate=0.03)
JUDGED: Final = ("RL-S1", "RL-S6", "RL-S8")
"""The others promise times, are exams, or (RL-S7) ask what a broker had heard when it decided to say something: a
record of real processes tells when it was said."""


def stage(solution: Solution, folder: Path | None, workspace: Path) -> LiveStage:
    """A producer, a consumer, a controller, three brokers."""
    if folder is not None:
        raise BadInput("lab 2 reads no INPUT")
    shape: dict[str, Any] = {"brokers": 3, "min_insync": 2, "auto": True, "lag": 600}
    cluster = replicas.stage(solution, Scenario(shape=shape)).cluster
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
            f"the network loses {NOISE.loss:.0%} of all messages and repeats {NOISE.duplicate:.0%}",
            "b1 will be killed (-9) in the act of writing, and b2 will be stopped (SIGSTOP)",
            "to use the log yourself: make live LAB=2 KEEP=1",
        ],
        cluster=cluster,
        plan=PLAN,
        noise=NOISE,
        rounds=rounds,
        progress=Operations(rounds),
        judge=judged_by(PART_C.promises, JUDGED),
        table=table,
        shape=shape,
        record=NOTICED | RECORD_MESSAGES,
    )
