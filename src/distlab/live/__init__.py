"""The live world: every node a process of this machine, ZeroMQ between them, real files, and ``kill -9``.

::

    with Live(cluster, plan) as live:
        put = live.call("client", Put("x", 1))
        live.wait(lambda: put.outcome is not None)
    judge(live.trace)

The same programs and plans as in the simulator, as far as an operating system can carry them out
(:func:`unsupported`). The names are imported when they are first used: each node's process imports this package too,
and starts faster without what only a supervisor needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distlab.live.run import Call, Live, ProgramError
    from distlab.live.seat import Failure
    from distlab.live.support import unsupported

__all__ = ["Call", "Failure", "Live", "ProgramError", "unsupported"]

_HOMES = {
    "Call": "run",
    "Failure": "seat",
    "Live": "run",
    "ProgramError": "run",
    "unsupported": "support",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
