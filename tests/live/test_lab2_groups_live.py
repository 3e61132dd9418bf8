"""Lab 2's consumer groups as processes: kills, a zombie, and the judges of the simulator."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("solution", ["reference", "alternative"])
def test_a_real_group_keeps_its_promises(tmp_path: Path, solution: str) -> None:
    for name in ("labs", "grading"):
        (tmp_path / name).symlink_to(ROOT / name)
    command = ["live", "--lab", "2", "--part", "g", "--solution", solution]
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
    for promise in ("CG-S1", "CG-S2", "CG-S3", "CG-S4", "CG-L1"):
        assert f"ok      {promise}" in done.stdout
    assert done.stdout.count("killed (kill -9)") == 2
    assert done.stdout.count("stopped (SIGSTOP)") >= 1
