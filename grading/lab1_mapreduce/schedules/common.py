"""What directed schedules are written with: plans of faults, and the n-th message of a kind on a link."""

from __future__ import annotations

from typing import Any

from distlab.core import MS
from distlab.faults import Noise, Nth

AMPLE: dict[str, Any] = {
    "workers": 1,
    "batch": 5000,
    "memory": 100_000,
    "ways": 8,
    "piece": 100_000,
}
"""Sizes for which everything small is done at once."""

WORDS: dict[str, Any] = {"docs": [14, 9, 12, 11], "text": 1, "workers": 3}
"""Four map tasks on three workers."""

SLOW_STEPS = Noise(job_step=(20 * MS, 20 * MS))
"""Tasks that last longer than a lease."""


def nth(source: str, to: str, message: str, n: int = 1) -> Nth:
    """The n-th message of that class from one node to another."""
    return Nth(source, to, n, message)
