"""Merging sorted runs: the external half of "sort by key" (part 1A; §4.2).

Runs are files (blocks.py has their form), so what is merged may be far larger than memory: one block
of each run is held at a time.

The textbook's merge is a heap with one entry per run: an operation in Python per record. This one
moves blocks. Among the blocks in hand, take the least of their last keys: no run can bring a group up
to that key any more than it has brought already. So all groups up to it can be taken out, grouped in
a dictionary and sorted, each by one call into C for thousands of groups.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from operator import itemgetter

from distlab.core import Disk
from labs.lab1_mapreduce.blocks import Block, Group, read_blocks, write_run


class Head:
    """What is in hand of one run: the rest of a block."""

    def __init__(self, blocks: Iterator[Block]) -> None:
        self.blocks = blocks
        self.keys: list[bytes] = []
        self.values: list[list[object]] = []
        self.refill()

    def refill(self) -> None:
        """Take the next block, if nothing is in hand. No keys after this: the run is at its end."""
        while not self.keys and (block := next(self.blocks, None)) is not None:
            self.keys, self.values = block.keys, block.values

    def take(self, bound: bytes) -> Iterator[Group]:
        """Take out all groups up to ``bound``."""
        count = bisect_right(self.keys, bound)
        taken = zip(self.keys[:count], self.values[:count], strict=True)
        del self.keys[:count], self.values[:count]
        return taken


def merge(disk: Disk, paths: list[str]) -> Iterator[list[Group]]:
    """The groups of all runs in ascending order of keys, each key once, some groups at a time.

    The values of a key come in the order of ``paths``. Holds one block per run, and what it yields.
    """
    raise NotImplementedError("1A: merge the sorted runs, holding one block of each")


def merge_all(
    disk: Disk, paths: list[str], ways: int, block_size: int, folder: str
) -> Iterator[list[Group] | None]:
    """Like ``merge``, for any number of runs: never opens more than ``ways`` at a time.

    Where there are more, it first makes larger runs of neighbouring ones, files in ``folder`` that it
    deletes in the end, and yields None now and then meanwhile.
    """
    raise NotImplementedError("1A: merge in passes, ways runs at a time, until one pass is left")
