"""Parts 5B1 and 5B2: their promises and points."""

from __future__ import annotations

from distlab.grade.lab import RECORD_MESSAGES, Part, Promise, Situation
from distlab.trace import Kind
from grading.lab5_streaming.eventtime import exams, time_judges, time_world, window_judges
from grading.lab5_streaming.eventtime.schedules import WATERMARKS, WINDOWS

PAGE = "labs/lab5-time.md"
RECORD = RECORD_MESSAGES | {Kind.TIMER}

SEVERAL = Situation("several sources fed one operator", time_judges.several_inputs)
SILENT = Situation("a partition fell silent while another went on", time_judges.one_fell_silent)
ALL_SILENT = Situation("all partitions of a source fell silent", time_judges.all_fell_silent)
BACK = Situation("an idle source came back", time_judges.came_back)
DISORDER = Situation("events came out of order", time_judges.out_of_order)
LATE = Situation("an element was late", window_judges.was_late)
AGAIN = Situation("a window fired again", window_judges.fired_again)
TOGETHER = Situation("windows with different ends fired", window_judges.several_at_once)
MERGED = Situation("sessions were merged", window_judges.was_merged)
NEGATIVE = Situation("a window ended before zero", window_judges.before_zero)

PART_B1 = Part(
    code="B1",
    title="Watermarks",
    modules=("watermarks", "timed"),
    stage=time_world.stage,
    draw=time_world.draw,
    directed=WATERMARKS,
    runs=120,
    simpler=time_world.simpler,
    record=RECORD,
    promises=(
        Promise(
            code="ST-S4",
            title="a watermark never goes back, and is never ahead of the slowest active input",
            points=9,
            judge=time_judges.never_back_never_ahead,
            exams=exams.EXAMS_S4,
            needs=(SEVERAL, DISORDER, SILENT, BACK),
            page=f"{PAGE}#never-back-never-ahead",
        ),
        Promise(
            code="ST-L2",
            title="nobody is held back by what is silent: watermarks follow soon, and every job ends",
            points=6,
            judge=time_judges.nobody_is_held_back,
            exams=exams.EXAMS_L2,
            needs=(SILENT, ALL_SILENT, BACK),
            page=f"{PAGE}#nobody-is-held-back",
        ),
    ),
)

PART_B2 = Part(
    code="B2",
    title="Windows and timers",
    modules=("timers", "windows"),
    stage=time_world.stage,
    draw=time_world.draw,
    directed=WINDOWS,
    runs=150,
    simpler=time_world.simpler,
    record=RECORD,
    promises=(
        Promise(
            code="ST-S5",
            title="each window puts out all that came in time, once it is complete; what is late is put aside",
            points=11,
            judge=window_judges.in_its_windows_or_aside,
            exams=exams.EXAMS_S5,
            needs=(LATE, AGAIN, MERGED, NEGATIVE),
            page=f"{PAGE}#in-its-windows-or-aside",
        ),
        Promise(
            code="ST-S6",
            title="each timer is due once, in order, unless it was taken back",
            points=5,
            judge=window_judges.in_order,
            exams=exams.EXAMS_S6,
            needs=(TOGETHER,),
            page=f"{PAGE}#timers-in-order",
        ),
        Promise(
            code="ST-C2",
            title="what is over is forgotten: windows and timers",
            points=4,
            judge=window_judges.nothing_stays,
            needs=(AGAIN, MERGED),
            page=f"{PAGE}#nothing-stays",
        ),
    ),
)

PARTS = (PART_B1, PART_B2)
