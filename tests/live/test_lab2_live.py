"""Lab 2 as processes: kills and a stop, and the judges of the simulator."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def shown(folder: Path, solution: str, *words: str) -> str:
    """What a live run prints that passed."""
    for name in ("labs", "grading"):
        (folder / name).symlink_to(ROOT / name)
    done = subprocess.run(
        [sys.executable, "-m", "distlab", "live", "--lab", "2", "--solution", solution, *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DISTLAB_ROOT": str(folder)},
        cwd=folder,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("solution", ["reference", "alternative"])
def test_the_whole_log_survives_real_kills(tmp_path: Path, solution: str) -> None:
    said = shown(tmp_path, solution)
    assert "ok      RL-S8   what was acknowledged is read by the group" in said
    assert said.count("killed (kill -9)") == 2
    assert "group g: generation" in said


@pytest.mark.parametrize("solution", ["reference", "alternative"])
def test_real_servers_survive_real_kills(tmp_path: Path, solution: str) -> None:
    said = shown(tmp_path, solution, "--part", "d")
    assert "ok      RF-S7" in said
    assert said.count("killed (kill -9)") == 2


def test_real_brokers_survive_a_real_kill(tmp_path: Path) -> None:
    said = shown(tmp_path, "reference", "--part", "c")
    assert "ok      RL-S1" in said
    assert said.count("killed (kill -9)") == 1
