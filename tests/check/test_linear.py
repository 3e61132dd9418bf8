"""Verdicts of linearizability: what they say, whom they name, and what they refuse to judge."""

import os
import subprocess
import sys
import time
from typing import Any

import pytest
from msgspec.structs import replace

from distlab.check import Entry, Finding, History
from distlab.check.linear import (
    CAS,
    COUNTER,
    GROWING_SET,
    IMPOSSIBLE,
    LIST,
    LOCK,
    QUEUE,
    REGISTER,
    SET,
    UNSAID,
    Acquire,
    Append,
    Cas,
    Contains,
    Dequeue,
    Enqueue,
    FetchAdd,
    Insert,
    Members,
    Model,
    Read,
    Release,
    Remove,
    Write,
    examine,
    linearizable,
    longest_order,
)
from distlab.core import Fail, Info, Ok, Operation
from distlab.core.errors import ScenarioError

Row = tuple[int, int | None, Any, Any]
"""When it began and ended, the operation, and its answer or outcome."""


def history(*rows: Row) -> History:
    """Clients c1, c2, ... do one operation each."""
    entries = []
    for i, (began, ended, operation, answer) in enumerate(rows, 1):
        outcome = answer if isinstance(answer, Ok | Fail | Info) else Ok(answer)
        if ended is None:
            outcome = None
        entries.append(Entry(i, f"c{i}", operation, began, 2 * i - 1, outcome, ended, 2 * i))
    return History(entries)


def judged(model: Model, *rows: Row) -> tuple[Finding, str, list[str]]:
    examination = examine(history(*rows), model)
    named = [e.client for e in examination.conflict.entries] if examination.conflict else []
    return examination.verdict.finding, examination.verdict.reason, named


