"""Directed schedules of part 4E1. The first one is free of faults."""

from __future__ import annotations

from distlab.core import MS, SECOND
from distlab.faults import At, Clog, Crash, Cut, Delay, Doing, Drop, Duplicate, Fault, Nth, Survival
from distlab.grade.lab import Directed
from grading.lab4_transactions.patterns.outbox_world import of, order

SHOP, POINTS = "shop", "points"
FIVE = [order((5 + 10 * n) * MS, n, "ann" if n % 2 else "bob") for n in range(1, 6)]
OVERLAP = [
    order(5 * MS, 1, "ann", think=60 * MS),
    order(10 * MS, 2, "ann"),
    order(12 * MS, 3, "bob", think=20 * MS),
    order(14 * MS, 4, "bob"),
    order(200 * MS, 5, "ann"),
]


def power_cut(node: str, verb: str, what: str = "", n: int = 1) -> Fault:
    return Fault(Doing(node, verb, what, n), Crash(node, 30 * MS, Survival.NOTHING))


SCHEDULES = (
    Directed("orders, all is well", "one after the other", of(FIVE)),
    Directed(
        "ids and commits in different orders",
        "who reads by id passes over a transaction that commits late",
        of(OVERLAP),
    ),
    Directed(
        "one order of one customer overtakes another",
        "in the order of the commits, not of the ids, also where both are seen at once",
        of(
            [order(5 * MS, 1, think=20 * MS), order(6 * MS, 2, think=10 * MS), order(7 * MS, 3)],
            Fault(At(0), Cut(SHOP, POINTS, 200 * MS)),
        ),
    ),
    Directed(
        "rolled back",
        "a gap in the ids is never filled",
        of(
            [
                order(5 * MS, 1, fails=True),
                order(10 * MS, 2),
                order(12 * MS, 3, think=9 * MS, fails=True),
                order(15 * MS, 4),
            ]
        ),
    ),
    Directed(
        "one thinks for three seconds",
        "nobody waits for it",
        of([order(5 * MS, 1, think=3 * SECOND), *FIVE[1:]]),
    ),
    Directed(
        "forty orders",
        "rows go, and nothing is said more often than it must be",
        of([order((5 + 10 * n) * MS, n, ["ann", "bob"][n % 2]) for n in range(1, 41)], cost=True),
    ),
    Directed(
        "forty orders at a time",
        "what is under way is not said again",
        of([order((5 + n // 20) * MS, n, ["ann", "bob"][n % 2]) for n in range(1, 41)], cost=True),
    ),
    Directed(
        "the consumer is away for a while, and forty orders come",
        "all of them arrive, in order",
        of(
            [
                order((5 + 5 * n) * MS, n, ["ann", "bob"][n % 2], think=(n * 7 % 11) * MS)
                for n in range(1, 41)
            ],
            Fault(At(0), Crash(POINTS, 600 * MS)),
        ),
    ),
    Directed("an event is lost", "it is said again", of(FIVE, Fault(Nth(SHOP, POINTS, 2), Drop()))),
    Directed(
        "the last event is lost",
        "it is said again, though nothing new is committed",
        of(FIVE, *(Fault(Nth(SHOP, POINTS, n), Drop()) for n in (5, 6, 7))),
    ),
    Directed(
        "every event comes twice",
        "each has its effect once",
        of(FIVE, *(Fault(Nth(SHOP, POINTS, n), Duplicate(30 * MS)) for n in range(1, 6))),
    ),
    Directed(
        "an event is overtaken",
        "the order of arrival is not the order of commits",
        of(
            FIVE,
            Fault(Nth(SHOP, POINTS, 1), Delay(25 * MS)),
            Fault(Nth(SHOP, POINTS, 3), Delay(25 * MS)),
        ),
    ),
    Directed(
        "an event comes again when others came after it",
        "how long must one remember?",
        of(FIVE, Fault(Nth(SHOP, POINTS, 1), Duplicate(600 * MS))),
    ),
    Directed(
        "what was received is lost on the way back",
        "it is said again, and recognised",
        of(FIVE, *(Fault(Nth(POINTS, SHOP, n), Drop()) for n in range(1, 6))),
    ),
    Directed(
        "an old answer comes late",
        "how far it was, not how far it is",
        of(
            FIVE,
            Fault(Nth(POINTS, SHOP, 1), Duplicate(500 * MS)),
            Fault(At(20 * MS), Clog(POINTS, SHOP, 80 * MS)),
        ),
    ),
    *(
        Directed(
            f"{node} loses power before {verb} {what} {n}",
            "between the effect and what recognises it; between the commit and the event",
            of([*OVERLAP, order(300 * MS, 6)], power_cut(node, verb, what, n)),
        )
        for node, verb, what, count in (
            (SHOP, "sync", "db", 6),
            (SHOP, "send", "Publish", 4),
            (SHOP, "finish", "Ok", 3),
            (POINTS, "sync", "", 4),
            (POINTS, "send", "Received", 3),
        )
        for n in range(1, count + 1)
    ),
    *(
        Directed(
            f"{node} loses power at {time} ms ({number} orders at once)",
            "between any two writes",
            of(
                [order((5 + n // 3) * MS, n, "ann") for n in range(1, number + 1)],
                Fault(At(time * MS), Crash(node, 50 * MS, Survival.NOTHING)),
            ),
        )
        for node in (SHOP, POINTS)
        for time in range(7, 17)
        for number in (2, 7)
    ),
    Directed(
        "both die again and again",
        "nobody remembers anything that is not on disk",
        of(
            [
                order((5 + 20 * n) * MS, n, ["ann", "bob"][n % 2], think=(n * 7 % 30) * MS)
                for n in range(1, 30)
            ],
            *(
                Fault(At(t * MS), Crash(node, 15 * MS, Survival.NOTHING))
                for node, first in ((SHOP, 33), (POINTS, 60))
                for t in range(first, 700, 90)
            ),
        ),
    ),
)
