"""Directed schedules of part 4E2. The first one is free of faults."""

from __future__ import annotations

from distlab.core import MS
from distlab.faults import At, Clog, Crash, Cut, Delay, Doing, Drop, Duplicate, Fault, Nth, Survival
from distlab.grade.lab import Directed
from grading.lab4_transactions.patterns.txmsg_world import of, sell

SELLER, BROKER, CONSUMER = "seller", "broker", "consumer"
ONE = [sell(5 * MS, 1)]
THREE = [
    sell(5 * MS, 1),
    sell(20 * MS, 2, think=30 * MS, fails=True),
    sell(40 * MS, 3, think=20 * MS),
]


def power_cut(node: str, verb: str, what: str = "", n: int = 1) -> Fault:
    return Fault(Doing(node, verb, what, n), Crash(node, 40 * MS, Survival.NOTHING))


def lost(source: str, to: str, message: str, *numbers: int) -> list[Fault]:
    return [Fault(Nth(source, to, n, message), Drop()) for n in numbers or (1, 2, 3)]


SCHEDULES = (
    Directed("one sale, all is well", "half, local transaction, decision, delivery", of(ONE)),
    Directed(
        "three sales, one is rolled back", "its message goes, and nobody hears of it", of(THREE)
    ),
    Directed(
        "a sale thinks for a second",
        "the broker asks again and again, and the answer is: not yet",
        of([sell(5 * MS, 1, think=1000 * MS), sell(6 * MS, 2, think=700 * MS, fails=True)]),
    ),
    Directed("the decision is lost", "the broker asks", of(THREE, *lost(SELLER, BROKER, "Decide"))),
    Directed(
        "the decision and many answers are lost",
        "it asks until it is answered",
        of(ONE, Fault(At(8 * MS), Cut(SELLER, BROKER, 780 * MS))),
    ),
    Directed(
        "the broker asks before the seller knows that the half is stored",
        "a no is for ever",
        of(
            ONE,
            *(Fault(Nth(BROKER, SELLER, n, "HalfStored"), Delay(150 * MS)) for n in range(1, 6)),
            *lost(SELLER, BROKER, "Half", 2, 3, 4, 5, 6, 7, 8),
        ),
    ),
    Directed(
        "HalfStored comes late, after the seller has given up",
        "what has failed does not begin",
        of(ONE, Fault(At(0), Clog(BROKER, SELLER, 500 * MS))),
    ),
    Directed(
        "the half message is lost",
        "no message, no transaction",
        of(ONE, *lost(SELLER, BROKER, "Half")),
    ),
    Directed(
        "the broker is away",
        "a sale whose message nobody keeps does not happen",
        of([*ONE, sell(700 * MS, 2)], Fault(At(0), Crash(BROKER, 600 * MS))),
    ),
    Directed(
        "HalfStored comes twice",
        "one transaction",
        of(
            THREE,
            Fault(Nth(BROKER, SELLER, 1), Duplicate(2 * MS)),
            Fault(Nth(BROKER, SELLER, 2), Duplicate(5 * MS)),
        ),
    ),
    Directed(
        "the half message comes again when all is over",
        "asked about again, delivered again, taken once",
        of(THREE, Fault(Nth(SELLER, BROKER, 1), Duplicate(400 * MS))),
    ),
    Directed(
        "a decision comes twice, and late",
        "what is decided is decided",
        of(
            THREE,
            *(Fault(Nth(SELLER, BROKER, n, "Decide"), Duplicate(200 * MS)) for n in (1, 2, 3)),
        ),
    ),
    Directed(
        "the consumer is away",
        "a message stays until it is taken",
        of(THREE, Fault(At(0), Crash(CONSUMER, 600 * MS))),
    ),
    Directed(
        "Taken is lost",
        "delivered again, taken once",
        of(THREE, *lost(CONSUMER, BROKER, "Taken")),
    ),
    *(
        Directed(
            f"{node} loses power before {verb} {what} {n}",
            "what was promised is on disk",
            of([*THREE, sell(400 * MS, 4)], power_cut(node, verb, what, n)),
        )
        for node, verb, what, count in (
            (SELLER, "sync", "", 2),
            (SELLER, "send", "Half", 2),
            (SELLER, "send", "Decide", 3),
            (SELLER, "finish", "", 2),
            (BROKER, "sync", "", 8),
            (BROKER, "send", "HalfStored", 3),
            (BROKER, "send", "Deliver", 2),
        )
        for n in range(1, count + 1)
    ),
    *(
        Directed(
            f"the {node} loses power at {time} ms",
            "between any two steps",
            of(THREE, Fault(At(time * MS), Crash(node, 40 * MS, Survival.NOTHING))),
        )
        for node in (SELLER, BROKER)
        for time in (6, 7, 8, 9, 10, 11, 12, 13, 14, 30, 46, 60, 64)
    ),
    Directed(
        "the seller dies while a sale is running",
        "the answer is no now, and nobody begins it again",
        of([sell(5 * MS, 1, think=100 * MS)], Fault(At(50 * MS), Crash(SELLER, 20 * MS))),
    ),
    Directed(
        "both die in turn",
        "half messages outlive everybody",
        of(
            [
                sell((5 + 40 * n) * MS, n, think=(n * 17 % 60) * MS, fails=n % 4 == 0)
                for n in range(1, 15)
            ],
            *(
                Fault(At(t * MS), Crash(node, 20 * MS, Survival.NOTHING))
                for node, first in ((SELLER, 70), (BROKER, 120))
                for t in range(first, 700, 130)
            ),
        ),
    ),
)
