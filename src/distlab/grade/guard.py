"""Cuts off code that does not return: a generous limit of processor time, never of wall time.

A handler that loops for ever is interrupted where it stands, so that the report can show its line. Code that spends its
time inside one C call cannot be interrupted from within; the parent process kills the child then.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

RUN_LIMIT = 5.0
"""Processor seconds that one run may take. A run takes milliseconds."""

RETRY_LIMIT = 0.5
"""For runs of a handler that is known to hang, while a smaller scenario is looked for."""

BUSY_LIMIT = 3.0
"""The same for a program that keeps itself busy: time enough to reach the simulator's limit of events."""


class Stuck(BaseException):
    """Raised inside the code that does not return. Not an Exception, so that no handler swallows it."""


@contextlib.contextmanager
def processor_time(limit: float = RUN_LIMIT) -> Iterator[None]:
    """Within: ``Stuck`` is raised once this process has computed for ``limit`` seconds."""
    before = signal.signal(signal.SIGVTALRM, _raise)
    # Again and again: student code may catch BaseException once, but not for ever.
    signal.setitimer(signal.ITIMER_VIRTUAL, limit, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _raise(signum: int, frame: FrameType | None) -> None:
    raise Stuck
