"""The bank of part 4C, searched whole in two small scopes; and what the same search says of known bugs."""

from __future__ import annotations

import pytest

from distlab.explore import Finding, Result, explore
from distlab.grade.scenario import Scenario
from distlab.grade.solution import load_lab, load_solution


def searched(solution: str, commits: bool) -> Result:
    """One branch; a network that repeats, loses and overtakes; two crashes."""
    lab = load_lab("4")
    part = lab.part("C")
    loaded = load_solution(lab, part, solution)
    assert part.stage is not None
    from grading.lab4_transactions.patterns import tcc_scopes as scopes

    scope = scopes.tried_and_confirmed if commits else scopes.tried_and_cancelled
    return explore(scope(part.stage(loaded, Scenario()).cluster), budget=20_000)


@pytest.mark.parametrize("commits", [False, True])
@pytest.mark.parametrize("solution", ["reference", "alternative"])
def test_no_order_of_messages_and_crashes_makes_a_branch_hang(solution: str, commits: bool) -> None:
    result = searched(solution, commits)
    assert result.is_proof, str(result)


@pytest.mark.parametrize(
    ("bug", "commits"),
    [
        ("no-tombstone", False),
        ("fence-in-memory", False),
        ("revives-the-cancelled", False),
        ("fence-behind-the-effect", False),
        ("freezes-every-time", False),
        ("confirms-every-time", True),
    ],
)
def test_a_known_bug_is_found(bug: str, commits: bool) -> None:
    assert searched(f"mutant:{bug}", commits).finding is Finding.VIOLATED
