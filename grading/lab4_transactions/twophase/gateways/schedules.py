"""Directed schedules of part 4B. The first is free of trouble."""

from __future__ import annotations

from collections.abc import Iterator

from distlab.core import MS
from distlab.faults import At, Crash, Cut, Delay, Doing, Drop, Duplicate, Survival
from distlab.grade.lab import Directed
from grading.lab4_transactions.twophase.gateways.scenarios import interfere
from grading.lab4_transactions.twophase.scenarios import audit, transact, transfer
from grading.lab4_transactions.twophase.schedules.common import (
    GONE,
    ONE,
    SLOW,
    TWO,
    directed,
    nth,
)
from grading.lab4_transactions.twophase.schedules.steps import TOUR

LATER = (transfer(900 * MS, "rm2/b", "rm1/a", 7), audit(2_500 * MS, TWO))

CALM = (
    directed(
        "all is well at gateways",
        "a transfer, and then a look at everything",
        (*ONE, audit(300 * MS, TWO)),
        ends=["ok", "ok"],
    ),
)

HEURISTICS = (
    *(
        directed(
            f"forced {'to commit' if commit else 'to abort'} at {rm}; decided {'to commit' if decided else 'to abort'}",
            "who has ended it must find out how it should have ended",
            (*ONE, interfere(60 * MS, rm, commit=commit), *LATER),
            *(
                ((At(18 * MS), Cut("tm1", rm, 250 * MS)),)
                if decided
                else ((Doing("rm2", "send", "Vote"), Crash("tm1", 300 * MS, GONE)),)
            ),
            heal_at=600 * MS,
        )
        for rm in ("rm1", "rm2")
        for commit in (True, False)
        for decided in (True, False)
    ),
    *(
        directed(
            f"the report is lost, and then {what}",
            "until it is noted it is not over, also in the next life",
            (*ONE, interfere(60 * MS, "rm1", commit=False), *LATER),
            (At(18 * MS), Cut("tm1", "rm1", 150 * MS)),
            (At(100 * MS), Cut("rm1", "dba", 300 * MS)),
            *extra,
            heal_at=700 * MS,
        )
        for what, extra in (
            ("nothing happens", ()),
            ("the gateway crashes", ((At(300 * MS), Crash("rm1", 20 * MS, GONE)),)),
            ("the note is lost", ((nth("dba", "rm1", "Noted"), Drop()),)),
        )
    ),
    directed(
        "the abort was told, and lost",
        "what was forced to commit must ask until it knows",
        (*ONE, interfere(60 * MS, "rm1", commit=True), *LATER),
        *((nth("rm2", "tm1", "Vote", n), Drop()) for n in range(1, 12)),
        *((nth("tm1", "rm1", "Decision", n), Drop()) for n in range(1, 4)),
    ),
    directed(
        "forced, and the gateway crashes",
        "the database remembers what its gateway has forgotten",
        (*ONE, interfere(60 * MS, "rm1", commit=False), *LATER),
        (At(18 * MS), Cut("tm1", "rm1", 350 * MS)),
        (At(100 * MS), Crash("rm1", 20 * MS, GONE)),
        heal_at=700 * MS,
    ),
    directed(
        "forced before the vote is asked for again",
        "it has said yes, and goes on saying so",
        (*ONE, interfere(40 * MS, "rm1", commit=True), *LATER),
        (nth("rm1", "tm1", "Vote"), Drop()),
    ),
    directed(
        "forced, and somebody wants the account",
        "that was the reason: the locks are free",
        (
            *ONE,
            interfere(60 * MS, "rm1", commit=False),
            transfer(80 * MS, "rm1/a", "rm1/b", 5, "ap2"),
            audit(2_500 * MS, TWO),
        ),
        (At(18 * MS), Cut("tm1", "rm1", 700 * MS)),
        aps=2,
        tms=2,
        heal_at=1_000 * MS,
        despite=["ok", "ok", "ok", "ok"],
    ),
    directed(
        "forced, and both crash",
        "what was decided to abort is told to nobody who does not ask",
        (*ONE, interfere(60 * MS, "rm1", commit=True), *LATER),
        (Doing("rm2", "send", "Vote"), Crash("tm1", 300 * MS, GONE)),
        (At(100 * MS), Crash("rm1", 20 * MS, GONE)),
        heal_at=600 * MS,
    ),
)

LISTS = tuple(
    directed(
        f"a look at who is blocked ({name})",
        "who is in doubt, who waits, and for whom",
        (
            *ONE,
            transfer(40 * MS, "rm1/a", "rm1/b", 5, "ap2"),
            transact(42 * MS, "rm1/a", "rm2/a", ap="ap2"),
            transact(44 * MS, "rm1/a", "rm2/a", ap="ap2"),
            transact(48 * MS, "rm2/a", ("rm2/b", -1), ("rm1/b", 1), ap="ap2"),
            transfer(52 * MS, "rm1/b", "rm2/a", 5, "ap2"),
            transact(56 * MS, "rm2/a", ap="ap2"),
        ),
        (At(18 * MS), Cut("tm1", "rm1", 900 * MS)),
        (At(18 * MS), Cut("tm1", "rm2", 900 * MS)),
        *extra,
        aps=2,
        tms=2,
        lock_wait=2_000,
        look_at=100,
    )
    for name, extra in (
        ("at once", ()),
        ("after a crash of rm1", ((At(25 * MS), Crash("rm1", 5 * MS, GONE)),)),
    )
)

