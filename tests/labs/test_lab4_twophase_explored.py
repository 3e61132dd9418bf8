"""The reference of part 4A, searched whole in a small scope; and what the same search says of known bugs."""

import pytest

from distlab.explore import Finding, Result, explore
from distlab.grade.scenario import Scenario
from distlab.grade.solution import load_lab, load_solution


def searched(solution: str) -> Result:
    """One transfer between two participants, and one crash of anybody, anywhere."""
    lab = load_lab("lab4")
    part = lab.part("A")
    loaded = load_solution(lab, part, solution)
    assert part.stage is not None
    from grading.lab4_transactions.twophase.scope import one_crash

    stage = part.stage(loaded, Scenario(shape={"rms": 2}))
    return explore(one_crash(stage.cluster), budget=300_000)


def test_no_crash_anywhere_makes_two_outcomes() -> None:
    result = searched("reference")
    assert result.is_proof, str(result)
    assert result.states > 100_000


@pytest.mark.parametrize(
    ("bug", "steps"),
    [("presumes-too-early", 14), ("decides-again", 16), ("deaf-to-no", 14), ("counts-votes", 13)],
)
def test_a_known_bug_is_found_by_a_shortest_way(bug: str, steps: int) -> None:
    result = searched(f"mutant:{bug}")
    assert result.finding is Finding.VIOLATED
    assert len(result.trace) <= steps
