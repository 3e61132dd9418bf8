"""Part 5A2: its promises and points."""

from __future__ import annotations

from distlab.grade.lab import RECORD_MESSAGES, Part, Promise, Situation
from grading.lab5_streaming.dataflow import tree_judges as judges
from grading.lab5_streaming.dataflow import tree_world
from grading.lab5_streaming.dataflow.tree_exams import EXAMS
from grading.lab5_streaming.dataflow.tree_schedules import SCHEDULES

PAGE = "labs/lab5.md"

LOST = Situation("a tuple was lost", judges.lost_a_tuple)
DIED = Situation("an acker died", judges.acker_died)
FIRST = Situation("an Ack came before the Init", judges.ack_came_first)
TWICE = Situation("something came twice", judges.came_twice)
DEEP = Situation("a tree of several levels grew undisturbed", judges.quiet_and_deep)

PART_A2 = Part(
    code="A2",
    title="Storm's acker",
    modules=("acker", "bolt", "spout"),
    stage=tree_world.stage,
    draw=tree_world.draw,
    directed=SCHEDULES,
    runs=200,
    simpler=tree_world.simpler,
    record=RECORD_MESSAGES,
    promises=(
        Promise(
            code="SM-S1",
            title="a message is reported done only when everything that came of it has been worked off",
            points=4,
            judge=judges.done_means_done,
            needs=(LOST, TWICE, FIRST),
            page=f"{PAGE}#done-means-done",
        ),
        Promise(
            code="SM-S2",
            title="no message is lost: what is not done in its time is emitted again, until it is",
            points=3,
            judge=judges.no_message_is_lost,
            needs=(LOST, DIED),
            page=f"{PAGE}#nothing-is-lost",
        ),
        Promise(
            code="SM-L1",
            title="where nothing is lost a message is done at once, in whatever order the news comes",
            points=2,
            judge=judges.done_without_delay,
            exams=EXAMS,
            needs=(DEEP,),
            page=f"{PAGE}#done-at-once",
        ),
        Promise(
            code="SM-C1",
            title="one Ack for each tuple, nothing is emitted again before its time, and ackers forget",
            points=2,
            judge=judges.costs_little,
            needs=(LOST, DIED),
            page=f"{PAGE}#ackers-forget",
        ),
    ),
)
