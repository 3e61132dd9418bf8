"""Part 5A1: its promises and points."""

from __future__ import annotations

from distlab.grade.lab import RECORD_MESSAGES, Part, Promise, Situation
from grading.lab5_streaming.dataflow import flow_judges as judges
from grading.lab5_streaming.dataflow import flow_world
from grading.lab5_streaming.dataflow.flow_exams import EXAMS
from grading.lab5_streaming.dataflow.flow_schedules import SCHEDULES

PAGE = "labs/lab5.md"

WITHOUT = Situation("a sender had used all its credit", judges.was_without_credit)
SLOW = Situation("an operator was slow", judges.was_slow)
RIVALS = Situation("several channels led to a slow sink", judges.had_rivals)
KEYED = Situation("records went by key", judges.dealt_by("key_by"))
EVENLY = Situation("records were dealt in turn", judges.dealt_by("rebalance"))
COPIED = Situation("records were copied to all", judges.dealt_by("broadcast"))

PART_A1 = Part(
    code="A1",
    title="Channels and partitioners",
    modules=("partitioners", "channels", "task"),
    stage=flow_world.stage,
    draw=flow_world.draw,
    directed=SCHEDULES,
    runs=120,
    simpler=flow_world.simpler,
    record=RECORD_MESSAGES,
    promises=(
        Promise(
            code="CH-S1",
            title="every record is written as often as it must be, in the order of its way, and before the end",
            points=3,
            judge=judges.each_once_in_order,
            needs=(COPIED, WITHOUT),
            page=f"{PAGE}#each-once-in-order",
        ),
        Promise(
            code="ST-S7",
            title="each record goes where its partitioner says: a key to one subtask, whoever sends it",
            points=4,
            judge=judges.goes_where_it_must,
            exams=EXAMS,
            needs=(KEYED, EVENLY),
            page=f"{PAGE}#where-records-go",
        ),
        Promise(
            code="CH-S2",
            title="no batch is sent without credit, and no task takes in more than it can hold",
            points=3,
            judge=judges.credit_is_kept,
            needs=(WITHOUT, SLOW),
            page=f"{PAGE}#credit",
        ),
        Promise(
            code="CH-L1",
            title="the job comes to its end, soon after all is well, at the speed that its credit allows",
            points=2,
            judge=judges.all_is_written_in_time,
            needs=(WITHOUT,),
            page=f"{PAGE}#to-the-end",
        ),
        Promise(
            code="CH-L2",
            title="every channel on which something waits has its turn",
            points=1,
            judge=judges.nobody_starves,
            needs=(RIVALS,),
            page=f"{PAGE}#turns",
        ),
        Promise(
            code="CH-C1",
            title="a batch is cut into shares, not into records, and credit costs at most a message for each batch",
            points=1,
            judge=judges.costs_little,
            needs=(KEYED,),
            page=f"{PAGE}#batches-stay-batches",
        ),
    ),
)
