"""Exams: checks with no run at all. What one cannot say is not counted as kept."""

import pytest
from msgspec import structs

from distlab.check import Verdict, broken, kept, unknown
from distlab.grade.grading import Grading
from distlab.grade.lab import Exam, Promise
from distlab.grade.result import State
from distlab.grade.solution import load_lab, load_solution


@pytest.mark.parametrize(
    ("verdict", "state", "unseen"),
    [
        (kept(), State.PASSED, ()),
        (broken("wrong"), State.FAILED, ()),
        (unknown("no disk"), State.UNKNOWN, ("an exam (no disk)",)),
    ],
)
def test_an_exam_that_cannot_say_earns_nothing(
    verdict: Verdict, state: State, unseen: tuple[str, ...]
) -> None:
    lab = load_lab("lab0")
    exams = (Exam("an exam", lambda solution: verdict), Exam("another", lambda solution: kept()))
    promise = Promise(code="X", title="it holds", points=1, exams=exams)
    part = structs.replace(lab.parts[0], promises=(promise,), directed=(), runs=0)
    grading = Grading(lab, part, load_solution(lab, part, "reference"), keep=False)
    found = grading.grade().promises[0]
    assert (found.state, found.unseen) == (state, unseen)
