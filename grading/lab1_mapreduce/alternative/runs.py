"""Sorted runs, the textbook's way: a heap with one entry per run, a group at a time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from distlab.core import Disk
from labs.lab1_mapreduce.blocks import Group, read_groups, write_run

_KEY = itemgetter(0)
_HANDFUL = 32
"""Groups that are handed over at a time."""


def merged(disk: Disk, paths: list[str]) -> Iterator[Group]:
    """The groups of all runs in ascending order of keys, each key once, values in the order of the runs."""
    # heapq.merge is stable: of equal keys, those of earlier runs come first.
    streams = [read_groups(disk, path) for path in paths]
    for key, group in groupby(heapq.merge(*streams, key=_KEY), key=_KEY):
        yield key, [value for _, values in group for value in values]


def merge(disk: Disk, paths: list[str]) -> Iterator[list[Group]]:
    """The same, some groups at a time."""
    handful: list[Group] = []
    for group in merged(disk, paths):
        handful.append(group)
        if len(handful) == _HANDFUL:
            yield handful
            handful = []
    if handful:
        yield handful


def merge_all(
    disk: Disk, paths: list[str], ways: int, block_size: int, folder: str
) -> Iterator[list[Group] | None]:
    """Merges the shortest neighbours first: of all places where ``ways`` runs stand side by side, the lightest."""
    waiting = [(disk.size(path), path) for path in paths]
    made: list[str] = []
    while len(waiting) > ways:
        places = range(len(waiting) - ways + 1)
        at = min(places, key=lambda place: sum(s for s, _ in waiting[place : place + ways]))
        longer = f"{folder}/longer-{len(made)}"
        made.append(longer)
        lightest = [path for _, path in waiting[at : at + ways]]
        yield from write_run(disk, longer, merged(disk, lightest), block_size)
        waiting[at : at + ways] = [(disk.size(longer), longer)]
    yield from merge(disk, [path for _, path in waiting])
    for path in made:
        disk.delete(path)
