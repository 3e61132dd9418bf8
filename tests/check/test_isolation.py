"""Isolation: each anomaly is found under its name, with the transactions and the reasons; and nothing else is."""

import pytest

from distlab.check import Entry, History
from distlab.check.isolation import Isolation, Level, as_text, isolation, to_svg
from distlab.check.transactions import (
    Append,
    Read,
    Step,
    Transaction,
    Write,
    aborted,
    committed,
    in_doubt,
)
from distlab.core.errors import ScenarioError
from distlab.core.values import Info, Ok, Operation

L = Level


def judge(*entries: Entry) -> Isolation:
    return isolation(History(entries))


def apart(*transactions: tuple[Step, ...]) -> list[Entry]:
    """All at the same time, each by a client of its own."""
    return [committed(i, f"c{i}", 0, 100 + i, *steps) for i, steps in enumerate(transactions, 1)]


def in_turn(*transactions: tuple[Step, ...]) -> list[Entry]:
    """One after the other, each by a client of its own."""
    return [
        committed(i, f"c{i}", 10 * i, 10 * i + 5, *steps) for i, steps in enumerate(transactions, 1)
    ]


def r(key: str, *elements: int) -> Read:
    return Read(key, elements)


def a(key: str, element: int) -> Append:
    return Append(key, element)


ANOMALIES = {
    "G0": (
        apart((a("x", 1), a("y", 1)), (a("x", 2), a("y", 2)), (r("x", 1, 2), r("y", 2, 1))),
        L.READ_UNCOMMITTED,
    ),
    "G1a aborted read": (
        [aborted(1, "c1", 0, 9, a("x", 1)), committed(2, "c2", 0, 9, r("x", 1))],
        L.READ_COMMITTED,
    ),
    "G1b intermediate read": (
        apart((a("x", 1), a("x", 2)), (r("x", 1),), (r("x", 1, 2),)),
        L.READ_COMMITTED,
    ),
    "G1c": (apart((a("x", 1), r("y", 2)), (a("y", 2), r("x", 1))), L.READ_COMMITTED),
    "G-single": (
        apart((a("x", 1), a("y", 1)), (r("x"), r("y", 1)), (r("x", 1),)),
        L.SNAPSHOT_ISOLATION,
    ),
    "lost update": (apart((r("x"), a("x", 1)), (r("x"), a("x", 2))), L.SNAPSHOT_ISOLATION),
    "G-nonadjacent": (
        apart(
            (r("x"), r("w", 1)),
            (a("x", 1), a("y", 1)),
            (r("y", 1), r("z")),
            (a("z", 1), a("w", 1)),
        ),
        L.SNAPSHOT_ISOLATION,
    ),
    "G2-item": (apart((r("x"), a("y", 1)), (r("y"), a("x", 2))), L.SERIALIZABLE),
    "G-single-realtime": (in_turn((a("x", 1),), (r("x"),)), L.STRONG_SNAPSHOT_ISOLATION),
    "G-single-process": (
        [committed(1, "c", 0, 5, a("x", 1)), committed(2, "c", 5, 9, r("x"))],
        L.STRONG_SESSION_SNAPSHOT_ISOLATION,
    ),
    "G1c-realtime": (in_turn((r("x", 1),), (a("x", 1),)), L.STRONG_READ_COMMITTED),
    "G0-realtime": (
        [*in_turn((a("x", 1),), (a("x", 2),)), committed(3, "c3", 0, 99, r("x", 2, 1))],
        L.STRONG_READ_UNCOMMITTED,
    ),
    "garbage read": (apart((r("x", 7),)), L.READ_UNCOMMITTED),
    "duplicate element": (apart((a("x", 1),), (r("x", 1, 1),)), L.READ_UNCOMMITTED),
    "incompatible order": (
        apart((a("x", 1),), (a("x", 2),), (r("x", 1, 2),), (r("x", 2, 1),)),
        L.READ_UNCOMMITTED,
    ),
    "internal": (apart((a("x", 1), r("x"))), L.READ_UNCOMMITTED),
    "G-single non-repeatable read": (
        apart((Write("x", 1),), (Read("x", None), Read("x", 1))),
        L.SNAPSHOT_ISOLATION,
    ),
}


@pytest.mark.parametrize("name", ANOMALIES)
def test_an_anomaly_is_found_under_its_name_at_its_level(name: str) -> None:
    entries, level = ANOMALIES[name]
    found = judge(*entries)
    assert [(anomaly.name, anomaly.level) for anomaly in found.anomalies] == [(name, level)]
    for other in Level:
        assert found.verdict(other).is_broken == other.implies(level)


@pytest.mark.parametrize("name", ANOMALIES)
def test_an_anomaly_can_be_drawn(name: str) -> None:
    (anomaly,) = judge(*ANOMALIES[name][0]).anomalies
    text, picture = as_text(anomaly), to_svg(anomaly)
    assert text.startswith(f"{name}: not {anomaly.level}")
    assert max(map(len, text.splitlines())) <= 80
    for entry in anomaly.transactions:
        assert f"T{entry.ticket} " in text
        assert f">T{entry.ticket} (" in picture
    assert picture.count("marker-end") == len(anomaly.cycle)


