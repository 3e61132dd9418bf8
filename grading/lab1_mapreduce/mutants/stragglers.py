"""Bugs of part 1D: no backups, too many, the wrong ones."""

from __future__ import annotations

from distlab.core import Address
from distlab.grade.lab import bug
from labs.lab1_mapreduce import backup
from labs.lab1_mapreduce.master import Master
from labs.lab1_mapreduce.protocol import Counters
from labs.lab1_mapreduce.tasks import Accepted, JobTable, Task
from labs.lab1_mapreduce.worker import Worker


def nobody(table: JobTable, worker: Address, now: int, factor: float) -> Task | None:
    """Waits for the last task, however long it takes."""
    return None


def everybody(table: JobTable, worker: Address, now: int, factor: float) -> Task | None:
    """Gives whoever is idle a second attempt of anything in progress, slow or not."""
    tasks = table.reduces if table.maps_are_over else table.maps
    return next((t for t in tasks if len(t.running) == 1), None)


def without_end(table: JobTable, worker: Address, now: int, factor: float) -> Task | None:
    """Gives the slowest task a third, a fourth, a fifth attempt: everybody who is idle works on it."""
    tasks = table.reduces if table.maps_are_over else table.maps
    took = sorted(task.took for task in tasks if task.took is not None)
    for task in tasks:
        ages = [now - running.since for running in task.running.values()]
        if took and ages and max(ages) > factor * took[len(took) // 2]:
            return task
    return None


def only_maps(table: JobTable, worker: Address, now: int, factor: float) -> Task | None:
    """Backs up map tasks only: a straggling reduce task is waited for."""
    return None if table.maps_are_over else backup_straggler(table, worker, now, factor)


def only_late(table: JobTable, worker: Address, now: int, factor: float) -> Task | None:
    """Calls a task slow when it takes ten times as long as the others: then it is over anyway."""
    return backup_straggler(table, worker, now, 10 * factor)


def when_all_else_is_done(table: JobTable, worker: Address, now: int, factor: float) -> Task | None:
    """Compares with the slowest task so far, several times over: one slow task hides the next."""
    tasks = table.reduces if table.maps_are_over else table.maps
    took = [task.took for task in tasks if task.took is not None]
    alone = [t for t in tasks if len(t.running) == 1]
    if not took or not alone:
        return None
    oldest = min(alone, key=lambda t: min(r.since for r in t.running.values()))
    age = now - min(r.since for r in oldest.running.values())
    return oldest if age > factor * 4 * max(took) else None


def counts_both(task: Task, done: Accepted, counters: Counters, now: int) -> bool:
    """Adds the counters of every completion, the backup's and the straggler's."""
    first = task.accepted is None
    if first:
        running = task.running.get(done.attempt)
        task.took = now - running.since if running is not None else None
        task.accepted = done
        task.running.pop(done.attempt, None)
    if first or (task.accepted is not None and task.accepted.attempt != done.attempt):
        sums = dict(task.counters or ())
        for name, value in counters:
            sums[name] = sums.get(name, 0) + value
        task.counters = tuple(sorted(sums.items()))
    return task.accepted is not None and task.accepted.attempt == done.attempt


class WipesItsDisk(Worker):
    """Tidies up when it is started: all that it had completed is lost, though the disk was well."""

    def on_start(self) -> None:
        for path in self.disk.files():
            if path != "incarnations":
                self.disk.delete(path)
        super().on_start()


class WaitsForTheLease(Master):
    """A worker that asks for work has none; but what it was given before it was killed stays in progress until the
    lease runs out."""

    def forget_attempts_of(self, worker: Address) -> None:
        pass


backup_straggler = backup.straggler

STRAGGLERS = (
    bug(
        "no-backups",
        nobody,
        part="D",
        replaces="backup:straggler",
        breaks="MR-L2",
        kind="liveness",
        source="paper §5.4: 44 % longer without backup tasks",
    ),
    bug(
        "backs-up-all",
        everybody,
        part="D",
        replaces="backup:straggler",
        breaks="MR-L2",
        kind="cost",
    ),
    bug(
        "backs-up-without-end",
        without_end,
        part="D",
        replaces="backup:straggler",
        breaks="MR-L2",
        kind="cost",
    ),
    bug(
        "backs-up-maps-only",
        only_maps,
        part="D",
        replaces="backup:straggler",
        breaks="MR-L2",
        kind="liveness",
    ),
    bug(
        "backs-up-too-late",
        only_late,
        part="D",
        replaces="backup:straggler",
        breaks="MR-L2",
        kind="liveness",
    ),
    bug(
        "waits-for-the-slowest",
        when_all_else_is_done,
        part="D",
        replaces="backup:straggler",
        breaks="MR-L2",
        kind="liveness",
    ),
    bug(
        "wipes-its-disk",
        WipesItsDisk,
        part="D",
        replaces="worker:Worker",
        breaks="MR-L4",
        kind="cost",
    ),
    bug(
        "waits-for-the-lease",
        WaitsForTheLease,
        part="D",
        replaces="master:Master",
        breaks="MR-L4",
        kind="liveness",
    ),
    bug(
        "counts-backups",
        counts_both,
        code="m16",
        part="D",
        replaces="recovery:accept",
        breaks="MR-S7",
        source="paper §4.7: duplicate executions from backup tasks",
    ),
)