BROKEN: list[tuple[Model, str, list[str], list[Row]]] = [
    (REGISTER, "c2's (write = 2) was called after c1's (write = 1) had returned", ["c1", "c2", "c3"],
     [(0, 1, Write(1), None), (2, 3, Write(2), None), (4, 5, Read(), 1)]),
    (REGISTER, "c1's (write = 1) was called after the beginning", ["c1", "c2"],
     [(0, 1, Write(1), None), (2, 3, Read(), None)]),
    (REGISTER, "c1's (read: 7) saw 7, which nobody wrote", ["c1"], [(0, 1, Read(), 7)]),
    (REGISTER, "c1's write of it certainly failed", ["c1", "c2"],
     [(0, 1, Write(7), Fail()), (2, 3, Read(), 7)]),
    (REGISTER, "c2's (write x = 7) was called only after c1's (read x: 7) had returned", ["c1", "c2"],
     [(0, 1, Read("x"), 7), (2, 3, Write(7, "x"), None)]),
    (REGISTER, "neither of the two states can come first", ["c1", "c2", "c4", "c3"],
     [(0, 10, Write(1), None), (0, 20, Write(2), None), (30, 50, Read(), 1), (40, 50, Read(), 2)]),
    (CAS, "both took effect on the same 1", ["c2", "c3"],
     [(0, 1, Write(1), None), (2, 9, Cas(1, 2), 1), (2, 9, Cas(1, 3), 1)]),
    (CAS, "each needs the value of another", ["c1", "c2"],
     [(0, 9, Cas(1, 2), 1), (0, 9, Cas(2, 1), 2)]),
    (CAS, "c1's (cas 5 → 6) saw 5, which nobody wrote", ["c1"], [(0, 9, Cas(5, 6), 5)]),
    (LIST, "neither list is the beginning of the other", ["c3", "c4"],
     [(0, 9, Append(1), None), (0, 9, Append(2), None), (2, 9, Read(), (1,)), (2, 9, Read(), (2, 1))]),
    (LIST, "has 1 twice", ["c2"], [(0, 9, Append(1), None), (2, 9, Read(), (1, 1))]),
    (LIST, "c1's (append 1) was called after the beginning", ["c1", "c2"],
     [(0, 1, Append(1), None), (2, 9, Read(), ())]),
    (LIST, "is no list", ["c1"], [(2, 9, Read(), 5)]),
    (GROWING_SET, "each has what the other lacks", ["c3", "c4"],
     [(0, 9, Insert(1), None), (0, 9, Insert(2), None), (2, 9, Members(), frozenset({1})),
      (2, 9, Members(), frozenset({2}))]),
    (GROWING_SET, "is no set", ["c1"], [(2, 9, Members(), 5)]),
    (COUNTER, "both added to the same 0", ["c1", "c2"],
     [(0, 9, FetchAdd(1), 0), (0, 9, FetchAdd(1), 0)]),
    (COUNTER, "c2's (read: 5) saw a number that the counter never had", ["c2"],
     [(0, 1, FetchAdd(1), 0), (2, 3, Read(), 5)]),
    (QUEUE, "took the same value", ["c2", "c3"],
     [(0, 1, Enqueue(1), None), (2, 9, Dequeue(), 1), (2, 9, Dequeue(), 1)]),
    (QUEUE, "yet c3's (dequeue: 2) had returned before c4's (dequeue: 1) was called",
     ["c1", "c2", "c3", "c4"],
     [(0, 1, Enqueue(1), None), (2, 3, Enqueue(2), None), (4, 5, Dequeue(), 2), (6, 7, Dequeue(), 1)]),
    (QUEUE, "no dequeue can have taken the earlier one", ["c1", "c2", "c3"],
     [(0, 1, Enqueue(1), None), (2, 3, Enqueue(2), None), (4, 5, Dequeue(), 2)]),
    (QUEUE, "was there all the time", ["c1", "c2"],
     [(0, 1, Enqueue(1), None), (2, 3, Dequeue(), None)]),
    (QUEUE, "always held something", ["c1", "c3"],
     [(0, 1, Enqueue(1), None), (7, 8, Enqueue(2), None), (4, 20, Dequeue(), None), (10, 30, Dequeue(), 1)]),
    (QUEUE, "took 5, which nobody enqueued", ["c1"], [(0, 1, Dequeue(), 5)]),
    (SET, "found what nobody had inserted", ["c1"], [(0, 1, Contains(5), True)]),
    (SET, "found it absent, but was called after c1's (insert 5: True) had returned", ["c1", "c2"],
     [(0, 1, Insert(5), True), (2, 3, Contains(5), False)]),
    (SET, "is neither yes nor no", ["c1"], [(0, 1, Contains(5), "maybe")]),
    (LOCK, "two held it at once", ["c1", "c2", "c3"],
     [(0, 1, Acquire("a"), None), (2, 3, Acquire("b"), None), (4, 5, Release("a"), None)]),
    (LOCK, "and never let go", ["c1", "c2"],
     [(0, 1, Acquire("a"), None), (2, 3, Acquire("b"), None)]),
    (LOCK, "no order of the operations lets it answer that", ["c1"], [(0, 1, Release("a"), None)]),
]  # fmt: skip


@pytest.mark.parametrize(("model", "words", "named", "rows"), BROKEN)
def test_a_reason_names_the_operations_that_have_no_order(
    model: Model, words: str, named: list[str], rows: list[Row]
) -> None:
    finding, reason, clients = judged(model, *rows)
    assert finding is Finding.BROKEN
    assert words in reason
    assert clients == named
    # The search, which knows nothing of zones, blames some of the same history too.
    assert linearizable(history(*rows), replace(model, zones=None)).is_broken


