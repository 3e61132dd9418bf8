"""The museum's pages: the bug's run beside the right one, or what an exam said."""

from __future__ import annotations

import base64
import gzip
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from distlab.core.errors import HarnessBug
from distlab.grade import museum
from distlab.grade.counterexample import Counterexample
from distlab.grade.solution import load_lab


def runs_of(page: str) -> list[dict[str, Any]]:
    packed = re.search(r'id="data">([^<]*)<', page)
    assert packed is not None
    runs: list[dict[str, Any]] = msgspec.json.decode(gzip.decompress(base64.b64decode(packed[1])))
    return runs


def page_of(lab: str, bug: str) -> str:
    (mutant,) = (one for one in museum.known_bugs(lab) if one.name == bug)
    return museum.exhibit(load_lab(lab), mutant)


def test_the_bug_is_shown_beside_the_reference_with_the_decisive_event() -> None:
    page = page_of("lab2_log", "counts-old-terms")
    bug, right = runs_of(page)
    assert [bug["name"], right["name"]] == ["the bug", "reference"]
    assert sum(mark["decisive"] for mark in bug["marks"]) == 1
    assert not any(mark["decisive"] for mark in right["marks"])
    assert bug["differs"] is not None
    assert bug["states"]
    assert "what is committed is in the log of every later leader" in page


def test_no_line_of_a_solution_is_in_it() -> None:
    assert [run["lines"] for run in runs_of(page_of("lab2_log", "counts-old-terms"))] == [{}, {}]


def test_a_bug_without_a_run_says_what_the_exam_said() -> None:
    page = page_of("lab0_rpc", "zlibs-crc")
    assert "Expected:" in page
    assert "exam:" in page
    assert "<script" not in page


def test_a_witness_that_shows_nothing_is_our_own_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    load = museum.load_witness

    def harmless(*which: Any) -> Counterexample | None:
        witness = load(*which)
        assert witness is not None
        return msgspec.structs.replace(
            witness, scenario=msgspec.structs.replace(witness.scenario, calls=())
        )

    monkeypatch.setattr(museum, "load_witness", harmless)
    with pytest.raises(HarnessBug, match="no longer breaks"):
        page_of("lab0_rpc", "answer-before-sync")


def test_pages_share_style_and_script(tmp_path: Path) -> None:
    assert museum.build(tmp_path, ["lab0_rpc"], most=1) == 1
    (page,) = tmp_path.glob("lab0_rpc/*.html")
    for address in re.findall(r'(?:href|src)="([^"]+)"', page.read_text()):
        assert (page.parent / address).resolve().is_file()
