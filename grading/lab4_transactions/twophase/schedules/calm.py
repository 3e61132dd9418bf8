"""Directed schedules in which nobody crashes: cost, locks, nonsense. The first one is free of trouble."""

from __future__ import annotations

from typing import Any

from distlab.core import MS
from distlab.faults import Delay, Drop
from distlab.grade.lab import Directed
from distlab.grade.scenario import Call
from grading.lab4_transactions.twophase.scenarios import audit, transact, transfer
from grading.lab4_transactions.twophase.schedules.common import (
    MORE,
    ONE,
    SLOW,
    THREE,
    TWO,
    directed,
    nth,
)
from labs.lab4_transactions.twophase import LARGEST

MANY = (
    *(
        call
        for n in range(5)
        for call in (
            transfer(n * 100 * MS + 10 * MS, "rm1/a", "rm2/b", 1),
            transfer(n * 100 * MS + 10 * MS, "rm3/a", "rm2/a", 2, ap="ap2"),
            transact(n * 100 * MS + 60 * MS, ("rm1/a", -2), ("rm2/b", 1), ("rm3/b", 1), "rm1/b"),
        )
    ),
    audit(900 * MS, THREE),
)


def cheap(
    name: str, what: str, call: Call, syncs: dict[str, int], messages: int, end: str = "ok"
) -> Directed:
    """One transaction, and what it may cost."""
    return directed(
        name,
        "each sync and each message is there for a reason",
        (call,),
        rms=3,
        ends=[end],
        cost={"what": what, "syncs": syncs, "messages": messages},
    )


CALM = (
    directed(
        "all is well",
        "a transfer, and then a look at everything",
        (*ONE, audit(300 * MS, TWO)),
        ends=["ok", "ok"],
    ),
    directed(
        "all is well, with many",
        "transactions of two applications, one after the other and side by side",
        MANY,
        rms=3,
        aps=2,
        ends=["ok"] * 16,
    ),
    directed(
        "within one participant",
        "a transaction like any other",
        (transfer(10 * MS, "rm1/a", "rm1/b", 30), audit(300 * MS, TWO)),
        ends=["ok", "ok"],
    ),
    cheap(
        "cost of a commit",
        "a transfer between two participants",
        ONE[0],
        {"tm1": 1, "rm1": 2, "rm2": 2, "rm3": 0},
        12 + MORE,
    ),
    cheap(
        "cost of a commit with a look",
        "a transfer, and a look elsewhere",
        transact(10 * MS, ("rm1/a", -5), ("rm2/a", 5), "rm3/a"),
        {"tm1": 1, "rm1": 2, "rm2": 2, "rm3": 0},
        16 + MORE,
    ),
    cheap(
        "cost of looking",
        "a transaction that only looks",
        audit(10 * MS, THREE),
        {"tm1": 0, "rm1": 0, "rm2": 0, "rm3": 0},
        12 + MORE,
    ),
    cheap(
        "cost of an abort",
        "a transfer of more than there is",
        transfer(10 * MS, "rm1/a", "rm2/b", 1000),
        {"tm1": 0, "rm1": 0, "rm2": 0, "rm3": 0},
        7 + MORE,
        end="refused",
    ),
    directed(
        "cost of an abort after a yes",
        "who has said yes has forced that; the abort itself is forced nowhere",
        ONE,
        (nth("tm1", "rm2", "Prepare"), Delay(450 * MS)),
        *((nth("tm1", "rm2", "Prepare", n), Drop()) for n in range(2, 20)),
        cost={
            "what": "a transfer that is aborted after one yes",
            "syncs": {"tm1": 0, "rm1": 1, "rm2": 1},
            "messages": 40,
        },
    ),
)


# -- waiting for locks ------------------------------------------------------------------------------------------------

