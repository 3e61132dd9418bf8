"""Every judge of linearizability agrees with brute force. The long form: ``python -m tests.check.agree``."""

import pytest

from distlab.check import History
from distlab.check.history import Entry
from distlab.check.linear import REGISTER, Read, Write, linearizable
from distlab.core import Ok
from tests.check.agree import Disagreement, campaign, compare
from tests.check.mutants import LINEAR, MUTANTS, ROOT, Mutant
from tests.check.plain import explains, has_order


def test_a_thousand_histories_are_judged_alike_by_all() -> None:
    counts = campaign(1_000)
    for kind, count in counts.items():
        for what in ("has an order", "has none", "zones decided", "zones declined"):
            assert count[what] > 0, f"{kind}: {what} was never seen"


def test_a_disagreement_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.check.agree.has_order", lambda entries, kind: False)
    with pytest.raises(Disagreement, match="seed 0, register: brute force refuses"):
        campaign(1)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_still_has_the_line_that_it_changes(mutant: Mutant) -> None:
    """Whether it is noticed: ``python -m tests.check.mutants``."""
    assert mutant.old in (ROOT / LINEAR / mutant.file).read_text()


def write(ticket: int, began: int, ended: int, value: int) -> Entry:
    return Entry(ticket, f"c{ticket}", Write(value), began, 0, Ok(), ended)


def read(ticket: int, began: int, ended: int, value: int | None) -> Entry:
    return Entry(ticket, f"c{ticket}", Read(), began, 0, Ok(value), ended)


def test_brute_force_knows_the_textbook_cases() -> None:
    """Herlihy and Wing 1990, figure 1, in registers: overlapping operations may go either way, others may not."""
    overlapping = [write(1, 0, 10, 1), write(2, 0, 10, 2), read(3, 11, 12, 1), read(4, 13, 14, 1)]
    assert has_order(overlapping, "register")
    assert not has_order([*overlapping, read(5, 15, 16, 2)], "register")
    assert not has_order([write(1, 0, 1, 1), write(2, 2, 3, 2), read(3, 4, 5, 1)], "register")
    assert has_order([write(1, 0, 1, 1), write(2, 2, 3, 2), read(3, 3, 5, 1)], "register")


def test_an_order_that_runs_against_time_is_no_proof() -> None:
    first, second = write(1, 0, 1, 1), write(2, 2, 3, 2)
    assert explains([first, second], [first, second], "register")
    assert not explains([second, first], [first, second], "register")
    assert not explains([first], [first, second], "register")


def test_equal_times_overlap_unless_event_ids_say_otherwise() -> None:
    late = [write(1, 0, 5, 1), read(2, 5, 9, None)]
    assert linearizable(History(late), REGISTER).is_kept
    numbered = [
        Entry(1, "c1", Write(1), 0, 1, Ok(), 5, 2),
        Entry(2, "c2", Read(), 5, 3, Ok(None), 9, 4),
    ]
    assert linearizable(History(numbered), REGISTER).is_broken
    compare(numbered, "register")
