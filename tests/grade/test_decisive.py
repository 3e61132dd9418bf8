"""Which line of the student's code a failure screen quotes."""

import importlib
import sys
from pathlib import Path
from typing import Any

import msgspec

from distlab.check import History, bounded_liveness, broken
from distlab.core.cluster import Cluster, Member
from distlab.core.node import Node
from distlab.core.overlay import overlay
from distlab.grade.decisive import decisive_line, shown_by, standing
from distlab.grade.lab import Lab, Run
from distlab.grade.perform import Performance
from distlab.grade.scenario import Scenario
from distlab.grade.solution import Solution
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


def performance(ticket: int = 1) -> Performance:
    """A run in which each event was asked for in the line of its own id."""
    rows = [*ROWS[:-1], (*ROWS[-1][:-1], [ticket, message("Ok")])]
    trace = trace_of(rows)
    cluster = Cluster({"c": Member(Node)})
    run = Run(Scenario(), trace, History(()), {}, {}, {}, 5, cluster, None)
    effects = (Kind.SEND, Kind.WRITE, Kind.RETURN)
    lines = {event.id: ("x.py", event.id, "f") for event in trace.of(*effects)}
    return Performance(run, None, 0, (), lines)


def quoted(*evidence: int, ticket: int = 1) -> int:
    """The line that is quoted."""
    (frame,) = decisive_line(performance(ticket), broken("x", *evidence))
    return frame.line


def test_of_a_client_that_reports_what_it_was_told_the_line_that_told_it() -> None:
    assert quoted(1, 11) == SERVERS_SEND


def test_an_effect_that_the_evidence_names_comes_first() -> None:
    assert quoted(1, SERVERS_WRITE, 11) == SERVERS_WRITE
    assert quoted(1, FRONTS_SEND, 11) == FRONTS_SEND


def test_a_client_that_believes_the_answer_to_another_call_is_quoted_itself() -> None:
    assert quoted(1, 11, ticket=2) == CLIENTS_FINISH


def test_where_something_never_happened_no_line_is_quoted_but_what_each_node_did_last() -> None:
    never = msgspec.structs.replace(bounded_liveness(None, 4_000, "the end"), events=(1,))
    assert decisive_line(performance(), never) == ()
    assert standing(performance(), never) == (
        "c, at 0 ms: answers operation 1: Ok",
        "front, at 0 ms: sends Answer to c",
        "s, at 0 ms: sends Answer to front",
    )
    assert shown_by(performance(), never) == (1, 7, 9, 11)
    assert standing(performance(), broken("x", 1)) == ()


PLAYED = {
    "mine": "from labs.toy import others\n\n\ndef ask(locate):\n    return locate()\n\n\n"
    "def ask_them(locate):\n    return others.ask(locate)\n",
    "others": "def ask(locate):\n    return locate()\n",
}


def test_what_a_module_of_somebody_else_asks_for_has_no_line(tmp_path: Path) -> None:
    own, theirs = tmp_path / "own", tmp_path / "theirs"
    for folder, name in ((own, "mine"), (theirs, "others")):
        folder.mkdir()
        (folder / f"{name}.py").write_text(PLAYED[name])
    overlay("labs.toy", [own], {"others": theirs / "others.py"})
    try:
        mine = importlib.import_module("labs.toy.mine")
        lab = Lab(number=9, name="toy", title="", parts=())
        apart = Solution(lab, "own", [own], [theirs / "others.py"]).locator()
        together = Solution(lab, "own", [own]).locator()
        assert mine.ask(apart) == (str(own / "mine.py"), 5, "ask")
        assert mine.ask_them(apart) is None
        assert mine.ask_them(together) == (str(own / "mine.py"), 9, "ask_them")
    finally:
        for name in [m for m in sys.modules if m.startswith("labs.toy")]:
            del sys.modules[name]