KEPT: list[tuple[Model, list[Row]]] = [
    (REGISTER, [(0, 9, Write(1), None), (0, 9, Write(2), None), (10, 11, Read(), 1)]),
    (REGISTER, [(0, None, Write(1), None), (10, 11, Read(), None), (12, 13, Read(), 1)]),
    (REGISTER, [(0, 5, Write(1), Info()), (10, 11, Read(), None), (12, 13, Read(), 1)]),
    (REGISTER, [(0, 5, Write(1), Fail()), (10, 11, Read(), None)]),
    (CAS, [(0, None, Write(1), None), (0, None, Cas(1, 2), None), (5, 6, Read(), 2)]),
    (CAS, [(0, 1, Write(1), None), (2, 3, Cas(7, 8), 1), (4, 5, Read(), 1)]),
    (LIST, [(0, 9, Append(1), None), (0, 9, Append(2), None), (10, 11, Read(), [2, 1])]),
    (COUNTER, [(0, 9, FetchAdd(2), 3), (0, 9, FetchAdd(3), 0), (10, 11, Read(), 5)]),
    (QUEUE, [(0, 1, Enqueue(1), None), (2, 3, Enqueue(2), None), (3, None, Dequeue(), None),
             (4, 5, Dequeue(), 2)]),
    (SET, [(0, 1, Insert(1), True), (2, 3, Remove(1), True), (4, 5, Contains(1), False)]),
    (LOCK, [(0, 1, Acquire("a"), None), (2, 9, Release("a"), None), (3, 9, Acquire("b"), None)]),
    (LOCK, [(0, None, Acquire("a"), None), (2, 3, Acquire("b"), None)]),
]  # fmt: skip


@pytest.mark.parametrize(("model", "rows"), KEPT)
def test_what_has_an_order_is_kept(model: Model, rows: list[Row]) -> None:
    assert linearizable(history(*rows), model).is_kept
    assert linearizable(history(*rows), replace(model, zones=None)).is_kept


def test_the_verdict_names_events_and_the_decisive_one_comes_last() -> None:
    stale = history((0, 1, Write(1), None), (2, 3, Write(2), None), (4, 5, Read(), 1))
    assert linearizable(stale, REGISTER).events == (1, 2, 3, 4, 5, 6)


def test_keys_are_judged_apart() -> None:
    mixed = history((0, 1, Write(1, "x"), None), (2, 3, Write(1, "y"), None), (4, 5, Read("x"), 1))
    examination = examine(mixed, REGISTER)
    assert examination.verdict.is_kept
    assert (examination.objects, examination.searched) == (2, 0)


def test_nothing_at_all_has_an_order() -> None:
    for model in (REGISTER, QUEUE, LOCK):
        assert linearizable(History([]), model).is_kept


def test_an_operation_that_the_model_does_not_know_is_the_callers_mistake() -> None:
    with pytest.raises(
        ScenarioError, match="a register has no operation Append: it knows Read, Write"
    ):
        linearizable(history((0, 1, Append(1), None)), REGISTER)


def test_an_operation_that_ended_before_it_began_is_refused() -> None:
    with pytest.raises(ScenarioError, match="operation 1 of c1 began at 5 and ended at 4"):
        linearizable(history((5, 4, Write(1), None)), REGISTER)


def test_a_value_that_cannot_be_hashed_is_refused() -> None:
    with pytest.raises(ScenarioError, match="values and keys must be hashable"):
        linearizable(history((0, 1, Write([1]), None)), REGISTER)


HASHED = """
from tests.check.test_linear import *
names = [f"element {i}" for i in range(9)]
others = frozenset(map(str.title, names))
grown = history(*[(0, 1, Insert(n), None) for n in names], (2, 3, Members(), others))
print(linearizable(grown, GROWING_SET))
print(linearizable(grown, replace(GROWING_SET, zones=None)))
"""


