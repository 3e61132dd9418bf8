"""Part 4C: its promises and points."""

from __future__ import annotations

from distlab.grade.lab import RECORD_MESSAGES, Part, Promise, Situation
from grading.lab4_transactions.patterns import tcc_judges as judges
from grading.lab4_transactions.patterns import tcc_world
from grading.lab4_transactions.patterns.tcc_exams import ORDERS, exams
from grading.lab4_transactions.patterns.tcc_schedules import SCHEDULES

PAGE = "labs/lab4-patterns.md"

COMMITTED = Situation("a transfer was committed", judges.some_committed)
REFUSED = Situation("a branch was refused", judges.some_refused)
EMPTY = Situation("a Cancel reached a bank that had seen no Try", judges.empty_rollback)
HANGING = Situation("a Try arrived after its Cancel", judges.try_after_cancel)
TWICE = Situation("a Confirm arrived twice", judges.confirmed_twice)
BETWEEN = Situation("the manager died between decision and end", judges.died_between)
BANK_DIED = Situation("a bank died that had reserved something", judges.bank_died_with_reservations)

PART_C = Part(
    code="C",
    title="TCC",
    modules=("tcc_bank", "tcc_manager"),
    stage=tcc_world.stage,
    draw=tcc_world.draw,
    directed=SCHEDULES,
    runs=300,
    simpler=tcc_world.simpler,
    record=RECORD_MESSAGES,
    promises=(
        Promise(
            code="TX2-S4",
            title="money is neither made nor lost, and nobody has less than nothing",
            points=9,
            judge=judges.money_is_conserved,
            exams=exams("TX2-S4", "nonsense", "no more than there is"),
            needs=(COMMITTED, REFUSED, BANK_DIED),
            page=f"{PAGE}#conserved",
        ),
        Promise(
            code="TX2-S5",
            title="each branch is confirmed or has no effect; once cancelled, it is never tried",
            points=11,
            judge=judges.branches_end_once,
            exams=exams(
                "TX2-S5",
                ORDERS,
                "branches are apart",
                "tombstones stay",
            ),
            needs=(EMPTY, HANGING),
            page=f"{PAGE}#fences",
        ),
        Promise(
            code="TX2-S6",
            title="what is said twice happens once: branches, and transfers by their business key",
            points=6,
            judge=judges.one_key_one_transfer,
            exams=exams("TX2-S6", ORDERS),
            needs=(TWICE,),
            page=f"{PAGE}#idempotence",
        ),
        Promise(
            code="TX2-L7",
            title="soon after all is well every transfer is over, and nothing is frozen",
            points=6,
            judge=judges.ends_in_time,
            needs=(BETWEEN, EMPTY),
            page=f"{PAGE}#nothing-hangs",
        ),
        Promise(
            code="TX2-C3",
            title="few messages, and rows of what is over go",
            points=3,
            judge=judges.costs_little,
            exams=exams("TX2-C3", "rows go"),
            needs=(COMMITTED,),
            page=f"{PAGE}#rows",
        ),
    ),
)
