"""Backup tasks (part 1D; §3.6).

One slow machine makes the whole job slow, for the last task decides. So when no task is left to hand
out, whoever asks gets a second attempt of one that takes long, and the first completion wins. The art
is not to do it too often: the paper pays a few per cent more work, not twice as much.
"""

from __future__ import annotations

from statistics import median

from distlab.core import Address
from labs.lab1_mapreduce.tasks import JobTable, Running, Task


def straggler(table: JobTable, worker: Address, now: int, factor: float) -> Task | None:
    """A task in progress that ``worker`` shall attempt as well; None where that would be waste.

    To be called when there is nothing else to do. Gives a task no third attempt, and no worker a task
    that it runs already.
    """
    raise NotImplementedError(
        "1D: the task that runs longest, if that is much longer than such tasks take"
    )
