"""A report in the formats that others read: ours, Gradescope's, JUnit's, and a table.

Pure: a :class:`~distlab.grade.result.Report` goes in, text comes out. Schemas as their own documents have them:
Gradescope, "Autograder Specifications" (results.json); JUnit XML as pytest writes it (family xunit2); RFC 4180 for CSV.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

import msgspec

from distlab.grade.result import LabResult, PartResult, PromiseResult, Report, State

_FAILED = (State.FAILED, State.NOT_STARTED)


def to_json(report: Report) -> str:
    """Our own ``results.json``: the whole report."""
    return msgspec.json.format(msgspec.json.encode(report)).decode() + "\n"


def from_json(text: str | bytes) -> Report:
    """What :func:`to_json` wrote. Raises ``msgspec.DecodeError``."""
    return msgspec.json.decode(text, type=Report)


def to_gradescope(
    report: Report,
    explain: Callable[[PromiseResult], str] | None = None,
    *,
    is_hidden: bool = False,
) -> str:
    """Gradescope's ``results.json``. ``explain`` gives the text of a promise that is not kept, with ANSI colours.

    With hidden seeds the results are shown once they are published, and no seed is in them.
    """
    seed = "hidden seed" if is_hidden else f"seed {report.seed}"
    tests = []
    for lab, part, promise in _rows(report):
        test: dict[str, Any] = {
            "score": promise.earned,
            "max_score": promise.points,
            "status": "passed" if promise.state is State.PASSED else "failed",
            "name": f"{promise.code}: {promise.title}",
            "number": f"{lab.number}.{part.code}",
            "tags": [lab.name, f"{lab.number}{part.code}", promise.state.value],
            "visibility": "after_published" if is_hidden else "visible",
            "extra_data": {"state": promise.state.value, "runs": promise.runs},
        }
        if promise.state is not State.PASSED:
            test |= {
                "output": explain(promise) if explain else in_words(promise),
                "output_format": "ansi",
            }
        tests.append(test)
    return _json(
        {
            "output": f"distlab {report.release}, {seed}, prior {report.prior}, {report.isolation}",
            "output_format": "text",
            "execution_time": round(report.seconds, 1),
            "tests": tests,
            "extra_data": {
                "release": report.release,
                "seed": None if is_hidden else report.seed,
                "solution": report.solution,
                "prior": report.prior,
                "isolation": report.isolation,
            },
        }
    )


def to_junit(report: Report) -> str:
    """JUnit XML: one suite for each part. A broken promise is a failure, a crash an error; what is unknown, skipped."""
    top = ElementTree.Element("testsuites", name="distlab")
    for lab in report.labs:
        for part in lab.parts:
            _suite(top, lab, part)
    ElementTree.indent(top)
    return ElementTree.tostring(top, encoding="unicode", xml_declaration=True) + "\n"


def _suite(top: ElementTree.Element, lab: LabResult, part: PartResult) -> None:
    suite = ElementTree.SubElement(
        top, "testsuite", name=f"{lab.name}.{part.code}", time=f"{part.seconds:.3f}"
    )
    count = {"tests": len(part.promises), "failures": 0, "errors": 0, "skipped": 0}
    for promise in part.promises:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=f"{lab.name}.{part.code}",
            name=f"{promise.code}: {promise.title}",
        )
        case.set("time", "0.000")  # runs are shared: a promise has no time of its own
        if promise.state is State.PASSED:
            continue
        tag = (
            "failure"
            if promise.state in _FAILED
            else "skipped"
            if promise.state is State.UNKNOWN
            else "error"
        )
        count[{"failure": "failures", "error": "errors", "skipped": "skipped"}[tag]] += 1
        inner = ElementTree.SubElement(
            case, tag, message=_xml_safe(in_words(promise).splitlines()[0])
        )
        inner.text = _xml_safe(in_words(promise))
    for name, number in count.items():
        suite.set(name, str(number))


COLUMNS = (
    "lab",
    "part",
    "code",
    "title",
    "state",
    "points",
    "earned",
    "runs",
    "found",
    "reason",
    "counterexample",
)


def to_csv(report: Report) -> str:
    """One row for each promise, with a heading."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(COLUMNS)
    for lab, part, promise in _rows(report):
        broken = promise.broken
        table.writerow(
            _harmless(str(cell))
            for cell in (
                lab.name,
                part.code,
                promise.code,
                promise.title,
                promise.state.value,
                promise.points,
                promise.earned,
                promise.runs,
                broken.found if broken else "",
                broken.reason if broken else "; ".join(promise.unseen),
                broken.counterexample if broken else "",
            )
        )
    return text.getvalue()


