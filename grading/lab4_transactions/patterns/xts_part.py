"""Part 4E3: its promises and points."""

from __future__ import annotations

from distlab.grade.lab import RECORD_MESSAGES, Part, Promise, Situation
from grading.lab4_transactions.patterns import xts_world as world
from grading.lab4_transactions.patterns.xts_schedules import SCHEDULES

PAGE = "labs/lab4-patterns.md"

BACKLOG = Situation("five payments were answered in a peak", world.backlog)
DIED = Situation("the initiator died with payments answered", world.died_with_backlog)
CANCELLED = Situation("a payment was cancelled", world.some_cancelled)

PART_E3 = Part(
    code="E3",
    title="XTS: phase 2 later",
    modules=("xts_initiator",),
    stage=world.stage,
    draw=world.draw,
    directed=SCHEDULES,
    runs=150,
    record=RECORD_MESSAGES,
    promises=(
        Promise(
            code="TX2-S12",
            title="a payment is what its local transaction decided, everywhere, in the end",
            points=3,
            judge=world.all_or_nothing,
            needs=(DIED, CANCELLED),
            page=f"{PAGE}#local-decision",
        ),
        Promise(
            code="TX2-L2",
            title="phase 2 spares the peak and drains after it; nobody who pays waits for it",
            points=4,
            judge=world.peak_is_spared,
            needs=(BACKLOG, DIED),
            page=f"{PAGE}#peak",
        ),
    ),
)
