"""The checkers' benchmark runs, and what it judges is what it says."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.checkers_load import appends, compare_and_set, register
from distlab.check.linear import CAS, LIST, REGISTER, Cas, linearizable
from tests.check.plain import precedes

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("make", "model"), [(register, REGISTER), (compare_and_set, CAS), (appends, LIST)]
)
def test_its_histories_are_right_and_as_concurrent_as_they_claim(make, model) -> None:  # type: ignore[no-untyped-def]
    history = make(500, 20)
    assert len(history) == 500
    assert linearizable(history, model).is_kept
    entries = history.entries[100:200]
    overlaps = [
        sum(not precedes(a, b) and not precedes(b, a) for b in history.entries) for a in entries
    ]
    assert sum(overlaps) / len(overlaps) > 15


def test_some_of_its_swaps_take_effect_and_some_do_not() -> None:
    swaps = [e for e in compare_and_set(500, 5) if isinstance(e.operation, Cas)]
    done = sum(e.value == e.operation.old for e in swaps)  # type: ignore[attr-defined]
    assert 20 < done < len(swaps) - 20


def test_it_measures_every_kind_and_draws_it(tmp_path: Path) -> None:
    figures, picture = tmp_path / "figures.json", tmp_path / "plot.svg"
    script = ROOT / "benchmarks/checkers.py"
    command = [sys.executable, script, "--quick", "--json", figures, "--svg", picture]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    result = json.loads(figures.read_text())
    words = " ".join(ElementTree.fromstring(picture.read_text()).itertext())
    for row in [*result["by_length"], *result["by_clients"]]:
        assert row["seconds"] > 0
        assert row["verdict"] in ("kept", "unknown")
        assert row["case"] in done.stdout
        assert row["case"] in words
    assert {row["clients"] for row in result["by_clients"]} == {1, 5, 20, 50, 100}
