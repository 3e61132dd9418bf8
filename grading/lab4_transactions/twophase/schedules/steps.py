"""A crash before every send and every sync of every node; and at pairs of such steps."""

from __future__ import annotations

from collections.abc import Iterator

from distlab.core import MS
from distlab.faults import Crash, Doing
from distlab.grade.lab import Directed
from grading.lab4_transactions.twophase.scenarios import audit, transact, transfer
from grading.lab4_transactions.twophase.schedules.common import GONE, THREE, directed

TOUR = (
    transact(10 * MS, ("rm1/a", -30), ("rm1/b", -5), ("rm2/b", 35), "rm3/a"),
    transfer(450 * MS, "rm2/b", "rm1/a", 7),
    audit(1_700 * MS, THREE),
)
"""A transaction with two writers and a reader, another one on the same accounts, and a look at everything."""

SENDS = {"tm1": range(1, 16), "rm1": range(1, 6), "rm2": range(1, 6), "rm3": range(1, 4)}
SYNCS = {"tm1": range(1, 6), "rm1": range(1, 7), "rm2": range(1, 7)}
"""Each node's sends and syncs until the second transfer is over, and some more. A file and its name are two syncs."""


def _points(node: str) -> list[Doing]:
    return [
        *(Doing(node, "send", n=n) for n in SENDS.get(node, ())),
        *(Doing(node, "sync", n=n) for n in SYNCS.get(node, ())),
    ]


def _tour(*crashes: tuple[Doing, int]) -> Directed:
    where = " and ".join(f"{at.node} dies before its {at.verb} {at.n}" for at, _ in crashes)
    return directed(
        f"{where} ({', '.join(str(down) for _, down in crashes)} ms)",
        "a crash at every step, and at pairs of steps",
        TOUR,
        *((at, Crash(at.node, down * MS, GONE)) for at, down in crashes),
        heal_at=1_200 * MS,
        rms=3,
    )


def every_step() -> Iterator[Directed]:
    """Every node, before every send and every sync."""
    for node in SENDS:
        for at in _points(node):
            yield _tour((at, 30))


def every_pair() -> Iterator[Directed]:
    """The coordinator and a participant; both participants; and the coordinator twice."""
    tm, rm1, rm2 = (
        [at for at in _points(node) if at.n > least or (at.verb == "send" and node != "tm1")]
        for node, least in (("tm1", 1), ("rm1", 2), ("rm2", 2))
    )
    for first in tm:
        for second in rm1:
            yield _tour((first, 20), (second, 150))
    for first in rm1:
        for second in rm2:
            yield _tour((first, 150), (second, 20))
    for index, first in enumerate(tm):
        for second in tm[index + 2 :: 2]:
            yield _tour((first, 20), (second, 20))
