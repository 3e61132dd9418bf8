"""Parts 3A (RM, NM, AM, leases) and 3E1 (another RM takes over): promises and points."""

from __future__ import annotations

from collections.abc import Callable

from distlab.grade.lab import RECORD_MESSAGES, Part, Promise, Run, Situation
from grading.lab3_scheduler.cluster import exams, scenarios, schedules, succession
from grading.lab3_scheduler.cluster.promises import progress, safety
from grading.lab3_scheduler.cluster.promises import succession as inherited

PAGE = "labs/lab3.md"


def _seen(name: str, seen: Callable[[Run], bool]) -> Situation:
    return Situation(name, seen)


LOSS = _seen(
    "a message was lost", lambda run: run.tally.get("loss", 0) + run.tally.get("partition", 0) > 0
)
REPEATED = _seen("a message came twice", lambda run: run.tally.get("duplicate", 0) > 0)
DIED = _seen("a node died", lambda run: run.tally.get("crash", 0) > 0)
PAUSED = _seen("somebody stood still", lambda run: run.tally.get("pause", 0) > 0)
FULL = _seen("a node was full", safety.full_to_the_brim)
LOST = _seen("a node was taken for dead while something ran on it", safety.node_was_lost)
ZOMBIE = _seen("something still ran that counted as lost", safety.zombie_ran)
UNUSED = _seen("a lease was not used in time", safety.lease_unused)
AGAIN = _seen("a start was asked for again", safety.start_repeated)
LABELS = _seen("tasks ran on nodes of two labels", safety.two_labels)
WAITED = _seen("an application had to wait", progress.waited)
ELSEWHERE = _seen("tasks had nodes that they prefer", progress.bound_elsewhere)

PART_A = Part(
    code="A",
    title="RM, NM, AM, leases",
    modules=("leases", "binding", "manager", "node_manager", "master"),
    stage=scenarios.stage,
    draw=scenarios.draw_a,
    directed=schedules.PART_A,
    runs=150,
    simpler=scenarios.simpler,
    promises=(
        Promise(
            code="SC-S1",
            title="what runs on a node fits into it, at every instant, and what a node says is over is over",
            points=6,
            judge=safety.fits_the_node,
            exams=exams.EXAMS_S1,
            needs=(FULL, DIED, LOST, ZOMBIE, UNUSED),
            page=f"{PAGE}#capacity",
        ),
        Promise(
            code="SC-S2",
            title="in each container something is started once, on its node, and with a live lease",
            points=7,
            judge=safety.once_with_a_live_lease,
            exams=exams.EXAMS_S2,
            needs=(REPEATED, AGAIN, DIED, UNUSED, PAUSED),
            page=f"{PAGE}#once-with-a-live-lease",
        ),
        Promise(
            code="SC-S4",
            title="a task runs on a node of its label, in a container that it fits into",
            points=3,
            judge=safety.where_it_may,
            exams=exams.EXAMS_S4,
            needs=(LABELS,),
            page=f"{PAGE}#labels-and-sizes",
        ),
        Promise(
            code="SC-L1",
            title="every application that can run ends well, soon after all is well; the others are refused",
            points=5,
            judge=progress.ends_in_time,
            needs=(LOSS, LOST, UNUSED),
            page=f"{PAGE}#every-application-ends",
        ),
        Promise(
            code="SC-L2",
            title="when all applications are over, everything is given back",
            points=3,
            judge=progress.given_back,
            needs=(LOSS, LOST, UNUSED),
            page=f"{PAGE}#given-back",
        ),
        Promise(
            code="SC-C1",
            title="no application is given more than it can use",
            points=3,
            judge=progress.no_surplus,
            exams=exams.EXAMS_C1,
            needs=(WAITED, REPEATED),
            page=f"{PAGE}#no-surplus",
        ),
        Promise(
            code="SC-C2",
            title="a lease goes to a task whose data is there, if there is one",
            points=2,
            judge=progress.late_binding,
            exams=exams.EXAMS_C2,
            needs=(ELSEWHERE,),
            page=f"{PAGE}#late-binding",
        ),
        Promise(
            code="SC-C3",
            title="nobody speaks to the RM more often than its heartbeats ask for",
            points=1,
            judge=progress.nobody_chatters,
            page=f"{PAGE}#no-chatter",
        ),
    ),
    record=RECORD_MESSAGES,
)

REPLACED = _seen("an RM was replaced", inherited.was_replaced)
INHERITED = _seen("something ran, and was held, when a new RM came", inherited.was_inherited)
TOO_LATE = _seen("an RM spoke that had been replaced", inherited.spoke_too_late)

PART_E1 = Part(
    code="E1",
    title="Another RM takes over",
    modules=("leadership", "inheritance", "manager", "node_manager", "master"),
    stage=scenarios.stage,
    draw=scenarios.draw_e,
    directed=succession.PART_E1,
    runs=150,
    simpler=scenarios.simpler,
    promises=(
        Promise(
            code="SC-S7",
            title="what runs and is held when another RM takes over goes on, and its end is told truly",
            points=7,
            judge=inherited.work_goes_on,
            needs=(REPLACED, INHERITED),
            page=f"{PAGE}#work-goes-on",
        ),
        Promise(
            code="SC-S2",
            title="in each container something is started once, and never with a lease of an RM known to be replaced",
            points=4,
            judge=safety.once_with_a_live_lease,
            needs=(REPLACED, TOO_LATE),
            page=f"{PAGE}#no-word-of-the-old-rm",
        ),
        Promise(
            code="SC-S1",
            title="what runs on a node fits into it, whoever granted it",
            points=3,
            judge=safety.fits_the_node,
            needs=(INHERITED, FULL),
            page=f"{PAGE}#capacity",
        ),
        Promise(
            code="SC-L1",
            title="every application ends, however often RMs die, soon after all is well",
            points=4,
            judge=progress.ends_in_time,
            needs=(REPLACED, LOSS),
            page=f"{PAGE}#every-application-ends",
        ),
        Promise(
            code="SC-L2",
            title="when all applications are over, everything is given back, to whoever leads then",
            points=2,
            judge=progress.given_back,
            needs=(REPLACED,),
            page=f"{PAGE}#given-back",
        ),
    ),
    record=RECORD_MESSAGES,
)

PARTS = (PART_A, PART_E1)
