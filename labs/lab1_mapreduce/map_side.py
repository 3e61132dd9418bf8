"""A map attempt: read a split, map it, leave R sorted files on the worker's disk (part 1A; §3.1, §4.2).

Pairs gather in one dictionary, key -> values: that groups them for nothing, and only distinct keys
need sorting. When it holds as much as the attempt may, it is combined; where that does not help, it is
*spilled*: one sorted run per partition. In the end the runs of each partition are merged into its one
file. Files that nobody else will ever name need no temporary names: an attempt that dies leaves
rubbish behind, never half an output.

The result is only worth reporting once it survives a crash of the worker, so all files are synced,
and their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from distlab.core import Steps
from distlab.core.context import JobContext
from labs.lab1_mapreduce import partition, skipping, spreading
from labs.lab1_mapreduce.apps import App, find
from labs.lab1_mapreduce.blocks import Group, write_columns, write_run
from labs.lab1_mapreduce.protocol import NO_RECORD, Limits, MapResult, RunMap
from labs.lab1_mapreduce.records import batches
from labs.lab1_mapreduce.rows import Rows
from labs.lab1_mapreduce.runs import merge_all

_KEY_COST = 150
"""Bytes that a key costs beside its own: its object, its entry, its list."""


def run(order: RunMap, limits: Limits, io: JobContext) -> Steps:
    """The job: yields before each batch the number of its first record, ``NO_RECORD`` elsewhere.

    Leaves the partition p of its output in the file ``{order.attempt.path}/{p}``, durable, and returns
    a ``MapResult``. A *careful* attempt maps one record at a time, and yields the number of each.
    """
    raise NotImplementedError(
        "1A: map all batches, spill when memory is full, merge the spills, sync"
    )


class MapSide:
    """The output of a map attempt in the making."""

    def __init__(self, io: JobContext, app: App, folder: str, parts: int, limits: Limits) -> None:
        self.disk = io.disk
        self.app = app
        self.folder = folder
        self.parts = parts
        self.limits = limits
        self.paths = [f"{folder}/{part}" for part in range(parts)]
        """The files that reduce tasks will ask for."""
        self.pairs: dict[bytes, list[Any]] = {}
        self.text = 0
        """Bytes of input that ``pairs`` stands for, where they have not been combined."""
        self.spills: list[list[str]] = []
        """Paths of the sorted runs, one per partition, for each time memory was full."""
        self.made = 0
        """How many times runs have been written."""

    # TODO 1A: your own helpers
