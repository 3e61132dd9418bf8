"""Part 2F, the producer: promises, points, and what must have been seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from distlab.check import Verdict
from distlab.grade.lab import RECORD_MESSAGES, Exam, Part, Promise, Run, Situation
from distlab.grade.solution import Solution
from grading.lab2_log.log.bench import exam
from grading.lab2_log.producer import costs, desk, keeping, shop, stage
from grading.lab2_log.producer.schedules import DIRECTED

PAGE = "labs/lab2-producer.md"

AGAIN = Situation("a batch was sent again that was in the log already", keeping.came_again)
MOVED = Situation("a batch was sent to one broker, and then to another", keeping.moved)
OVERTOOK = Situation("a batch came before the one that it follows", keeping.overtook)
HOLE = Situation("a record was given up, and a later one was delivered", keeping.had_a_hole)
VAIN = Situation("an attempt was not answered, and a later one was", costs.tried_in_vain)
MANY = Situation("a batch took several records", costs.many_at_once)
NO_KEY = Situation("many records had no key", costs.many_without_a_key)

BROKERS, CLIENT = "producers", "producer"


def _exams(code: str, module: str, **checks: Callable[[Solution], None]) -> tuple[Exam, ...]:
    return tuple(
        Exam(found.name, found.check, module)
        for found in (exam(name.replace("_", " "), code, check) for name, check in checks.items())
    )


def _promise(
    code: str,
    title: str,
    points: int,
    section: str,
    judge: Callable[[Run], Verdict],
    *needs: Situation,
    exams: Sequence[Exam] = (),
) -> Promise:
    return Promise(
        code=code,
        title=title,
        points=points,
        judge=judge,
        exams=exams,
        needs=needs,
        page=f"{PAGE}#{section}",
    )


PART = Part(
    code="F",
    title="Producer",
    modules=("producers", "partitioner", "accumulator", "producer", "broker"),
    stage=stage.stage,
    draw=stage.draw,
    directed=DIRECTED,
    runs=70,
    simpler=stage.simpler,
    promises=(
        _promise(
            "PR-S1",
            "in the log of a partition each record is there once, and a producer's batches follow each other",
            6,
            "once",
            keeping.once_and_in_sequence,
            AGAIN,
            MOVED,
            exams=(
                *_exams(
                    "PR-S1",
                    BROKERS,
                    the_next_batch_a_repeat_a_gap=desk.next_repeat_gap,
                    five_are_remembered=desk.remembers_five,
                    a_new_epoch_ends_the_old_one=desk.epochs,
                    who_is_not_known_begins_at_0=desk.unknown,
                    behind_the_greatest_number_comes_0=desk.wraps,
                    a_silent_producer_is_forgotten_in_time=desk.forgets_in_time,
                    known_after_a_restart=desk.restarts,
                    known_to_followers=desk.follows,
                    random_programs=desk.programs,
                    what_is_damaged_is_corrupt=desk.checked_first,
                ),
                *_exams(
                    "PR-S1",
                    CLIENT,
                    a_retry_is_the_same_batch=shop.passing_errors,
                    not_known_and_in_doubt=shop.forgotten_in_doubt,
                    other_partitions_keep_their_numbers=shop.others_stay,
                ),
            ),
        ),
        _promise(
            "PR-S2",
            "what is reported is true: where a record stands, that it stands nowhere, or that nobody knows",
            5,
            "truly-reported",
            keeping.truly_reported,
            MOVED,
            exams=(
                *_exams(
                    "PR-S2",
                    BROKERS,
                    what_was_cut_off_is_forgotten=desk.cut_is_forgotten,
                    a_repeat_waits_for_the_commit=desk.repeats_wait,
                ),
                *_exams("PR-S2", CLIENT, a_doubt_stays_one=shop.doubt_stays),
            ),
        ),
        _promise(
            "PR-S3",
            "a key's records go to the key's partition, and no record ever goes to two",
            3,
            "where-it-belongs",
            keeping.where_it_belongs,
            exams=_exams(
                "PR-S3",
                "partitioner",
                hashes=shop.murmur_vectors,
                partitions_of_keys=shop.key_vectors,
                a_key_does_not_move=shop.only_where_somebody_leads,
            ),
        ),
        _promise(
            "PR-S4",
            "in a partition what was sent later stands behind, and nothing is sent over a hole nobody heard of",
            4,
            "in-order",
            keeping.in_order,
            OVERTOOK,
            HOLE,
            exams=_exams("PR-S4", CLIENT, a_new_epoch_behind_a_hole=shop.over_a_hole),
        ),
        _promise(
            "PR-L1",
            "every record's outcome comes in time, what can pass is waited for, and a flush returns",
            4,
            "settled",
            costs.settled_in_time,
            VAIN,
            exams=_exams(
                "PR-L1",
                CLIENT,
                what_may_pass_is_tried_again=shop.passing_errors,
                what_cannot_pass_is_reported=shop.final_errors,
                forgotten_begins_anew=shop.forgotten,
                a_flush_waits_and_hurries=shop.fills_and_lingers,
            ),
        ),
        _promise(
            "PR-C1",
            "records travel together, none lingers too long, and nothing is sent again without patience",
            2,
            "together",
            costs.batched,
            MANY,
            exams=_exams(
                "PR-C1",
                "accumulator",
                full_lingered_flushed=shop.fills_and_lingers,
                nobody_lingers_twice=shop.lingers_once,
            ),
        ),
        _promise(
            "PR-C2",
            "records without a key are spread evenly over the partitions that somebody leads",
            1,
            "spread",
            costs.spread,
            NO_KEY,
            exams=_exams(
                "PR-C2",
                "partitioner",
                only_where_somebody_leads=shop.only_where_somebody_leads,
                dealt_out_in_turn=shop.dealt_out,
            ),
        ),
    ),
    record=RECORD_MESSAGES,
)

PRODUCER_PARTS = (PART,)
