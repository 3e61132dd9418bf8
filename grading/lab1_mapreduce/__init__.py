"""Lab 1, MapReduce: parts, promises, points. The judgement itself is in the modules beside this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from distlab.grade.lab import RECORD_MESSAGES, Lab, Mutant, Part, Promise, Run, Situation
from grading.lab1_mapreduce import exams, scenarios, schedules
from grading.lab1_mapreduce.promises import again, commits, outputs, progress, work
from labs.lab1_mapreduce import attempts, client, sequential  # noqa: F401 - the judges' classes

PAGE = "labs/lab1.md"


def _mutants() -> Sequence[Mutant]:
    from grading.lab1_mapreduce.mutants import (
        mutants,
    )  # they subclass the reference: not before it is there

    return mutants()


def _seen(name: str, seen: Callable[[Run], bool]) -> Situation:
    return Situation(name, seen)


def _sequential(points: int, *needs: Situation, alone: bool = False) -> Promise:
    return Promise(
        code="MR-S1",
        title="every output is, byte for byte, what one program run alone would have written",
        points=points,
        judge=outputs.equals_sequential_run,
        exams=exams.EXAMS_S1 if alone else (),
        needs=needs,
        page=f"{PAGE}#same-bytes",
    )


def _consumed(points: int, *needs: Situation) -> Promise:
    return Promise(
        code="MR-S4",
        title="a reduce task that commits has consumed exactly one accepted output of each map task",
        points=points,
        judge=work.one_output_of_each_map,
        needs=needs,
        page=f"{PAGE}#one-output-of-each",
    )


def _counters(points: int, *needs: Situation) -> Promise:
    return Promise(
        code="MR-S7",
        title="counters are the sum over accepted executions, one for each map task",
        points=points,
        judge=work.counters_of_accepted,
        needs=needs,
        page=f"{PAGE}#counters",
    )


def _ends(points: int, *needs: Situation) -> Promise:
    return Promise(
        code="MR-L1",
        title="as long as one worker stays up in the end, every job ends, and soon after all is well",
        points=points,
        judge=progress.ends_in_time,
        needs=needs,
        page=f"{PAGE}#every-job-ends",
    )


LOSS = _seen(
    "a message was lost", lambda run: run.tally.get("loss", 0) + run.tally.get("partition", 0) > 0
)
REPEATED = _seen("a message came twice", lambda run: run.tally.get("duplicate", 0) > 0)
PIECES = _seen("a partition travelled in several pieces", work.several_pieces)
DIED = _seen("a worker died", lambda run: run.tally.get("crash", 0) > 0)
PAUSED = _seen("a worker stood still", lambda run: run.tally.get("pause", 0) > 0)
TWIN = _seen("a worker ran twice at a time", lambda run: run.tally.get("twin", 0) > 0)
LOST_OUTPUT = _seen("finished map output was lost and made again", work.map_output_was_lost)
TWICE = _seen("a task was executed twice", work.two_attempts_ran)
TOO_LATE = _seen("an attempt came too late to commit", commits.lost_the_race)
AFTER_COMMIT = _seen("a worker died when some output had been committed", work.reduce_after_death)
TWO_MASTERS = _seen("two masters worked on one job", commits.masters_disagreed)
FENCED = _seen("a master tried to end a job that had ended", commits.second_master_tried)
POISONED = _seen("an attempt died of a record", progress.somebody_died_of_poison)
BLAMELESS = _seen("an attempt died of something else", progress.healthy_record_blamed)
MASTER_BACK = _seen("a master came back in the midst of a job", progress.master_came_back)

PART_A = Part(
    code="A",
    title="Functional core",
    modules=("partition", "records", "runs", "map_side", "reduce_side", "my_app"),
    stage=scenarios.stage,
    draw=scenarios.draw_a,
    directed=schedules.PART_A,
    runs=150,
    simpler=scenarios.simpler,
    promises=(
        _sequential(12, _seen("memory was full", progress.memory_was_full), alone=True),
        Promise(
            code="MR-S6",
            title="in each output keys ascend, and each key stands in the output that is its own",
            points=8,
            judge=outputs.in_order_and_in_place,
            exams=exams.EXAMS_S6,
            page=f"{PAGE}#order-and-place",
        ),
        Promise(
            code="MR-C1",
            title="an attempt holds no more than it may, however large its input is",
            points=5,
            exams=exams.EXAMS_C1,
            page=f"{PAGE}#memory",
        ),
    ),
)

PART_B = Part(
    code="B",
    title="Master and workers",
    modules=("scheduling", "shuffle", "master", "worker"),
    stage=scenarios.stage,
    draw=scenarios.draw_b,
    directed=schedules.PART_B,
    runs=250,
    simpler=scenarios.simpler,
    promises=(
        _consumed(5, LOSS, REPEATED, PIECES),
        _sequential(2, REPEATED, PIECES),
        _counters(4, REPEATED),
        Promise(
            code="MR-C2",
            title="where nobody dies, each task is executed once, whatever becomes of messages",
            points=5,
            judge=work.once_without_deaths,
            needs=(LOSS, REPEATED),
            page=f"{PAGE}#once",
        ),
        Promise(
            code="MR-C4",
            title="pieces of map output are not asked for much more often than they must be",
            points=3,
            judge=work.fetches_few,
            needs=(PIECES,),
            page=f"{PAGE}#few-fetches",
        ),
        Promise(
            code="MR-C5",
            title="a worker for which there is nothing to do rests before it asks again",
            points=1,
            judge=work.idle_workers_rest,
            page=f"{PAGE}#few-questions",
        ),
        _ends(5, LOSS),
    ),
    record=RECORD_MESSAGES,
)

PART_C = Part(
    code="C",
    title="Failures",
    modules=("recovery", "commit", "scheduling", "shuffle", "master", "worker"),
    stage=scenarios.stage,
    draw=scenarios.draw_c,
    directed=schedules.PART_C,
    runs=300,
    simpler=scenarios.simpler,
    promises=(
        _sequential(6, DIED, TWICE),
        Promise(
            code="MR-S2",
            title="at every instant an output is absent or complete",
            points=8,
            judge=commits.whole_or_absent,
            needs=(DIED, TWICE),
            page=f"{PAGE}#whole-or-absent",
        ),
        Promise(
            code="MR-S3",
            title="one attempt of each task counts, and what is visible is that attempt's alone",
            points=8,
            judge=commits.one_attempt_counts,
            needs=(TOO_LATE, PAUSED, TWIN),
            page=f"{PAGE}#first-wins",
        ),
        _consumed(5, LOST_OUTPUT),
        Promise(
            code="MR-S5",
            title="what is lost is made again, and what is done stays done",
            points=9,
            judge=again.done_stays_done,
            exams=exams.EXAMS_S5,
            needs=(LOST_OUTPUT, AFTER_COMMIT),
            page=f"{PAGE}#done-stays-done",
        ),
        _ends(9, DIED, LOST_OUTPUT),
    ),
    record=RECORD_MESSAGES,
)

PART_D = Part(
    code="D",
    title="Stragglers",
    modules=("backup",),
    stage=scenarios.stage_with_baseline,
    draw=scenarios.draw_d,
    directed=schedules.PART_D,
    runs=60,
    simpler=scenarios.simpler,
    promises=(
        Promise(
            code="MR-L2",
            title="one worker ten times slower makes a job at most 1.5 times as long, for 5 % more work",
            points=12,
            judge=progress.stragglers_cost_little,
            needs=(
                _seen("it would be 1.3 times as long without backups", progress.straggler_matters),
            ),
            page=f"{PAGE}#stragglers",
        ),
        Promise(
            code="MR-L4",
            title="killing one worker in nine makes a job at most 1.15 times as long",
            points=8,
            judge=progress.kills_cost_little,
            needs=(_seen("one worker in nine was killed", progress.kills_happened),),
            page=f"{PAGE}#kills",
        ),
        _counters(5, TWICE),
    ),
    record=RECORD_MESSAGES,
)

PART_E = Part(
    code="E",
    title="Hard cases",
    modules=("skipping", "spreading", "checkpoint", "fencing"),
    stage=scenarios.stage,
    draw=scenarios.draw_e,
    directed=schedules.PART_E,
    runs=300,
    simpler=scenarios.simpler,
    promises=(
        Promise(
            code="MR-S8",
            title="one master ends a job, once; then nothing of it changes, and everybody says the same",
            points=7,
            judge=commits.one_master_ends_the_job,
            needs=(TWO_MASTERS, FENCED),
            page=f"{PAGE}#one-end",
        ),
        Promise(
            code="MR-C3",
            title="nobody works on a job that is over",
            points=2,
            judge=commits.no_work_after_the_end,
            needs=(TWO_MASTERS,),
            page=f"{PAGE}#one-end",
        ),
        Promise(
            code="MR-S9",
            title="rows that are dealt out are all there, each once, and evenly",
            points=6,
            judge=outputs.every_row_once,
            exams=exams.EXAMS_S9,
            needs=(_seen("rows were dealt twice", progress.dealt_twice),),
            page=f"{PAGE}#rows",
        ),
        Promise(
            code="MR-S10",
            title="a completion that a master has noted survives the master",
            points=4,
            judge=again.noted_is_remembered,
            needs=(MASTER_BACK,),
            page=f"{PAGE}#checkpoint",
        ),
        Promise(
            code="MR-L3",
            title="a record that kills ends in its being skipped, and no other record is",
            points=6,
            judge=progress.poison_costs_little,
            needs=(POISONED, BLAMELESS),
            page=f"{PAGE}#poison",
        ),
        _counters(2, TWO_MASTERS),
        _ends(3, MASTER_BACK),
    ),
    record=RECORD_MESSAGES,
)

LAB = Lab(
    number=1,
    name="lab1_mapreduce",
    title="MapReduce",
    parts=(PART_A, PART_B, PART_C, PART_D, PART_E),
    mutants=_mutants,
)
