"""Cutting a job into tasks, and choosing the next one (part 1B; §3.1, §3.2).

Functions over the tables of tasks.py; no messages, no clock.
"""

from __future__ import annotations

from collections.abc import Iterator

from distlab.core import Address, Store
from labs.lab1_mapreduce.protocol import Attempt, JobSpec, MapOutput, Split
from labs.lab1_mapreduce.tasks import JobTable, Running, Task


def cut(store: Store, spec: JobSpec) -> Iterator[Split]:
    """The splits of a job's inputs: ranges of ``split_size`` bytes, the last of each input shorter.

    An empty input has no split. (Where lines end, the map attempts see to.)
    """
    # BEGIN SOLUTION 1B: ranges of split_size bytes over every input
    for key in spec.inputs:
        size = store.size(key)
        for start in range(0, size, spec.split_size):
            yield Split(key, start, min(spec.split_size, size - start))
    # END SOLUTION


def new_table(store: Store, spec: JobSpec) -> JobTable:
    """A job of which nothing has been done."""
    # BEGIN SOLUTION 1B: one map task per split, R reduce tasks
    maps = [Task("map", index, split) for index, split in enumerate(cut(store, spec))]
    return JobTable(spec, maps, [Task("reduce", index) for index in range(spec.reduces)])
    # END SOLUTION


def next_task(table: JobTable) -> Task | None:
    """An idle task that can be done now: a map task, or, when all of those are completed, a reduce task."""
    # BEGIN SOLUTION 1B: the first idle map task; behind the barrier, the first idle reduce task
    tasks = table.reduces if table.maps_are_over else table.maps
    return next((task for task in tasks if task.is_idle), None)
    # END SOLUTION


def begin(task: Task, attempt: Attempt, worker: Address, now: int) -> None:
    """The attempt is in progress on the worker."""
    # BEGIN SOLUTION 1B: remember who runs it, and since when
    task.running[attempt] = Running(worker, now)
    # END SOLUTION


def inputs_of(table: JobTable, part: int) -> tuple[MapOutput, ...]:
    """Where a reduce task finds its input: the accepted output of each map task, in their order."""
    # BEGIN SOLUTION 1B: one MapOutput for each map task
    accepted = [task.accepted for task in table.maps if task.accepted is not None]
    return tuple(MapOutput(a.attempt, a.holder, a.sizes[part]) for a in accepted)
    # END SOLUTION
