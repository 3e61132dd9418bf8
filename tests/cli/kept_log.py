"""A folder of its own with a log that runs in it, for the tests of ``distlab log``."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "distlab"]


class Project:
    """A folder of its own, with a log that runs in it."""

    def __init__(self, folder: Path) -> None:
        for name in ("labs", "grading"):
            (folder / name).symlink_to(ROOT / name)
        self.folder = folder
        self.environment = {**os.environ, "DISTLAB_ROOT": str(folder), "NO_COLOR": "1"}
        self.server: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.server = subprocess.Popen(
            [*COMMAND, "live", "--lab", "2", "--keep", "--solution", "reference"],
            cwd=self.folder, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        door = self.folder / ".distlab" / "live" / "lab2_log" / "door"
        deadline = time.monotonic() + 60
        while not door.exists():
            assert self.server.poll() is None, self.server.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def stop(self) -> str:
        assert self.server is not None
        self.server.send_signal(signal.SIGINT)
        shown, _ = self.server.communicate(timeout=30)
        return shown

    def log(self, *words: str, given: str = "", code: int | None = 0) -> str:
        """What a command prints, both ways; it must end with this code, if one is given."""
        done = subprocess.run(
            [*COMMAND, "log", *words], cwd=self.folder, env=self.environment,
            input=given, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert code in (None, done.returncode), done.stdout + done.stderr
        return done.stdout + done.stderr

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """A command that goes on; whoever begins it ends it."""
        return subprocess.Popen(
            [*COMMAND, "log", *words], cwd=self.folder, env=self.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
