"""Part 4E1: its promises and points."""

from __future__ import annotations

from distlab.grade.lab import RECORD_MESSAGES, Part, Promise, Situation
from distlab.trace import Kind
from grading.lab4_transactions.patterns import outbox_judges as judges
from grading.lab4_transactions.patterns import outbox_world
from grading.lab4_transactions.patterns.outbox_schedules import SCHEDULES

PAGE = "labs/lab4-patterns.md"

LATE = Situation("a smaller id was committed after a greater one", judges.late_committer)
TWICE = Situation("an event came twice", judges.came_twice)
GAP = Situation("a transaction was rolled back", judges.rolled_back)
DIED = Situation("the shop died", judges.shop_died)

PART_E1 = Part(
    code="E1",
    title="Outbox",
    modules=("outbox_relay", "outbox_consumer"),
    stage=outbox_world.stage,
    draw=outbox_world.draw,
    directed=SCHEDULES,
    runs=150,
    record=RECORD_MESSAGES | {Kind.WRITE},
    promises=(
        Promise(
            code="TX2-S7",
            title="published is what was committed: all of it, each once, in commit order",
            points=6,
            judge=judges.published_is_committed,
            needs=(LATE, TWICE, DIED),
            page=f"{PAGE}#published",
        ),
        Promise(
            code="TX2-L5",
            title="an event arrives soon after its commit, whoever else is still running",
            points=3,
            judge=judges.arrives_in_time,
            needs=(LATE, GAP),
            page=f"{PAGE}#arrives",
        ),
        Promise(
            code="TX2-C5",
            title="what was received goes, and is not said again and again",
            points=1,
            judge=judges.costs_little,
            needs=(TWICE,),
            page=f"{PAGE}#received",
        ),
    ),
)
