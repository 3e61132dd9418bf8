"""A student's own test: what it catches, and what it may not do."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.grade.toygrader import tree


def own(root: Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """``distlab own`` in a copy of the toy tree, with ``text`` as the student's test."""
    tree(root)
    if text is not None:
        (root / "labs/lab9_toy/own_test.py").write_text(text)
    command = [sys.executable, "-m", "distlab", "own", "--lab", "9"]
    return subprocess.run(
        command, cwd=root, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_schedule_and_a_property_catch_one_bug_each(tmp_path: Path) -> None:
    done = own(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Part A: your own test catches 2 of 2 known bugs: 10/10" in done.stdout


def test_a_test_that_accuses_the_reference_scores_nothing(tmp_path: Path) -> None:
    text = (
        "from distlab.testing import Property, broken\n"
        "PROPERTIES = [Property('nothing works', 'A', lambda run: broken('because'))]\n"
    )
    done = own(tmp_path, text)
    assert done.returncode == 1
    assert "correct solution 'reference' fails it: no fault: nothing works: because" in done.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "neither SCHEDULES nor PROPERTIES"),
        ("1/0", "ZeroDivisionError"),
        ("import os; os._exit(0)", "ended the process"),
        (
            "from distlab.testing import Property\nPROPERTIES = [Property('x', 'Z', None)]",
            "part 'Z' is none of A",
        ),
        (
            "from distlab.testing import Property\nPROPERTIES = [Property('x', 'A', lambda run: run.nothing)]",
            "the judge raises AttributeError",
        ),
        (
            "from distlab.testing import Property\n"
            "def spin(run):\n    while True: pass\n"
            "PROPERTIES = [Property('it spins', 'A', spin)]",
            "no fault: the property 'it spins' did not return within 5 s",
        ),
    ],
)
def test_a_test_that_is_no_test_says_why(tmp_path: Path, text: str, said: str) -> None:
    done = own(tmp_path, text)
    assert done.returncode == 1
    assert said in done.stdout