def test_a_reason_does_not_depend_on_hashes() -> None:
    texts = {
        subprocess.run(
            [sys.executable, "-c", HASHED],
            capture_output=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    (text,) = texts
    assert "Element" in text


# ---------------------------------------------------------------- repeated values


def test_repeated_values_are_searched() -> None:
    rows: list[Row] = [(0, 1, Write(1), None), (2, 3, Write(2), None), (4, 5, Write(1), None)]
    examination = examine(history(*rows, (6, 7, Read(), 1)), REGISTER)
    assert (examination.verdict.finding, examination.searched) == (Finding.KEPT, 1)
    assert judged(REGISTER, *rows, (6, 7, Read(), 2))[0] is Finding.BROKEN


def test_the_search_blames_only_operations_that_matter() -> None:
    """Unrelated traffic around a stale read is left out of the reason."""
    noise: list[Row] = [(100 + i, 101 + i, Write(i // 2 % 2), None) for i in range(0, 40, 2)]
    finding, reason, named = judged(
        REGISTER, *noise, (200, 201, Write(5), None), (202, 203, Read(), 1)
    )
    assert finding is Finding.BROKEN
    assert named == ["c20", "c21", "c22"]
    assert (
        "room for c20's (write = 1), c21's (write = 5) and c22's (read: 1), and 9 before" in reason
    )


def test_an_object_without_an_order_is_found_beside_one_that_takes_for_ever() -> None:
    hard: list[Row] = [(i, 1000, Write(i % 5, "hard"), None) for i in range(60)]
    hard += [(1001, 1002, Read("hard"), 9)]
    easy: list[Row] = [
        (0, 1, Write(1, "easy"), None),
        (2, 3, Write(1, "easy"), None),
        (4, 5, Read("easy"), 2),
    ]
    slow = replace(REGISTER, zones=None)
    assert linearizable(history(*hard), slow, budget=20_000).finding is Finding.UNKNOWN
    assert linearizable(history(*hard, *easy), slow, budget=20_000).is_broken


def test_out_of_budget_is_unknown_and_says_so() -> None:
    rows: list[Row] = [(i, 1000, Write(i % 5), None) for i in range(60)]
    verdict = linearizable(history(*rows, (1001, 1002, Read(), 9)), REGISTER, budget=5_000)
    assert verdict.finding is Finding.UNKNOWN
    assert "no order was found, nor ruled out, for the 61 operations" in verdict.reason


def test_the_longest_order_gets_past_all_but_the_operation_to_blame() -> None:
    stale = history(
        (0, 1, Write(1), None), (2, 3, Write(2), None), (4, 5, Read(), 1), (6, 7, Read(), 2)
    )
    examination = examine(stale, REGISTER)
    assert [e.client for e in longest_order(examination, REGISTER)] == ["c1", "c2"]


# ---------------------------------------------------------------- models of one's own


class Deposit(Operation, frozen=True):
    """Into the only account."""

    amount: int


class Balance(Operation, frozen=True):
    """Answer: the sum of all deposits."""


def account(state: Any, operation: Any, answer: Any) -> tuple[Any, ...]:
    if isinstance(operation, Deposit):
        return (state + operation.amount,)
    return (state,) if answer in (UNSAID, state) else IMPOSSIBLE


ACCOUNT = Model(
    name="account",
    operations=(Deposit, Balance),
    initial=0,
    step=account,
    key=lambda operation: None,
)


def test_a_model_is_a_few_lines() -> None:
    good = history((0, 1, Deposit(5), None), (2, None, Deposit(7), None), (3, 4, Balance(), 12))
    bad = history((0, 1, Deposit(5), None), (2, 3, Balance(), 12))
    assert linearizable(good, ACCOUNT).is_kept
    verdict = linearizable(bad, ACCOUNT)
    assert verdict.is_broken
    assert "c2's (Balance(): 12)" in verdict.reason


# ---------------------------------------------------------------- length


def long_register(operations: int) -> list[Entry]:
    """Two clients: one writes, one reads what was written last."""
    entries = []
    for i in range(operations // 2):
        entries.append(Entry(2 * i, "w", Write(i), 10 * i, 4 * i + 1, Ok(), 10 * i + 4, 4 * i + 3))
        entries.append(
            Entry(2 * i + 1, "r", Read(), 10 * i + 3, 4 * i + 2, Ok(i), 10 * i + 9, 4 * i + 4)
        )
    return entries


@pytest.mark.parametrize("spoil", [None, -1])
def test_a_long_history_takes_time_in_proportion(spoil: int | None) -> None:
    """200,000 operations; benchmarks/checkers.py measures a million."""
    entries = long_register(200_000)
    if spoil is not None:
        entries[spoil] = replace(entries[spoil], outcome=Ok(7))
    long = History(entries)
    began = time.process_time()
    verdict = linearizable(long, REGISTER)
    assert time.process_time() - began < 5
    assert verdict.is_kept is (spoil is None)


def test_the_search_does_not_recurse_and_keeps_up_on_long_histories() -> None:
    search_only = replace(REGISTER, zones=None)
    assert linearizable(History(long_register(20_000)), search_only).is_kept
