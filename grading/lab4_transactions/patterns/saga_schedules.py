"""Directed schedules of part 4D. The first one is free of faults."""

from __future__ import annotations

from distlab.core import MS
from distlab.faults import (
    At,
    Clog,
    Crash,
    Cut,
    Delay,
    Doing,
    Drop,
    Duplicate,
    Fault,
    FillDisk,
    Nth,
    Survival,
)
from distlab.grade.lab import Directed
from grading.lab4_transactions.patterns.saga_world import SERVICES, book, of, step

ORCHESTRATOR = "orchestrator"
AIRLINE, HOTEL, BANK, POST = SERVICES

GOOD = book(5 * MS, "trip", step(0), step(1), step(2), step(3), pivot=2)
FAILS_AT_3 = book(5 * MS, "trip", step(0), step(1), step(2), step(3, "unheard of"))
FAILS_AT_PIVOT = book(5 * MS, "trip", step(0), step(1), step(2, "unheard of"), step(3), pivot=2)


def power_cut(
    verb: str, what: str = "", n: int = 1, unsynced: Survival = Survival.NOTHING
) -> Fault:
    return Fault(Doing(ORCHESTRATOR, verb, what, n), Crash(ORCHESTRATOR, 30 * MS, unsynced))


def silent(service: str, *, since: int = 0, until: int = 700) -> Fault:
    """It does what it is told, and its answers do not arrive."""
    return Fault(At(since * MS), Cut(service, ORCHESTRATOR, (until - since) * MS))