DEADLOCKS = (
    *(
        directed(
            f"a deadlock of two ({ms} ms apart)",
            "one gives way, and the other one commits",
            (
                transfer(10 * MS, "rm1/a", "rm2/a", 5),
                transfer((10 + ms) * MS, "rm2/a", "rm1/a", 7, "ap2"),
            ),
            (nth("tm1", "rm2", "Work"), Delay(10 * MS)),
            (nth("tm2", "rm1", "Work"), Delay(10 * MS)),
            aps=2,
            tms=2,
            lock_wait=1_000,
            victims=1,
            within=250 * MS,
        )
        for ms in (0, 3)
    ),
    directed(
        "a deadlock of three",
        "one gives way, and the others commit",
        (
            transfer(10 * MS, "rm1/a", "rm2/a", 5),
            transfer(10 * MS, "rm2/a", "rm3/a", 5, "ap2"),
            transfer(10 * MS, "rm3/a", "rm1/a", 5, "ap3"),
        ),
        (nth("tm1", "rm2", "Work"), Delay(15 * MS)),
        (nth("tm1", "rm3", "Work"), Delay(15 * MS)),
        (nth("tm1", "rm1", "Work", 2), Delay(15 * MS)),
        rms=3,
        aps=3,
        lock_wait=1_000,
        victims=1,
        within=250 * MS,
    ),
    directed(
        "a deadlock, and the news is lost",
        "who waits is told again, and so is who gives way",
        (
            transfer(10 * MS, "rm1/a", "rm2/a", 5),
            transfer(10 * MS, "rm2/a", "rm1/a", 7, "ap2"),
        ),
        (nth("tm1", "rm2", "Work"), Delay(10 * MS)),
        (nth("tm2", "rm1", "Work"), Delay(10 * MS)),
        (nth("rm1", "detector", "Waits"), Drop()),
        (nth("rm2", "detector", "Waits", 2), Drop()),
        (nth("detector", "rm1", "Victim"), Drop()),
        (nth("detector", "rm2", "Victim"), Drop()),
        aps=2,
        tms=2,
        lock_wait=1_000,
        victims=1,
        within=300 * MS,
    ),
    directed(
        "many wait, and nobody for himself",
        "a long queue is no deadlock",
        tuple(transfer((10 + n) * MS, "rm1/a", "rm2/a", 1, f"ap{n % 2 + 1}") for n in range(12)),
        noise=SLOW,
        aps=2,
        lock_wait=2_000,
        victims=0,
        within=1_500 * MS,
    ),
)

DANGERS = (
    *(
        directed(
            f"{rm} dies before its {verb} {what} {n} ({down} ms down)",
            "the database knows what its gateway has forgotten",
            (*ONE, *LATER),
            (Doing(rm, verb, what, n), Crash(rm, down * MS, GONE)),
            heal_at=800 * MS,
        )
        for rm in ("rm1", "rm2")
        for verb, what, n in (
            ("send", "Vote", 1),
            ("send", "Ack", 1),
            ("sync", "vault", 1),
            ("sync", "vault", 2),
        )
        for down in (5, 400)
    ),
    directed(
        "the coordinator is told late, and everything comes twice",
        "what is done is not done again",
        (*ONE, *LATER),
        *((nth("tm1", "rm1", m), Duplicate(60 * MS)) for m in ("Work", "Prepare", "Decision")),
    ),
    directed(
        "both crash in phase 1",
        "what is in doubt in the database is asked about in every life of its gateway",
        (*ONE, *LATER),
        (Doing("rm2", "send", "Vote"), Crash("tm1", 300 * MS, GONE)),
        (At(100 * MS), Crash("rm1", 20 * MS, GONE)),
        heal_at=600 * MS,
    ),
    directed(
        "power fails where nothing was forced",
        "a promise in the database is on its disk",
        (*ONE, *LATER),
        (nth("tm1", "rm1", "Decision"), Drop()),
        (At(40 * MS), Crash("rm1", 5 * MS, Survival.NOTHING)),
    ),
)


def every_step() -> Iterator[Directed]:
    """Every gateway, and the coordinator, before each of its first sends and syncs."""
    points = (
        ("tm1", "send", range(3, 12)),
        ("rm1", "send", range(1, 6)),
        ("rm1", "sync", range(3, 9)),
    )
    for node, verb, numbers in points:
        for n in numbers:
            yield directed(
                f"a gateway's world: {node} dies before its {verb} {n}",
                "a crash at every step",
                TOUR,
                (Doing(node, verb, n=n), Crash(node, 60 * MS, GONE)),
                heal_at=1_200 * MS,
                rms=3,
            )


PART_B = (*CALM, *HEURISTICS, *LISTS, *DEADLOCKS, *DANGERS, *every_step())
