"""Directed schedules of part 4C. The first one is free of faults."""

from __future__ import annotations

from distlab.core import MS, SECOND
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
    JumpClock,
    Nth,
    Survival,
)
from distlab.grade.lab import Directed
from grading.lab4_transactions.patterns.tcc_world import leg, look, of, pay, pay_across

MANAGER = "manager"
FIRST, SECOND_BANK = "bank-1", "bank-2"


def late(message: str, to: str, by: int, n: int = 1) -> Fault:
    return Fault(Nth(MANAGER, to, n, message), Delay(by))


def twice(message: str, to: str, after: int = 60 * MS) -> Fault:
    return Fault(Nth(MANAGER, to, 1, message), Duplicate(after))


def power_cut(node: str, verb: str, what: str = "", n: int = 1) -> Fault:
    return Fault(Doing(node, verb, what, n), Crash(node, 50 * MS, Survival.NOTHING))


def hole(*faults: tuple[int, int]) -> tuple[Fault, ...]:
    """Nothing reaches the second bank from the first to the second time."""
    return tuple(Fault(At(at), Cut(MANAGER, SECOND_BANK, until - at)) for at, until in faults)


ONE = (pay_across(5 * MS, "rent"),)
POOR = (pay(5 * MS, "too much", leg(1, "carol", -30), leg(2, "bob", 30)),)

