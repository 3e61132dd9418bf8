"""Small scopes of the quorum, searched whole: the rules hold, and famous bugs have short ways to harm."""

from __future__ import annotations

import pytest

from distlab.explore import Finding, explore
from grading.lab2_log.quorum import scopes

FEWEST = {
    "votes-for-everyone": 4,
    "votes-in-memory": 6,
    "vote-not-read": 6,
    "ballots-not-synced": 6,
}
"""Bug of voting -> the steps of a shortest way to two votes of one server."""


def test_no_server_votes_twice_and_no_term_has_two_leaders_over_two_crashes() -> None:
    assert explore(scopes.votes(crashes=2), budget=20_000).is_proof


@pytest.mark.parametrize("bug", FEWEST)
def test_a_vote_given_twice_is_found(bug: str) -> None:
    result = explore(scopes.votes(f"mutant:{bug}"), budget=20_000)
    assert result.invariant == "a server votes once"
    assert len(result.trace) == FEWEST[bug]


def test_an_entry_of_an_earlier_term_that_is_committed_by_counting_is_lost() -> None:
    result = explore(scopes.figure_8("mutant:counts-old-terms"), budget=20_000)
    assert result.finding is Finding.VIOLATED
    assert len(result.trace) == 10


def test_what_is_committed_in_figure_8_is_in_the_log_of_every_later_leader() -> None:
    assert explore(scopes.figure_8(), budget=500_000).is_proof
