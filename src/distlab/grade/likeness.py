"""What a failure looks like: the known bug that broke the same promise, in the same way, when its witness was recorded.

Theory of operation. A *signature* is the promise, the schedule that found it, and the judge's reason without names and
numbers. Judges speak of the protocol, so a signature says nearly what went wrong: of the first 510 of the bank, 438
belonged to one bug. Where more than two bugs share one, nothing is said. The list is derived from witnesses and stories
(``grading/LAB/likenesses.json``), for a student's copy has neither.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from distlab.grade.lab import Lab
from distlab.grade.result import Break
from distlab.grade.solution import root

_SHARED_BY = 2
"""Bugs that may share a signature and still be named."""


class Likeness(Struct, frozen=True):
    """How one known bug shows."""

    promise: str
    found: str
    reason: str
    bug: str
    story: str


def signature(reason: str) -> str:
    """The reason without what differs from run to run: names with numbers in them, and numbers."""
    return re.sub(r"[\w./-]*\d[\w./-]*", "#", reason)


def file_of(lab: Lab) -> Path:
    return root() / "grading" / lab.name / "likenesses.json"


def as_file(likenesses: Sequence[Likeness]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(likenesses), indent=1) + b"\n"


def nearest(lab: Lab, promise: str, broken: Break) -> str:
    """``Counts replicas of an old term. (counts-old-terms)``; empty where no bug, or too many, look like that."""
    try:
        known = msgspec.json.decode(file_of(lab).read_bytes(), type=list[Likeness])
    except (OSError, msgspec.DecodeError):
        return ""
    alike = [
        one for one in known if (one.promise, one.reason) == (promise, signature(broken.reason))
    ]
    alike = [one for one in alike if one.found == broken.found] or alike
    if len(alike) > _SHARED_BY:
        return ""
    return ", or: ".join(f"{one.story} ({one.bug})" for one in alike)
