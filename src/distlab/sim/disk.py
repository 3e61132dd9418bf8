"""A node's disk in the simulator: the file model of the core, with time, faults and events round it.

Theory of operation. A sync takes a mark and is queued on the device. While one is under way, those that come join the
next one, and all of these complete together: group commit falls out of the device being busy. The process holds back
its effects until then (:mod:`distlab.sim.process`). A crash asks the disk's own random stream what survives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from distlab.core.disk import RecordFiles
from distlab.core.errors import DiskError, DiskFull
from distlab.core.files import Files, Mark
from distlab.faults import Survival
from distlab.sim.streams import stream
from distlab.trace import Kind

if TYPE_CHECKING:
    from distlab.sim.actor import Actor
    from distlab.sim.simulation import Simulation

_SECTOR = 512
_ACCESS_COST = 100
"""Microseconds that a read or write takes on a slow disk, before its factor."""


class Device:
    """What all incarnations of one node share: the files, and the state of the hardware."""

    def __init__(self, sim: Simulation, address: str, capacity: int | None) -> None:
        self.sim = sim
        self.files = Files(capacity)
        self.slow = 1
        self.full = False
        self.failing_syncs = 0
        self.failing_reads = 0
        self._random = stream(sim.noise.seed, "disk", address)
        self._busy = False
        self._waiting: list[tuple[Mark, Callable[[bool], None]]] = []

    def sync(self, mark: Mark, done: Callable[[bool], None]) -> None:
        """Make ``mark`` durable some time later, then call ``done`` with whether it worked."""
        self._waiting.append((mark, done))
        if not self._busy:
            self._begin()

    def _begin(self) -> None:
        batch, self._waiting = self._waiting, []
        self._busy = True
        least, most = self.sim.noise.sync
        took = least if least == most else least + int(self._random.random() * (most - least))
        self.sim.after(took * self.slow, self._complete, batch)

    def _complete(self, batch: list[tuple[Mark, Callable[[bool], None]]]) -> None:
        self._busy = False
        for mark, done in batch:
            done(self.settle(mark))
        if self._waiting and not self._busy:
            self._begin()

    def settle(self, mark: Mark) -> bool:
        """Make ``mark`` durable now, unless a fault says that it fails."""
        if self.failing_syncs:
            self.failing_syncs -= 1
            self.files.forsake(mark)
            self.sim.tally["sync failed"] += 1
            return False
        self.files.settle(mark)
        return True

    def crash(self, survival: Survival) -> None:
        """The machine loses what the survival rule says of the writes that were not synced."""
        self._busy = False
        self._waiting.clear()
        lost = self.files.crash(self._keeper(survival), self._name_keeper(survival))
        if lost:
            self.sim.tally["unsynced bytes lost"] += 1

    def _keeper(self, survival: Survival) -> Callable[[int, bool], int]:
        if survival is Survival.NOTHING:
            return lambda size, last: 0
        if survival is Survival.ALL:
            return lambda size, last: size
        if survival is Survival.TORN:
            return lambda size, last: self._torn(size) if last else size
        return lambda size, last: (0, size, self._torn(size))[int(self._random.random() * 3)]

    def _torn(self, size: int) -> int:
        """A prefix: whole sectors of a large write, any number of bytes of a small one."""
        unit = _SECTOR if size > _SECTOR else 1
        return int(self._random.random() * size) // unit * unit

    def _name_keeper(self, survival: Survival) -> Callable[[int], int]:
        if survival is Survival.SOME:
            return lambda count: int(self._random.random() * (count + 1))
        return lambda count: 0 if survival is Survival.NOTHING else count


class SimDisk(RecordFiles):
    """The disk as one actor sees it: a process (its handlers), or a job."""

    def __init__(self, actor: Actor, device: Device) -> None:
        self._actor = actor
        self._device = device
        self._files = device.files

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        if self._device.failing_reads:
            self._device.failing_reads -= 1
            self._actor.sim.tally["read failed"] += 1
            raise DiskError(f"cannot read {path}")
        self._access()
        return self._files.read(path, start, length)

    def append_bytes(self, path: str, data: bytes) -> None:
        if self._device.full:
            self._actor.sim.tally["disk full"] += 1
            raise DiskFull(f"no room for {len(data):,} bytes in {path}")
        self._changing("append", path, len(data))
        self._files.append(path, data)

    def truncate(self, path: str, size: int) -> None:
        self._changing("truncate", path, size)
        self._files.truncate(path, size)

    def replace(self, source: str, target: str) -> None:
        self._changing("replace", target, 0)
        self._files.replace(source, target)

    def delete(self, path: str) -> None:
        self._changing("delete", path, 0)
        self._files.delete(path)

    def files(self, folder: str = "/") -> list[str]:
        return self._files.files(folder)

    def size(self, path: str) -> int:
        return self._files.size(path)

    def exists(self, path: str) -> bool:
        return self._files.exists(path)

    def durable_size(self, path: str) -> int:
        return self._files.durable_size(path)

    def sync(self, *paths: str) -> None:
        for path in paths:
            self._actor.about_to("sync", path)
        self._actor.sync(paths, self._files.mark(*paths))

    def _changing(self, verb: str, path: str, size: int) -> None:
        self._access()
        self._actor.note(Kind.WRITE, (verb, path, size))

    def _access(self) -> None:
        self._actor.must_live()
        if self._device.slow > 1:
            self._actor.charge(_ACCESS_COST * self._device.slow)
