"""Records that kill (part 1E; §4.6).

A record on which the program's code dies would stop the job for ever: the task fails, is executed
again, and fails again. If it dies twice of the same record, the record is left out. Once is not
enough: workers die of other things too, and a healthy record must not be blamed for it.

Which record it was, a map attempt knows only if it says so before each one, and that is slow. So
attempts go fast until one has died; later ones of that task are *careful*.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from distlab.core import Failed
from labs.lab1_mapreduce.protocol import NO_RECORD, RunMap
from labs.lab1_mapreduce.tasks import Task

BLAMED_OFTEN_ENOUGH = 2


def one_by_one(
    records: Iterator[tuple[int, list[bytes]]], skip: Collection[int]
) -> Iterator[tuple[int, list[bytes]]]:
    """The same records, each by itself with its number; without those to skip."""
    raise NotImplementedError("1E: single records out of the batches, but for those to skip")


def last_gasp(order: RunMap, failed: Failed) -> int | None:
    """The record that a map attempt died of; None where that is not certain."""
    raise NotImplementedError(
        "1E: the last number it reported, if it reported every record and was in one"
    )


def blame(task: Task, record: int | None) -> None:
    """An attempt of the task has died, of this record if one is named: settle how the next one goes."""
    raise NotImplementedError("1E: count what the record is blamed for; skip it the second time")