def in_words(promise: PromiseResult) -> str:
    """Why a promise is not kept, as plain text."""
    broken = promise.broken
    if promise.state is State.UNKNOWN:
        never = "; ".join(promise.unseen) or "no run came far enough"
        return f"unknown: not broken in {promise.runs} runs, and not put to the test: {never}"
    if broken is None:
        return promise.state.value
    lines = [f"{promise.state.value}: {broken.reason}"]
    if broken.expected or broken.got:
        lines += [f"expected: {broken.expected}", f"got: {broken.got}"]
    if broken.found:
        lines.append(f"found: {broken.found}" + (f", {broken.size}" if broken.size else ""))
    frames = broken.decisive or (broken.problem.frames if broken.problem else ())
    lines += [f"{frame.file}:{frame.line}: {frame.code}" for frame in frames]
    if broken.counterexample:
        lines.append(f"replay: make replay ID={broken.counterexample}")
    return "\n".join(lines)


def _rows(report: Report) -> Iterator[tuple[LabResult, PartResult, PromiseResult]]:
    for lab in report.labs:
        for part in lab.parts:
            for promise in part.promises:
                yield lab, part, promise


def _xml_safe(text: str) -> str:
    """Without the characters that XML 1.0 has no place for: a program's exception may hold any."""
    return "".join(
        c if c in "\t\n\r" or (ord(c) >= 32 and not 0xD800 <= ord(c) <= 0xDFFF) else "?"
        for c in text
    )


def to_classroom50(report: Report) -> str:
    """The part of Classroom 50's ``result.json`` that a grader knows; their runner puts in who, what and when.

    Schema "classroom50/result/v1": whole numbers, and further fields of a test are free.
    """
    tests = [
        {
            "test-name": f"{promise.code}: {promise.title}",
            "passed": promise.state is State.PASSED,
            "score": promise.earned,
            "max-score": promise.points,
            "state": promise.state.value,
            "part": f"{lab.number}{part.code}",
        }
        for lab, part, promise in _rows(report)
    ]
    return _json(
        {
            "schema": "classroom50/result/v1",
            "score": report.earned,
            "max-score": report.points,
            "tests": tests,
        }
    )


def class_table(rows: Sequence[tuple[str, str, Report | None]]) -> str:
    """One row for each student: (name, what became of it, report); points in all, and of each part."""
    labs = next((report.labs for _, _, report in rows if report is not None), ())
    parts = [(lab, part) for lab in labs for part in lab.parts]
    lines: list[Sequence[object]] = [
        (
            "student", "state", "points", "of", *(f"{lab.number}{part.code}" for lab, part in parts),
            "release", "seed", "isolation", "prior",
        )
    ]  # fmt: skip
    for name, state, report in rows:
        if report is None:
            lines.append((name, state, *[""] * (len(parts) + 6)))
            continue
        earned = [part.earned for lab in report.labs for part in lab.parts]
        how = (report.release, report.seed or "hidden", report.isolation, report.prior)
        lines.append((name, state, report.earned, report.points, *earned, *how))
    return _table(lines)


def promises_table(rows: Sequence[tuple[str, Report]]) -> str:
    """One row for each promise of each student."""
    lines: list[Sequence[object]] = [("student", "part", "code", "state", "points", "earned")]
    lines += [
        (name, f"{lab.number}{part.code}", p.code, p.state.value, p.points, p.earned)
        for name, report in rows
        for lab, part, p in _rows(report)
    ]
    return _table(lines)


def _table(lines: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(
        [_harmless(str(cell)) for cell in line] for line in lines
    )
    return text.getvalue()


def _harmless(cell: str) -> str:
    """A spreadsheet takes a cell that begins like a formula for one; a student chose this text."""
    return "'" + cell if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value)).decode() + "\n"


WRITERS: dict[str, Callable[[Report], str]] = {
    "json": to_json,
    "gradescope": to_gradescope,
    "junit": to_junit,
    "csv": to_csv,
    "classroom50": to_classroom50,
}
"""Name of a format -> what writes it."""
