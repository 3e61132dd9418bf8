"""Dealing rows out evenly, twice alike (part 1E; SPARK-23207).

A row that has no key may go anywhere, so it goes wherever there are fewest: round-robin. But tasks are
executed again. Let reducer 0 have fetched its partition of a map output when the worker that holds it
dies, and reducer 1 not yet. If the second execution deals a row to partition 0 that the first one had
dealt to partition 1, nobody gets it; the other way round, it comes twice. No task fails, no checksum
is wrong: in the run that the ticket reports, 931,532 of 1,000,000 rows were left.
"""

from __future__ import annotations

from collections.abc import Iterator

from labs.lab1_mapreduce.blocks import Group
from labs.lab1_mapreduce.rows import Rows


def deal(rows: Rows, parts: int, first: int) -> Iterator[list[list[Group]]]:
    """Hands of rows: ``parts`` lists each, which together hold every row once.

    No two partitions get numbers of rows that differ by more than one, and another attempt of the task
    deals the same rows to the same partitions. ``first`` is the number of the map task: tasks that all
    began with partition 0 would fill it before the others.
    """
    raise NotImplementedError("1E: deal the rows out in turn; in which order must they come?")
