"""Lab 2's producers as processes: a kill and a stop, and the judges of the simulator."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("solution", ["reference", "alternative"])
def test_real_producers_keep_their_promises(tmp_path: Path, solution: str) -> None:
    for name in ("labs", "grading"):
        (tmp_path / name).symlink_to(ROOT / name)
    command = ["live", "--lab", "2", "--part", "f", "--solution", solution]
    done = subprocess.run(
        [sys.executable, "-m", "distlab", *command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DISTLAB_ROOT": str(tmp_path)},
        cwd=tmp_path,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok      PR-S1" in done.stdout
    assert done.stdout.count("killed (kill -9)") == 1
