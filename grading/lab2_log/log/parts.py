"""Parts 2A to 2C: promises, points, and what must have been seen."""

from __future__ import annotations

from distlab.grade.lab import RECORD_MESSAGES, Exam, Part, Promise, Situation
from grading.lab2_log.log import (
    asking,
    committing,
    crashing,
    electing,
    following,
    replicas,
    storing,
    surviving,
    table,
    waiting,
)
from grading.lab2_log.log.bench import exam
from grading.lab2_log.log.exams import EXAMS

PAGE = "labs/lab2.md"

LOST = Situation("a crash took records that nobody had promised", storing.lost_something)
CAME_BACK = Situation("the log was read after a crash", storing.read_after_crash)


def _stored(
    code: str, title: str, points: int, page: str, *needs: Situation, judged: bool = True
) -> Promise:
    return Promise(
        code=code,
        title=title,
        points=points,
        judge=storing.judge(code) if judged else None,
        exams=EXAMS.get(code, ()),
        needs=needs,
        page=f"{PAGE}#{page}",
    )


PART_A = Part(
    code="A",
    title="Segment store",
    modules=("checksum", "batch", "segment", "commitlog", "cleaner", "storage"),
    stage=storing.stage,
    draw=storing.draw,
    directed=crashing.DIRECTED,
    runs=250,
    simpler=storing.simpler,
    promises=(
        _stored("LOG-S1", "each batch gets the next offset", 4, "next-offset"),
        _stored("LOG-S2", "what stands at an offset never changes", 3, "never-changes"),
        _stored(
            "LOG-S3",
            "after a crash the log is a prefix of what it was, with all that was promised to be on disk",
            9,
            "prefix",
            LOST,
            CAME_BACK,
        ),
        _stored("LOG-S4", "a read finds what a scan of the whole log would find", 5, "found"),
        _stored(
            "LOG-S5", "old segments go, whole, the oldest first, and do not come back", 4, "old"
        ),
        _stored("LOG-S6", "of each key the newest record stays, in its place", 4, "newest"),
        _stored("LOG-S7", "where there is nothing, a read is refused", 3, "nothing"),
        _stored("LOG-S8", "what a producer sealed is what a consumer opens", 6, "end-to-end"),
        _stored(
            "LOG-C1",
            "finding a record and starting again cost a few kilobytes, however large the log is",
            2,
            "cost",
            judged=False,
        ),
    ),
    record=RECORD_MESSAGES,
)

SHRANK = Situation("a follower fell out of the ISR", committing.isr_shrank)
LACK = Situation("too few were in sync for a batch", committing.refused_for_lack)
WAITED = Situation("a consumer waited for what was not there yet", waiting.somebody_waited)


def _in_sync(points: int, *needs: Situation, exams: tuple[Exam, ...] = ()) -> Promise:
    return Promise(
        code="RL-L1",
        title="soon after all is well every replica is in sync, and everything is committed",
        points=points,
        judge=committing.all_in_sync,
        exams=exams,
        needs=needs,
        page=f"{PAGE}#in-sync-again",
    )


PART_B = Part(
    code="B",
    title="Leader, followers, high watermark",
    modules=("leader", "follower", "broker"),
    stage=replicas.stage,
    draw=replicas.draw_b,
    directed=following.PART_B,
    runs=140,
    simpler=replicas.simpler,
    promises=(
        Promise(
            code="RL-S5",
            title="the high watermark covers what all in-sync replicas have, and never goes back",
            points=10,
            judge=committing.high_watermark,
            exams=(exam("a follower's high watermark", "RL-S5", asking.no_further_than_its_end),),
            needs=(SHRANK,),
            page=f"{PAGE}#high-watermark",
        ),
        Promise(
            code="RL-S10",
            title="what is acknowledged to all is on all in-sync replicas, and they are enough",
            points=9,
            judge=committing.acknowledged,
            exams=(exam("the table of acks", "RL-S10", asking.the_table_of_acks),),
            needs=(LACK,),
            page=f"{PAGE}#acknowledged",
        ),
        Promise(
            code="LOG-L1",
            title="whoever waits is answered as soon as there is something, or when the time is up",
            points=7,
            judge=waiting.nobody_waits_too_long,
            needs=(WAITED,),
            page=f"{PAGE}#long-poll",
        ),
        _in_sync(
            6,
            SHRANK,
            exams=(
                exam("KIP-16: always a little behind", "RL-L1", asking.keeps_up),
                exam("always at the same place", "RL-L1", asking.falls_behind),
            ),
        ),
        Promise(
            code="RL-C1",
            title="a follower asks once for each answer, and gets each record once",
            points=3,
            judge=committing.few_fetches,
            page=f"{PAGE}#cost-of-following",
        ),
    ),
    record=RECORD_MESSAGES,
)

CHANGED = Situation("records were appended in two epochs", surviving.leader_changed)
CUT = Situation("something was appended that is in nobody's log", surviving.tail_was_cut)
FENCED = Situation("somebody was in another epoch", surviving.was_fenced)

PART_C = Part(
    code="C",
    title="Epochs and truncation",
    modules=("epochs", "reconcile", "roles", "broker"),
    stage=replicas.stage,
    draw=replicas.draw_c,
    directed=electing.PART_C,
    runs=160,
    simpler=replicas.simpler,
    promises=(
        Promise(
            code="RL-S1",
            title="what is acknowledged to all is in the log of every later leader, at its offset",
            points=9,
            judge=committing.nothing_lost,
            needs=(CHANGED, CUT),
            page=f"{PAGE}#nothing-lost",
        ),
        Promise(
            code="RL-S2",
            title="below a leader's high watermark every in-sync replica has what the leader has",
            points=8,
            exams=(
                *(exam(name, "RL-S2", story) for name, story in table.STORIES.items()),
                exam("KIP-595: a follower that only fetches", "RL-S2", asking.only_fetches),
            ),
            page=f"{PAGE}#strong-isr",
        ),
        Promise(
            code="RL-S6",
            title="no two replicas differ below both their high watermarks",
            points=6,
            judge=surviving.replicas_agree,
            needs=(CHANGED, CUT),
            page=f"{PAGE}#replicas-agree",
        ),
        Promise(
            code="RL-S7",
            title="only the leader of an epoch answers, and only those who are in its epoch",
            points=6,
            judge=surviving.only_in_its_epoch,
            needs=(FENCED,),
            page=f"{PAGE}#fencing",
        ),
        Promise(
            code="RL-S8",
            title="what a consumer has read stays, and nothing is passed over",
            points=6,
            judge=surviving.consumed_stays,
            needs=(CHANGED,),
            page=f"{PAGE}#consumed",
        ),
        _in_sync(6, CHANGED),
        Promise(
            code="RL-L3",
            title="a follower finds out where its log leaves its leader's in a few questions",
            points=4,
            judge=surviving.reconciles_in_time,
            needs=(CUT,),
            page=f"{PAGE}#few-rounds",
        ),
    ),
    record=RECORD_MESSAGES,
)

PARTS = (PART_A, PART_B, PART_C)
