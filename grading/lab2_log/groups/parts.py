"""Part 2G: promises, points, and what must have been seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from distlab.check import Verdict
from distlab.grade.lab import RECORD_MESSAGES, Exam, Part, Promise, Run, Situation
from grading.lab2_log.groups import (
    consuming,
    coordinating,
    draws,
    progress,
    scenarios,
    schedules,
    seen,
)
from grading.lab2_log.groups.exams import EXAMS

PAGE = "labs/lab2-groups.md"

Judge = Callable[[Run], Verdict]

TAKEN_OVER = Situation("a partition went from one member to another", seen.was_taken_over)
REFUSED = Situation("a commit came too late, and was refused", seen.was_refused)
FAILED_OVER = Situation("another coordinator took over", seen.failed_over)
STUCK = Situation("a program was stuck", seen.was_stuck)
KEPT = Situation("a member kept a partition through a rebalance", seen.kept_some)


def _promise(
    code: str,
    title: str,
    points: int,
    section: str,
    *judges: Judge,
    needs: Sequence[Situation] = (),
    exams: Sequence[Exam] = (),
) -> Promise:
    def judge(run: Run) -> Verdict:
        return next((v for j in judges if (v := j(run)).is_broken), judges[0](run))

    return Promise(
        code=code,
        title=title,
        points=points,
        judge=judge if judges else None,
        needs=needs,
        exams=exams,
        page=f"{PAGE}#{section}",
    )


PART_G1 = Part(
    code="G1",
    title="Groups: assignors",
    modules=("assignors",),
    promises=(
        _promise(
            "CG-S1",
            "every partition goes to exactly one member that subscribes to its topic",
            2,
            "one-share",
            exams=EXAMS["CG-S1"],
        ),
        _promise(
            "CG-S5",
            "shares are balanced, and sticky ones move no more than they must",
            4,
            "balance",
            exams=EXAMS["CG-S5"],
        ),
        _promise(
            "CG-S4",
            "the cooperative assignor gives away nothing that another still owns",
            2,
            "two-steps",
            exams=EXAMS["CG-S4"],
        ),
    ),
)

PART_G2 = Part(
    code="G2",
    title="Groups: coordinator",
    modules=("coordinator",),
    stage=scenarios.stage,
    draw=draws.draw_coordinating,
    directed=schedules.COORDINATING,
    runs=24,
    simpler=draws.simpler,
    promises=(
        _promise(
            "CG-S1",
            "in a generation each member has one share, and no partition is in two of them",
            2,
            "one-share",
            coordinating.one_owner,
            needs=(FAILED_OVER,),
            exams=EXAMS["CG-S1 G2"],
        ),
        _promise(
            "CG-S2",
            "a commit is taken from members of the newest generation only",
            3,
            "fencing-commits",
            coordinating.fenced,
            needs=(REFUSED,),
            exams=EXAMS["CG-S2"],
        ),
        _promise(
            "CG-S3",
            "an acknowledged commit is remembered, whoever coordinates",
            3,
            "acknowledged-commits",
            coordinating.remembered,
            needs=(FAILED_OVER, TAKEN_OVER),
            exams=EXAMS["CG-S3 G2"],
        ),
        _promise(
            "CG-L1",
            "soon after all is well the group is whole, and has read everything",
            1,
            "whole-again",
            progress.is_whole,
            exams=EXAMS["CG-L1"],
        ),
        _promise(
            "CG-L2",
            "a change costs one rebalance, two if cooperative; a fail-over costs none",
            1,
            "no-herd",
            coordinating.few_rebalances,
            exams=EXAMS["CG-L2"],
        ),
        _promise(
            "CG-L4",
            "nobody is thrown out who speaks in time",
            1,
            "in-time-for-the-group",
            coordinating.nobody_in_time_is_out,
            exams=EXAMS["CG-L4"],
        ),
    ),
    record=RECORD_MESSAGES,
)

PART_G3 = Part(
    code="G3",
    title="Groups: member",
    modules=("member", "places"),
    stage=scenarios.stage,
    draw=draws.draw_consuming,
    directed=schedules.CONSUMING,
    runs=24,
    simpler=draws.simpler,
    promises=(
        _promise(
            "CG-S2",
            "nobody hands out or commits what it does not own",
            2,
            "fencing-commits",
            consuming.owns_while_it_commits,
            consuming.hands_out_its_own,
            needs=(REFUSED,),
        ),
        _promise(
            "CG-S3",
            "nothing is skipped: members begin at what is committed, and commit what is processed",
            3,
            "nothing-skipped",
            consuming.nothing_skipped,
            consuming.commits_are_true,
            needs=(TAKEN_OVER,),
            exams=EXAMS["CG-S3"],
        ),
        _promise(
            "CG-S4",
            "a partition is processed by one member at a time",
            2,
            "one-at-a-time",
            consuming.one_at_a_time,
            needs=(TAKEN_OVER, KEPT),
        ),
        _promise(
            "CG-L1",
            "soon after all is well the group is whole, and has read everything",
            1,
            "whole-again",
            progress.is_whole,
            needs=(FAILED_OVER,),
        ),
        _promise(
            "CG-L2",
            "nobody joins without need, and cooperative members keep what they may",
            1,
            "no-herd",
            coordinating.joins_once,
            progress.keeps_its_share,
            needs=(KEPT,),
        ),
        _promise(
            "CG-L3",
            "a member whose program is stuck leaves",
            1,
            "stuck",
            progress.stuck_is_out,
            needs=(STUCK,),
        ),
        _promise(
            "CG-L5",
            "where nothing goes wrong, nothing is read twice",
            1,
            "twice",
            progress.commits_on_the_way,
            needs=(TAKEN_OVER,),
        ),
    ),
    record=RECORD_MESSAGES,
)

PARTS = (PART_G1, PART_G2, PART_G3)
