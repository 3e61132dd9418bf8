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
    # BEGIN SOLUTION 1A: map all batches, spill when memory is full, merge the spills, sync
    app = find(order.spec.app)(order.spec.params, io.random)
    output = MapSide(io, app, order.attempt.path, order.spec.reduces, limits)
    records = batches(io.store, order.split, limits.batch)
    if order.careful:
        records = skipping.one_by_one(records, order.skip)
    count = 0
    for number, lines in records:
        yield number
        output.add(lines, order.split.key)
        count += len(lines)
        if output.is_full:
            yield from output.spill()
    yield from output.finish(order.attempt.task)
    counted = {"records": count, "skipped": len(order.skip), **app.counters}
    sizes = tuple(io.disk.size(path) for path in output.paths)
    return MapResult(sizes, tuple(sorted(counted.items())))
    # END SOLUTION


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

    # BEGIN SOLUTION 1A: your own helpers
    def add(self, lines: list[bytes], source: str) -> None:
        """Map some lines."""
        pairs = self.pairs
        for key, value in self.app.map_batch(lines, source):
            if key in pairs:
                pairs[key].append(value)
            else:
                pairs[key] = [value]
        self.text += sum(map(len, lines))

    @property
    def is_full(self) -> bool:
        """Whether memory is used up even after combining."""
        if self.held > self.limits.memory and self.app.combines:
            self.combine()
        return self.held > self.limits.memory // (2 if self.app.combines else 1)

    @property
    def held(self) -> int:
        """Bytes in memory, about: values cost what their text did, and a reference each."""
        return 2 * self.text + _KEY_COST * len(self.pairs)

    def combine(self) -> None:
        """Replace the values of each key by fewer."""
        pairs, combine = self.pairs, self.app.combine
        for key in [key for key, values in pairs.items() if len(values) > 1]:
            pairs[key] = combine(key, pairs[key])
        self.text = 0

    def combined(self, groups: Iterable[Group]) -> Iterator[Group]:
        """The groups, combined where that can help."""
        combine = self.app.combine
        for key, values in groups:
            yield key, combine(key, values) if len(values) > 1 else values

    def spill(self) -> Iterator[int]:
        """Write all pairs away: a sorted run for each partition. Rows to be spread wait as they are."""
        if self.app.combines:
            self.combine()
        pairs, self.pairs, self.text = self.pairs, {}, 0
        if self.app.spreads:
            parts = [list(pairs)]
        else:
            keys = sorted(pairs)
            parts = self.app.partitions(keys, self.parts) or partition.by_hash(keys, self.parts)
        for path, part in zip(self.new_runs(len(parts)), parts, strict=True):
            # Not one step of Python for each group: there are millions of them.
            values = [*map(pairs.__getitem__, part)]
            for _ in write_columns(self.disk, path, part, values, self.limits.block):
                yield NO_RECORD

    def new_runs(self, count: int) -> list[str]:
        """Paths for the runs of one more spill."""
        paths = [f"{self.folder}/spill-{self.made}.{part}" for part in range(count)]
        self.spills.append(paths)
        self.made += 1
        return paths

    def write(self, path: str, groups: Iterable[Group]) -> Iterator[int]:
        """Write a run, yielding now and then."""
        for _ in write_run(self.disk, path, groups, self.limits.block):
            yield NO_RECORD

    def finish(self, task: int) -> Iterator[int]:
        """Make the final files of the spills, and make them durable."""
        if self.pairs or not self.spills:
            yield from self.spill()
        if self.app.spreads:
            yield from self.spread(task)
        for part, path in enumerate(self.paths):
            yield from self.merge_into(path, [runs[part] for runs in self.spills])
        self.disk.sync(*self.paths, f"{self.folder}/")
        yield NO_RECORD

    def spread(self, task: int) -> Iterator[int]:
        """Replace the rows that wait by runs for each partition."""
        waiting, self.spills = [path for (path,) in self.spills], []
        rows = Rows(self.disk, waiting, self.merged, self.limits.block)
        for hands in spreading.deal(rows, self.parts, task):
            for path, hand in zip(self.new_runs(self.parts), hands, strict=True):
                yield from self.write(path, sorted(hand))
        for path in waiting:
            self.disk.delete(path)
        if not self.spills:
            for path in self.new_runs(self.parts):
                yield from self.write(path, [])

    def merge_into(self, path: str, runs: list[str]) -> Iterator[int]:
        """Make one run of several, combining once more."""
        if len(runs) == 1:
            self.disk.replace(runs[0], path)
            return
        groups = (group for groups in self.merged(runs) for group in groups)
        yield from self.write(path, self.combined(groups) if self.app.combines else groups)
        for run_path in runs:
            self.disk.delete(run_path)

    def merged(self, runs: list[str]) -> Iterator[list[Group]]:
        """The groups of some runs in order, some at a time."""
        limits = self.limits
        for groups in merge_all(self.disk, runs, limits.ways, limits.block, self.folder):
            if groups is not None:
                yield groups

    # END SOLUTION
