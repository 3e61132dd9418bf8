"""A disk for exams of the log: a crash may come between any two steps, and leave anything that disks may leave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from distlab.core import DiskError
from distlab.core.disk import RecordFiles
from distlab.core.files import Files, Mark


class Platter(RecordFiles):
    """Files whose syncs are under way until somebody says that they are done."""

    def __init__(self) -> None:
        self.model = Files()
        self.under_way: list[Mark] = []
        self.syncs = 0
        """How many were asked for."""

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        return self.model.read(path, start, length)

    def append_bytes(self, path: str, data: bytes) -> None:
        self.model.append(path, data)

    def truncate(self, path: str, size: int) -> None:
        self.model.truncate(path, size)

    def replace(self, source: str, target: str) -> None:
        self.model.replace(source, target)

    def delete(self, path: str) -> None:
        self.model.delete(path)

    def files(self, folder: str = "/") -> list[str]:
        return self.model.files(folder)

    def size(self, path: str) -> int:
        return self.model.size(path)

    def exists(self, path: str) -> bool:
        return self.model.exists(path)

    def durable_size(self, path: str) -> int:
        return self.model.durable_size(path)

    def sync(self, *paths: str) -> None:
        self.syncs += 1
        self.under_way.append(self.model.mark(*paths))

    # -- what the examiner does -------------------------------------------------------------------------------------

    def complete(self, count: int) -> None:
        """The next so many syncs are done."""
        for _ in range(count):
            self.model.settle(self.under_way.pop(0))

    def crash(self, kept: Sequence[float], names: int) -> None:
        """Each write that was not synced is kept to this extent, in their order; so many changes of names are."""
        shares = iter(kept)
        self.model.crash(
            lambda size, last: int(size * next(shares, 0.0)), lambda count: min(names, count)
        )
        self.under_way.clear()


def outcomes(writes: int) -> Iterator[tuple[tuple[float, ...], int]]:
    """What a crash may leave of so many writes: each whole, torn or lost; and of the name of their file."""
    for kept in product((1.0, 0.0, 0.6), repeat=writes):
        for names in (0, 9):
            yield kept, names


class BrokenPlatter(Platter):
    """A disk that cannot be read."""

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        raise DiskError(f"cannot read {path}")
