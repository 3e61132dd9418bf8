"""Exams that hand the program a disk, sealed: the program is in another process, and the disk is here."""

from __future__ import annotations

import pytest

from distlab.grade.sealed.solution import load_sealed
from distlab.grade.solution import load_lab

EXAMS = (
    ("lab2", "A", "LOG-S3", "cut, and begun anew"),
    ("lab4", "A", "WAL-S1", "the format"),
    ("lab4", "A", "WAL-S1", "one sync for many records"),
    ("lab4", "A", "WAL-S2", "every bit of the last record"),
)


@pytest.mark.parametrize(("lab_name", "code", "promise", "name"), EXAMS)
@pytest.mark.parametrize("whose", ["reference", "alternative"])
def test_an_exam_with_a_disk_is_passed_sealed(
    lab_name: str, code: str, promise: str, name: str, whose: str
) -> None:
    lab = load_lab(lab_name)
    part = lab.part(code)
    solution = load_sealed(lab, part, whose)
    try:
        for module in part.modules:
            solution.module(module)
        exams = next(known.exams for known in part.promises if known.code == promise)
        verdict = next(exam for exam in exams if exam.name == name).check(solution)
        assert verdict.is_kept, verdict.reason
    finally:
        solution.close()


def test_what_cannot_be_judged_sealed_says_so() -> None:
    lab = load_lab("lab4")
    part = lab.part("B")
    solution = load_sealed(lab, part, "reference")
    try:
        exams = next(known.exams for known in part.promises if known.code == "DB-S1")
        reasons = {exam.check(solution).reason for exam in exams}
    finally:
        solution.close()
    assert len(reasons) == 1
    assert "grade it plain" in reasons.pop()
