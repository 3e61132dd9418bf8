"""What a fault plan does to a node that no signal and no proxy can do: the node's own process carries it out on itself.

A slow node sleeps after each event, a slow disk before each access, and the syncer draws each sync out; a full or
failing disk raises what a real one would; a clock that is not right is read through an offset. All this strikes what
handlers do, and of jobs only their pace.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from distlab.core.errors import DiskError, DiskFull
from distlab.faults import FailRead, FailSync, FillDisk, JumpClock, KillJob, SlowDisk, SlowNode
from distlab.live.jobhost import Board
from distlab.live.syncer import Syncer

_SLOW_ACCESS: Final = 100e-6
"""Seconds that a read or write takes on a slow disk, before its factor."""


class Ailments:
    """Everything that is wrong with one node now."""

    def __init__(self, syncer: Syncer, board: Board, kill_job: Callable[[], None]) -> None:
        self._syncer = syncer
        self._board = board
        self._kill_job = kill_job
        self._offset = self._drift = self._since = 0
        """Of the clock: microseconds, millionths, and since when it drifts so."""
        self.mend()

    def mend(self) -> None:
        """All is well again; but a clock that was moved stays as it is."""
        self._cost = 0.0
        """Seconds that each event takes on top."""
        self._slowness = 1
        self._is_full = False
        self._failing_reads = 0
        self._board.slow_down(1)
        self._syncer.factor = 1
        self._syncer.failing = 0

    def suffer(self, action: Any, over: bool) -> None:
        """A fault strikes, or is ``over``."""
        match action:
            case SlowNode(_, _, cost, factor):
                self._cost = 0.0 if over else cost / 1e6
                self._board.slow_down(1 if over else factor)
            case SlowDisk(_, _, factor):
                self._slowness = self._syncer.factor = 1 if over else factor
            case FillDisk():
                self._is_full = not over
            case FailSync():
                self._syncer.failing += 1
            case FailRead():
                self._failing_reads += 1
            case KillJob():
                self._kill_job()
            case JumpClock(_, by, drift):
                now = self.now()
                self._since = time.time_ns() // 1000
                self._offset = now - self._since + by
                self._drift = drift

    def after_event(self) -> None:
        """A handler has run."""
        if self._cost:
            time.sleep(self._cost)

    def before_access(self) -> None:
        """The disk is to be read or written."""
        if self._slowness > 1:
            time.sleep(_SLOW_ACCESS * self._slowness)

    def before_read(self, path: str) -> None:
        """May raise ``DiskError``."""
        self.before_access()
        if self._failing_reads:
            self._failing_reads -= 1
            raise DiskError(f"cannot read {path}")

    def before_append(self, path: str) -> None:
        """May raise ``DiskFull``."""
        self.before_access()
        if self._is_full:
            raise DiskFull(f"no room in {path}")

    def now(self) -> int:
        """What the node's clock shows, in microseconds."""
        wall = time.time_ns() // 1000
        drifted = (wall - self._since) * self._drift // 1_000_000 if self._drift else 0
        return wall + self._offset + drifted