def test_the_reason_names_the_transactions_and_what_they_did() -> None:
    (stale,) = judge(*in_turn((a("x", 1),), (r("x"),))).anomalies
    assert stale.reason == (
        "T2 began (at 20) after T1 was answered (at 15); T2 read [] of 'x', without the 1 that T1 appended"
    )
    (skew,) = judge(*ANOMALIES["G2-item"][0]).anomalies
    assert skew.cycle[0] == ("T1", "T2", "rw", "T1 read [] of 'x', without the 2 that T2 appended")
    (dirty,) = judge(*ANOMALIES["G0"][0]).anomalies
    assert dirty.reason == (
        "T2 appended 2 to 'x' behind the 1 of T1; T1 appended 1 to 'y' behind the 2 of T2"
    )


def test_the_events_of_the_verdict_are_calls_and_returns_of_the_cycle() -> None:
    verdict = judge(*ANOMALIES["G2-item"][0]).verdict(L.SERIALIZABLE)
    assert set(verdict.events) == {2, 3, 4, 5}
    assert verdict.got == "G2-item"


def test_the_strongest_levels() -> None:
    assert judge(*in_turn((a("x", 1),), (r("x", 1),))).strongest == [L.STRICT_SERIALIZABLE]
    assert judge(*ANOMALIES["G2-item"][0]).strongest == [L.STRONG_SNAPSHOT_ISOLATION]
    assert judge(*ANOMALIES["G-single-realtime"][0]).strongest == [
        L.STRONG_SESSION_SERIALIZABLE,
        L.STRONG_READ_COMMITTED,
    ]
    assert judge(*ANOMALIES["internal"][0]).strongest == []


def test_repeatable_read_is_serializable_without_predicates() -> None:
    assert L.REPEATABLE_READ is L.SERIALIZABLE


def test_a_read_modify_write_chain_is_strictly_serializable() -> None:
    found = judge(
        *in_turn((Read("x", None), Write("x", 1)), (Read("x", 1), Write("x", 2)), (Read("x", 2),))
    )
    assert found.verdict(L.STRICT_SERIALIZABLE).is_kept


def test_an_old_register_value_is_found() -> None:
    found = judge(*in_turn((Read("x", None), Write("x", 1)), (Read("x", None),)))
    assert [anomaly.name for anomaly in found.anomalies] == ["G-single-realtime"]
    assert "T2 read None of 'x', which T1 overwrote with 1" in found.anomalies[0].reason


def test_a_write_that_read_nothing_leaves_strong_levels_unknown() -> None:
    found = judge(*apart((Write("x", 1),), (Write("x", 2),), (Read("x", 1),)))
    assert found.verdict(L.READ_COMMITTED).is_kept
    verdict = found.verdict(L.SERIALIZABLE)
    assert not verdict.is_kept
    assert not verdict.is_broken
    assert "'x' was written by a transaction that had not read it" in verdict.reason


def test_a_single_write_has_its_place_even_if_it_read_nothing() -> None:
    found = judge(*in_turn((Write("x", 1),), (Read("x", 1),)))
    assert found.verdict(L.STRICT_SERIALIZABLE).is_kept
    found = judge(*in_turn((Write("x", 1),), (Read("x", None),)))
    assert found.anomalies[0].name == "G-single-realtime"
    assert "T2 read 'x' when nothing was written, and T1 wrote 1" in found.anomalies[0].reason


def test_nothing_was_written_before_any_write() -> None:
    found = judge(*in_turn((Write("x", 1),), (Write("x", 2),), (Read("x", None),)))
    assert found.verdict(L.STRICT_SERIALIZABLE).is_broken


def test_doubt_that_was_seen_counts_as_committed() -> None:
    found = judge(in_doubt(1, "a", 0, a("x", 1), a("y", 1)), *in_turn((), (r("x", 1), r("y")))[1:])
    assert found.violates(L.SERIALIZABLE)
    assert not found.violates(L.READ_COMMITTED)


def test_doubt_elsewhere_changes_nothing() -> None:
    for name, (entries, level) in ANOMALIES.items():
        found = judge(in_doubt(9, "z", 0, a("other", 1)), *entries)
        assert [(anomaly.name, anomaly.level) for anomaly in found.anomalies] == [(name, level)]


def test_what_would_be_wrong_without_the_doubt_is_not_reported() -> None:
    """Were T9 rolled back, T1 and T2 would have read the same; it was seen, so they did not."""
    doubt = in_doubt(9, "z", 0, a("x", 9))
    found = judge(doubt, *apart((r("x"), a("x", 1)), (r("x", 9), a("x", 2))))
    assert [anomaly.name for anomaly in found.anomalies] == ["G-single"]


def test_doubt_that_nobody_saw_counts_for_nothing() -> None:
    found = judge(in_doubt(1, "a", 0, a("x", 1)), *in_turn((), (r("x"),))[1:])
    assert found.verdict(L.STRICT_SERIALIZABLE).is_kept


