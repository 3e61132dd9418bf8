"""The log judge: each phenomenon has its story, with the operations that show it; doubt accuses nobody."""

from typing import Any

import pytest

from distlab.check import Entry, History
from distlab.check.logs import (
    PHENOMENA,
    Assign,
    Commit,
    Logged,
    Poll,
    Record,
    Send,
    judge_log,
)
from distlab.core.errors import ScenarioError
from distlab.core.values import Fail, Info, Ok, Operation

Row = tuple[str, Operation, Any]


def history(*rows: Row) -> History:
    """(client, operation, answer or outcome), one after the other; None: it never returned."""
    entries = []
    for i, (client, operation, answer) in enumerate(rows, 1):
        outcome = answer if isinstance(answer, Ok | Fail | Info) or answer is None else Ok(answer)
        ended = None if outcome is None else 10 * i + 5
        entries.append(Entry(i, client, operation, 10 * i, 2 * i, outcome, ended, 2 * i + 1))
    return History(entries)


def judge(*rows: Row, drained: bool = False) -> Logged:
    return judge_log(history(*rows), drained=drained)


def sent(value: int, offset: Any, client: str = "p") -> Row:
    return (client, Send(0, value), offset)


def polled(client: str, *records: tuple[int, int]) -> Row:
    return (client, Poll(), tuple(Record(0, offset, value) for offset, value in records))


