"""Part 4A as real processes: coordinators and participants over ZeroMQ, real files, real kills.

``make live LAB=4 PART=a``. Every role is killed (-9) at its worst moment, one after the other: a coordinator behind its
commit point, a participant behind its yes, another one in the act of committing; the second coordinator is stopped,
and wakes with stale beliefs. Meanwhile two applications move money. What counts is what they were told, and what is
there in the end.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any, Final

from distlab.core import MS, Operation
from distlab.core.cluster import Cluster, Member
from distlab.faults import Crash, Doing, Fault, Noise, Pause, Plan, Survival
from distlab.grade.ended import judged_by
from distlab.grade.lab import RECORD_MESSAGES
from distlab.grade.live import BadInput, LiveStage
from distlab.grade.solution import Solution
from distlab.trace import NOTICED, Kind
from grading.lab4_transactions import LAB
from grading.lab4_transactions.books import Books
from grading.lab4_transactions.twophase import scenarios
from labs.lab4_transactions.teller import Teller
from labs.lab4_transactions.twophase import (
    CoordinatorConfig,
    ParticipantConfig,
    Step,
    TellerConfig,
    Transact,
)

ROUNDS: Final = 25
SHAPE: Final[dict[str, Any]] = {"tms": 2, "rms": 3, "aps": 2, "is_over": True}
PLAN: Final = Plan(
    (
        Fault(Doing("tm1", "send", "Outcome", n=4), Crash("tm1", 700 * MS, Survival.ALL)),
        Fault(Doing("rm1", "send", "Vote", n=14), Crash("rm1", 500 * MS, Survival.ALL)),
        Fault(Doing("rm2", "sync", n=24), Crash("rm2", 500 * MS, Survival.ALL)),
        Fault(Doing("tm2", "send", "Decision", n=24), Pause("tm2", 900 * MS)),
    )
)
NOISE: Final = Noise(seed=1, delay=(1 * MS, 5 * MS), loss=0.03, duplicate=0.05)
JUDGED: Final = ("TX2-S1", "TX2-S2", "TX2-S3", "TX2-S4", "TX2-I1")
"""The others promise times, which a busy machine need not keep."""


def stage(solution: Solution, folder: Path | None, workspace: Path) -> LiveStage:
    """Two applications, two coordinators, three participants."""
    if folder is not None:
        raise BadInput("lab 4 reads no INPUT")
    tms, rms = scenarios.names(SHAPE, "tm", 2), scenarios.names(SHAPE, "rm", 3)
    accounts = [(name, scenarios.OPENING) for name in scenarios.accounts(SHAPE)]
    coordinator = solution.module("coordinator").Coordinator
    participant = solution.module("participant").Participant
    cast: dict[str, Member] = {}
    for tm in tms:
        cast[tm] = Member(coordinator, CoordinatorConfig(rms), "coordinator")
    for rm in rms:
        own = tuple(item for item in accounts if item[0].startswith(f"{rm}/"))
        cast[rm] = Member(participant, ParticipantConfig(own), "participant")
    for ap, order in (("ap1", tms), ("ap2", tms[::-1])):
        config = TellerConfig(order, patience=30_000 * MS)
        cast[ap] = Member(Teller, config, "application")
    rounds = list(_rounds())
    return LiveStage(
        about=[
            f"two applications move money between {len(rms)} participants, "
            f"{sum(map(len, rounds))} transactions by two coordinators",
            f"the network loses {NOISE.loss:.0%} of all messages and repeats {NOISE.duplicate:.0%}",
            "tm1, rm1 and rm2 will be killed (-9), each at its worst moment; tm2 will be stopped (SIGSTOP)",
        ],
        cluster=Cluster(cast),
        plan=PLAN,
        noise=NOISE,
        rounds=rounds,
        progress=Books(rounds, dict.fromkeys(rms, "a log of its own"), len(accounts)),
        judge=judged_by(LAB.part("A").promises, JUDGED),
        shape=SHAPE,
        record=NOTICED | RECORD_MESSAGES | {Kind.WRITE},
    )


def _rounds() -> list[list[tuple[str, Operation]]]:
    """Transfers that meet on some accounts, and a look at everything now and then, and at the end."""
    random = Random(4)
    everything = scenarios.accounts(SHAPE)
    look = Transact(tuple(map(Step, everything)))
    rounds: list[list[tuple[str, Operation]]] = []
    for number in range(ROUNDS):
        asked: list[tuple[str, Operation]] = []
        for ap in ("ap1", "ap2"):
            source, target = random.sample(everything, 2)
            amount = random.choice([1, 5, 20])
            asked.append((ap, Transact((Step(source, -amount), Step(target, amount)))))
        if number % 5 == 4:
            asked.append(("ap1", look))
        rounds.append(asked)
    return [*rounds, [("ap1", look)]]
