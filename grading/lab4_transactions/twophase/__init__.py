"""Parts 4A and 4B: two-phase commit. Promises and points; what judges them is in the modules beside this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from distlab.check import Verdict
from distlab.grade.lab import RECORD_MESSAGES, Exam, Part, Promise, Run, Situation
from distlab.trace import Kind
from grading.lab4_transactions.twophase import exams, scenarios, schedules
from grading.lab4_transactions.twophase.gateways import exams as gateway_exams
from grading.lab4_transactions.twophase.gateways import promises as heuristics
from grading.lab4_transactions.twophase.gateways import scenarios as gateways
from grading.lab4_transactions.twophase.gateways import schedules as gateway_schedules
from grading.lab4_transactions.twophase.promises import contents, outcomes, progress, situations

PAGE = "labs/lab4.md"

Judge = Callable[[Run], Verdict]


def _seen(name: str, seen: Callable[[Run], bool]) -> Situation:
    return Situation(name, seen)


IN_DOUBT = _seen("a participant crashed in doubt, and came back", situations.came_back_in_doubt)
BEHIND = _seen(
    "a coordinator crashed with its decision on disk, and told it later",
    situations.died_behind_the_point,
)
BEFORE = _seen("a coordinator crashed between votes and decision", situations.died_before_the_point)
LONG = _seen("somebody was in doubt for 50 ms", situations.was_in_doubt_for_long)
CROSSED = _seen("transactions met on an account", situations.crossed)
POWER = _seen("a crash took writes that were not synced", situations.unsynced_was_lost)
LOST = _seen(
    "a message was lost", lambda run: run.tally.get("loss", 0) + run.tally.get("partition", 0) > 0
)
TWICE = _seen("a message came twice", lambda run: run.tally.get("duplicate", 0) > 0)
REFUSED = _seen("a transaction was refused", situations.somebody_was_refused)


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
        verdicts = [each(run) for each in judges]
        return next((v for v in verdicts if not v.is_kept), verdicts[0])

    return Promise(
        code=code,
        title=title,
        points=points,
        judge=judge if judges else None,
        needs=needs,
        exams=exams,
        page=f"{PAGE}#{section}",
    )


PART_A = Part(
    code="A",
    title="WAL and two-phase commit",
    modules=("wal", "locks", "coordinator", "participant"),
    stage=scenarios.stage,
    draw=scenarios.draw_a,
    directed=schedules.PART_A,
    runs=200,
    simpler=scenarios.simpler,
    promises=(
        _promise(
            "WAL-S1",
            "a log is read back as it was written, up to what a crash tore off its end",
            4,
            "what-a-log-keeps",
            exams=exams.EXAMS_S1,
        ),
        _promise(
            "WAL-S2",
            "damage to what had been forced is reported, and never cut off",
            2,
            "rot",
            exams=exams.EXAMS_S2,
        ),
        _promise(
            "TX2-S1",
            "a transaction has one outcome, everywhere and for ever, and commits only if all said yes",
            10,
            "one-outcome",
            outcomes.one_outcome,
            outcomes.ends_as_expected,
            needs=(IN_DOUBT, BEHIND, BEFORE, TWICE),
        ),
        _promise(
            "TX2-S2",
            "a yes is on disk before it is said, and so is a commit",
            7,
            "on-disk-before-it-is-said",
            outcomes.forced_before_said,
            needs=(POWER, IN_DOUBT, BEHIND),
        ),
        _promise(
            "TX2-S3",
            "a participant in doubt decides nothing, and keeps its accounts locked",
            4,
            "in-doubt",
            outcomes.waits_in_doubt,
            needs=(LONG, CROSSED),
        ),
        _promise(
            "TX2-S4",
            "money is neither made nor lost, and no account falls below zero",
            4,
            "money",
            contents.money_stays,
            needs=(POWER, TWICE, CROSSED),
        ),
        _promise(
            "TX2-I1",
            "committed transactions are as if they had run one after the other",
            6,
            "isolation",
            contents.isolated,
            needs=(CROSSED, LOST),
        ),
        _promise(
            "TX2-L1",
            "once all is well every transaction ends, and nothing stays locked or in doubt",
            6,
            "it-ends",
            progress.ends_in_time,
            needs=(IN_DOUBT, BEFORE, LOST),
        ),
        _promise(
            "TX2-L3",
            "who waits for a lock gets it, or is told no in time",
            3,
            "waiting-for-locks",
            progress.waits_for_locks,
            needs=(CROSSED, REFUSED),
        ),
        _promise(
            "TX2-C1",
            "a commit costs three forced writes in a row; an abort, and a look, cost none",
            3,
            "cost",
            progress.few_syncs,
        ),
        _promise(
            "TX2-R1",
            "what makes no sense is refused, in words, and changes nothing",
            1,
            "nonsense",
            progress.nonsense_is_refused,
            needs=(REFUSED,),
        ),
    ),
    record=RECORD_MESSAGES | {Kind.WRITE},
)

FORCED = _seen("something was forced one way and decided the other way", heuristics.mixed)
AGREED = _seen("something was forced, and decided the same way", heuristics.agreed)
FORCED_CRASH = _seen(
    "a gateway crashed when something had been forced there", heuristics.crashed_after_force
)
LOOKED = _seen("somebody looked at what is in doubt and blocked", heuristics.looked_at_doubt)
VICTIM = _seen("a victim was named", heuristics.somebody_gave_way)

PART_B = Part(
    code="B",
    title="Real participants",
    modules=("gateway", "sqlite_store", "deadlocks"),
    stage=gateways.stage,
    draw=gateways.draw_b,
    directed=gateway_schedules.PART_B,
    runs=150,
    simpler=gateways.simpler,
    promises=(
        _promise(
            "DB-S1",
            "a database that cannot promise keeps promises all the same, over any kill",
            5,
            "a-database-that-cannot-promise",
            exams=gateway_exams.EXAMS_DB,
        ),
        _promise(
            "TX2-H1",
            "what was forced one way and decided the other way is reported, and nothing else is",
            6,
            "no-mix-unreported",
            heuristics.mixes_are_reported,
            needs=(FORCED, AGREED, FORCED_CRASH),
        ),
        _promise(
            "TX2-H2",
            "who is in doubt is listed, and so is who waits for whom",
            3,
            "lists",
            heuristics.lists_are_true,
            needs=(LOOKED,),
        ),
        _promise(
            "TX2-S1",
            "as long as nobody interferes, a transaction has one outcome, everywhere and for ever",
            4,
            "nobody-interferes",
            heuristics.yes_is_for_life,
            *map(
                heuristics.undisturbed,
                (
                    outcomes.one_outcome,
                    outcomes.ends_as_expected,
                    outcomes.forced_before_said,
                    contents.money_stays,
                ),
            ),
            needs=(IN_DOUBT, BEHIND, TWICE),
        ),
        _promise(
            "TX2-L1",
            "once all is well every transaction ends, and nothing stays locked or in doubt",
            3,
            "gateways-end-it",
            progress.ends_in_time,
            needs=(IN_DOUBT, LOST),
        ),
        _promise(
            "TX2-L4",
            "a deadlock costs one victim, and soon; and a queue costs none",
            4,
            "deadlocks",
            heuristics.few_victims,
            needs=(VICTIM,),
            exams=gateway_exams.EXAMS_L4,
        ),
    ),
    record=RECORD_MESSAGES | {Kind.WRITE},
)

PARTS: tuple[Part, ...] = (PART_A, PART_B)
