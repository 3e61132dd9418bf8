"""Carries out a fault plan in the simulator: when each fault strikes, at whom, and how it ends.

A fault is *applied* when its trigger fires and its target is there; :attr:`Injector.applied` keeps what it came to,
with the node's name in place of a role, so that the minimiser can write down what really happened. Whether a
fault had any *effect* (a message really dropped, unsynced bytes really lost) is counted in the simulation's tally.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from distlab.core.errors import Halt, ScenarioError
from distlab.core.values import Address
from distlab.faults import (
    AnyAction,
    At,
    Clog,
    Crash,
    Cut,
    Doing,
    FailRead,
    FailSync,
    Fault,
    FillDisk,
    JumpClock,
    KillJob,
    Nth,
    Partition,
    Pause,
    Plan,
    Rot,
    SlowDisk,
    SlowNode,
    Twin,
)
from distlab.sim.network import Link
from distlab.trace import Kind

if TYPE_CHECKING:
    from distlab.sim.process import Process
    from distlab.sim.simulation import Simulation


class Injector:
    """The faults of one run."""

    def __init__(self, sim: Simulation, plan: Plan) -> None:
        plan.check()
        self._sim = sim
        self._waiting: list[tuple[Doing, AnyAction, list[int]]] = []
        """Faults that wait for somebody's doing, with how often it has been done."""
        self.applied: list[Fault] = []
        self.heal_at = plan.heal_at
        for fault in plan.faults:
            match fault.when:
                case At(time):
                    sim.at(time, self._strike, fault)
                case Nth() as nth:
                    there, back = self._resolve(nth.source), self._resolve(nth.to)
                    if there is None or back is None:
                        raise ScenarioError(f"{fault}: nobody of that name or role")
                    sim.network.plan(msgspec.structs.replace(nth, source=there, to=back), fault.do)
                case Doing() as doing:
                    self._waiting.append((doing, fault.do, [0]))
        if plan.heal_at is not None:
            sim.at(plan.heal_at, self._heal, None)

    @property
    def is_watching(self) -> bool:
        """Whether any fault waits for somebody's doing."""
        return bool(self._waiting)

    def watch(self, process: Process, verb: str, what: str) -> None:
        """``process`` is about to do something. Raises ``Halt`` where that brings it down."""
        for entry in list(self._waiting):
            doing, action, count = entry
            if (
                doing.verb != verb
                or not what.startswith(doing.what)
                or not self._is(doing.node, process)
            ):
                continue
            count[0] += 1
            if count[0] == doing.n:
                self._waiting.remove(entry)
                self._strike(Fault(doing, action))
        if not process.alive:
            raise Halt(f"crashed before it could {verb}")

    def _is(self, name: str, process: Process) -> bool:
        return name == process.address or (
            name[0] == "@" and self._resolve(name) == process.address
        )

    def _resolve(self, name: str) -> Address | None:
        """The address that ``name`` stands for now; None for a role that nobody has."""
        if not name.startswith("@"):
            if name not in self._sim.cluster.members:
                raise ScenarioError(f"the plan names {name!r}, which is no member of the cluster")
            return Address(name)
        role, _, index = name[1:].partition(":")
        holders = self._sim.holders(role)
        at = int(index or 0)
        return holders[at] if at < len(holders) else None

    def _strike(self, fault: Fault) -> None:
        action = fault.do
        if (name := getattr(action, "node", None)) is not None:
            address = self._resolve(name)
            if address is None:
                return
            action = msgspec.structs.replace(action, node=address)
        self.applied.append(Fault(fault.when, action))
        self._sim.struck(action)
        self._apply(action)

    def _apply(self, action: AnyAction) -> None:
        sim = self._sim
        match action:
            case Partition(_, duration):
                self._block(sim.network.split(action), duration)
            case Cut(source, to, duration):
                self._block(sim.network.between(source, to), duration)
            case Clog(source, to, duration):
                links = sim.network.between(source, to)
                for link in links:
                    link.clogged += 1
                self._later(
                    duration, lambda: sim.network.unclog([link for link in links if link.clogged])
                )
            case Crash(node, restart_after, unsynced):
                sim.crash(
                    Address(node), f"fault: {unsynced.value} of the unsynced writes kept", unsynced
                )
                if restart_after is not None:
                    sim.after(restart_after, sim.start, Address(node))
            case Twin(node, duration):
                self._twin(Address(node), duration)
            case JumpClock(node, by, drift):
                sim.move_clock(Address(node), by, drift)
            case SlowDisk(node, duration, factor):
                device = sim.devices[Address(node)]
                device.slow = factor
                self._later(duration, lambda: setattr(device, "slow", 1))
            case FillDisk(node, duration):
                device = sim.devices[Address(node)]
                device.full = True
                self._later(duration, lambda: setattr(device, "full", False))
            case FailSync(node):
                sim.devices[Address(node)].failing_syncs += 1
            case FailRead(node):
                sim.devices[Address(node)].failing_reads += 1
            case Rot(node, file, bit):
                files = sim.devices[Address(node)].files
                if names := [name for name in files.files() if files.size(name)]:
                    name = names[file % len(names)]
                    files.flip(name, bit % (8 * files.size(name)))
                    sim.tally["bit rot"] += 1
            case Pause(node) | SlowNode(node) | KillJob(node):
                if (process := sim.up.get(Address(node))) is not None:
                    self._apply_to(process, action)
            case _:
                raise ScenarioError(f"{action} needs another trigger")

    def _apply_to(self, process: Process, action: Pause | SlowNode | KillJob) -> None:
        sim = self._sim
        match action:
            case Pause(_, duration):
                process.pause(sim.time + duration)
            case SlowNode(_, duration, cost, factor):
                process.cost, process.factor = cost, factor
                self._later(duration, process.speed_up)
            case KillJob():
                for running in list(process.jobs.values())[:1]:
                    sim.tally["job killed"] += 1
                    running.kill()

    def _twin(self, address: Address, duration: int) -> None:
        sim = self._sim
        if (old := sim.up.pop(address, None)) is not None:
            sim.start(address)
            sim.after(duration, sim.end, old)

    def _block(self, links: list[Link], duration: int) -> None:
        for link in links:
            link.blocked += 1

        def reopen() -> None:
            for link in links:
                link.blocked = max(0, link.blocked - 1)

        self._later(duration, reopen)

    def _later(self, duration: int, end: Callable[[], None]) -> None:
        self._sim.after(duration, lambda _: end(), None)

    def _heal(self, _: None) -> None:
        """Everything that is still wrong is mended."""
        sim = self._sim
        sim.trace.append((sim.next_id(), sim.time, "", 0, Kind.HEAL, 0, "", None))
        self._waiting.clear()
        sim.network.heal()
        for device in sim.devices.values():
            device.slow, device.full, device.failing_syncs, device.failing_reads = 1, False, 0, 0
        for process in sim.up.values():
            process.wake_now()
        for address in sim.cluster.members:
            if address not in sim.up:
                sim.start(address)
