"""Carries out a fault plan on real processes: when each fault strikes, at whom, and how it ends.

The supervisor owns every trigger but ``Nth``, which the proxy counts. A node that does something a fault waits for
asks first, and goes on when it is told to; whoever was killed meanwhile is told nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from distlab.core.errors import ScenarioError
from distlab.core.values import Address
from distlab.faults import (
    AnyAction,
    At,
    Clog,
    Crash,
    Cut,
    Doing,
    Fault,
    FillDisk,
    JumpClock,
    Nth,
    Partition,
    Pause,
    Plan,
    Rot,
    SlowDisk,
    SlowNode,
    Twin,
)
from distlab.live.control import About, Mend, Proceed, Suffer, Watch

if TYPE_CHECKING:
    from distlab.live.children import Child
    from distlab.live.seat import Seat
    from distlab.live.supervisor import Supervisor

Entry = tuple[Doing, AnyAction, list[int]]
"""A fault that waits for somebody's doing, with how often it has been done."""

Found = dict[str, Address | None]
"""Who a plan's names stand for; None for a role that nobody has."""

_NAMES = ("node", "source", "to")
"""Fields that name nodes."""


class Injector:
    """The faults of one run."""

    def __init__(self, supervisor: Supervisor, plan: Plan) -> None:
        self._supervisor = supervisor
        self._plan = plan
        self._waiting: list[Entry] = [
            (fault.when, fault.do, [0]) for fault in plan.faults if isinstance(fault.when, Doing)
        ]
        for fault in plan.faults:
            self._check(fault)

    def begin(self) -> None:
        """Time begins: set the alarms."""
        later = self._supervisor.at
        for fault in self._plan.faults:
            if isinstance(fault.when, At):
                later(fault.when.time, partial(self._strike, fault.do))
        if self._plan.heal_at is not None:
            later(self._plan.heal_at, self._heal)

    def watched(self) -> list[tuple[str, str]]:
        """What a node is to ask about before it does it."""
        return list(dict.fromkeys((doing.verb, doing.what) for doing, _, _ in self._waiting))

    def planned(self) -> Plan:
        """The plan as the proxy needs it: addresses in place of roles."""
        faults = []
        for fault in self._plan.faults:
            if isinstance(fault.when, Nth):
                source, to = self._static(fault.when.source), self._static(fault.when.to)
                if source is None or to is None:
                    raise ScenarioError(f"{fault}: nobody of that name or role")
                when = msgspec.structs.replace(fault.when, source=source, to=to)
                faults.append(msgspec.structs.replace(fault, when=when))
        return Plan(tuple(faults))

    # -- triggers -------------------------------------------------------------------------------------------------

    def about(self, seat: Seat, child: Child, word: About) -> None:
        """A node or its job is about to do something."""
        self._decide(seat, child, word.token, [
            entry for entry in self._waiting
            if entry[0].verb == word.verb and word.what.startswith(entry[0].what)
        ])  # fmt: skip

    def _decide(self, seat: Seat, child: Child, token: int, entries: list[Entry]) -> None:
        if not entries:
            child.say(Proceed(token))
            return
        entry, *rest = entries

        def resolved(found: Found) -> None:
            if found[entry[0].node] == seat.address and entry in self._waiting:
                entry[2][0] += 1
                if entry[2][0] == entry[0].n:
                    self._waiting.remove(entry)
                    self._supervisor.say_to_nodes(Watch(self.watched()))
                    self._strike(entry[1], lambda: self._decide(seat, child, token, rest))
                    return
            self._decide(seat, child, token, rest)

        self._resolve([entry[0].node], resolved)

    # -- names ----------------------------------------------------------------------------------------------------

    def _check(self, fault: Fault) -> None:
        """Raise ``ScenarioError`` for a name that is no member's, or a message that nobody handles."""
        members = self._supervisor.cluster.members
        for name in (*_names_in(fault.when), *_names_in(fault.do)):
            if name[:1] not in ("@", "*") and name not in members:
                raise ScenarioError(f"the plan names {name!r}, which is no member of the cluster")
        doing = fault.when
        if isinstance(doing, Doing) and doing.verb in ("send", "job"):
            programs = [member.program for member in members.values()]
            known = sorted({cls.__name__ for program in programs for cls in program.handlers})
            if not any(name.startswith(doing.what) for name in known):
                raise ScenarioError(
                    f"{doing}: nobody handles {doing.what!r}; known are {', '.join(known)}"
                )

    def _static(self, name: str) -> Address | None:
        """The address that ``name`` stands for as the cluster was laid out."""
        if not name.startswith("@"):
            return Address(name)
        role, _, index = name[1:].partition(":")
        return _nth(self._supervisor.cluster.with_role(role), index)

    def _resolve(self, names: Sequence[str], then: Callable[[Found], None]) -> None:
        """Call ``then`` with who these names stand for now; at once, unless nodes have to be asked."""
        supervisor = self._supervisor
        if not supervisor.looks.knows_roles or not any(name.startswith("@") for name in names):
            then({name: self._static(name) for name in names})
            return

        def asked(holders: Callable[[str], list[Address]]) -> None:
            found: Found = {}
            for name in names:
                role, _, index = name[1:].partition(":")
                is_role = name.startswith("@")
                found[name] = _nth(holders(role), index) if is_role else Address(name)
            then(found)

        supervisor.looks.ask_holders(asked)

    # -- faults ---------------------------------------------------------------------------------------------------

    def _strike(self, action: AnyAction, then: Callable[[], None] = lambda: None) -> None:
        """Let the fault strike, which may take asking who has a role; ``then`` go on."""

        def resolved(found: Found) -> None:
            self._strike_those(action, found)
            then()

        self._resolve(_names_in(action), resolved)

    def _strike_those(self, action: Any, found: Found) -> None:
        supervisor = self._supervisor
        if isinstance(action, Partition):
            groups = tuple(
                tuple(address for name in group if (address := found[name]))
                for group in action.groups
            )
            action = msgspec.structs.replace(action, groups=groups)
        elif None in found.values():  # a role that nobody has
            return
        else:
            named = {key: getattr(action, key) for key in _NAMES if hasattr(action, key)}
            resolved = {key: found.get(name, name) for key, name in named.items()}
            action = msgspec.structs.replace(action, **resolved)
        supervisor.struck(action, getattr(action, "node", ""))
        if isinstance(action, (Partition, Cut, Clog)):
            supervisor.say_to_proxy(Suffer(action))
        else:
            self._strike_node(action, supervisor.seats[action.node])

    def _strike_node(self, action: Any, seat: Seat) -> None:
        supervisor = self._supervisor
        match action:
            case Crash(_, restart_after, unsynced):
                why = f"fault: {unsynced.value} of the unsynced writes kept"
                if supervisor.kill(seat, why) and restart_after is not None:
                    crashed = seat.incarnation
                    supervisor.after(restart_after, lambda: supervisor.restart(seat, crashed))
            case Twin(_, duration):
                supervisor.start_twin(seat, duration)
            case Pause(_, duration):
                supervisor.pause(seat, duration)
            case Rot(_, file, bit):
                _rot(supervisor.briefing.node_folder(seat.address) / "disk", file, bit)
            case SlowNode() | SlowDisk() | FillDisk():
                seat.suffer(action)
                supervisor.after(action.duration, lambda: seat.recover(action))
            case JumpClock():
                seat.suffer(action)
            case _:
                seat.say(Suffer(action))

    def _heal(self) -> None:
        """Everything that is still wrong is mended."""
        supervisor = self._supervisor
        self._waiting.clear()
        supervisor.healed()
        supervisor.say_to_proxy(Mend())
        for word in (Watch([]), Mend()):
            supervisor.say_to_nodes(word)
        for seat in supervisor.seats.values():
            seat.mend()
            if seat.child is not None and seat.child.is_paused:
                seat.child.resume()
            supervisor.start(seat)


def _names_in(part: Any) -> list[str]:
    """The nodes that a trigger or an action names; a star is no name."""
    names = [getattr(part, key) for key in _NAMES if hasattr(part, key)]
    if isinstance(part, Partition):
        names += [name for group in part.groups for name in group]
    return [name for name in names if name != "*"]


def _nth(holders: list[Address], index: str) -> Address | None:
    at = int(index or 0)
    return holders[at] if at < len(holders) else None


def _rot(folder: Path, file: int, bit: int) -> None:
    """Flip one bit of a file at rest. Nothing happens where there are no bytes."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    if paths:
        path = paths[file % len(paths)]
        with path.open("r+b", buffering=0) as rotten:
            at = bit % (8 * path.stat().st_size)
            rotten.seek(at // 8)
            (byte,) = rotten.read(1)
            rotten.seek(at // 8)
            rotten.write(bytes([byte ^ 1 << at % 8]))
