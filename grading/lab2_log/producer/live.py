"""Part 2F as real processes: two producers and three brokers over ZeroMQ, on a bad network, with a kill and a stop.

``make live LAB=2 PART=f``. b1 is killed (-9) in the act of writing, b2 is stopped and wakes up as a zombie. A proxy
loses and repeats messages. What counts is what was reported, and what is in the logs in the end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from distlab.core import MS, Operation
from distlab.faults import Crash, Doing, Fault, Noise, Pause, Plan, Survival
from distlab.grade.ended import Operations, judged_by, sends
from distlab.grade.lab import RECORD_MESSAGES
from distlab.grade.live import BadInput, LiveStage
from distlab.grade.scenario import Scenario
from distlab.grade.solution import Solution
from distlab.live.recorder import Line
from distlab.trace import NOTICED
from grading.lab2_log.producer import stage as simulated
from grading.lab2_log.producer.parts import PART
from labs.lab2_log.producing import Flush, Send

ROUNDS: Final = 30
SENDS: Final = 8
PLAN = Plan(
    (
        Fault(Doing("b1", "sync", "orders-0/", n=20), Crash("b1", 1_200 * MS, Survival.ALL)),
        Fault(Doing("b2", "sync", "orders-1/", n=40), Pause("b2", 900 * MS)),
    )
)
NOISE = Noise(seed=1, delay=(1 * MS, 6 * MS), loss=0.05, duplicate=0.08)
SHAPE: Final[dict[str, Any]] = {
    "brokers": 3,
    "partitions": 2,
    "producer": {
        "linger": 15,
        "batch_size": 150,
        "request_timeout": 500,
        "delivery_timeout": 20_000,
        "metadata_retry": 150,
    },
}
JUDGED: Final = ("PR-S1", "PR-S2", "PR-S3", "PR-S4")
"""The others promise times, which a busy machine need not keep."""


def stage(solution: Solution, folder: Path | None, workspace: Path) -> LiveStage:
    """Two producers, again and again; at the end of each round they flush."""
    if folder is not None:
        raise BadInput("lab 2 reads no INPUT")
    cluster = simulated.stage(solution, Scenario(shape=SHAPE)).cluster
    rounds = [_round(number) for number in range(ROUNDS)]
    return LiveStage(
        about=[
            f"two producers send {ROUNDS * SENDS} records to two partitions on three brokers",
            f"the network loses {NOISE.loss:.0%} of all messages and repeats {NOISE.duplicate:.0%}",
            "b1 will be killed (-9) in the act of writing, and b2 will be stopped (SIGSTOP)",
        ],
        cluster=cluster,
        plan=PLAN,
        noise=NOISE,
        rounds=rounds,
        progress=Batches(rounds),
        judge=judged_by(PART.promises, JUDGED),
        shape=SHAPE,
        record=NOTICED | RECORD_MESSAGES,
    )


def _round(number: int) -> list[tuple[str, Operation]]:
    """What is asked for at once: records with and without keys, and a flush behind them."""
    asked: list[tuple[str, Operation]] = []
    for n in range(SENDS):
        key = f"k{n % 3}" if n % 2 else None
        asked.append(("p2" if n % 4 == 3 else "p1", Send(f"{number}.{n}", key)))
    return [*asked, ("p1", Flush())]


class Batches(Operations):
    """And how many batches were sent."""

    batches = 0

    def see(self, line: Line) -> None:
        """Something happened."""
        super().see(line)
        self.batches += sends(line, "Produce")

    def lines(self) -> list[str]:
        return [self.ended(), f"batches sent {self.batches}  messages lost {self.lost}"]
