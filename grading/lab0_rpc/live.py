"""Lab 0 as real processes: part 0B's clients and servers over ZeroMQ, on a bad network, with a kill and a stop.

``make live LAB=0``. A proxy between the nodes loses and repeats messages; one server is killed (-9) in the act of
writing, the other one is stopped and wakes up with stale beliefs. What counts is what the accounts say in the end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from distlab.core import MS
from distlab.faults import Crash, Doing, Fault, Noise, Pause, Plan, Survival
from distlab.grade.ended import Operations, judged_by, sends
from distlab.grade.lab import RECORD_MESSAGES
from distlab.grade.live import BadInput, LiveStage
from distlab.grade.scenario import Scenario
from distlab.grade.solution import Solution
from distlab.live.recorder import Line
from distlab.trace import NOTICED
from grading.lab0_rpc import LAB, scenarios
from labs.lab0_rpc.protocol import Add

ROUNDS, CLIENTS, SERVERS = 12, 2, 2
ACCOUNTS: Final = "abcd"
PLAN = Plan(
    (
        # Right before its third write is safe: nobody was told of it yet, but it stands in the file.
        Fault(Doing("s0", "sync", n=4), Crash("s0", 600 * MS, Survival.ALL)),
        Fault(Doing("s1", "sync", n=4), Pause("s1", 800 * MS)),
    )
)
NOISE = Noise(seed=1, delay=(1 * MS, 10 * MS), loss=0.15, duplicate=0.15)
JUDGED: Final = ("RPC-S3", "RPC-S4", "RPC-S5", "RPC-C1")
"""The others promise times, which a busy machine need not keep."""


def stage(solution: Solution, folder: Path | None, workspace: Path) -> LiveStage:
    """Two clients add to four accounts on two servers, again and again."""
    if folder is not None:
        raise BadInput("lab 0 reads no INPUT")
    shape = {"clients": CLIENTS, "servers": SERVERS, "window": 8}
    cluster = scenarios.stage_b(solution, Scenario(shape=shape)).cluster
    rounds = [
        [(f"c{n}", Add(ACCOUNTS[(turn + n) % len(ACCOUNTS)], 10**turn)) for n in range(CLIENTS)]
        for turn in range(ROUNDS)
    ]
    return LiveStage(
        about=[
            f"{CLIENTS} clients add to {len(ACCOUNTS)} accounts on {SERVERS} servers, "
            f"{CLIENTS * ROUNDS} times altogether",
            f"the network loses {NOISE.loss:.0%} of all messages and repeats {NOISE.duplicate:.0%}",
            "s0 will be killed (-9) in the act of writing, and s1 will be stopped (SIGSTOP)",
        ],
        cluster=cluster,
        plan=PLAN,
        noise=NOISE,
        rounds=rounds,
        progress=Attempts(rounds),
        judge=judged_by(LAB.part("B").promises, JUDGED),
        shape=shape,
        record=NOTICED | RECORD_MESSAGES,
    )


class Attempts(Operations):
    """And how often clients asked."""

    calls = 0

    def see(self, line: Line) -> None:
        """Something happened."""
        super().see(line)
        self.calls += sends(line, "Call") and line.node.startswith("c")

    def lines(self) -> list[str]:
        return [self.ended(), f"attempts {self.calls}  messages lost {self.lost}"]
