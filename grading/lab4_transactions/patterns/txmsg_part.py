"""Part 4E2: its promises and points."""

from __future__ import annotations

from distlab.grade.lab import RECORD_MESSAGES, Part, Promise, Situation
from grading.lab4_transactions.patterns import txmsg_world as world
from grading.lab4_transactions.patterns.txmsg_schedules import SCHEDULES

PAGE = "labs/lab4-patterns.md"

ASKED = Situation("a sale was decided because the broker had asked", world.decided_by_check)
RUNNING = Situation("the broker asked about a sale that was not over", world.asked_while_running)
SELLER = Situation("the seller died", world.seller_died)
BROKER = Situation("the broker died", world.broker_died)

PART_E2 = Part(
    code="E2",
    title="Transactional messages",
    modules=("txmsg_seller", "txmsg_broker"),
    stage=world.stage,
    draw=world.draw,
    directed=SCHEDULES,
    runs=200,
    record=RECORD_MESSAGES,
    promises=(
        Promise(
            code="TX2-S11",
            title="a message is delivered if and only if its local transaction was committed",
            points=5,
            judge=world.delivered_is_committed,
            needs=(ASKED, RUNNING, SELLER, BROKER),
            page=f"{PAGE}#delivered",
        ),
        Promise(
            code="TX2-L6",
            title="soon after all is well everything is decided and delivered",
            points=3,
            judge=world.settled_in_time,
            needs=(ASKED, SELLER, BROKER),
            page=f"{PAGE}#decided",
        ),
    ),
)
