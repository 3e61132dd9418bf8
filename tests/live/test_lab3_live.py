"""Lab 3 as processes: a kill, a stop, killed containers, and the judges of the simulator."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("solution", ["reference", "alternative"])
def test_real_containers_survive_real_kills(tmp_path: Path, solution: str) -> None:
    for name in ("labs", "grading"):
        (tmp_path / name).symlink_to(ROOT / name)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "distlab",
            "live",
            "--lab",
            "3",
            "--solution",
            solution,
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DISTLAB_ROOT": str(tmp_path)},
        cwd=tmp_path,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok      SC-S1" in done.stdout
    assert done.stdout.count("killed (kill -9)") == 1
    assert done.stdout.count("a job of node-3 is killed") == 2
