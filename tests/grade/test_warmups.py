"""Warm-ups: their recorded runs are what the programs do today, and something happens after each question."""

import pytest

from distlab.grade.solution import lab_names, load_lab
from distlab.grade.warmup import asked, questions, record, run_of

ASKED = [(lab, question) for lab in lab_names() for question in questions(lab)]


@pytest.mark.parametrize("lab", lab_names())
def test_every_lab_opens_with_a_warm_up(lab: str) -> None:
    assert len(questions(lab)) >= 3


@pytest.mark.parametrize(
    ("lab", "question"), [pytest.param(*pair, id=pair[1].name) for pair in ASKED]
)
def test_a_recorded_run_is_what_the_program_does_today(lab, question) -> None:
    trace, head = run_of(lab, question)
    again = record(load_lab(lab), question)
    assert [line for line in again.splitlines() if line] == _lines(lab, question)
    shown = asked(trace, question)
    assert 0 < len(shown) < len(trace)
    assert head.nodes


def _lines(lab, question) -> list[bytes]:
    from distlab.grade.warmup import folder

    return (folder(lab) / f"{question.name}.jsonl").read_bytes().splitlines()
