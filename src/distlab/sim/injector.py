"""Carries out a fault plan in the simulator: when each fault strikes, at whom, and how it ends.

A fault is *applied* when its trigger fires and its target is there; :attr:`Injector.applied` keeps what it came to,
with the node's name in place of a role, so that the minimiser can write down what really happened. Whether a
fault had any *effect* (a message really dropped, unsynced bytes really lost) is counted in the simulation's tally.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from distlab.core.errors import Halt, ScenarioError
from distlab.core.values import Address
from distlab.faults import (
    STEPS,
    AnyAction,
    At,
    Clog,
    Crash,
    Cut,
    Doing,
    Draw,
    FailRead,
    FailSync,
    Fault,
    FillDisk,
    Fire,
    Hold,
    JumpClock,
    KillJob,
    Nth,
    Partition,
    Pause,
    Plan,
    Release,
    Rot,
    SlowDisk,
    SlowNode,
    Twin,
)
from distlab.sim.network import Link
from distlab.trace import Kind

if TYPE_CHECKING:
    from distlab.sim.disk import Device
    from distlab.sim.process import Process
    from distlab.sim.simulation import Simulation

_NAMES = ("node", "source", "to")
"""Fields that name nodes."""


class Injector:
    """The faults of one run."""

    def __init__(self, sim: Simulation, plan: Plan) -> None:
        plan.check()
        self._sim = sim
        self._waiting: list[tuple[Doing, AnyAction, list[int]]] = []
        """Faults that wait for somebody's doing, with how often it has been done."""
        self._under_way: dict[int, Callable[[], None]] = {}
        """What ends each fault that lasts, in the order in which they struck."""
        self._lasting = 0
        self.applied: list[Fault] = []
        self.heal_at = plan.heal_at
        steps = [
            f.when.time for f in plan.faults if isinstance(f.do, STEPS) and isinstance(f.when, At)
        ]
        self.over_at = max([plan.heal_at or 0, *steps])
        """From then on the plan does nothing more of its own accord: a run is not over before."""
        self.draws: dict[Address, deque[int]] = {}
        """What the draws of nodes are to come out as, for those of which the plan says anything."""
        for fault in plan.faults:
            self._check_names(fault)
            match fault.when:
                case At(0) if isinstance(fault.do, (Hold, Draw)):
                    self._step(fault, fault.do)  # before anybody starts
                case At(time):
                    if isinstance(fault.do, Draw):
                        self.draws.setdefault(Address(fault.do.node), deque())
                    sim.at(time, self._strike, fault)
                case Nth() as nth:
                    there, back = self._resolve(nth.source), self._resolve(nth.to)
                    if there is None or back is None:
                        raise ScenarioError(f"{fault}: nobody of that name or role")
                    sim.network.plan(msgspec.structs.replace(nth, source=there, to=back), fault.do)
                case Doing() as doing:
                    self._check_subject(doing)
                    self._waiting.append((doing, fault.do, [0]))
        self._set_watch()
        if plan.heal_at is not None:
            sim.at(plan.heal_at, self._heal, None)

    def _set_watch(self) -> None:
        """Effects are watched only while a fault waits for one."""
        self._sim.watch = self._watch if self._waiting else None

    def _check_subject(self, doing: Doing) -> None:
        """A misspelt message or job would otherwise be waited for in vain."""
        programs = [member.program for member in self._sim.cluster.members.values()]
        known = sorted({cls.__name__ for program in programs for cls in program.handlers})
        if doing.verb in ("send", "job") and not any(n.startswith(doing.what) for n in known):
            raise ScenarioError(
                f"{doing}: nobody handles {doing.what!r}; known are {', '.join(known)}"
            )

    def _watch(self, process: Process, verb: str, what: str) -> None:
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
                self._set_watch()
                with self._sim.aside():
                    self._strike(Fault(doing, action))
        if not process.alive:
            raise Halt(f"crashed before it could {verb}")

    # -- names ----------------------------------------------------------------------------------------------------

    def _check_names(self, fault: Fault) -> None:
        """Raise ``ScenarioError`` for a name that is no member's: a fault that can never strike."""
        names = [getattr(part, key, "@") for part in (fault.when, fault.do) for key in _NAMES]
        if isinstance(fault.do, Partition):
            names += [name for group in fault.do.groups for name in group]
        for name in names:
            if name[:1] not in ("@", "*"):
                self._resolve(name)

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

    def _resolved(self, action: AnyAction) -> AnyAction | None:
        """The action with addresses in place of roles; None where a role that it needs is nobody's."""
        if isinstance(action, Partition):
            groups = tuple(
                tuple(address for name in group if (address := self._resolve(name)) is not None)
                for group in action.groups
            )
            return msgspec.structs.replace(action, groups=groups)
        found: dict[str, str] = {}
        for key in _NAMES:
            name = getattr(action, key, None)
            if name is not None and name != "*":
                address = self._resolve(name)
                if address is None:
                    return None
                found[key] = address
        return msgspec.structs.replace(action, **found)

    # -- striking -------------------------------------------------------------------------------------------------

    def _strike(self, fault: Fault) -> None:
        action = self._resolved(fault.do)
        if action is None:
            return
        if isinstance(action, STEPS):
            self._step(fault, action)
            return
        self.applied.append(Fault(fault.when, action))
        self._sim.struck(action, getattr(action, "node", ""))
        self._apply(action)

    def _step(self, fault: Fault, action: AnyAction) -> None:
        """What an adversary lets happen; no fault of its own, and so nothing in the trace."""
        sim = self._sim
        match action:
            case Hold():
                sim.network.hold()
                struck = True
            case Release(source, to, n):
                struck = sim.network.release(source, to, n)
            case Fire(node, timer):
                process = sim.up.get(Address(node))
                struck = process is not None and process.fire_now(timer)
            case Draw(node, values):
                self.draws.setdefault(Address(node), deque()).extend(values)
                struck = True
            case _:
                raise ScenarioError(f"{action} is no step")
        if struck:
            self.applied.append(Fault(fault.when, action))

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
                self._for(duration, lambda: sim.network.unclog(links))
            case Crash(node, restart_after, unsynced):
                address = Address(node)
                why = f"fault: {unsynced.value} of the unsynced writes kept"
                if sim.crash(address, why, unsynced) and restart_after is not None:
                    sim.after(restart_after, sim.restart, (address, sim.incarnations[address]))
            case Twin(node, duration):
                if (old := sim.outdate(Address(node))) is not None:
                    sim.start(Address(node))
                    self._for(duration, lambda: sim.end_twin(old))
            case Pause(node, duration):
                if (process := sim.up.get(Address(node))) is not None:
                    process.pause()
                    self._for(duration, process.wake)
            case KillJob(node):
                if (process := sim.up.get(Address(node))) is not None:
                    self._kill_job(process)
            case JumpClock(node, by, drift):
                sim.move_clock(Address(node), by, drift)
            case (
                SlowNode(node)
                | SlowDisk(node)
                | FillDisk(node)
                | FailSync(node)
                | FailRead(node)
                | Rot(node)
            ):
                self._harm(sim.devices[Address(node)], action)
            case _:
                raise ScenarioError(f"{action} needs another trigger")

    def _kill_job(self, process: Process) -> None:
        for running in process.jobs.values():
            if not running.is_over:
                self._sim.tally["job killed"] += 1
                running.kill()
                return

    def _harm(self, device: Device, action: AnyAction) -> None:
        """Faults of the hardware that all incarnations of a node share."""
        match action:
            case SlowNode(_, duration, cost, factor):
                self._meanwhile(device, duration, event_cost=cost, job_factor=factor)
            case SlowDisk(_, duration, factor):
                self._meanwhile(device, duration, slow=factor)
            case FillDisk(_, duration):
                self._meanwhile(device, duration, full=True)
            case FailSync():
                device.failing_syncs += 1
            case FailRead():
                device.failing_reads += 1
            case Rot(_, file, bit):
                files = device.files
                if names := [name for name in files.files() if files.size(name)]:
                    name = names[file % len(names)]
                    files.flip(name, bit % (8 * files.size(name)))
                    self._sim.tally["bit rot"] += 1

    def _block(self, links: list[Link], duration: int) -> None:
        for link in links:
            link.blocked += 1

        def reopen() -> None:
            for link in links:
                link.blocked -= 1

        self._for(duration, reopen)

    # -- lasting, and healing -------------------------------------------------------------------------------------

    def _meanwhile(self, device: Device, duration: int, **worse: Any) -> None:
        """The device's properties are so for a while. Of faults of a kind that overlap, the last to strike counts."""
        number = self._lasting
        for name, value in worse.items():
            device.harm[name, number] = value
        device.refresh(worse)

        def mend() -> None:
            for name in worse:
                del device.harm[name, number]
            device.refresh(worse)

        self._for(duration, mend)

    def _for(self, duration: int, end: Callable[[], None]) -> None:
        """The fault lasts so long, or until the plan heals."""
        number = self._lasting
        self._lasting += 1
        self._under_way[number] = end
        self._sim.after(duration, self._end, number)

    def _end(self, number: int) -> None:
        if (end := self._under_way.pop(number, None)) is not None:
            end()

    def _heal(self, _: None) -> None:
        """Everything that is still wrong is mended."""
        sim = self._sim
        sim.remark(Kind.HEAL, "", None)
        self._waiting.clear()
        self._set_watch()
        for number in list(self._under_way):
            self._end(number)
        sim.network.quieten()
        if sim.network.holds:
            sim.network.unhold()
            for process in list(sim.up.values()):
                process.wind_up()
        for device in sim.devices.values():
            device.failing_syncs, device.failing_reads = 0, 0
        for address in sim.cluster.members:
            sim.start(address)
