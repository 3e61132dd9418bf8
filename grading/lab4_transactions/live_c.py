"""Part 4C as real processes: TCC over three banks, under kills, a stop, and a Try that comes seconds too late.

``make live LAB=4 PART=c``. The manager dies behind a decision, one bank behind Tried, another one behind Confirmed; the
third is stopped with a reservation, and wakes when its transaction has been cancelled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

from distlab.core import MS, SECOND
from distlab.faults import Delay, Fault, Nth
from distlab.grade.lab import Run
from distlab.grade.live import LiveStage
from distlab.grade.scenario import Scenario
from distlab.grade.solution import Solution
from grading.lab4_transactions.patterns import tcc_judges, tcc_world
from grading.lab4_transactions.patterns.live import Rounds, killed, live_stage, patient, stopped
from grading.lab4_transactions.patterns.tcc_part import PART_C
from labs.lab4_transactions.tcc import Leg, Look, Statement, Transfer

TRANSFERS: Final = 40
SHAPE: Final = {"banks": 3}
FAULTS: Final = (
    killed("manager", "Confirm", 8, 600 * MS),
    killed("bank-1", "Tried", 14, 500 * MS),
    Fault(Nth("manager", "bank-2", 9, "Try"), Delay(3 * SECOND)),
    killed("bank-2", "Confirmed", 12, 500 * MS),
    stopped("bank-3", "Tried", 20, 1_200 * MS),
)


def stage(solution: Solution, folder: Path | None, workspace: Path) -> LiveStage:
    """A teller, an auditor, a manager, three banks."""
    cluster = tcc_world.stage(solution, Scenario(shape=SHAPE)).cluster
    return live_stage(
        [
            f"a teller has {TRANSFERS} transfers between three banks, some of them twice; an auditor looks",
            "bank-3 will be stopped (SIGSTOP); one Try comes to bank-2 three seconds late",
        ],
        folder,
        patient(cluster, patience=800 * MS, retry=150 * MS),
        _rounds(),
        FAULTS,
        PART_C.promises,
        ("TX2-S4", "TX2-S5", "TX2-S6"),
        table=table,
        keep=keep,
        shape=SHAPE,
    )


def _rounds() -> Rounds:
    """Two transfers at a time, which meet on the same accounts; one in five is asked for once more."""
    random = Random(4)
    banks, names = tcc_world.banks_of(SHAPE), [name for name, _ in tcc_world.OPENING]
    transfers = []
    for number in range(TRANSFERS):
        payer, payee = random.sample(banks, 2)
        amount = random.choice([1, 5, 30])
        legs = (
            Leg(payer, random.choice(names[:2]), -amount),
            Leg(payee, random.choice(names), amount),
        )
        transfers.append(Transfer(f"t{number}", legs))
    rounds = []
    for number in range(0, TRANSFERS, 2):
        asked = transfers[number : number + 2]
        if number % 10 == 8:
            asked.append(transfers[number - 5])
        rounds.append([*(("teller", each) for each in asked), ("auditor", Look(banks[number % 3]))])
    return [*rounds, [("auditor", Look(bank)) for bank in banks]]


def table(probes: Mapping[Any, Any]) -> Sequence[str]:
    """What each bank has, and what of it is frozen."""
    rows = [
        f"{bank:<8}{_held(view):<44}{view.tried:>6}{view.fences:>6}"
        for bank, view in sorted(probes.items())
        if isinstance(view, Statement)
    ]
    head = f"{'':<8}{'available (+ frozen)':<44}{'TRIED':>6}{'rows':>6}"
    return ["", head, *rows] if rows else []


def _held(view: Statement) -> str:
    words = (
        f"{a.name} {a.available}" + (f" (+{a.frozen})" * bool(a.frozen)) for a in view.accounts
    )
    return "  ".join(words)[:43]


def keep(run: Run) -> list[str]:
    """What there is in the end."""
    views = tcc_judges.statements(run)
    total = sum(a.available + a.frozen for view in views.values() for a in view.accounts)
    opening = len(views) * sum(balance for _, balance in tcc_world.OPENING)
    open_ = sum(view.tried for view in views.values())
    moving = "nothing is frozen" if not open_ else f"{open_} branches are not over yet"
    return [f"total {total} of {opening} at {len(views)} banks; {moving}"]