SCHEDULES = (
    Directed(
        "one step, all is well", "the smallest saga", of([book(5 * MS, "trip", step(0))], fine=True)
    ),
    Directed("a trip, all is well", "four steps, one after the other", of([GOOD], fine=True)),
    Directed(
        "a long trip, and every service says NotNow first",
        "each step has a patience of its own",
        of([book(5 * MS, "trip", *(step(n % 4) for n in range(7)))], moody=1, fine=True),
    ),
    Directed(
        "the disk is full before a step is asked for",
        "where a saga stands is stored before anybody hears of it; else stop",
        of([GOOD], Fault(Doing(ORCHESTRATOR, "send", "Do", 2), FillDisk(ORCHESTRATOR, 60 * MS))),
    ),
    Directed("a trip fails at its last step", "three to undo, last first", of([FAILS_AT_3])),
    Directed("a trip fails at its pivot", "two to undo", of([FAILS_AT_PIVOT])),
    Directed(
        "a trip fails at once",
        "nothing to undo",
        of([book(5 * MS, "trip", step(0, "unheard of"), step(1))]),
    ),
    Directed(
        "what is left is for two",
        "the third one gives back what it had taken elsewhere",
        of(
            [
                book((5 + 60 * n) * MS, f"trip-{n}", step(0), step(1, "rare"), step(2))
                for n in range(4)
            ]
        ),
    ),
    Directed(
        "a saga asked for twice, and its name for another one",
        "a name means one saga, for ever",
        of(
            [
                GOOD,
                book(6 * MS, "trip", step(0), step(1), step(2), step(3), pivot=2),
                book(300 * MS, "trip", step(0), step(1), step(2), step(3), pivot=2),
                book(310 * MS, "trip", step(0), pivot=2),
            ]
        ),
    ),
    Directed(
        "no saga",
        "no steps, amounts of zero, below and too great, a service that there is not",
        of(
            [
                book(5 * MS, "none"),
                book(6 * MS, "zero", step(0, amount=0)),
                book(7 * MS, "below", step(0), step(1, amount=-5)),
                book(8 * MS, "huge", step(0), step(1, amount=2**62)),
                book(9 * MS, "nowhere", step(0), {**step(1), "service": "nowhere"}),
            ]
        ),
    ),
    Directed(
        "two about one order",
        "the second one waits until the first is over",
        of(
            [
                book(5 * MS, "first", step(0), step(1), step(2), subject="order"),
                book(8 * MS, "second", step(0), step(1), subject="order"),
                book(9 * MS, "other", step(0), step(1)),
            ],
            Fault(At(0), Clog(HOTEL, ORCHESTRATOR, 100 * MS)),
        ),
    ),
    Directed(
        "two about one order, and the first goes back",
        "a lock is held until all is undone",
        of(
            [
                book(5 * MS, "first", step(0), step(1), step(2, "unheard of"), subject="order"),
                book(20 * MS, "second", step(0), subject="order"),
            ],
            moody=4,
        ),
    ),
    Directed(
        "two about one order, and the orchestrator dies",
        "a lock survives a restart",
        of(
            [
                book(5 * MS, "first", step(0), step(1), step(2), subject="order", pivot=1),
                book(90 * MS, "second", step(0), subject="order"),
            ],
            silent(HOTEL),
            Fault(At(60 * MS), Crash(ORCHESTRATOR, 20 * MS, Survival.NOTHING)),
        ),
    ),
    Directed(
        "two about one order, and the orchestrator dies at the first step",
        "what it has begun it knows",
        of(
            [
                book(5 * MS, "first", step(0), step(1), subject="order"),
                book(42 * MS, "second", step(2), subject="order"),
            ],
            Fault(At(11 * MS), Crash(ORCHESTRATOR, 25 * MS, Survival.NOTHING)),
        ),
    ),
    Directed("services with moods, forward", "ask again", of([GOOD], moody=3)),
    Directed(
        "services with moods, backward",
        "a compensation that fails is asked for again, and the one before it waits",
        of([FAILS_AT_3], moody=3),
    ),
    Directed(
        "services with many moods",
        "patience ends going forward, and never going back",
        of([GOOD, book(400 * MS, "more", step(0), step(1), step(2))], moody=12),
    ),
    *(
        Directed(
            f"{service} does not answer",
            "the outcome is unknown: undo that step, too; or, at the pivot and behind it, ask on",
            of([GOOD], silent(service)),
        )
        for service in SERVICES
    ),
    Directed(
        "the hotel does not answer, and did nothing",
        "undoing what was never done",
        of([GOOD], Fault(At(0), Cut(ORCHESTRATOR, HOTEL, 700 * MS))),
    ),
    Directed(
        "the Do of a step comes after its Undo",
        "the hotel recognises it",
        of(
            [GOOD],
            *(Fault(Nth(ORCHESTRATOR, HOTEL, n, "Do"), Delay(600 * MS)) for n in range(1, 8)),
        ),
    ),
    Directed(
        "Done comes when it is too late",
        "a saga turns once",
        of([GOOD], Fault(At(0), Clog(HOTEL, ORCHESTRATOR, 330 * MS))),
    ),
    Directed(
        "a decline of old",
        "an answer that comes again is about the step it names",
        of([GOOD, FAILS_AT_3], Fault(Nth(POST, ORCHESTRATOR, 1), Duplicate(20 * MS))),
    ),
    *(
        Directed(
            f"{message} comes twice from the {service}, {after} ms later",
            "one step further, not two",
            of([call], Fault(Nth(service, ORCHESTRATOR, 1, message), Duplicate(after * MS))),
        )
        for service, message, call in (
            (AIRLINE, "Done", GOOD),
            (HOTEL, "Done", FAILS_AT_3),
            (HOTEL, "Undone", FAILS_AT_3),
            (BANK, "Undone", FAILS_AT_3),
        )
        for after in (0, 9)
    ),
    *(
        Directed(
            f"the orchestrator loses power before {verb} {what} {n} ({title})",
            "it takes up what it has stored",
            of([call], power_cut(verb, what, n)),
        )
        for title, call in (("done", GOOD), ("fails", FAILS_AT_3), ("pivot", FAILS_AT_PIVOT))
        for verb, what, count in (("sync", "", 9), ("send", "Do", 4), ("send", "Undo", 3))
        for n in range(1, count + 1)
    ),
    *(
        Directed(
            f"the orchestrator loses power before it sends Ended ({title})",
            "its client asks again",
            of([call], power_cut("send", "Ended")),
        )
        for title, call in (("done", GOOD), ("fails", FAILS_AT_3))
    ),
    *(
        Directed(
            f"the orchestrator dies every {every} ms ({title})",
            "it goes on, however often",
            of(
                [call],
                *(
                    Fault(At(t * MS), Crash(ORCHESTRATOR, 5 * MS, Survival.NOTHING))
                    for t in range(9, 500, every)
                ),
                moody=1,
            ),
        )
        for title, call in (("done", GOOD), ("fails", FAILS_AT_3))
        for every in (23, 61)
    ),
    Directed(
        "the orchestrator dies while the pivot is in doubt",
        "whoever has lost the answer asks again",
        of(
            [GOOD],
            silent(BANK, until=300),
            Fault(At(100 * MS), Crash(ORCHESTRATOR, 30 * MS, Survival.NOTHING)),
        ),
    ),
    Directed(
        "the orchestrator dies behind the pivot",
        "only forward",
        of(
            [GOOD],
            silent(POST, until=500),
            Fault(At(100 * MS), Crash(ORCHESTRATOR, 30 * MS, Survival.NOTHING)),
        ),
    ),
    Directed(
        "answers to compensations are lost",
        "until it is heard",
        of(
            [FAILS_AT_3],
            *(Fault(Nth(HOTEL, ORCHESTRATOR, n, "Undone"), Drop()) for n in range(1, 12)),
        ),
    ),
)
