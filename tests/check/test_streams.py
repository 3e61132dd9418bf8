"""Streams: the multiset that comes out, and replicas that become equal."""

import pytest

from distlab.check.streams import Delivery, converged, converged_by, delivered
from distlab.core.errors import ScenarioError

ONCE, LEAST, MOST = Delivery.EXACTLY_ONCE, Delivery.AT_LEAST_ONCE, Delivery.AT_MOST_ONCE


@pytest.mark.parametrize(
    ("got", "kept"),
    [
        ("aab", {ONCE, LEAST, MOST}),
        ("ab", {MOST}),
        ("aabb", {LEAST}),
        ("aaa", set()),
        ("aabc", set()),
        ("baa", {ONCE, LEAST, MOST}),
    ],
)
def test_how_often_records_may_come_out(got: str, kept: set[Delivery]) -> None:
    for delivery in Delivery:
        verdict = delivered("aab", got, delivery)
        assert verdict.is_kept == (delivery in kept)
        assert verdict.is_broken == (delivery not in kept)


def test_the_record_is_named() -> None:
    assert delivered("aab", "ab").reason == "'a' is missing"
    assert (delivered("aab", "ab").expected, delivered("aab", "ab").got) == ("twice", "once")
    assert delivered("aab", "aabb").reason == "'b' came out too often"
    assert delivered("a", "ac").reason == "'c' came out, which nothing that went in explains"


def test_nothing_expected_and_nothing_came_is_unknown() -> None:
    assert not delivered([], []).is_kept
    assert not delivered([], []).is_broken
    assert delivered([], [], empty_is_fine=True).is_kept


def test_a_record_that_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ScenarioError, match="cannot be compared"):
        delivered([[1]], [])  # type: ignore[list-item]


def test_replicas_that_differ_are_named_with_the_key() -> None:
    assert converged({"r1": {"x": 1}, "r2": {"x": 1}}).is_kept
    verdict = converged({"r1": {"x": 1, "y": 2}, "r2": {"x": 1}})
    assert verdict.reason == "r1 and r2 differ at 'y'"
    assert (verdict.expected, verdict.got) == ("r1: 2", "r2: 'nothing'")
    assert converged({"a": 1, "b": 1, "c": 2}).reason == "a and c differ"


def test_one_replica_shows_nothing() -> None:
    for replicas in ({}, {"a": 1}):
        assert not converged(replicas).is_kept
        assert not converged(replicas).is_broken


BOTH = ["a", "b"]


def test_replicas_are_equal_in_time_and_stay_so() -> None:
    assert converged_by(100, 50, [(0, "a", 1), (0, "b", 2), (140, "b", 1)], BOTH).is_kept
    late = converged_by(100, 50, [(0, "a", 1), (0, "b", 2), (160, "b", 1)], BOTH)
    assert late.reason == "at 150, a and b differ"
    again = converged_by(100, 50, [(0, "a", 1), (0, "b", 1), (160, "b", 2)], BOTH)
    assert again.reason == "at 160, a and b differ"
    for_a_while = [(0, "a", 1), (0, "b", 1), (160, "b", 2), (170, "a", 2)]
    assert converged_by(100, 50, for_a_while, BOTH).reason == "at 160, a and b differ"
    assert converged_by(100, 50, [(0, "a", 1), (0, "b", 2), (150, "a", 2)], BOTH).is_kept
    assert converged_by(100, 50, [(0, "a", 1), (0, "b", 1), (150, "a", 2)], BOTH).is_broken


def test_replicas_that_nobody_looked_at_are_unknown() -> None:
    for seen in ([], [(0, "a", 1)], [(0, "a", 1), (0, "b", 2)], [(200, "a", 1)]):
        verdict = converged_by(100, 50, seen, BOTH)
        assert not verdict.is_kept
        assert not verdict.is_broken


def test_observations_out_of_order_or_of_strangers_are_refused() -> None:
    with pytest.raises(ScenarioError, match="comes after"):
        converged_by(0, 1, [(5, "a", 1), (4, "b", 1)], BOTH)
    with pytest.raises(ScenarioError, match="none of the replicas"):
        converged_by(0, 1, [(5, "c", 1)], BOTH)
