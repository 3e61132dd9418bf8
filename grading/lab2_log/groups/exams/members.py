"""Exams of a member's offsets."""

from __future__ import annotations

from typing import Any

from distlab.grade.solution import Solution
from grading.lab2_log.groups.bench import require


def lags(solution: Solution) -> None:
    """The high watermark minus what is committed; nobody can say where nothing is; never negative."""
    lag = solution.module("places").lag
    for high, committed, expected in (
        (10, 7, 3),
        (10, 10, 0),
        (0, 0, 0),
        (10, None, None),
        (8, 9, 0),
    ):
        got: Any = lag(high, committed)
        require(got == expected, f"lag({high}, {committed})", expected, got)