def test_doubt_may_be_committed_late() -> None:
    late = Entry(1, "a", Transaction((a("x", 1),)), 0, 2, Info(), 5, 3)
    entries = [late, committed(2, "b", 10, 15, r("x")), committed(3, "a", 20, 25, r("x", 1))]
    assert judge(*entries).verdict(L.STRICT_SERIALIZABLE).is_kept


def test_doubt_excuses_an_incompatible_order_of_dirty_reads_only() -> None:
    """Rolled back, the doubtful append leaves [] and [2], which read uncommitted allows."""
    doubt = in_doubt(9, "z", 0, a("x", 1))
    entries = apart((r("x", 1),), (a("x", 2),), (r("x", 2),))
    found = judge(doubt, *entries)
    assert found.strongest == [L.STRONG_READ_UNCOMMITTED]
    assert found.violates(L.READ_COMMITTED).name == "incompatible order"  # type: ignore[union-attr]


def test_an_answer_in_the_same_instant_is_not_before() -> None:
    entries = [committed(1, "a", 0, 5, a("x", 1)), committed(2, "b", 5, 9, r("x"))]
    assert judge(*entries).verdict(L.STRICT_SERIALIZABLE).is_kept


def test_nothing_read_is_unknown_not_kept() -> None:
    for found in (judge(), judge(*apart((a("x", 1),)))):
        verdict = found.verdict(L.READ_UNCOMMITTED)
        assert not verdict.is_kept
        assert not verdict.is_broken
        assert verdict.reason == "no transaction that was committed read anything"


def test_reads_of_nothing_are_fine_in_either_form() -> None:
    assert judge(*apart((Read("x", None),), (Read("y", ()),), (Read("x", []),))).anomalies == ()
    found = judge(*apart((a("x", 1),), (Read("x", None),), (r("x", 1),), (Read("x", []),)))
    assert found.verdict(L.STRICT_SERIALIZABLE).is_kept


def test_lists_from_json_are_lists() -> None:
    entries = in_turn((a("x", 1),), (Read("x", [1]),))
    assert judge(*entries).verdict(L.STRICT_SERIALIZABLE).is_kept


class Deposit(Operation, frozen=True):
    amount: int


def raw(steps: tuple[Step, ...], answer: object) -> Entry:
    return Entry(1, "a", Transaction(steps), 0, 2, Ok(answer), 5, 3)


REFUSED = {
    "a transaction": [Entry(1, "a", Deposit(5), 0, 2, Ok(), 5, 3)],
    "not its steps": [raw((a("x", 1),), None)],
    "its answer 2": [raw((a("x", 1),), (a("x", 1), a("x", 2)))],
    "was answered Append": [raw((a("x", 1),), (a("x", 2),))],
    "was answered Read": [raw((Read("x"),), (Read("y", ()),))],
    "a step that is none": [raw(("x",), ("x",))],  # type: ignore[arg-type]
    "written twice": apart((a("x", 1),), (a("x", 1),)),
    "'x' is written twice": apart((a("x", 1), a("x", 1))),
    "appended to and written": apart((a("x", 1),), (Write("x", 2),)),
    "must be a list or a register": apart((a("x", 1), Write("x", 2))),
    "a tuple was expected": apart((a("x", 1),), (Read("x", 1),)),
    "tuple was expected": apart((a("x", 1), Read("x", "1"))),
    "cannot be compared": apart((Append("x", [1]),)),  # type: ignore[arg-type]
    "element of 'x' cannot be compared": apart((a("x", 1),), (Read("x", ([1],)),)),
    "read {}": apart((Write("x", 1),), (Read("x", {}),)),
    "None is what was never written": apart((Append("x", None),)),
    "operation 1 was open": [
        committed(1, "a", 0, 9, a("x", 1)),
        committed(2, "a", 5, 12, r("x", 1)),
    ],
    "began operation 2 while its operation 1": [
        committed(1, "a", 0, 6, a("x", 1)),
        committed(2, "a", 5, 9, r("x", 1)),
    ],
    "ended before it began": [committed(1, "a", 9, 5, r("x"))],
    "answered at no time": [Entry(1, "a", Transaction((r("x"),)), 0, 2, Ok((r("x"),)))],
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_history_that_cannot_be_judged_is_refused(why: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        judge(*REFUSED[why])
    assert (why in str(refused.value)) or why == "a transaction"


def test_a_client_that_crashed_may_begin_again() -> None:
    entries = [in_doubt(1, "a", 0, a("x", 1)), committed(2, "a", 5, 9, r("x"))]
    assert judge(*entries).verdict(L.STRICT_SERIALIZABLE).is_kept


def test_a_register_may_hold_a_tuple() -> None:
    entries = in_turn((Read("x"), Write("x", (1, 2))), (Read("x", (1, 2)),))
    assert judge(*entries).verdict(L.STRICT_SERIALIZABLE).is_kept


def test_many_appends_that_nobody_saw_cost_little() -> None:
    entries = [committed(i, f"c{i}", 0, 9, r("x"), a("x", i)) for i in range(3000)]
    found = judge(*entries, *(committed(3000 + i, f"r{i}", 0, 9, r("x")) for i in range(3000)))
    assert [anomaly.name for anomaly in found.anomalies] == ["lost update"]
