"""Grades a copy of the toy lab in a process of its own, so that no two trees meet in one interpreter.

``python toygrader.py ROOT [field=value ...]`` prints the report as JSON.
"""

import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import msgspec

from distlab.grade.result import PromiseResult, Report

TOY = Path(__file__).parent / "toy"


def tree(folder: Path, keeper: str | None = None) -> Path:
    """A copy of the toy lab's tree below ``folder``, with ``keeper`` as what the student wrote."""
    copytree(TOY, folder, dirs_exist_ok=True)
    if keeper is not None:
        (folder / "labs/lab9_toy/keeper.py").write_text(keeper)
    return folder


def grade(root: Path, **fields: str) -> Report:
    """Grade the tree, in a process of its own."""
    command = [sys.executable, __file__, str(root), *(f"{k}={v}" for k, v in fields.items())]
    done = subprocess.run(command, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return msgspec.json.decode(done.stdout, type=Report)


def promise(report: Report) -> PromiseResult:
    """The toy's one promise."""
    return report.labs[0].parts[0].promises[0]


def reference() -> str:
    """The source of the correct solution."""
    return (TOY / "grading/lab9_toy/reference/keeper.py").read_text()


if __name__ == "__main__":
    os.environ["DISTLAB_ROOT"] = sys.argv[1]
    from distlab.grade import runner

    given = dict(argument.split("=", 1) for argument in sys.argv[2:])
    request = runner.Request(
        labs=("9",),
        solution=given.get("solution", "own"),
        seed=int(given.get("seed", "1")),
        isolation=given.get("isolation", "plain"),
    )
    sys.stdout.buffer.write(msgspec.json.encode(runner.grade(request)))
