"""Lab 0 as real processes: part 0B's clients and servers over ZeroMQ, on a bad network, with a kill and a stop.

``make live LAB=0``. A proxy between the nodes loses and repeats messages; one server is killed (-9) in the act of
writing, the other one is stopped and wakes up with stale beliefs. What counts is what the accounts say in the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from distlab.core import MS
from distlab.faults import Crash, Doing, Fault, Noise, Pause, Plan, Survival
from distlab.grade.lab import RECORD_MESSAGES, Run
from distlab.grade.live import BadInput, Judged, LiveStage
from distlab.grade.scenario import Scenario
from distlab.grade.solution import Solution
from distlab.live.portable import from_plain
from distlab.live.recorder import Line
from distlab.trace import NOTICED, Kind
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
        progress=Operations(rounds),
        judge=judged,
        shape=shape,
        record=NOTICED | RECORD_MESSAGES,
    )


class Operations:
    """How many have ended, and how."""

    def __init__(self, rounds: Sequence[Sequence[object]]) -> None:
        self.total = sum(map(len, rounds))
        self.outcomes: Counter[str] = Counter()
        self.calls = self.lost = 0

    def see(self, line: Line) -> None:
        """Something happened."""
        if line.kind == Kind.RETURN:
            _, outcome = from_plain(line.what)
            self.outcomes[type(outcome).__name__] += 1
        elif line.kind == Kind.SEND and line.what.get("$blob", "").endswith(":Call"):
            self.calls += line.node.startswith("c")
        elif line.kind == Kind.DROP:
            self.lost += 1

    def lines(self) -> list[str]:
        ended = "  ".join(f"{name} {count}" for name, count in sorted(self.outcomes.items()))
        return [
            f"operations {self.outcomes.total()}/{self.total}  {ended}".rstrip(),
            f"attempts {self.calls}  messages lost {self.lost}",
        ]


def judged(run: Run) -> list[Judged]:
    """Part 0B's promises about effects and outcomes."""
    return [
        Judged(promise, promise.judge(run))
        for promise in LAB.part("B").promises
        if promise.code in JUDGED and promise.judge is not None
    ]
