"""A node's disk in the simulator: the file model of the core, with time, faults and events round it.

Theory of operation. A sync takes a mark and is queued on the device. While one is under way, those that come join the
next one, and all of these complete together: group commit falls out of the device being busy. Together means at one
time, and in order: a crash can fall between two of them. The process holds back its effects until then
(:mod:`distlab.sim.process`). A crash asks the disk's own random stream what survives.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from random import Random
from typing import TYPE_CHECKING, Any

from distlab.core.errors import DiskError, DiskFull, Halt
from distlab.core.files import Files, FilesDisk, Mark
from distlab.faults import Survival
from distlab.sim.streams import stream
from distlab.trace import Kind

if TYPE_CHECKING:
    from distlab.sim.actor import Actor
    from distlab.sim.simulation import Simulation

_SECTOR = 512
_ACCESS_COST = 100
"""Microseconds that a read or write takes on a slow disk, before its factor."""


_SOUND = {"slow": 1, "full": False, "event_cost": 0, "job_factor": 1}


class Request:
    """A sync that was asked for."""

    __slots__ = ("about_to", "done", "is_settled", "mark")

    def __init__(
        self,
        mark: Mark,
        done: Callable[[bool], None],
        about_to: Callable[[], None] | None = None,
    ) -> None:
        self.mark = mark
        self.about_to = about_to
        """Called when all before it are done. May raise ``Halt``: a fault has waited for that."""
        self.done = done
        """Called with whether it worked, unless somebody settles it before its time."""
        self.is_settled = False

    def begin(self) -> None:
        about_to, self.about_to = self.about_to, None
        if about_to is not None:
            about_to()


class Device:
    """What all incarnations of one node share: the files, and the state of the hardware."""

    def __init__(self, sim: Simulation, address: str, capacity: int | None) -> None:
        self.sim = sim
        self.address = address
        self.files = Files(capacity)
        self.failing_syncs = 0
        self.failing_reads = 0
        self.slow = 1
        """How many times as long the disk takes."""
        self.full = False
        self.event_cost = 0
        """What each event costs on a slow node."""
        self.job_factor = 1
        """How many times as long jobs take."""
        self.harm: dict[tuple[str, int], Any] = {}
        """(one of these four, number of a fault) -> what the fault makes of it, in the order in which they struck."""
        self._random: Random | None = None
        self._under_way: list[Request] = []
        self._waiting: list[Request] = []

    def refresh(self, names: Iterable[str]) -> None:
        """These properties are as the faults that are under way make them."""
        for name in names:
            worse = [value for (what, _), value in self.harm.items() if what == name]
            setattr(self, name, worse[-1] if worse else _SOUND[name])

    def chance(self) -> float:
        """The next draw from the disk's own stream."""
        if self._random is None:
            self._random = stream(self.sim.noise.seed, "disk", self.address)
        return self._random.random()

    def sync(self, request: Request) -> None:
        """Make what it covers durable some time later, then call its ``done`` with whether it worked."""
        self._waiting.append(request)
        if not self._under_way:
            self._begin()

    def _begin(self) -> None:
        self._under_way, self._waiting = self._waiting, []
        self.sim.after(self.sync_time() * self.slow, self._complete, self._under_way)

    def sync_time(self) -> int:
        """How long the next sync takes, ordinarily."""
        least, most = self.sim.noise.sync
        return least if least == most else least + int(self.chance() * (most - least))

    def _complete(self, batch: list[Request]) -> None:
        for request in batch:
            if batch is self._under_way and not request.is_settled:
                with contextlib.suppress(Halt):
                    request.begin()
            if batch is not self._under_way:  # the machine has crashed, before or just now
                return
            if not request.is_settled:
                request.done(self.settle(request))
        if batch is self._under_way:
            self._under_way = []
            if self._waiting:
                self._begin()

    def settle(self, request: Request) -> bool:
        """Make what the request covers durable now, unless a fault says that it fails."""
        request.is_settled = True
        if self.failing_syncs:
            self.failing_syncs -= 1
            self.files.forsake(request.mark)
            self.sim.tally["sync failed"] += 1
            return False
        self.files.settle(request.mark)
        return True

    def crash(self, survival: Survival) -> None:
        """The machine loses what the survival rule says of the writes that were not synced."""
        if len(self._under_way) > 1 and survival in (Survival.SOME, Survival.TORN):
            for request in self._under_way[: int(self.chance() * len(self._under_way))]:
                self.files.settle(request.mark)  # they were done, and nobody had heard
        self._under_way, self._waiting = [], []
        lost = self.files.crash(
            self._keeper(survival),
            self._name_keeper(survival),
            fenced=survival is not Survival.ALL,
        )
        if lost:
            self.sim.tally["unsynced bytes lost"] += 1

    def _keeper(self, survival: Survival) -> Callable[[int, bool], int]:
        if survival is Survival.NOTHING:
            return lambda size, last: 0
        if survival is Survival.ALL:
            return lambda size, last: size
        if survival is Survival.TORN:
            return lambda size, last: self._torn(size) if last else size
        return lambda size, last: (0, size, self._torn(size))[int(self.chance() * 3)]

    def _torn(self, size: int) -> int:
        """A prefix: whole sectors of a large write, any number of bytes of a small one."""
        unit = _SECTOR if size > _SECTOR else 1
        return int(self.chance() * size) // unit * unit

    def _name_keeper(self, survival: Survival) -> Callable[[int], int]:
        if survival is Survival.SOME:
            return lambda count: int(self.chance() * (count + 1))
        return lambda count: 0 if survival is Survival.NOTHING else count


class SimDisk(FilesDisk):
    """The disk as one actor sees it: a process (its handlers), or a job."""

    def __init__(self, actor: Actor, device: Device) -> None:
        super().__init__(device.files)
        self._actor = actor
        self._device = device

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        self._access()
        if self._device.failing_reads:
            self._device.failing_reads -= 1
            self._actor.sim.tally["read failed"] += 1
            raise DiskError(f"cannot read {path}")
        return super().read(path, start, length)

    def append_bytes(self, path: str, data: bytes) -> None:
        self._access()
        if self._device.full:
            self._actor.sim.tally["disk full"] += 1
            raise DiskFull(f"no room for {len(data):,} bytes in {path}")
        self._files.append(path, data)
        self._actor.note(Kind.WRITE, ("append", path, len(data)))

    def truncate(self, path: str, size: int) -> None:
        self._access()
        self._files.truncate(path, size)
        self._actor.note(Kind.WRITE, ("truncate", path, size))

    def replace(self, source: str, target: str) -> None:
        self._access()
        self._files.replace(source, target)
        self._actor.note(Kind.WRITE, ("replace", target, 0))

    def delete(self, path: str) -> None:
        self._access()
        self._files.delete(path)
        self._actor.note(Kind.WRITE, ("delete", path, 0))

    def sync(self, *paths: str) -> None:
        self._actor.must_live()
        self._actor.sync(paths)

    def _access(self) -> None:
        self._actor.must_live()
        if self._device.slow > 1:
            self._actor.charge(_ACCESS_COST * self._device.slow)
