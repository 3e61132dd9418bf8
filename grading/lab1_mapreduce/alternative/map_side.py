"""A map attempt that sorts pairs, where the reference groups in a dictionary.

Each partition has a list of pairs. When they are too many altogether, all lists are sorted by key (stably, so values
keep the order in which they came) and written away; neighbours with equal keys become a group while they are written.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from distlab.core import Disk, Steps
from distlab.core.context import JobContext
from labs.lab1_mapreduce import skipping, spreading
from labs.lab1_mapreduce.apps import App, find
from labs.lab1_mapreduce.blocks import Group, write_run
from labs.lab1_mapreduce.protocol import NO_RECORD, Limits, MapResult, RunMap
from labs.lab1_mapreduce.records import batches
from labs.lab1_mapreduce.rows import Rows
from labs.lab1_mapreduce.runs import merge_all

Pair = tuple[bytes, Any]
_KEY = itemgetter(0)
_PAIR_COST = 100


def run(order: RunMap, limits: Limits, io: JobContext) -> Steps:
    """Maps batch by batch into buckets; spills buckets; merges what was spilled."""
    app = find(order.spec.app)(order.spec.params, io.random)
    folder, parts = order.attempt.path, order.spec.reduces
    buckets = Buckets(app, 1 if app.spreads else parts)
    spills: list[list[str]] = []
    seen = 0
    records = batches(io.store, order.split, limits.batch)
    for number, lines in skipping.one_by_one(records, order.skip) if order.careful else records:
        yield number
        buckets.add(app.map_batch(lines, order.split.key))
        seen += len(lines)
        if buckets.cost + sum(map(len, lines)) > limits.memory:
            spills.append([f"{folder}/run{len(spills)}-{p}" for p in range(len(buckets.pairs))])
            yield from buckets.write(io.disk, spills[-1], limits.block)
    spills.append([f"{folder}/run{len(spills)}-{p}" for p in range(len(buckets.pairs))])
    yield from buckets.write(io.disk, spills[-1], limits.block)
    if app.spreads:
        spills = yield from dealt(io.disk, spills, parts, order.attempt.task, limits, folder)
    paths = [f"{folder}/{part}" for part in range(parts)]
    for part, path in enumerate(paths):
        runs = [spill[part] for spill in spills]
        merged = all_groups(io.disk, runs, limits, folder)
        for _ in write_run(io.disk, path, combined(app, merged), limits.block):
            yield NO_RECORD
        for spilled in runs:
            io.disk.delete(spilled)
    io.disk.sync(*paths, f"{folder}/")
    yield NO_RECORD
    counters = {"records": seen, "skipped": len(order.skip)} | dict(app.counters)
    sizes = tuple(map(io.disk.size, paths))
    return MapResult(sizes, tuple(sorted(counters.items())))


class Buckets:
    """Pairs that have not been written away, told apart by partition."""

    def __init__(self, app: App, parts: int) -> None:
        self.app = app
        self.pairs: list[list[Pair]] = [[] for _ in range(parts)]
        self.cost = 0

    def add(self, pairs: Any) -> None:
        """Put each pair where it belongs."""
        arrived = list(pairs)
        for key, value in arrived:
            self.cost += _PAIR_COST + len(key)
            for bucket in self.homes(key):
                self.pairs[bucket].append((key, value))

    def homes(self, key: bytes) -> list[int]:
        """The partitions of a key: one, unless the program wants it in several."""
        parts = len(self.pairs)
        if self.app.spreads or parts == 1:
            return [0]
        own = self.app.partitions([key], parts)
        if own is None:
            return [zlib.crc32(key) % parts]
        return [part for part, keys in enumerate(own) if keys]

    def write(self, disk: Disk, paths: list[str], block_size: int) -> Iterator[int]:
        """Write all pairs away, as sorted runs; rows that will be dealt stay as they came."""
        for path, pairs in zip(paths, self.pairs, strict=True):
            if not self.app.spreads:
                pairs.sort(key=_KEY)
            groups = ((key, [v for _, v in same]) for key, same in groupby(pairs, key=_KEY))
            for _ in write_run(disk, path, combined(self.app, groups), block_size):
                yield NO_RECORD
            pairs.clear()
        self.cost = 0


def combined(app: App, groups: Iterator[Group]) -> Iterator[Group]:
    """Groups with fewer values, if the program can."""
    if not app.combines:
        return groups
    return ((key, app.combine(key, values)) for key, values in groups)


def all_groups(disk: Disk, runs: list[str], limits: Limits, folder: str) -> Iterator[Group]:
    """The groups of runs, merged, one by one."""
    for groups in merge_all(disk, runs, limits.ways, limits.block, folder):
        yield from groups or ()


def dealt(
    disk: Disk, spills: list[list[str]], parts: int, task: int, limits: Limits, folder: str
) -> Any:
    """Turn the rows that were put aside into runs for each partition; returns their paths."""
    waiting = [path for (path,) in spills]

    def merged(runs: list[str]) -> Iterator[list[Group]]:
        for groups in merge_all(disk, runs, limits.ways, limits.block, folder):
            if groups:
                yield groups

    rows = Rows(disk, waiting, merged, limits.block)
    made: list[list[str]] = []
    held: list[list[Group]] = [[] for _ in range(parts)]
    hands = spreading.deal(rows, parts, task)
    is_over = False
    while not is_over:
        hand = next(hands, None)
        is_over = hand is None
        for groups, more in zip(held, hand or (), strict=False):
            groups += more
        if is_over or sum(map(len, held)) * _PAIR_COST > limits.memory:
            made.append([f"{folder}/hand{len(made)}-{part}" for part in range(parts)])
            for path, groups in zip(made[-1], held, strict=True):
                groups.sort(key=_KEY)
                for _ in write_run(disk, path, groups, limits.block):
                    yield NO_RECORD
                groups.clear()
    for path in waiting:
        disk.delete(path)
    return made
