"""Money: the total, no balance below nothing, and an end that follows from the transfers."""

import pytest

from distlab.check import Entry, History
from distlab.check.money import (
    Transfer,
    explained_by_transfers,
    never_negative,
    total_conserved,
)
from distlab.core.errors import ScenarioError
from distlab.core.values import Fail, Info, Ok, Operation

LOOK = Entry(7, "auditor", Transfer("a", "b", 0), 0, 14, Ok(), 5, 15)


def transfer(ticket: int, source: str, target: str, amount: int, outcome: object = Ok()) -> Entry:
    return Entry(
        ticket, "c", Transfer(source, target, amount), ticket, 2 * ticket, outcome, ticket + 1, 0
    )


def test_a_view_that_does_not_add_up_is_named() -> None:
    fine = {"a": 60, "b": 40}
    assert total_conserved(100, [(fine, None), (fine, LOOK)]).is_kept
    verdict = total_conserved(100, [(fine, None), ({"a": 60, "b": 35}, LOOK)])
    assert verdict.reason == "5 disappeared: auditor (operation 7) saw a 60, b 35"
    assert verdict.events == (14, 15)
    assert "5 appeared" in total_conserved(95, [(fine, None)]).reason
    assert total_conserved(100, [({"a": 60, "b": 35}, None)], frozen=5).is_kept


def test_a_negative_balance_is_named() -> None:
    assert never_negative([({"a": 0, "b": 5}, None)]).is_kept
    verdict = never_negative([({"a": 5}, None), ({"a": -1, "b": 6}, LOOK)])
    assert verdict.reason == "the balance of a is negative: auditor (operation 7) saw -1"


def test_nobody_looked_is_unknown() -> None:
    for verdict in (total_conserved(100, []), never_negative([]), never_negative([({}, None)])):
        assert not verdict.is_kept
        assert not verdict.is_broken


def test_transfers_in_doubt_may_count_or_not() -> None:
    start = {"a": 10, "b": 0}
    sure, doubt = transfer(1, "a", "b", 3), transfer(2, "a", "b", 5, Info())
    for end, fine in (
        ({"a": 7, "b": 3}, True),
        ({"a": 2, "b": 8}, True),
        ({"a": 5, "b": 5}, False),
    ):
        assert explained_by_transfers(start, History([sure, doubt]), end).is_kept == fine
    failed = transfer(2, "a", "b", 5, Fail())
    verdict = explained_by_transfers(start, History([sure, failed]), {"a": 2, "b": 8})
    assert "a difference of a -5, b +5" in verdict.reason


def test_too_many_ways_are_unknown() -> None:
    doubt = [transfer(i, "a", "b", 2**i, Info()) for i in range(12)]
    verdict = explained_by_transfers(
        {"a": 0, "b": 0}, History(doubt), {"a": -2049, "b": 2049}, budget=100
    )
    assert not verdict.is_kept
    assert not verdict.is_broken


class Other(Operation, frozen=True):
    pass


def test_wrong_types_are_refused() -> None:
    with pytest.raises(ScenarioError, match="not a whole number"):
        total_conserved(1, [({"a": 0.5}, None)])  # type: ignore[dict-item]
    with pytest.raises(ScenarioError, match="not a whole number"):
        never_negative([({"a": True}, None)])
    with pytest.raises(ScenarioError, match="no Transfer"):
        explained_by_transfers({}, History([Entry(1, "c", Other(), 0, 2)]), {})
    with pytest.raises(ScenarioError, match="not a whole number"):
        explained_by_transfers({}, History([transfer(1, "a", "b", "5")]), {})  # type: ignore[arg-type]
