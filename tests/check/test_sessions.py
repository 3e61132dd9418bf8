"""Sessions: each guarantee's own story, what only shows together, and sequential consistency with its budget."""

import pytest

from distlab.check import Entry, History
from distlab.check.sessions import Guarantee, Sessions, sessions
from distlab.check.transactions import Append, Read, Write, aborted, committed, in_doubt
from distlab.core.errors import ScenarioError


def history(*rows: tuple[str, str, str, int | None]) -> History:
    """(client, 'r' or 'w', key, value), one after the other."""
    return History(
        committed(i, client, 10 * i, 10 * i + 5, (Read if verb == "r" else Write)(key, value))
        for i, (client, verb, key, value) in enumerate(rows, 1)
    )


def judge(*rows: tuple[str, str, str, int | None]) -> Sessions:
    return sessions(history(*rows))


STORIES = {
    "read your writes": [("a", "w", "x", 1), ("a", "r", "x", None)],
    "monotonic reads": [("a", "w", "x", 1), ("b", "r", "x", 1), ("b", "r", "x", None)],
    "monotonic reads with monotonic writes": [
        ("a", "w", "x", 1), ("a", "w", "y", 2), ("b", "r", "y", 2), ("b", "r", "x", None),
    ],
    "monotonic reads with writes follow reads": [
        ("a", "w", "x", 1), ("b", "r", "x", 1), ("b", "w", "y", 2), ("c", "r", "y", 2), ("c", "r", "x", None),
    ],
    "monotonic reads with one order": [
        ("a", "w", "x", 1), ("b", "w", "x", 2),
        ("c", "r", "x", 1), ("c", "r", "x", 2), ("d", "r", "x", 2), ("d", "r", "x", 1),
    ],
    "writes follow reads": [
        ("a", "r", "x", 2), ("a", "w", "y", 1), ("b", "r", "y", 1), ("b", "w", "x", 2),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
def test_a_story_breaks_just_these_guarantees(name: str) -> None:
    found = judge(*STORIES[name])
    assert [str(conflict) for conflict in found.conflicts] == [name]
    assert found.verdict(Guarantee.CAUSAL).is_broken
    assert found.verdict(Guarantee.SEQUENTIAL).is_broken
    guarantees = found.conflicts[0].guarantees
    for one in list(Guarantee)[:5]:
        verdict = found.verdict(one)
        assert verdict.is_kept == (one not in guarantees)
        assert verdict.is_broken == (guarantees == {one})


def test_the_reason_tells_the_story() -> None:
    (conflict,) = judge(*STORIES["monotonic reads with writes follow reads"]).conflicts
    assert conflict.reason == (
        "c read nothing of 'x', but a wrote 1 to 'x', which b read and then b wrote 2 to 'y', "
        "which c read before that"
    )
    (conflict,) = judge(*STORIES["monotonic reads with one order"]).conflicts
    assert conflict.reason == (
        "c read 2 of 'x' although a wrote 1 to 'x', which c read before that, so 1 is older than 2; "
        "but d read 1 of 'x' although b wrote 2 to 'x', which d read before that, so 2 is older than 1"
    )
    assert [entry.ticket for entry in conflict.operations] == [1, 3, 4, 2, 5, 6]


def test_two_clients_that_miss_each_other_are_causal_and_not_sequential() -> None:
    found = judge(
        ("a", "w", "x", 1), ("b", "w", "y", 2), ("a", "r", "y", None), ("b", "r", "x", None)
    )  # fmt: skip
    assert found.strongest == [Guarantee.CAUSAL]
    assert found.sequential.is_broken
    assert "no interleaving" in found.sequential.reason


def test_a_stale_read_is_sequential() -> None:
    found = judge(("a", "w", "x", 1), ("b", "r", "x", None), ("b", "r", "x", 1))
    assert found.strongest == [Guarantee.SEQUENTIAL]


def test_a_search_without_budget_is_unknown() -> None:
    rows = history(("a", "w", "x", 1), ("b", "w", "x", 2), ("a", "r", "x", 2), ("b", "r", "x", 2))
    assert sessions(rows).sequential.is_kept
    verdict = sessions(rows, budget=1).sequential
    assert not verdict.is_kept
    assert not verdict.is_broken
    assert "1 steps" in verdict.reason


def test_a_value_that_nobody_wrote_fits_no_store() -> None:
    found = judge(("a", "r", "x", 1))
    assert found.strongest == []
    assert all(found.verdict(one).is_broken for one in Guarantee)
    assert found.conflicts[0].reason == "a read 1 of 'x', which nobody wrote"


def test_a_failed_write_is_never_read() -> None:
    entries = [aborted(1, "a", 0, 5, Write("x", 1)), committed(2, "b", 6, 9, Read("x", 1))]
    assert "which a had failed to write" in sessions(History(entries)).conflicts[0].reason


def test_a_write_in_doubt_may_come_late_or_never() -> None:
    doubt: list[Entry] = [in_doubt(1, "a", 0, Write("x", 1))]
    nothing = committed(2, "a", 10, 15, Read("x", None))
    seen = committed(3, "b", 20, 25, Read("x", 1))
    gone = committed(4, "b", 30, 35, Read("x", None))
    assert sessions(History([*doubt, nothing])).strongest == [Guarantee.SEQUENTIAL]
    assert sessions(History([*doubt, nothing, seen])).strongest == [Guarantee.SEQUENTIAL]
    found = sessions(History([*doubt, nothing, seen, gone]))
    assert [str(conflict) for conflict in found.conflicts] == ["monotonic reads"]


def test_a_write_in_doubt_comes_after_what_its_client_did_before() -> None:
    """z=1, then w is nothing, then w=1, which a read before it wrote x=5, which h read before z was anything."""
    rows = history(
        ("e", "w", "z", 1), ("e", "r", "w", None), ("b", "w", "w", 1), ("a", "r", "w", 1),
        ("h", "r", "x", 5), ("h", "r", "z", None),
    )  # fmt: skip
    found = sessions(History([*rows, in_doubt(9, "a", 45, Write("x", 5))]))
    assert found.strongest == [Guarantee.CAUSAL]
    found = sessions(History([*rows, in_doubt(9, "b", 15, Write("x", 5))]))
    assert found.strongest == [Guarantee.SEQUENTIAL]


def test_writes_in_doubt_that_nobody_saw_cost_no_search() -> None:
    doubt = [in_doubt(i, f"d{i}", 0, Write("x", i)) for i in range(100, 140)]
    rows = history(("a", "w", "x", 1), ("b", "w", "x", 2), ("a", "r", "x", 2), ("b", "r", "x", 2))
    assert sessions(History([*doubt, *rows]), budget=50).sequential.is_kept


def test_nothing_read_is_unknown() -> None:
    for found in (judge(), judge(("a", "w", "x", 1))):
        for one in Guarantee:
            assert not found.verdict(one).is_kept
            assert not found.verdict(one).is_broken


REFUSED = {
    "not one read or one write": [committed(1, "a", 0, 5, Read("x"), Read("y"))],
    "operation 1 is not": [committed(1, "a", 0, 5, Append("x", 1))],
    "written twice": [committed(i, "a", 10 * i, 10 * i + 5, Write("x", 1)) for i in (1, 2)],
    "None is what": [committed(1, "a", 0, 5, Write("x", None))],
    "cannot be compared": [committed(1, "a", 0, 5, Write("x", []))],  # type: ignore[arg-type]
    "was open": [committed(i, "a", i, i + 5, Write("x", i)) for i in (1, 2)],
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_history_that_cannot_be_judged_is_refused(why: str) -> None:
    with pytest.raises(ScenarioError, match=why):
        sessions(History(REFUSED[why]))


def test_a_thousand_operations_are_judged() -> None:
    rows: list[tuple[str, str, str, int | None]] = []
    for i in range(500):
        rows += [(f"c{i % 5}", "w", f"k{i % 7}", i), (f"c{(i + 1) % 5}", "r", f"k{i % 7}", i)]
    assert judge(*rows).strongest == [Guarantee.SEQUENTIAL]
