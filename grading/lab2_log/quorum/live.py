"""Part 2D as real processes: three servers and two clients over ZeroMQ, on a bad network, with kills and a stop.

``make live LAB=2``. Two servers are killed (-9) in the act of writing, one after the other; the third one is stopped,
and wakes up with stale beliefs: most likely one of them leads at that moment. Clients write, append and read all the
while, and what counts is what they were told, what servers said to each other, and what they hold in the end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from distlab.core import MS, Address, Operation
from distlab.core.cluster import Cluster, Member
from distlab.faults import Crash, Doing, Fault, Noise, Pause, Plan, Survival
from distlab.grade.ended import Operations, judged_by, sends
from distlab.grade.lab import RECORD_MESSAGES
from distlab.grade.live import BadInput, LiveStage
from distlab.grade.solution import Solution
from distlab.live.recorder import Line
from distlab.trace import NOTICED
from grading.lab2_log import quorum
from labs.lab2_log.kv_client import KvClient
from labs.lab2_log.quorum import Append, Cas, ClientConfig, Get, Put, ServerConfig

ROUNDS: Final = 40
SERVERS: Final = (Address("s1"), Address("s2"), Address("s3"))
CLIENTS: Final = ("c1", "c2")
PLAN = Plan(
    (
        Fault(Doing("s1", "sync", n=12), Crash("s1", 700 * MS, Survival.ALL)),
        Fault(Doing("s2", "sync", n=24), Pause("s2", 900 * MS)),
        Fault(Doing("s3", "sync", n=36), Crash("s3", 700 * MS, Survival.ALL)),
    )
)
NOISE = Noise(seed=1, delay=(1 * MS, 6 * MS), loss=0.05, duplicate=0.1)
JUDGED: Final = ("RF-S1", "RF-S6", "RF-S4", "RF-S3", "RF-S5", "RF-S7", "RF-C1", "RF-C2")
"""The others promise times, which a busy machine need not keep."""
PROMISES: Final = [promise for part in quorum.PARTS for promise in part.promises]
SNAPSHOT_AFTER: Final = 20


def stage(solution: Solution, folder: Path | None, workspace: Path) -> LiveStage:
    """Two clients use three servers, again and again."""
    if folder is not None:
        raise BadInput("lab 2 reads no INPUT")
    # Processes on a busy machine are slower than messages in a simulation: three times as much patience.
    config = ServerConfig(
        SERVERS,
        heartbeat=100 * MS,
        election=(450 * MS, 900 * MS),
        snapshot_after=SNAPSHOT_AFTER,
    )
    program = solution.module("raft").Raft
    members: dict[str, Member] = {s: Member(program, config, "server") for s in SERVERS}
    clients = ClientConfig(SERVERS, retry=300 * MS, patience=30_000 * MS)
    members |= {name: Member(KvClient, clients, "client") for name in CLIENTS}
    rounds = [_round(number) for number in range(ROUNDS)]
    return LiveStage(
        about=[
            f"{len(CLIENTS)} clients write, append and read on {len(SERVERS)} servers, "
            f"{sum(map(len, rounds))} times altogether",
            f"the network loses {NOISE.loss:.0%} of all messages and repeats {NOISE.duplicate:.0%}",
            "s1 and s3 will be killed (-9) in the act of writing, and s2 will be stopped (SIGSTOP)",
        ],
        cluster=Cluster(members),
        plan=PLAN,
        noise=NOISE,
        rounds=rounds,
        progress=Terms(rounds),
        judge=judged_by(PROMISES, JUDGED),
        shape={"snapshot_after": SNAPSHOT_AFTER},
        record=NOTICED | RECORD_MESSAGES,
    )


def _round(number: int) -> list[tuple[str, Operation]]:
    """What is asked for at once: both clients write to one key, and one of them reads."""
    one, other = CLIENTS[number % 2], CLIENTS[(number + 1) % 2]
    asked: list[tuple[str, Operation]] = [
        (one, Put("r1", f"v{number}")),
        (other, Append("l1", f"a{number} ")),
    ]
    if number % 3 == 0:
        asked.append((other, Cas("r1", f"v{number - 1}" if number else None, f"w{number}")))
    return [*asked, (one, Get("l1")), (other, Get("r1"))]


class Terms(Operations):
    """And who leads."""

    leader = ""
    changes = 0

    def see(self, line: Line) -> None:
        """Something happened."""
        super().see(line)
        if sends(line, "AppendEntries"):
            self.changes += line.node != self.leader
            self.leader = line.node

    def lines(self) -> list[str]:
        leads = f"leader {self.leader or 'nobody'}, the {self.changes}. one"
        return [self.ended(), f"{leads}  messages lost {self.lost}"]
