"""What one grading of one submission is: bytes that go to whoever carries it out, and bytes that come back.

:func:`carry_out` is the function that an executor runs, here or on another machine. It starts a child of its own, so
that whatever a submission does to its graders ends with that child, and never with a worker of a pool: a worker that
dies takes the pool with it (``BrokenProcessPool``).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
from msgspec import Struct

import distlab
from distlab.grade.counterexample import Counterexample
from distlab.grade.result import Report
from distlab.grade.solution import root

LONGEST = 2 * 3600.0
"""Seconds of wall time after which a grading is given up: a safety net, many times what any grading takes."""

TIDY_LIMIT = 10.0
"""Seconds that a child has for removing its folder."""

TOLD = 300
"""Of what a child says when it fails: the last so many characters."""


class Work(Struct, frozen=True):
    """Everything that a grade is a function of, but for the release."""

    name: str
    files: dict[str, bytes]
    seed: int
    labs: tuple[str, ...] = ()
    """Names, or none for all labs."""
    part: str = ""
    prior: str = "oracle"
    runs: int | None = None
    """Random scenarios for each part; None for its normal budget."""


class Graded(Struct, frozen=True):
    """What came of it."""

    report: Report
    counterexamples: list[Counterexample]
    processor_seconds: float
    """Of the child and of everything that it started."""


class GradingFailed(Exception):
    """The child ended without an answer, or said that the fault is ours. The submission has no grade."""


def carry_out(work: bytes, longest: float = LONGEST) -> bytes:
    """Grade; both are JSON. Raises :class:`GradingFailed`."""
    command = [sys.executable, "-P", "-m", "distlab.grade.classroom.child"]
    environment = {
        **os.environ,
        "DISTLAB_ROOT": str(root()),
        "PYTHONPATH": str(Path(distlab.__file__).parents[1]),
    }
    with _under_way.lock:
        if _under_way.is_over:
            raise GradingFailed("stopped")
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        _under_way.children.add(child)
    try:
        said, complaint = child.communicate(work, timeout=longest)
    except subprocess.TimeoutExpired:
        raise GradingFailed(f"it took more than {longest:.0f} s") from None
    finally:
        _end(child)
        with _under_way.lock:
            _under_way.children.discard(child)
    if child.returncode or not said:
        last = complaint.decode(errors="replace").strip()[-TOLD:]
        raise GradingFailed(f"the grading process ended with code {child.returncode}: {last}")
    return said


class _UnderWay:
    """The children of this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.children: set[subprocess.Popen[bytes]] = set()
        self.is_over = False


_under_way = _UnderWay()


def stop_all() -> None:
    """End every grading that is under way in this process, and start none any more."""
    with _under_way.lock:
        _under_way.is_over = True
        children = list(_under_way.children)
    for child in children:
        child.terminate()
    for child in children:
        _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """It is asked to tidy up, and killed if it does not. Its own children end with it (``die_with_parent``)."""
    child.terminate()
    try:
        child.wait(TIDY_LIMIT)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def decoded(answer: bytes) -> Graded:
    """What :func:`carry_out` returned."""
    return msgspec.json.decode(answer, type=Graded)
