"""Part 4D: its promises and points."""

from __future__ import annotations

from distlab.grade.lab import RECORD_MESSAGES, Part, Promise, Situation
from grading.lab4_transactions.patterns import saga_judges as judges
from grading.lab4_transactions.patterns import saga_world
from grading.lab4_transactions.patterns.saga_schedules import SCHEDULES

PAGE = "labs/lab4-patterns.md"

SEVERAL = Situation("several steps were undone", judges.several_undone)
UNKNOWN = Situation("the outcome of a step was unknown", judges.outcome_unknown)
DIED = Situation("the orchestrator died going back", judges.died_going_back)
WAITED = Situation("two sagas wanted one subject", judges.waited_for_subject)
DOUBT = Situation("a pivot was in doubt", judges.pivot_in_doubt)
MOOD = Situation("a compensation failed at first", judges.refused_to_undo)

PART_D = Part(
    code="D",
    title="Saga",
    modules=("saga_orchestrator",),
    stage=saga_world.stage,
    draw=saga_world.draw,
    directed=SCHEDULES,
    runs=250,
    simpler=saga_world.simpler,
    record=RECORD_MESSAGES,
    promises=(
        Promise(
            code="TX2-S8",
            title="exactly the steps that were done, or may have been, are undone, last first",
            points=8,
            judge=judges.compensates_exactly,
            needs=(SEVERAL, UNKNOWN, DIED),
            page=f"{PAGE}#undone",
        ),
        Promise(
            code="TX2-S9",
            title="sagas about one subject come one after the other",
            points=3,
            judge=judges.one_saga_per_subject,
            needs=(WAITED,),
            page=f"{PAGE}#semantic-lock",
        ),
        Promise(
            code="TX2-S10",
            title="nothing is undone once the pivot is done, or may be",
            points=4,
            judge=judges.no_way_back,
            needs=(DOUBT,),
            page=f"{PAGE}#pivot",
        ),
        Promise(
            code="TX2-L8",
            title="every saga ends, soon after all is well",
            points=5,
            judge=judges.ends_in_time,
            needs=(DIED, MOOD),
            page=f"{PAGE}#every-saga-ends",
        ),
    ),
)
