"""Parts 4F1, 4F2 and 4F3: promises, points, and what must have been seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from distlab.check import Verdict
from distlab.grade.lab import RECORD_MESSAGES, Exam, Part, Promise, Run, Situation
from grading.lab4_transactions.logtx import exams, judges, schedules, situations, world

PAGE = "labs/lab4-log.md"

Judge = Callable[[Run], Verdict]

TIMED_OUT = Situation("a transaction was aborted by its time-out", situations.timed_out)
RIVALS = Situation("a producer took over while a transaction was open", situations.took_over)
LATE_END = Situation("an EndTxn came too late", situations.late_end)
SHORT = Situation("epochs ran out", situations.ran_out)
TOOK_OVER = Situation("a coordinator took over behind a decision", situations.decided_elsewhere)
LATE_DATA = Situation("a batch came behind its marker", situations.late_data)
ABORTED = Situation("something in a partition was aborted", situations.aborted)
LOST = Situation("a marker, or its answer, was lost", situations.lost_marker)
READ = Situation("a transaction read what another one wrote", situations.read_and_wrote)
MOVED = Situation("an input went from one processor to another", situations.moved)
REFUSED = Situation("offsets of an old generation were refused", situations.refused)
UNSTABLE = Situation("offsets were not stable", situations.unstable)


def _promise(
    code: str,
    title: str,
    points: int,
    section: str,
    judge: Judge | None = None,
    needs: Sequence[Situation] = (),
    exams: Sequence[Exam] = (),
) -> Promise:
    return Promise(
        code=code,
        title=title,
        points=points,
        judge=judge,
        needs=needs,
        exams=exams,
        page=f"{PAGE}#{section}",
    )


PART_F1 = Part(
    code="F1",
    title="Log transactions: the partition and its readers",
    modules=("txn_index", "txn_reader"),
    promises=(
        _promise(
            "TX-S2",
            "what is aborted is never handed out, what is committed always is, and once",
            4,
            "handed-out",
            exams=exams.READING,
        ),
        _promise(
            "TX-S6",
            "what comes late or again is not appended, and what is next is",
            3,
            "late-or-again",
            exams=exams.APPENDING,
        ),
        _promise(
            "TX-L4",
            "the LSO is where the oldest open transaction begins: not behind it, and not before",
            2,
            "the-lso",
            exams=exams.STABLE,
        ),
        _promise("TX-L2", "lag is counted to where one may read", 1, "lag", exams=exams.LAGGING),
    ),
)

PART_F2 = Part(
    code="F2",
    title="Log transactions: the coordinator",
    modules=("txn_coordinator",),
    stage=world.stage,
    draw=world.draw_coordinating,
    directed=schedules.COORDINATING,
    runs=100,
    simpler=world.simpler,
    record=RECORD_MESSAGES,
    promises=(
        _promise(
            "TX-S1",
            "in the end a transaction is committed in all its partitions, or in none, as it was answered",
            3,
            "all-or-nothing",
            judges.all_or_nothing,
            needs=(TIMED_OUT, TOOK_OVER, LATE_END),
        ),
        _promise(
            "TX-G1",
            "a transaction reads what is committed, and no two read what the other wrote",
            2,
            "reads",
            judges.reads_are_committed,
            needs=(READ, ABORTED),
        ),
        _promise(
            "TX-S3",
            "an identity has one owner, and once a new producer has begun the old one commits nothing",
            3,
            "zombies",
            judges.zombies_are_fenced,
            needs=(RIVALS, LATE_END, LATE_DATA, SHORT),
        ),
        _promise(
            "TX-S4",
            "what a coordinator says is in its log before, and every marker says what the log says",
            2,
            "in-the-log-first",
            judges.decided_first,
            needs=(TOOK_OVER, TIMED_OUT),
        ),
        _promise(
            "TX-L1",
            "soon after all is well nothing is open, and everybody has an answer",
            2,
            "nothing-hangs",
            judges.nothing_hangs,
            needs=(TIMED_OUT, TOOK_OVER, LOST, SHORT),
        ),
        _promise(
            "TX-C1",
            "a transaction costs three records, and a marker for each of its partitions",
            1,
            "cost-of-a-transaction",
            judges.costs_little,
        ),
    ),
)

PART_F3 = Part(
    code="F3",
    title="Log transactions: consume, process, produce",
    modules=("txn_processor",),
    stage=world.stage,
    draw=world.draw_processing,
    directed=schedules.PROCESSING,
    runs=100,
    simpler=world.simpler,
    record=RECORD_MESSAGES,
    promises=(
        _promise(
            "TX-S5",
            "each record of the inputs has its effect in the outputs once, in order, and nothing else has",
            4,
            "exactly-once",
            judges.exactly_once,
            needs=(MOVED, REFUSED, UNSTABLE, ABORTED),
        ),
        _promise(
            "TX-L5",
            "soon after all is well everything has been processed",
            2,
            "processed-in-the-end",
            judges.processes_all,
            needs=(MOVED, TIMED_OUT),
        ),
        _promise(
            "TX-C2",
            "there is a transaction for what was read, and none for nothing",
            1,
            "cost-of-processing",
            judges.processes_cheaply,
        ),
    ),
)

PARTS = (PART_F1, PART_F2, PART_F3)
