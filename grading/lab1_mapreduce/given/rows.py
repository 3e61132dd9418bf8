"""The rows of a map attempt whose program spreads them: in two orders, of which you choose. Given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from distlab.core import Disk
from labs.lab1_mapreduce.blocks import Group, read_blocks, read_groups, write_run


class Rows:
    """All rows of one map attempt, on disk: each a group of one key, the row, and its copies."""

    def __init__(
        self,
        disk: Disk,
        paths: list[str],
        merged: Callable[[list[str]], Iterable[list[Group]]],
        block_size: int,
    ) -> None:
        self._disk = disk
        self._paths = paths
        """Files that hold the rows in the order of their arrival; each fitted into memory once."""
        self._merged = merged
        """Your merge: paths of sorted runs -> their groups in order."""
        self._block_size = block_size

    def as_they_came(self) -> Iterator[list[Group]]:
        """The rows in the order in which the program put them out, some at a time. Costs nothing."""
        for path in self._paths:
            for block in read_blocks(self._disk, path):
                yield list(zip(block.keys, block.values, strict=True))

    def in_order(self) -> Iterator[list[Group]]:
        """The rows in ascending order, some at a time. Costs an external sort."""
        runs = []
        for path in self._paths:
            runs.append(f"{path}-sorted")
            rows = sorted(read_groups(self._disk, path))
            for _ in write_run(self._disk, runs[-1], rows, self._block_size):
                pass
        yield from self._merged(runs)
        for run in runs:
            self._disk.delete(run)
