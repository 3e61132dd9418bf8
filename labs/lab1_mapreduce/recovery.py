"""What a completion means, and what a death (part 1C; §3.3).

Workers do not know whether they are needed, and a worker that was taken for dead may come back and
report. So the rule is the master's, and simple: of each task the *first* completion counts. And what
a death undoes is where it lies: a map output is on the dead worker's disk and is lost with it; a
reduce output is in the store and stays.

Functions over the tables of tasks.py; no messages, no clock.
"""

from __future__ import annotations

from distlab.core import Address
from labs.lab1_mapreduce.protocol import Attempt, Counters
from labs.lab1_mapreduce.tasks import Accepted, JobTable, Task


def accept(task: Task, done: Accepted, counters: Counters, now: int) -> bool:
    """An attempt reports that it is complete: whether it is the one that counts (also if it was before).

    An attempt whose output was found to be lost is not accepted again: its report may be an old one.
    """
    raise NotImplementedError("1C: first completion wins; the others end")


def attempt_died(table: JobTable, attempt: Attempt) -> bool:
    """The attempt is not in progress any more; whether it was."""
    raise NotImplementedError("1C: forget that it runs")


def output_lost(table: JobTable, attempt: Attempt) -> bool:
    """The output of a map attempt cannot be had: whether its task is to be executed again."""
    raise NotImplementedError("1C: if it is the accepted one, the task is idle again")


def attempts_on(table: JobTable, worker: Address) -> list[Attempt]:
    """What runs there."""
    return [a for task in table.tasks for a, r in task.running.items() if r.worker == worker]


def worker_died(table: JobTable, worker: Address) -> bool:
    """A worker is dead: undo what lies there; whether any output was lost."""
    raise NotImplementedError(
        "1C: its attempts end; its map outputs are lost, if they are still needed"
    )
