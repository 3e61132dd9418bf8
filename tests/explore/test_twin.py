"""The explorer and its dumb twin agree: on the number of worlds, on violations, and on how near they are.

``python -m tests.explore.test_twin 0 5000`` compares more programs.
"""

import sys
from collections import Counter

import pytest

from distlab.explore import Finding, explore
from tests.examples import small_election, two_phase_commit_small
from tests.explore import twin
from tests.explore.tables import scope_of, unbroken

BUDGET = 120
"""Worlds; a program with more is compared only as far as its first violation."""
SEEDS = 320


def compare(seed: int) -> list[str]:
    """Compare one program both ways, with something to break and with nothing; how the searches ended."""
    scope = scope_of(seed)
    endings = []
    for searched in (scope, unbroken(scope)):
        ours = explore(searched, budget=BUDGET)
        endings.append(ours.finding.value)
        if ours.finding is Finding.UNKNOWN:
            continue
        ending, met, depth = twin.search(searched, 10 * BUDGET)
        assert (ending, depth) == (ours.finding.value, ours.depth), (seed, ours)
        if ours.finding is Finding.EXHAUSTED:
            assert len(met) == ours.states, seed
        else:
            assert len(ours.trace) == depth, seed
    return endings


def test_random_programs_have_as_many_worlds_and_as_near_violations_as_the_twin_says() -> None:
    ended = Counter(ending for seed in range(SEEDS) for ending in compare(seed))
    assert ended["exhausted"] >= 400, ended
    assert ended["violated"] >= 40, ended


@pytest.mark.parametrize(
    "scope",
    [
        two_phase_commit_small.scope(3),
        two_phase_commit_small.scope(3, two_phase_commit_small.HastyManager),
        small_election.scope(terms=1),
        small_election.scope(small_election.VotesTwice, terms=1, crashes=0),
    ],
)
def test_the_examples_too(scope) -> None:
    ours = explore(scope)
    ending, met, depth = twin.search(scope, 100_000)
    assert (ending, depth) == (ours.finding.value, ours.depth)
    if ending == "exhausted":
        assert len(met) == ours.states


if __name__ == "__main__":
    seeds = range(int(sys.argv[1]), int(sys.argv[2]))
    print(Counter(ending for seed in seeds for ending in compare(seed)))