STORIES: dict[str, tuple[list[Row], list[int]]] = {
    "inconsistent offset": ([sent(1, 0), sent(2, None), polled("c", (0, 2))], [1, 3]),
    "duplicate": ([sent(1, 0), polled("c", (0, 1), (1, 1))], [1, 2]),
    "lost write": ([sent(1, 0), sent(2, 1), polled("c", (1, 2))], [1, 3]),
    "garbage read": ([polled("c", (0, 7))], [1]),
    "aborted read": ([sent(1, Fail()), polled("c", (0, 1))], [1, 2]),
    "nonmonotonic send": ([sent(1, 5), sent(2, 3), polled("c", (3, 2), (5, 1))], [1, 2]),
    "internal nonmonotonic poll": (
        [sent(1, 0), sent(2, 1), polled("c", (1, 2), (0, 1))],
        [3],
    ),
    "internal poll skip": (
        [sent(1, 0), sent(2, 1), sent(3, 2), polled("c", (0, 1), (2, 3)), polled("d", (1, 2))],
        [2, 4],
    ),
    "nonmonotonic poll": ([sent(1, 0), polled("c", (0, 1)), polled("c", (0, 1))], [2, 3]),
    "poll skip": (
        [
            *(sent(i, i) for i in range(3)),
            polled("c", (0, 0)),
            polled("c", (2, 2)),
            polled("d", (1, 1)),
        ],
        [2, 4, 5],
    ),
    "commit too high": (
        [
            sent(1, 0),
            sent(2, 1),
            polled("c", (0, 1)),
            ("c", Commit(0, 2), None),
            polled("d", (1, 2)),
        ],
        [2, 4],
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_phenomenon_is_found_with_the_operations_that_show_it(name: str) -> None:
    rows, tickets = STORIES[name]
    found = judge(*rows)
    assert [fault.name for fault in found.faults] == [name]
    assert [entry.ticket for entry in found.faults[0].operations] == tickets
    assert found.verdict(name).is_broken
    assert found.verdict(name).expected == PHENOMENA[name]
    assert all(found.verdict(other).is_kept for other in PHENOMENA if other != name)


def test_a_reason_is_a_sentence() -> None:
    assert judge(*STORIES["lost write"][0]).verdict().reason == (
        "lost write: 1 was acknowledged at offset 0 of partition 0, poll 3 of c read offset 1, and nobody ever read 1"
    )
    assert judge(*STORIES["poll skip"][0]).verdict().reason == (
        "poll skip: poll 5 of c went from offset 0 to 2 of partition 0 and passed over 1 at 1"
    )
    assert judge(*STORIES["commit too high"][0]).verdict().reason == (
        "commit too high: commit 4 of c put group '' at offset 2 of partition 0, and it had not read 2 at 1"
    )


def test_what_was_sent_after_it_was_read_is_garbage() -> None:
    assert judge(polled("c", (0, 1)), sent(1, 0)).verdict("garbage read").is_broken


def test_unobserved_counts_only_once_the_log_was_read_to_its_end() -> None:
    rows = [sent(1, 0), polled("c", (0, 1)), sent(2, 1)]
    assert judge(*rows).verdict().is_kept
    assert judge(*rows, drained=True).verdict("unobserved").is_broken
    assert (
        judge(sent(1, Ok()), sent(2, 1), polled("c", (1, 2)), drained=True).faults[0].name
        == "unobserved"
    )


def test_a_send_in_doubt_may_be_there_or_not() -> None:
    for outcome in (None, Info()):
        assert judge(sent(1, outcome), sent(2, 1), polled("c", (1, 2)), drained=True).faults == ()
        assert judge(sent(1, outcome), polled("c", (0, 1)), drained=True).faults == ()


def test_a_gap_is_no_skip() -> None:
    assert judge(sent(1, 0), sent(2, 7), polled("c", (0, 1), (7, 2))).verdict().is_kept


def test_after_an_assignment_a_consumer_may_be_anywhere() -> None:
    rows = [sent(1, 0), polled("c", (0, 1)), ("c", Assign(), ()), polled("c", (0, 1))]
    assert judge(*rows).verdict().is_kept


def test_a_poll_in_doubt_may_have_read_anything() -> None:
    lost: Row = ("c", Poll(), None)
    rows = [sent(1, 0), sent(2, 1), lost, polled("c", (1, 2)), ("c", Commit(0, 2), ())]
    assert judge(*rows).verdict().is_kept
    assert judge(*rows, drained=True).verdict("lost write").is_broken


def test_groups_are_judged_apart() -> None:
    rows: list[Row] = [
        sent(1, 0),
        ("c", Poll("g"), (Record(0, 0, 1),)),
        ("c", Commit(0, 1, "g"), ()),
    ]
    assert judge(*rows).verdict().is_kept
    assert judge(*rows, ("d", Commit(0, 1, "h"), ())).verdict("commit too high").is_broken


def test_a_refused_commit_harms_nobody() -> None:
    assert judge(sent(1, 0), polled("d", (0, 1)), ("c", Commit(0, 1, "g"), Fail())).faults == ()


def test_what_a_producer_has_under_way_has_no_order() -> None:
    one = Entry(1, "p", Send(0, 1), 0, 2, Ok(1), 9, 3)
    two = Entry(2, "p", Send(0, 2), 5, 4, Ok(0), 8, 5)
    assert judge_log(History([one, two])).faults == ()


def test_nothing_polled_is_unknown() -> None:
    for found in (judge(), judge(sent(1, 0))):
        assert not found.verdict().is_kept
        assert not found.verdict().is_broken


class Other(Operation, frozen=True):
    pass


REFUSED: dict[str, list[Row]] = {
    "not one of a log": [("a", Other(), ())],
    "not an offset": [sent(1, "0")],
    "answered -1, not": [sent(1, -1)],
    "answered True, not": [sent(1, True)],
    "sent twice": [sent(1, 0), sent(1, 1)],
    "not a tuple of records": [("c", Poll(), 5)],
    "answered .*, not a tuple of records": [("c", Poll(), ((0, 0, 1),))],
    "commits -1": [("c", Commit(0, -1), ())],
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_history_that_cannot_be_judged_is_refused(why: str) -> None:
    with pytest.raises(ScenarioError, match=why):
        judge(*REFUSED[why])


def test_two_polls_of_one_consumer_at_a_time_are_refused() -> None:
    polls = [Entry(i, "c", Poll(), i, 2 * i, Ok(()), i + 5, 2 * i + 1) for i in (1, 2)]
    with pytest.raises(ScenarioError, match="while it was polling"):
        judge_log(History(polls))


def test_an_unknown_phenomenon_is_refused() -> None:
    with pytest.raises(ScenarioError, match="no phenomenon"):
        judge().verdict("lost")
