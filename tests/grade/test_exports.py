"""A report in other formats: read back by the rules of each."""

import csv
import io
import json
from xml.etree import ElementTree

import msgspec
import pytest

from distlab.grade.exports import COLUMNS, from_json, to_csv, to_gradescope, to_json, to_junit
from distlab.grade.result import Break, LabResult, Report, State
from tests.cli import samples as s

PROMISES = [promise for lab in s.REPORT.labs for part in lab.parts for promise in part.promises]


def with_text(text: str) -> Report:
    """A report in which a student's program says ``text``."""
    promise = s.promise("X-1", "a title", 5, State.FAILED, broken=Break(text, "run 1"))
    return Report(
        (LabResult(9, "lab9_x", "X", (s.part("A", "X", promise),)),), "0.1.0", 1, "own", "oracle"
    )


def test_our_own_format_holds_everything() -> None:
    assert from_json(to_json(s.REPORT)) == s.REPORT


def test_gradescope_gets_only_the_fields_it_knows() -> None:
    found = json.loads(to_gradescope(s.REPORT))
    top = {
        "score", "execution_time", "output", "output_format", "test_output_format", "test_name_format",
        "visibility", "stdout_visibility", "extra_data", "tests", "leaderboard",
    }  # fmt: skip
    fields = {
        "score", "max_score", "status", "name", "name_format", "number", "output", "output_format",
        "tags", "visibility", "extra_data",
    }  # fmt: skip
    assert found.keys() <= top
    assert all(test.keys() <= fields for test in found["tests"])
    assert sum(test["score"] for test in found["tests"]) == s.REPORT.earned
    assert sum(test["max_score"] for test in found["tests"]) == s.REPORT.points
    assert {test["status"] for test in found["tests"]} == {"passed", "failed"}
    assert [test["status"] == "passed" for test in found["tests"]] == [
        p.state is State.PASSED for p in PROMISES
    ]


def test_gradescope_shows_the_failure_as_it_is_given() -> None:
    found = json.loads(to_gradescope(s.REPORT, lambda promise: f"\x1b[1m{promise.code}\x1b[0m"))
    broken = next(test for test in found["tests"] if test["name"].startswith("RG-S2"))
    assert broken["output"] == "\x1b[1mRG-S2\x1b[0m"
    assert broken["output_format"] == "ansi"


def test_junit_counts_failures_errors_and_what_is_unknown() -> None:
    suites = ElementTree.fromstring(to_junit(s.REPORT))
    assert [suite.get("name") for suite in suites] == [
        f"{lab.name}.{part.code}" for lab in s.REPORT.labs for part in lab.parts
    ]
    for suite in suites:
        cases = suite.findall("testcase")
        assert int(suite.get("tests", "")) == len(cases)
        for plural, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(plural, "")) == sum(case.find(tag) is not None for case in cases)
    first = suites.find("testsuite[@name='lab3_register.A']")
    assert first is not None
    assert [[child.tag for child in case] for case in first] == [[], ["failure"], ["skipped"]]


def test_junit_survives_characters_that_xml_has_no_place_for() -> None:
    text = "KeyError: '\x00\x1b[31m \ud800 ]]> <&'"
    (failure,) = ElementTree.fromstring(to_junit(with_text(text))).iter("failure")
    assert failure.text is not None
    assert "]]> <&" in failure.text


def test_a_table_has_a_row_for_each_promise() -> None:
    rows = list(csv.reader(io.StringIO(to_csv(s.REPORT), newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert [row[2] for row in rows[1:]] == [promise.code for promise in PROMISES]
    assert sum(int(row[6]) for row in rows[1:]) == s.REPORT.earned
    assert all(len(row) == len(COLUMNS) for row in rows)


def test_a_cell_is_never_taken_for_a_formula() -> None:
    rows = list(csv.reader(io.StringIO(to_csv(with_text("=cmd|'/C calc'!A0")), newline="")))
    assert rows[1][9] == "'=cmd|'/C calc'!A0"


def test_a_results_file_of_another_shape_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="labs"):
        from_json(b'{"labs": 3}')
