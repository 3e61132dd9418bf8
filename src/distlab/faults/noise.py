"""The background against which faults happen: how long things take, and what is lost without any plan.

Data only. Every number is drawn from the stream of the link, node or disk that it concerns, so that the noise of one is
not shifted by what happens on another.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core.errors import ScenarioError
from distlab.core.values import MS


class Noise(Struct, frozen=True, kw_only=True):
    """Ordinary conditions of a run. Of loss, a second copy and a long delay, at most one befalls a message."""

    seed: int = 0
    delay: tuple[int, int] = (1 * MS, 1 * MS)
    """Least and greatest time that a message takes; equal: constant, and so in order."""
    loss: float = 0.0
    """Chance that a datagram is lost."""
    duplicate: float = 0.0
    """Chance that a datagram arrives twice."""
    straggle: float = 0.0
    """Chance that a message takes up to ``straggle_by`` longer than ``delay`` says."""
    straggle_by: int = 50 * MS
    sync: tuple[int, int] = (2 * MS, 2 * MS)
    """How long a sync takes."""
    job_step: tuple[int, int] = (1 * MS, 1 * MS)
    """How long a job computes between two yields."""

    def __post_init__(self) -> None:
        for name in ("delay", "sync", "job_step"):
            least, most = getattr(self, name)
            if not 0 <= least <= most:
                raise ScenarioError(f"noise: {name}={least, most} is no range of times")
        for name in ("loss", "duplicate", "straggle"):
            if not 0 <= getattr(self, name) <= 1:
                raise ScenarioError(f"noise: {name}={getattr(self, name)} is no probability")


QUIET = Noise()
"""Constant delays, nothing lost: the simplest background, and the one that the minimiser tries first."""
