"""The graders, graded: what is correct passes, every known bug is caught, the skeletons are not started.

With the budget that students have. The long campaign, a thousand scenarios a part, is ``make verify-graders``.
"""

from collections.abc import Iterator
from functools import cache

import pytest

from distlab.grade.hunt import Kill, is_shown_by, load_witness
from distlab.grade.lab import Lab, Mutant
from distlab.grade.result import State
from distlab.grade.runner import Request, grade
from distlab.grade.solution import lab_names, load_lab, load_solution
from distlab.grade.verify import Acquittal, campaign

LABS = lab_names()


@cache
def results(lab: str) -> list[Acquittal | Kill]:
    """One campaign for all tests of a lab."""
    return list(campaign([lab], runs=None, quick=True))


def mutants() -> Iterator[tuple[Lab, Mutant]]:
    for name in LABS:
        lab = load_lab(name)
        load_solution(lab, lab.parts[0], "reference")
        for mutant in lab.mutants():
            yield lab, mutant


@pytest.mark.parametrize("lab", LABS)
def test_both_correct_solutions_pass_every_part(lab: str) -> None:
    acquittals = [result for result in results(lab) if isinstance(result, Acquittal)]
    assert {a.solution for a in acquittals} == {"reference", "alternative"}
    wrong = [
        (a.solution, a.part, p.code, p.state, p.unseen or p.broken)
        for a in acquittals
        for p in a.result.promises
        if p.state is not State.PASSED
    ]
    assert not wrong


@pytest.mark.parametrize("lab", LABS)
def test_every_known_bug_is_caught_by_the_promise_it_breaks(lab: str) -> None:
    kills = [result for result in results(lab) if isinstance(result, Kill)]
    assert len(kills) >= 14
    assert not [
        (kill.mutant, kill.expected, kill.caught_by) for kill in kills if not kill.is_as_expected
    ]


@pytest.mark.parametrize("lab", LABS)
def test_a_fair_share_of_the_bugs_is_about_liveness_or_cost(lab: str) -> None:
    kinds = [result.kind for result in results(lab) if isinstance(result, Kill)]
    assert sum(kind != "safety" for kind in kinds) >= len(kinds) // 4


def test_every_skeleton_is_not_started_and_earns_nothing() -> None:
    report = grade(Request())
    states = {p.code: p.state for lab in report.labs for part in lab.parts for p in part.promises}
    assert set(states.values()) == {State.NOT_STARTED}, states
    assert report.earned == 0


@pytest.mark.parametrize(
    ("lab", "mutant"),
    [pytest.param(*pair, id=f"lab{pair[0].number}-{pair[1].name}") for pair in mutants()],
)
def test_the_witness_of_a_bug_shows_it_and_spares_the_reference(lab: Lab, mutant: Mutant) -> None:
    witness = load_witness(lab, mutant)
    if (
        witness is None
    ):  # then an exam shows it, or a schedule that was written for it: both are kept with the lab
        kill = next(k for k in results(lab.name) if isinstance(k, Kill) and k.mutant == mutant.name)
        assert kill.caught_by[mutant.breaks].startswith(("exam", "directed"))
        return
    assert is_shown_by(lab, witness, f"mutant:{mutant.name}")
    assert not is_shown_by(lab, witness, "reference")
