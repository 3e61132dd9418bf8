"""Lab 4 as real processes: the log transactions of part 4F over ZeroMQ, real files, real kills.

``make live LAB=4 PART=f``. Two applications write orders, some of which they take back; two processors make totals of
them. The coordinator is killed (-9) between two markers, a processor before it ends its transaction, an output in the
act of writing; the other processor is stopped before it commits its offsets, until the group has given it up. Then
every order that was committed must be in the totals: once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import structs

from distlab.core import MS, SECOND, Operation
from distlab.core.cluster import Cluster, Member
from distlab.faults import Crash, Doing, Fault, Noise, Pause, Plan, Survival
from distlab.grade.ended import Operations, judged_by
from distlab.grade.lab import RECORD_MESSAGES
from distlab.grade.live import BadInput, LiveStage
from distlab.grade.solution import Solution
from distlab.live.portable import from_plain
from distlab.live.recorder import Line
from distlab.trace import NOTICED, Kind
from grading.lab4_transactions import LAB
from grading.lab4_transactions.logtx.judges import is_processed
from grading.lab4_transactions.logtx.keeper import KeeperConfig, LogKeeper
from grading.lab4_transactions.logtx.world import (
    COORDINATORS,
    GROUP,
    INPUTS,
    LOG,
    OUTPUTS,
    PARTITIONS,
    PROCESSORS,
)
from labs.lab4_transactions.logtx import (
    GroupConfig,
    PartitionConfig,
    ProcessorConfig,
    ProducerConfig,
    Transact,
    TxnCoordinatorConfig,
    TxnEnded,
    Write,
)

ROUNDS: Final = 24
TIMEOUT: Final = 4 * SECOND
APPLICATIONS: Final = ("a1", "a3")
PLAN: Final = Plan(
    (
        Fault(Doing("c1", "send", "WriteMarker", n=14), Crash("c1", 1200 * MS, Survival.ALL)),
        Fault(Doing("p1", "send", "EndTxn", n=3), Crash("p1", 700 * MS, Survival.ALL)),
        Fault(Doing("p2", "send", "CommitOffsets", n=2), Pause("p2", 2500 * MS)),
        Fault(Doing("out-0", "sync", n=6), Crash("out-0", 500 * MS, Survival.ALL)),
    )
)
NOISE: Final = Noise(seed=1, delay=(1 * MS, 5 * MS), loss=0.02, duplicate=0.05)


def stage(solution: Solution, folder: Path | None, workspace: Path) -> LiveStage:
    """Two applications, two coordinators and their log, four partitions, the group, two processors."""
    if folder is not None:
        raise BadInput("lab 4 reads no INPUT")
    module = solution.module
    coordinator = TxnCoordinatorConfig(LOG, retry=150 * MS)
    keeper = KeeperConfig(COORDINATORS, tell=100 * MS, dead_after=900 * MS)
    cast = {LOG: Member(LogKeeper, keeper, "log")}
    for name in COORDINATORS:
        cast[name] = Member(module("txn_coordinator").Coordinator, coordinator, "coordinator")
    for name in PARTITIONS:
        cast[name] = Member(module("txn_partition").Partition, PartitionConfig(), "partition")
    group = GroupConfig(inputs=INPUTS, session_timeout=900 * MS)
    cast[GROUP] = Member(module("txn_partition").Group, group, "group")
    for name in PROCESSORS:
        processor = ProcessorConfig(
            name, COORDINATORS, GROUP, OUTPUTS, TIMEOUT, retry=200 * MS, beat=150 * MS
        )
        cast[name] = Member(module("txn_processor").Processor, processor, "processor")
    for name in APPLICATIONS:
        producer = ProducerConfig(name, COORDINATORS, TIMEOUT, retry=200 * MS)
        cast[name] = Member(module("txn_client").Application, producer, "application")
    rounds = list(_rounds())
    own = [*LAB.part("F2").promises, *LAB.part("F3").promises]
    promises = [
        structs.replace(p, judge=is_processed) if p.code == "TX-L5" else p
        for p in own  # its times are not for a busy machine
    ]
    return LiveStage(
        about=[
            f"two applications write {2 * ROUNDS} transactions of orders, and take back every fourth one; "
            "two processors make totals",
            f"the network loses {NOISE.loss:.0%} of all messages and repeats {NOISE.duplicate:.0%}",
            "c1, p1 and out-0 will be killed (-9), each at its worst moment; p2 will be stopped (SIGSTOP)",
        ],
        cluster=Cluster(cast),
        plan=PLAN,
        noise=NOISE,
        rounds=rounds,
        progress=Decisions(rounds),
        judge=judged_by(promises, ("TX-S1", "TX-S3", "TX-S5", "TX-L5")),
        shape={"processors": len(PROCESSORS)},
        record=NOTICED | RECORD_MESSAGES,
    )


def _rounds() -> list[list[tuple[str, Operation]]]:
    """Orders, one transaction of each application at a time; and then time for the processors to catch up."""
    rounds: list[list[tuple[str, Operation]]] = []
    for number in range(ROUNDS):
        asked: list[tuple[str, Operation]] = []
        for name in APPLICATIONS:
            writes = tuple(
                Write(partition, (f"{name}.{number}.{partition}", f"{name}.{number}.{partition}+"))
                for partition in INPUTS
            )
            asked.append((name, Transact(writes, commit=number % 4 != 3, think=100 * MS)))
        rounds.append(asked)
    idle = Transact((Write(INPUTS[0], ("nothing",)),), commit=False, think=3 * SECOND)
    return [*rounds, [(APPLICATIONS[0], idle)]]


class Decisions(Operations):
    """How many transactions have ended, and how; and who was told so."""

    def __init__(self, rounds: Sequence[Sequence[object]]) -> None:
        super().__init__(rounds)
        self.processed = 0

    def see(self, line: Line) -> None:
        """Something happened."""
        super().see(line)
        if line.kind == Kind.DELIVER and line.node in PROCESSORS:
            match from_plain(line.what):
                case TxnEnded(error=""):
                    self.processed += 1

    def lines(self) -> list[str]:
        words = {"Ok": "committed", "Fail": "aborted", "Info": "unknown"}
        return [
            self.ended("transactions", words),
            f"transactions of the processors {self.processed}",
            f"messages lost {self.lost}",
        ]
