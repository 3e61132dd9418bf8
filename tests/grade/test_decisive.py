"""Which line of the student's code a failure screen quotes."""

from typing import Any

from distlab.check import History, broken
from distlab.core.cluster import Cluster, Member
from distlab.core.node import Node
from distlab.grade.grading import decisive_line
from distlab.grade.lab import Run
from distlab.grade.perform import Performance
from distlab.grade.scenario import Scenario
from distlab.trace import Kind
from tests.cli.samples import message, trace_of

CALL, ANSWER = message("Call"), message("Answer")
SERVERS_SEND, SERVERS_WRITE, FRONTS_SEND, CLIENTS_FINISH = 7, 6, 9, 11
ROWS: list[tuple[int, str, str, int, str, Any]] = [
    (0, "c", Kind.CALL, 0, "", [1, message("Add")]),
    (0, "c", Kind.SEND, 1, "front", CALL),
    (1, "front", Kind.DELIVER, 2, "c", CALL),
    (1, "front", Kind.SEND, 3, "s", CALL),
    (2, "s", Kind.DELIVER, 4, "front", CALL),
    (2, "s", Kind.WRITE, 5, "", ["append", "ledger", 9]),
    (2, "s", Kind.SEND, 5, "front", ANSWER),
    (3, "front", Kind.DELIVER, 7, "s", ANSWER),
    (3, "front", Kind.SEND, 8, "c", ANSWER),
    (4, "c", Kind.DELIVER, 9, "front", ANSWER),
    (4, "c", Kind.RETURN, 10, "", [1, message("Ok")]),
]


def quoted(*evidence: int, ticket: int = 1) -> int:
    """The line that is quoted, where each event was asked for in the line of its own id."""
    rows = [*ROWS[:-1], (*ROWS[-1][:-1], [ticket, message("Ok")])]
    trace = trace_of(rows)
    cluster = Cluster({"c": Member(Node)})
    run = Run(Scenario(), trace, History(()), {}, {}, {}, 5, cluster, None)
    effects = (Kind.SEND, Kind.WRITE, Kind.RETURN)
    lines = {event.id: ("x.py", event.id, "f") for event in trace.of(*effects)}
    performance = Performance(run, None, 0, (), lines)
    (frame,) = decisive_line(performance, broken("x", *evidence))
    return frame.line


def test_of_a_client_that_reports_what_it_was_told_the_line_that_told_it() -> None:
    assert quoted(1, 11) == SERVERS_SEND


def test_an_effect_that_the_evidence_names_comes_first() -> None:
    assert quoted(1, SERVERS_WRITE, 11) == SERVERS_WRITE
    assert quoted(1, FRONTS_SEND, 11) == FRONTS_SEND


def test_a_client_that_believes_the_answer_to_another_call_is_quoted_itself() -> None:
    assert quoted(1, 11, ticket=2) == CLIENTS_FINISH
