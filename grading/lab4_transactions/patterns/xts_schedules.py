"""Directed schedules of part 4E3. The first one is free of faults, and of peaks."""

from __future__ import annotations

from distlab.core import MS
from distlab.faults import At, Crash, Cut, Delay, Doing, Drop, Fault, FillDisk, Nth, Survival
from distlab.grade.lab import Directed
from grading.lab4_transactions.patterns.xts_world import BANKS, of, pay, peak, share

INITIATOR = "initiator"
ONE = [pay(5 * MS, 1, share(1), share(2))]
MANY = [
    pay((20 + 10 * n) * MS, n, share(n % 3 + 1), share((n + 1) % 3 + 1, 3, "cafe"))
    for n in range(1, 31)
]


def power_cut(verb: str, what: str = "", n: int = 1) -> Fault:
    return Fault(Doing(INITIATOR, verb, what, n), Crash(INITIATOR, 30 * MS, Survival.NOTHING))


def deaf(bank: str, since: int, until: int) -> Fault:
    """Nothing reaches it."""
    return Fault(At(since * MS), Cut(INITIATOR, bank, (until - since) * MS))


SCHEDULES = (
    Directed("one payment, all is well", "two sellers at two banks", of(ONE)),
    Directed(
        "thirty payments, all is well", "phase 2 keeps pace", of(MANY, prompt=True, fine=True)
    ),
    Directed(
        "all that a buyer has",
        "an account may be emptied",
        of([pay(5 * MS, 1, share(1, 60), share(2, 40), buyer="bob")], prompt=True, fine=True),
    ),
    Directed(
        "an id for one payment, and for others",
        "an id means one payment, for ever",
        of(
            [
                pay(5 * MS, 1, share(1), share(2)),
                pay(6 * MS, 1, share(3, 7)),
                pay(200 * MS, 1, share(1), share(2)),
                pay(210 * MS, 1, share(1), share(2), buyer="bob"),
            ]
        ),
    ),
    Directed(
        "the disk is full before a branch is tried, and before the decision",
        "what cannot be written is not said: stop",
        of(
            [*ONE, pay(1_200 * MS, 2, share(3))],
            Fault(Doing(INITIATOR, "send", "Try"), FillDisk(INITIATOR, 60 * MS)),
        ),
    ),
    Directed(
        "a peak of thirty payments",
        "answered at once, confirmed afterwards, a batch at a time",
        of([peak(10 * MS, True), *MANY, peak(600 * MS, False)], prompt=True),
    ),
    Directed(
        "payments while a backlog drains",
        "phase 1 does not wait for phase 2",
        of(
            [
                peak(10 * MS, True),
                *MANY,
                peak(400 * MS, False),
                *(pay((402 + 5 * n) * MS, 100 + n, share(1), share(3)) for n in range(20)),
            ],
            prompt=True,
        ),
    ),
    Directed(
        "a bank does not hear what phase 2 says",
        "those who pay others are answered and confirmed as ever",
        of(
            [
                peak(10 * MS, True),
                *MANY,
                peak(350 * MS, False),
                *(pay((360 + 10 * n) * MS, 100 + n, share(2), share(3)) for n in range(20)),
            ],
            deaf("bank-1", 340, 2_600),
            heal_at=2_600 * MS,
            prompt=True,
            dead="bank-1",
        ),
    ),
    Directed(
        "payments keep coming for two seconds",
        "phase 2 does not wait until they stop",
        of(
            [pay((5 + 16 * n) * MS, n, share(n % 3 + 1)) for n in range(1, 120)],
            prompt=True,
            dead="nobody",
        ),
    ),
    Directed(
        "payments that are none",
        "amounts of zero, below and too great, no shares, no such bank, account, or buyer",
        of(
            [
                pay(5 * MS, 1, share(1, 0)),
                pay(6 * MS, 2, share(1, -5), share(2, 6)),
                pay(7 * MS, 3, share(1, 2**62)),
                pay(8 * MS, 4),
                pay(9 * MS, 5, {**share(1), "bank": "bank-9"}),
                pay(10 * MS, 6, share(1), share(2, 5, "nobody")),
                pay(11 * MS, 7, share(1), buyer="nobody"),
                pay(12 * MS, 8, share(1, 101), buyer="bob"),
            ]
        ),
    ),
    Directed(
        "two payments want the same money",
        "the local transaction looks again",
        of(
            [
                pay(5 * MS, 1, share(1, 60), buyer="bob"),
                pay(5 * MS, 2, share(2, 60), buyer="bob"),
                pay(6 * MS, 3, share(3, 60), buyer="bob"),
            ]
        ),
    ),
    Directed(
        "a bank refuses",
        "what the others have reserved is freed",
        of([pay(5 * MS, 1, share(1), share(2, 5, "nobody"), share(3)), *MANY[:4]]),
    ),
    Directed(
        "a bank is deaf, and hears everything later",
        "it is cancelled before it was tried",
        of(
            ONE,
            *(Fault(Nth(INITIATOR, "bank-2", n, "Try"), Delay(500 * MS)) for n in (1, 2, 3)),
        ),
    ),
    *(
        Directed(
            f"the initiator loses power before {verb} {what} {n}",
            "the local transaction decides, and its row is all there is",
            of([*ONE, pay(200 * MS, 2, share(3))], power_cut(verb, what, n)),
        )
        for verb, what, count in (
            ("sync", "", 5),
            ("send", "Try", 2),
            ("send", "Confirm", 2),
            ("finish", "Ok", 1),
        )
        for n in range(1, count + 1)
    ),
    *(
        Directed(
            f"the initiator loses power at {time} ms",
            "between any two writes",
            of(ONE, Fault(At(time * MS), Crash(INITIATOR, 30 * MS, Survival.NOTHING))),
        )
        for time in range(7, 17)
    ),
    Directed(
        "the initiator dies in the peak",
        "it is still a peak",
        of(
            [peak(10 * MS, True), *MANY, peak(700 * MS, False)],
            *(Fault(At(t * MS), Crash(INITIATOR, 20 * MS, Survival.NOTHING)) for t in (150, 420)),
        ),
    ),
    Directed(
        "the initiator dies while a backlog drains",
        "what is left is in its database",
        of(
            [peak(10 * MS, True), *MANY, peak(400 * MS, False)],
            *(Fault(At(t * MS), Crash(INITIATOR, 20 * MS, Survival.NOTHING)) for t in (430, 500)),
        ),
    ),
    Directed(
        "answers of phase 2 are lost",
        "until it is heard",
        of(
            MANY[:5],
            *(
                Fault(Nth(bank, INITIATOR, n, "Confirmed"), Drop())
                for bank in BANKS
                for n in range(1, 8)
            ),
        ),
    ),
    Directed(
        "a bank is away",
        "its payments fail, and are cancelled when it is back",
        of(MANY[:8], deaf("bank-2", 0, 700)),
    ),
)
