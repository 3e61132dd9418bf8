"""Part 4E as real processes, all three pieces side by side: outbox, transactional messages, XTS.

``make live LAB=4 PART=e``. Whoever writes something down dies when it has, and has told nobody: the shop, the seller,
the broker, the initiator, a bank. A consumer dies with its answer. The peak of a sale comes and goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

from distlab.core import MS, Operation
from distlab.core.cluster import Cluster
from distlab.grade.lab import Run
from distlab.grade.live import LiveStage
from distlab.grade.scenario import Scenario
from distlab.grade.solution import Solution
from grading.lab4_transactions.patterns import outbox_world, txmsg_world, xts_world
from grading.lab4_transactions.patterns.live import Rounds, killed, live_stage, patient
from grading.lab4_transactions.patterns.outbox_part import PART_E1
from grading.lab4_transactions.patterns.txmsg_part import PART_E2
from grading.lab4_transactions.patterns.xts_part import PART_E3
from labs.lab4_transactions.outbox import ConsumerView, Order, ShopView
from labs.lab4_transactions.tcc import Statement
from labs.lab4_transactions.txmsg import BrokerView, Sell
from labs.lab4_transactions.xts import InitiatorView, Pay, SetPeak, Share

ROUNDS: Final = 45
PEAK: Final = (15, 20)
"""Rounds at which it begins, and is over."""
AWAY: Final = 200 * MS
"""Short: who is down is asked nothing, and a round without him is soon over."""
FAULTS: Final = (
    killed("initiator", "Confirm", 6, AWAY),
    killed("shop", "Publish", 24, AWAY),
    killed("bank-1", "Confirmed", 14, AWAY),
    killed("points", "Received", 32, AWAY),
    killed("seller", "Decide", 20, AWAY),
    killed("broker", "Deliver", 20, AWAY),
)


def stage(solution: Solution, folder: Path | None, workspace: Path) -> LiveStage:
    """A shop and who gives points for it; a seller, a broker, a consumer; an initiator and three banks."""
    worlds = (outbox_world, txmsg_world, xts_world)
    clusters = [world.stage(solution, Scenario()).cluster for world in worlds]
    members = {name: member for cluster in clusters for name, member in cluster.members.items()}
    return live_stage(
        [
            f"{ROUNDS} times: two orders at a shop, a sale by a seller, two payments by an initiator",
            f"the peak begins in round {PEAK[0]} and is over in round {PEAK[1]}",
        ],
        folder,
        patient(Cluster(members), patience=800 * MS, retry=150 * MS, check_after=300 * MS),
        _rounds(),
        FAULTS,
        (*PART_E1.promises, *PART_E2.promises, *PART_E3.promises),
        ("TX2-S7", "TX2-S11", "TX2-S12"),
        table=table,
        keep=keep,
    )


def _rounds() -> Rounds:
    """Transactions that think for some time, and some that fail."""
    random = Random(4)
    rounds: list[list[tuple[str, Operation]]] = []
    for number in range(1, ROUNDS + 1):
        asked: list[tuple[str, Operation]] = [
            ("shop", Order("ann", 2 * number, think=random.choice([0, 20, 60]) * MS)),
            ("shop", Order("bob", 2 * number + 1, think=5 * MS, fails=number % 7 == 3)),
            ("seller", Sell(number, number, think=20 * MS, fails=number % 6 == 5)),
        ]
        for payment in (2 * number, 2 * number + 1):
            shares = tuple(
                Share(bank, "shop", random.randint(1, 5))
                for bank in random.sample(xts_world.BANKS, 2)
            )
            asked.append(("initiator", Pay(payment, "ann", shares)))
        if number in PEAK:
            asked.append(("initiator", SetPeak(number == PEAK[0])))
        rounds.append(asked)
    # Once more, whatever became of the first time: nobody is asked anything while it is down.
    return [*rounds, [("initiator", SetPeak(False))]]


def table(probes: Mapping[Any, Any]) -> Sequence[str]:
    """How far each of the three is."""
    lines = [f"{who:<11}{words}" for who, view in probes.items() if (words := _words(view))]
    return ["", *lines] if lines else []


def _words(view: Any) -> str:
    match view:
        case ShopView(sales, waiting):
            return f"{len(sales)} orders committed, {waiting} events in the outbox"
        case ConsumerView(points):
            return f"{sum(each.count for each in points)} events have had their effect"
        case BrokerView(halves, ready):
            return f"{halves} half messages, {ready} to deliver"
        case InitiatorView(_, committed, pending):
            return f"{len(committed)} payments committed, {pending} with a second phase to come"
        case Statement(_, accounts, tried):
            paid = sum(account.available for account in accounts)
            return f"{paid} received, {tried} branches TRIED"
    return ""


def keep(run: Run) -> list[str]:
    """What there is in the end."""
    return [f"{who}: {words}" for who, view in run.probes.items() if (words := _words(view))]
