"""What a person is told when a program raises: the exception and the program's own lines, never ours."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import distlab
from distlab.core.errors import HarnessBug, ScenarioError, StudentError

_OURS = str(Path(distlab.__file__).parent)

NOT_A_JOBS_FAILURE = (NotImplementedError, StudentError, ScenarioError, HarnessBug)
"""These are errors of the program even in a job, which otherwise just fails: when what it works on is bad, not it."""


def headline(error: BaseException) -> str:
    """The exception's class and text."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def report(error: BaseException, handling: str) -> str:
    """Several lines: what was raised, where in the program, and while handling what."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [f for f in frames if not f.filename.startswith((_OURS, "<frozen"))]
    lines = [f"{headline(error)}", f"  while handling {handling}"]
    for frame in theirs or frames:
        lines.append(f"  {os.path.relpath(frame.filename)}:{frame.lineno} in {frame.name}")
        if frame.line:
            lines.append(f"      {frame.line}")
    return "\n".join(lines)
