"""How each outcome is called and coloured, everywhere."""

from __future__ import annotations

from distlab.grade.result import LabResult, PartResult, PromiseResult, Report, State

WORDS = {
    State.PASSED: ("ok", "good"),
    State.FAILED: ("FAIL", "bad"),
    State.CRASHED: ("CRASH", "bad"),
    State.STUCK: ("STUCK", "bad"),
    State.NOT_DETERMINISTIC: ("VARIES", "bad"),
    State.UNKNOWN: ("unknown", "odd"),
    State.NOT_STARTED: ("to do", "dim"),
}
"""State -> the word in a list, and its style. Not started is no failure, and has no red."""

BROKEN = (State.FAILED, State.CRASHED, State.STUCK, State.NOT_DETERMINISTIC)


def broken(lab: LabResult | PartResult) -> list[PromiseResult]:
    """The promises seen broken, in order."""
    return [p for p in _promises(lab) if p.state in BROKEN]


def with_state(lab: LabResult | PartResult, state: State) -> list[PromiseResult]:
    return [p for p in _promises(lab) if p.state is state]


def is_done(lab: LabResult | PartResult) -> bool:
    return all(p.state is State.PASSED for p in _promises(lab))


def is_graded_apart(report: Report, lab: LabResult) -> bool:
    """Whether the student's parts of the lab are all done, and the other parts were not theirs under any of them."""
    is_theirs = report.solution == "own" and report.prior != "own"
    return is_theirs and is_done(lab) and len({part.modules for part in lab.parts}) > 1


def _promises(of: LabResult | PartResult) -> list[PromiseResult]:
    parts = of.parts if isinstance(of, LabResult) else (of,)
    return [promise for part in parts for promise in part.promises]


def short_name(lab: LabResult) -> str:
    """``lab1 mapreduce``."""
    return lab.name.replace("_", " ", 1)
