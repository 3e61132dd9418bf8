"""Part 2E, controller and ISR: promises and points. What judges them is in the modules beside this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from distlab.check import Verdict
from distlab.grade.lab import RECORD_MESSAGES, Part, Promise, Run, Situation
from grading.lab2_log.control import drawing, holding, model, rights, scene, schedules, seen, timing
from grading.lab2_log.control.exams import EXAMS

PAGE = "labs/lab2-controller.md"

FAILED_OVER = Situation("another controller took over", seen.failed_over)
UNCLEAN = Situation("a broker came back that had been killed", seen.was_unclean)
ELIGIBLE = Situation("a leader came from the ELR", seen.from_elr)
FLAGGED = Situation("an election was unclean, and allowed", seen.flagged)
GREW = Situation("a follower fell out of the ISR, and came back", seen.grew)
CHANGED = Situation("another broker led", seen.leaders_changed)
BURST = Situation("records came in a burst", seen.burst)


def _promise(
    code: str,
    title: str,
    points: int,
    section: str,
    judge: Callable[[Run], Verdict],
    needs: Sequence[Situation] = (),
) -> Promise:
    return Promise(
        code=code,
        title=title,
        points=points,
        judge=judge,
        exams=EXAMS.get(code, ()),
        needs=needs,
        page=f"{PAGE}#{section}",
    )


PART_E = Part(
    code="E",
    title="Controller and ISR",
    modules=("decisions", "controller", "insync", "membership"),
    stage=scene.stage,
    draw=drawing.draw,
    directed=schedules.DIRECTED,
    exhaustive=(model.SMALL,),
    runs=20,
    simpler=drawing.simpler,
    promises=(
        _promise(
            "RL-S4",
            "who leads is in the ISR, and came there by right; or the state says that it did not",
            9,
            "by-right",
            rights.rightful,
            (UNCLEAN, ELIGIBLE, FLAGGED),
        ),
        _promise(
            "RL-S9",
            "the ISR changes by compare-and-set, and whoever may be in it counts",
            9,
            "compare-and-set",
            holding.changed_by_asking,
            (GREW,),
        ),
        _promise(
            "RL-S7",
            "a version is one decision and an epoch has one leader, whoever is the active controller",
            5,
            "one-decision",
            rights.one_decision,
            (FAILED_OVER, CHANGED),
        ),
        _promise(
            "RL-S1",
            "what is acknowledged to all is in the log of each replica that may lead",
            4,
            "nothing-lost",
            holding.nothing_lost,
            (FAILED_OVER, UNCLEAN, CHANGED),
        ),
        _promise(
            "RL-S10",
            "what is acknowledged to all is on all who may be in the ISR, and they are enough",
            2,
            "acknowledged",
            holding.acknowledged,
            (GREW,),
        ),
        _promise(
            "RL-L4",
            "a partition that can have a leader has one in time",
            4,
            "a-leader-in-time",
            timing.led,
            (FAILED_OVER, CHANGED),
        ),
        _promise(
            "RL-L1",
            "soon after all is well every replica is in sync, and everything is committed",
            3,
            "in-sync-again",
            timing.in_sync_again,
            (GREW,),
        ),
        _promise(
            "RL-L2",
            "neither a burst of records nor another controller throws anybody out of the ISR",
            2,
            "bursts",
            timing.nobody_is_thrown_out,
            (BURST, FAILED_OVER),
        ),
        _promise(
            "RL-C2",
            "the quorum writes down decisions, and nothing else",
            2,
            "cost-of-deciding",
            timing.written_seldom,
        ),
    ),
    record=RECORD_MESSAGES,
)

PARTS = (PART_E,)
