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
    # BEGIN SOLUTION 1C: first completion wins; the others end
    if task.accepted is None and done.attempt not in task.lost:
        running = task.running.get(done.attempt)
        task.took = now - running.since if running is not None else None
        task.accepted = done
        task.counters = counters
        task.running.clear()
    return task.accepted is not None and task.accepted.attempt == done.attempt
    # END SOLUTION


def attempt_died(table: JobTable, attempt: Attempt) -> bool:
    """The attempt is not in progress any more; whether it was."""
    # BEGIN SOLUTION 1C: forget that it runs
    return table.task(attempt).running.pop(attempt, None) is not None
    # END SOLUTION


def output_lost(table: JobTable, attempt: Attempt) -> bool:
    """The output of a map attempt cannot be had: whether its task is to be executed again."""
    # BEGIN SOLUTION 1C: if it is the accepted one, the task is idle again
    task = table.task(attempt)
    if task.accepted is None or task.accepted.attempt != attempt:
        return False
    task.lost.add(attempt)
    task.accepted = None
    return True
    # END SOLUTION


def attempts_on(table: JobTable, worker: Address) -> list[Attempt]:
    """What runs there."""
    return [a for task in table.tasks for a, r in task.running.items() if r.worker == worker]


def worker_died(table: JobTable, worker: Address) -> bool:
    """A worker is dead: undo what lies there; whether any output was lost."""
    # BEGIN SOLUTION 1C: its attempts end; its map outputs are lost, if they are still needed
    for attempt in attempts_on(table, worker):
        attempt_died(table, attempt)
    if table.reduces_are_over:
        return False
    held = [a.attempt for t in table.maps if (a := t.accepted) is not None and a.holder == worker]
    for attempt in held:
        output_lost(table, attempt)
    return bool(held)
    # END SOLUTION