SCHEDULES = (
    Directed("a transfer, all is well", "from one bank to the other", of(ONE, fine=True)),
    Directed(
        "two at once, one of which cannot be paid",
        "who is refused is cancelled, the others too",
        of([*ONE, *POOR]),
    ),
    Directed(
        "the teller asks twice, and once for something else",
        "one business key, one transfer",
        of(
            [
                pay_across(5 * MS, "rent"),
                pay_across(6 * MS, "rent"),
                pay_across(200 * MS, "rent"),
                pay_across(210 * MS, "rent", 31),
            ]
        ),
    ),
    Directed(
        "transfers that are none",
        "amounts of zero, amounts that do not add up, amounts too great, accounts and banks that there are not",
        of(
            [
                pay(5 * MS, "zero", leg(1, "alice", 0), leg(2, "bob", 0)),
                pay(6 * MS, "from nothing", leg(2, "bob", 40)),
                pay(7 * MS, "uneven", leg(1, "alice", -10), leg(2, "bob", 40)),
                pay(8 * MS, "huge", leg(1, "alice", -(2**62)), leg(2, "bob", 2**62)),
                pay(9 * MS, "huge out", leg(1, "alice", -(2**40)), leg(2, "bob", 2**40)),
                pay(10 * MS, "nobody", leg(1, "alice", -10), leg(2, "nobody", 10)),
                pay(11 * MS, "nowhere", leg(1, "alice", -10), leg(9, "bob", 10)),
                pay(12 * MS, "no legs"),
                pay_across(300 * MS, "rent"),
            ]
        ),
    ),
    Directed(
        "two branches on one account",
        "a fence is of a branch, not of a transaction",
        of(
            [
                pay(5 * MS, "two", leg(1, "alice", -30), leg(1, "alice", -20), leg(2, "bob", 50)),
                pay(
                    200 * MS, "and back", leg(2, "bob", -40), leg(1, "alice", 25), leg(1, "bob", 15)
                ),
                pay(
                    400 * MS, "not", leg(1, "alice", -30), leg(1, "alice", -70), leg(2, "bob", 100)
                ),
            ]
        ),
    ),
    Directed(
        "forty transfers, one after the other",
        "rows of what is over go",
        of([pay_across(5 * MS + n * 60 * MS, f"t{n}", 1) for n in range(40)], cost=True, fine=True),
    ),
    Directed(
        "all that there is",
        "an account may be emptied",
        of(
            [
                pay_across(5 * MS, "all", 100),
                pay(105 * MS, "and all of that", leg(2, "bob", -200), leg(1, "carol", 200)),
            ],
            fine=True,
        ),
    ),
    *(
        Directed(
            f"a bank is away, and others want the money ({when})",
            "patience ends, and what was frozen is free again",
            of(
                [
                    pay_across(5 * MS, "stuck", 80),
                    pay(600 * MS, "rent", leg(1, "alice", -80), leg(1, "bob", 80)),
                ],
                *hole((0, 750 * MS)),
                *faults,
                paid=["rent"],
            ),
        )
        for when, faults in (
            ("from the beginning", ()),
            ("the manager dies meanwhile", (power_cut(MANAGER, "send", "Try", 3),)),
        )
    ),
    *(
        Directed(
            f"the disk of {node} is full before it says {message}",
            "what cannot be written is not said: stop",
            of(
                [*ONE, pay_across(1_200 * MS, "later", 20)],
                Fault(Doing(node, "send", message), FillDisk(node, 60 * MS)),
            ),
        )
        for node, message in (
            (MANAGER, "Try"),
            (FIRST, "Tried"),
            (SECOND_BANK, "Tried"),
            (MANAGER, "Confirm"),
        )
    ),
    Directed(
        "the disk of a bank is full from the beginning",
        "no Tried without a reservation",
        of(ONE, Fault(At(3 * MS), FillDisk(SECOND_BANK, 60 * MS))),
    ),
    Directed(
        "the Try of a branch is overtaken by its Cancel",
        "an empty rollback, and then the Try arrives",
        of(ONE, *(late("Try", SECOND_BANK, 500 * MS, n) for n in (1, 2, 3, 4))),
    ),
    Directed(
        "the Try of the payer is overtaken by its Cancel",
        "an empty rollback, and then money would be frozen for ever",
        of(ONE, *(late("Try", FIRST, 400 * MS, n) for n in (1, 2, 3, 4))),
    ),
    Directed(
        "a Try is 31 seconds late",
        "a fence of 30 seconds is only a timer",
        of(
            ONE,
            *(late("Try", FIRST, 31 * SECOND, n) for n in (1, 2, 3, 4)),
            until=33 * SECOND,
        ),
    ),
    Directed(
        "a Try is late, and the bank's clock jumps",
        "31 seconds can pass in an instant",
        of(
            ONE,
            *(late("Try", FIRST, 400 * MS, n) for n in (1, 2, 3, 4)),
            Fault(At(300 * MS), JumpClock(FIRST, 31 * SECOND)),
        ),
    ),
    Directed(
        "a second Try comes after the Cancel",
        "it was tried and cancelled; the copy of the Try must not reserve again",
        of(
            [pay(5 * MS, "no", leg(1, "alice", -30), leg(2, "carol", -10), leg(2, "bob", 40))],
            twice("Try", FIRST, 300 * MS),
        ),
    ),
    Directed(
        "the refused branch is tried again",
        "the money comes in before the copy of the Try does",
        of(
            [
                pay(4 * MS, "stuck", leg(3, "alice", -10), leg(3, "bob", 10)),
                *POOR,
                pay(40 * MS, "funds", leg(2, "alice", -50), leg(1, "carol", 50)),
            ],
            twice("Try", FIRST, 400 * MS),
            Fault(At(0), Cut(MANAGER, "bank-3", 700 * MS)),
            banks=3,
        ),
    ),
    Directed("Confirm comes twice", "once consumed is consumed", of(ONE, twice("Confirm", FIRST))),
    Directed(
        "Confirm comes twice to the one who receives",
        "once received is received",
        of(ONE, twice("Confirm", SECOND_BANK)),
    ),
    Directed("Cancel comes twice", "once freed is freed", of(POOR, twice("Cancel", FIRST))),
    Directed(
        "Cancel comes twice to one who has frozen",
        "once freed is freed",
        of(
            [pay(5 * MS, "no", leg(1, "alice", -30), leg(2, "carol", -10), leg(2, "bob", 40))],
            twice("Cancel", FIRST),
        ),
    ),
    Directed(
        "Try comes twice at once",
        "one reservation, and both copies are answered",
        of(ONE, twice("Try", FIRST, 1 * MS), twice("Try", SECOND_BANK, 1 * MS)),
    ),
    Directed(
        "a Try comes again when all is over and forgotten",
        "the horizon stands for the row that has gone",
        of(
            [*ONE, *(pay_across(100 * MS + n * 40 * MS, f"t{n}", 3) for n in range(5))],
            twice("Try", FIRST, 600 * MS),
            twice("Try", SECOND_BANK, 600 * MS),
        ),
    ),
    Directed(
        "a cancelled one is forgotten, and its Try comes",
        "what is below the horizon is never tried",
        of(
            [*ONE, *(pay_across(400 * MS + n * 40 * MS, f"t{n}", 3) for n in range(5))],
            *(late("Try", FIRST, 750 * MS, n) for n in (1, 2, 3, 4)),
        ),
    ),
    Directed(
        "an old one hangs while many others end",
        "rows go by the oldest that is not over, not by age or number",
        of(
            [
                *ONE,
                *(
                    pay(20 * MS + n * 20 * MS, f"t{n}", leg(1, "bob", -1), leg(1, "carol", 1))
                    for n in range(25)
                ),
            ],
            Fault(At(0), Cut(MANAGER, SECOND_BANK, 700 * MS)),
            *(late("Try", FIRST, 650 * MS, n) for n in (1, 2, 3, 4)),
            banks=2,
        ),
    ),
    *(
        Directed(
            f"{node} loses power before its sync {n}",
            "what was on disk, and what was said of it",
            of([*ONE, look(700 * MS, 1)], power_cut(node, "sync", "db", n)),
        )
        for node in (MANAGER, FIRST, SECOND_BANK)
        for n in (1, 2, 3, 4)
    ),
    *(
        Directed(
            f"{node} loses power at {time} ms",
            "between any two writes",
            of(ONE, Fault(At(time * MS), Crash(node, 50 * MS, Survival.NOTHING))),
        )
        for node in (FIRST, SECOND_BANK)
        for time in range(10, 20)
    ),
    *(
        Directed(
            f"{node} loses power before it sends {message}, {n}",
            "the row is there, and nobody was told",
            of([*ONE, *POOR, look(700 * MS, 1)], power_cut(node, "send", message, n)),
        )
        for node, message in (
            (MANAGER, "Try"),
            (MANAGER, "Confirm"),
            (MANAGER, "Cancel"),
            (MANAGER, "Result"),
            (MANAGER, "Forget"),
            (FIRST, "Tried"),
            (FIRST, "Confirmed"),
            (FIRST, "Cancelled"),
        )
        for n in (1, 2)
    ),
    Directed(
        "the manager dies when one bank has confirmed",
        "a decision is driven to its end, over all restarts",
        of(
            ONE,
            Fault(At(0), Cut(MANAGER, SECOND_BANK, 0)),
            Fault(Nth(MANAGER, SECOND_BANK, 1, "Confirm"), Drop()),
            power_cut(MANAGER, "send", "Confirm", 3),
        ),
    ),
    Directed(
        "the manager dies again and again",
        "each life takes up what is not over",
        of(
            [*ONE, pay_across(30 * MS, "more", 20)],
            *(
                Fault(At(t * MS), Crash(MANAGER, 20 * MS, Survival.NOTHING))
                for t in range(9, 400, 31)
            ),
        ),
    ),
    Directed(
        "the manager dies while it tries, and a bank was never reached",
        "every branch is cancelled, also one that never heard of it",
        of(
            ONE, *hole((0, 200 * MS)), Fault(At(60 * MS), Crash(MANAGER, 30 * MS, Survival.NOTHING))
        ),
    ),
    Directed(
        "the manager dies when the branches are tried, and the teller never asks again",
        "money is frozen; nobody else knows of it",
        of(
            ONE,
            power_cut(MANAGER, "sync", "db", 2),
            Fault(At(14 * MS), Cut("teller", MANAGER, 700 * MS)),
        ),
    ),
    Directed(
        "a bank cannot be reached while it should confirm",
        "a commit cannot be taken back, so it is said until it is heard",
        of(ONE, *(Fault(Nth(MANAGER, SECOND_BANK, n, "Confirm"), Drop()) for n in range(1, 12))),
    ),
    Directed(
        "a bank cannot be reached while it should cancel",
        "an abort is said until it is heard",
        of(
            [pay(5 * MS, "no", leg(1, "carol", -30), leg(2, "alice", -10), leg(2, "bob", 40))],
            *(Fault(Nth(MANAGER, SECOND_BANK, n, "Cancel"), Drop()) for n in range(1, 12)),
        ),
    ),
    Directed(
        "answers are lost",
        "Tried, Confirmed and Cancelled are said again when they are asked for again",
        of(
            [*ONE, *POOR],
            *(
                Fault(Nth(bank, MANAGER, n, message), Drop())
                for bank in (FIRST, SECOND_BANK)
                for message in ("Tried", "Confirmed", "Cancelled", "Refused")
                for n in (1, 2)
            ),
        ),
    ),
    Directed(
        "Refused comes late, after a decision",
        "an answer of the first phase does not change the second one",
        of(
            ONE,
            twice("Try", FIRST, 200 * MS),
            Fault(Nth(FIRST, MANAGER, 1, "Tried"), Duplicate(100 * MS)),
            Fault(Nth(SECOND_BANK, MANAGER, 1, "Tried"), Duplicate(150 * MS)),
        ),
    ),
    Directed(
        "Tried comes twice, and the other branch is silent",
        "votes are counted by branch",
        of(
            ONE,
            Fault(Nth(FIRST, MANAGER, 1, "Tried"), Duplicate(10 * MS)),
            Fault(At(0), Clog(MANAGER, SECOND_BANK, 300 * MS)),
        ),
    ),
    Directed(
        "two transfers want the same money",
        "what is frozen is not available",
        of(
            [
                pay_across(5 * MS, "one", 70),
                pay_across(6 * MS, "two", 70),
                look(9 * MS, 1),
                look(20 * MS, 1),
            ],
            Fault(At(0), Clog(MANAGER, SECOND_BANK, 90 * MS)),
        ),
    ),
)
