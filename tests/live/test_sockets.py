"""Folders for sockets: whoever made them, they go."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from distlab.live.sockets import socket_folder, sweep


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Elsewhere, others make such folders at the same time."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def held_by_another(temporary: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that has such a folder, and waits."""
    program = (
        "import time; from distlab.live.sockets import socket_folder\n"
        "with socket_folder() as folder: print(folder, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_it_is_private_and_goes(temporary: Path) -> None:
    with socket_folder() as folder:
        assert folder.parent == temporary
        assert folder.stat().st_mode & 0o777 == 0o700
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_goes_with_the_next_one(temporary: Path) -> None:
    process, left = held_by_another(temporary)
    with socket_folder():
        assert left.exists()  # it is held
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert left.exists()
    with socket_folder() as folder:
        assert list(temporary.iterdir()) == [folder]


def test_what_is_not_ours_stays(temporary: Path) -> None:
    for name in ("dl-of-somebody", "dlmade-just-now"):
        (temporary / name).mkdir()
    (temporary / "dlmade-just-now" / "held.new").touch()
    (temporary / "dlfile").touch()
    sweep()
    assert len(list(temporary.iterdir())) == 3
