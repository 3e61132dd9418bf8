"""Runs of correct programs that judges of lab 2 once took for wrong, as small as they could be made.

Each is judged twice: as it is, and with what excuses it taken away. So a run that shows nothing any more is noticed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from distlab.grade.grading import judge
from distlab.grade.perform import perform
from distlab.grade.scenario import Scenario
from distlab.grade.solution import load_lab, load_solution
from grading.lab2_log.groups import books as groups
from grading.lab2_log.groups import coordinating
from grading.lab2_log.log import books as log

FOLDER = Path(__file__).parent / "acquitted"

_rosters = groups.Books.members_of


def as_one(found: groups.Books, generation: int, before: int) -> list[tuple[Any, dict[str, Any]]]:
    """All that were ever members of a generation of that number, whoever gave it."""
    rosters = _rosters(found, generation, before)
    everybody = {name: member for _, members in rosters for name, member in members.items()}
    return [(rosters[0][0], everybody)] if rosters else []


KNEW_BEFORE = (log.Books, "was_committed", lambda *_: False)
GIVEN_TWICE = (groups.Books, "members_of", as_one)
BEGUN_ANEW = (coordinating, "_begun_anew", lambda _: 0)
LAST_ANSWERS_ONLY = (
    groups.Books,
    "_is_of_this_place",
    lambda self, life, question: self._is_last(life, question),
)
CROSSED = (coordinating, "_crossed", lambda _: 0)

ACQUITTED = (
    # A leader says in its next epoch what it had learnt in the one before.
    ("elected-again", "E", "reference", "RL-S9", KNEW_BEFORE),
    ("elected-again-soon", "E", "alternative", "RL-S9", KNEW_BEFORE),
    # A generation that is not in the log is forgotten with its coordinator, and its number is given anew.
    ("number-given-twice", "G3", "reference", "CG-S4", GIVEN_TWICE),
    ("number-given-twice-by-one-that-died", "G3", "alternative", "CG-S4", GIVEN_TWICE),
    # A coordinator that takes over in a rebalance knows nothing of it.
    ("fail-over-in-a-rebalance", "G3", "reference", "CG-L2", BEGUN_ANEW),
    # UNKNOWN_MEMBER_ID in answer to a heartbeat that is not the last one: it may be believed, and need not be.
    ("out-by-an-older-answer", "G3", "alternative", "CG-L2", LAST_ANSWERS_ONLY),
    # A JoinGroup is repeated while its answer is under way, and is taken for the next one.
    ("question-crosses-answer", "G3", "alternative", "CG-L2", CROSSED),
)


@pytest.mark.parametrize(
    ("name", "code", "whose", "promise", "excuse"), ACQUITTED, ids=[row[0] for row in ACQUITTED]
)
def test_a_correct_program_is_not_accused(
    monkeypatch: pytest.MonkeyPatch, name: str, code: str, whose: str, promise: str, excuse: Any
) -> None:
    lab = load_lab("lab2")
    part = lab.part(code)
    solution = load_solution(lab, part, whose)
    scenario = msgspec.json.decode((FOLDER / f"{name}.json").read_bytes(), type=Scenario)
    promised = {known.code: known for known in part.promises}[promise]

    def is_accused() -> bool:
        performance = perform(part, solution, scenario)
        assert performance.problem is None
        return judge(promised, performance).is_broken

    assert not is_accused()
    monkeypatch.setattr(*excuse)
    assert is_accused()
