"""``distlab explore``: what it says of a search, how it ends, and what it refuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def explored(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run the command in a project of its own; its exit code, and all that it printed."""
    for name in ("labs", "grading"):
        (folder / name).mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "distlab", "explore", *arguments],
        capture_output=True,
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
            "PYTHONUTF8": "1",
            "NO_COLOR": "1",
        },
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_scope_that_is_exhausted(tmp_path: Path) -> None:
    code, text = explored(tmp_path, "tests.examples.two_phase_commit_small:scope", "3")
    assert code == 0
    assert text.startswith("── EXHAUSTED ──")
    assert "No violation in 288 states: “all resource managers end alike” holds" in text
    assert "288 states, depth 10" in text


def test_a_violation_its_shortest_trace_and_its_picture(tmp_path: Path) -> None:
    code, text = explored(
        tmp_path, "tests.examples.small_election:scope", "VotesTwice", "crashes=0"
    )
    assert code == 1
    assert text.startswith("── VIOLATED ──")
    assert "n1 and n3 both lead in term 1" in text
    assert "  6  n3 gets Granted(term=1) from n1" in text
    assert "│◀─ Granted ─┤" in text  # drawn
    assert max(map(len, text.splitlines())) <= 80
    (file,) = (tmp_path / ".distlab" / "explored").iterdir()
    assert file.name == "tests.examples.small_election-scope.trace.jsonl"


def test_out_of_budget_is_unknown_and_says_what_grows(tmp_path: Path) -> None:
    code, text = explored(tmp_path, "tests.examples.raft_scopes:scope", "--budget", "5000")
    assert code == 1
    assert text.startswith("── UNKNOWN ──")
    assert "the budget of 5,000 states is spent" in text
    assert "took" in text


def test_a_program_that_cannot_be_explored(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from distlab.core import Node, Timer\n"
        "from distlab.core.cluster import Cluster, Member\n"
        "from distlab.explore import Scope\n"
        "class Go(Timer): pass\n"
        "class Mine(Node):\n"
        "    def on_start(self): self.set_timer(Go(), 1)\n"
        "    def on_go(self, go: Go): self.hidden = 1\n"
        "SCOPE = Scope(cluster=Cluster({'a': Member(Mine)}), invariants={})\n"
    )
    code, text = explored(tmp_path, "mine:SCOPE")
    assert code == 1
    assert text.startswith("── CANNOT BE EXPLORED ──")
    assert "Mine keeps something in self.hidden" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tests.examples.small_election"], "should be MODULE:NAME"),
        (["tests.examples.nowhere:scope"], "there is no module 'tests.examples.nowhere'"),
        (["tests.examples.small_election:scop"], "Did you mean scope?"),
        (["tests.examples.small_election:scope", "size=3"], "cannot be called so"),
        (["tests.examples.small_election:Voter"], "is no Scope, but a Voter"),
        (["tests.examples.small_election:scope", "--budget", "0"], "1 or more"),
    ],
)
def test_what_it_does_not_understand(tmp_path: Path, arguments: list[str], words: str) -> None:
    code, text = explored(tmp_path, *arguments)
    assert (code, words in text) == (2, True), text
