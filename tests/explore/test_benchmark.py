"""The benchmark runs, finds the known numbers of states, and is far ahead of the naive search."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_it_measures_the_explorer_beside_the_naive_search(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, ROOT / "benchmarks/explorer.py", "--quick", "--json", file]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    figures = json.loads(file.read_text())
    assert [row["states"] for row in figures["searches"]] == [288, 8_832]
    assert figures["searches"][1]["ratio"] > 10
    assert [row["steps"] for row in figures["bugs"]] == [6, 8, 7]
    assert "a vote is lost in a crash" in done.stdout
