"""No process of ours outlives the one that started it, however that one ends.

On Linux the kernel sees to it (``PR_SET_PDEATHSIG``: SIGKILL, also to a stopped process). Elsewhere a thread waits for
the end of file of a pipe whose other end only the parent holds; a process that is stopped at that moment goes when
its group is orphaned (POSIX: SIGHUP, then SIGCONT) or continued.

The kernel's signal is tied to the *thread* that started the child: whoever starts children must do so from a thread
that lives as long as they may.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1


def _load() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


_libc = _load()  # at import, so that a forked child has nothing to load


def tie_to_parent(parent: int, pipe: int) -> None:
    """End this process when process ``parent`` does; ``pipe`` reaches end of file at that moment."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_end_with, args=(pipe,), name="lifeline", daemon=True).start()
    if os.getppid() != parent:  # it ended before we were tied
        os._exit(1)


def _end_with(pipe: int) -> None:
    while os.read(pipe, 1):
        pass
    os._exit(1)