LOCKS = (
    directed(
        "ten want one account",
        "one after the other gets it, and all are committed",
        tuple(transfer(10 * MS + n * MS, "rm1/a", "rm2/a", 1, f"ap{n % 2 + 1}") for n in range(10)),
        aps=2,
        ends=["ok"] * 10,
        wait=True,
        within=600 * MS,
    ),
    directed(
        "two accounts, one of them taken",
        "who has one of its locks waits for the other",
        (
            transfer(10 * MS, "rm1/a", "rm2/a", 5),
            transfer(12 * MS, "rm1/b", "rm1/a", 7, "ap2"),
            transfer(13 * MS, "rm1/a", "rm1/b", 9, "ap2"),
            audit(400 * MS, TWO),
        ),
        aps=2,
        ends=["ok"] * 4,
        wait=True,
        within=200 * MS,
    ),
    directed(
        "a crowd, and then others without a pause",
        "who came first is not passed by those who come later",
        (
            *(transfer((10 + n) * MS, "rm1/a", "rm2/a", 1) for n in range(6)),
            *(transfer((20 + 9 * n) * MS, "rm1/a", "rm2/a", 1, "ap2") for n in range(40)),
        ),
        aps=2,
        ends=["ok"] * 46,
        wait=True,
        within=200 * MS,
    ),
    directed(
        "looks are shared",
        "who only looks does not wait for others who only look",
        tuple(audit(10 * MS + n * MS, TWO) for n in range(20)),
        noise=SLOW,
        ends=["ok"] * 20,
        wait=True,
        within=80 * MS,
    ),
    directed(
        "a writer among readers",
        "readers come without a pause, and the writer gets its turn",
        (
            *(transact((10 + 3 * n) * MS, "rm1/a", "rm2/a") for n in range(100)),
            transfer(50 * MS, "rm1/a", "rm2/a", 5, "ap2"),
        ),
        noise=SLOW,
        aps=2,
        ends=["ok"] * 101,
        wait=True,
        within=200 * MS,
    ),
    *(
        directed(
            f"a deadlock ({ms} ms apart)",
            "each has what the other one wants, at different participants",
            (
                transfer(10 * MS, "rm1/a", "rm2/a", 5),
                transfer((10 + ms) * MS, "rm2/a", "rm1/a", 7, "ap2"),
                audit(1_500 * MS, TWO),
            ),
            (nth("tm1", "rm2", "Work"), Delay(10 * MS)),
            (nth("tm2", "rm1", "Work"), Delay(10 * MS)),
            aps=2,
            tms=2,
            within=350 * MS,
        )
        for ms in (0, 1, 5)
    ),
    directed(
        "three in a ring",
        "a deadlock of three",
        (
            transfer(10 * MS, "rm1/a", "rm2/a", 5),
            transfer(10 * MS, "rm2/a", "rm3/a", 5, "ap2"),
            transfer(10 * MS, "rm3/a", "rm1/a", 5, "ap3"),
            audit(1_500 * MS, THREE),
        ),
        (nth("tm1", "rm2", "Work"), Delay(15 * MS)),
        (nth("tm1", "rm3", "Work"), Delay(15 * MS)),
        (nth("tm1", "rm1", "Work", 2), Delay(15 * MS)),
        rms=3,
        aps=3,
        within=350 * MS,
    ),
)


# -- nonsense ---------------------------------------------------------------------------------------------------------


def _steps(*steps: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"account": account, "amount": amount} for account, amount in steps]


def _forged(at: int, after: int, amount: int, *, made_up: bool = False) -> Call:
    arguments = {
        "steps": _steps(("rm1/a", -amount), ("rm2/a", amount)),
        "other": _steps(("rm1/b", -50), ("rm2/b", 50)),
        "after": after,
        "made_up": made_up,
    }
    return Call(at, "forger", "Forge", arguments)


SENSELESS: tuple[tuple[tuple[str, int] | str, ...], ...] = (
    (("rm1/a", 30), ("rm2/a", 30)),
    (("rm1/a", -30),),
    (("rm1/a", -LARGEST - 1), ("rm2/a", LARGEST + 1)),
    (("rm1/z", -30), ("rm2/a", 30)),
    (("rm9/a", -30), ("rm2/a", 30)),
    (("rm1/a", -30), ("rm1/a", 30)),
    (("rm1/a", -101), ("rm2/a", 101)),
    (("rm2/a", 60), ("rm1/a", -60), ("rm1/a", -60), ("rm2/b", 60)),
    ("rm1/z",),
    (),
)
NONSENSE = (
    directed(
        "an account is emptied, and filled again",
        "nothing is less than something, and more than less than nothing",
        (
            transfer(10 * MS, "rm1/a", "rm2/a", 100),
            transfer(110 * MS, "rm2/a", "rm1/a", 200),
            audit(400 * MS, TWO),
        ),
        ends=["ok"] * 3,
    ),
    directed(
        "nonsense",
        "each of these is refused, and nothing moves",
        (
            *(transact((10 + 40 * n) * MS, *steps) for n, steps in enumerate(SENSELESS)),
            audit(900 * MS, TWO),
            transfer(1_000 * MS, "rm1/a", "rm2/a", 100),
        ),
        ends=["refused"] * len(SENSELESS) + ["ok"] * 2,
    ),
    *(
        directed(
            f"two transactions under one name ({after // MS} ms apart, {amount})",
            "the first one counts; the other is rejected, whether or not the first is over",
            (_forged(10 * MS, after, amount), audit(900 * MS, TWO)),
            ends=["first" if amount == 20 else "unsaid", "ok"],
        )
        for after in (1 * MS, 6 * MS, 100 * MS)
        for amount in (20, 200)
    ),
    directed(
        "under a name that nobody gave",
        "what the coordinator does not know is aborted",
        (_forged(10 * MS, 0, 20, made_up=True), audit(900 * MS, TWO)),
        ends=["unsaid", "ok"],
    ),
)
