"""What a new process is told first: who it is, how to find its program, and how to reach the others."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from distlab.core.cluster import Member
from distlab.core.codec import encode
from distlab.core.overlay import pins_of
from distlab.core.values import Address, Message
from distlab.live import control as say
from distlab.live.guard import is_local, new_keys
from distlab.live.portable import class_path

if TYPE_CHECKING:
    from distlab.live.run import Live
    from distlab.live.seat import Seat


class Briefing:
    """All that the first words of one run have in common."""

    def __init__(
        self, live: Live, sockets: Path, key: bytes, mounts: Mapping[str, Path], bind: str
    ) -> None:
        self._live = live
        self._sockets = sockets
        self._mounts = {at: str(path) for at, path in mounts.items()}
        self._bind = bind
        self.key = key
        """The mark of this run's frames."""
        self.keys = (b"", b"") if not bind or is_local(bind) else new_keys()
        """Public and secret; empty where nothing leaves this machine."""

    def node(
        self, seat: Seat, process: int, proxy: str, watched: list[tuple[str, str]]
    ) -> say.BeNode:
        """For the next incarnation of a node."""
        live, member, address = self._live, seat.member, seat.address
        folder = self.node_folder(address)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "incarnation").write_text(str(seat.incarnation))
        return say.BeNode(
            address=address,
            role=live.cluster.role(address),
            incarnation=seat.incarnation,
            process=process,
            program=_program(member),
            config=None if member.config is None else encode(member.config),
            config_class="" if member.config is None else class_path(type(member.config)),
            wiring=self._wiring(str(process), proxy),
            folder=str(folder),
            store=str(live.folder / "store"),
            mounts=self._mounts,
            events=str(live.folder / "events"),
            record=sorted(live.record),
            seed=live.noise.seed,
            capacity=member.disk_capacity,
            watched=watched,
        )

    def proxy(self, process: int) -> say.BeProxy:
        """For the fault proxy."""
        live = self._live
        return say.BeProxy(
            wiring=self._wiring("proxy", ""),
            plan=live.planned(),
            noise=live.noise,
            classes={str(a): _messages(member) for a, member in live.cluster.members.items()},
            events=str(live.folder / "events"),
            record=sorted(live.record),
            process=process,
        )

    def node_folder(self, address: Address) -> Path:
        """Where a node keeps what is its own."""
        return self._live.folder / "nodes" / address

    def last_incarnation(self, address: Address) -> int:
        """So that a run over an old folder does not take up old numbers again; -1 where there was none."""
        path = self.node_folder(address) / "incarnation"
        return int(path.read_text()) if path.exists() else -1

    def _wiring(self, name: str, proxy: str) -> say.Wiring:
        bind = f"tcp://{self._bind}:*" if self._bind else f"ipc://{self._sockets}/{name}"
        members = [str(address) for address in self._live.cluster.addresses()]
        return say.Wiring(self.key, members, bind, proxy, *self.keys)


def _program(member: Member) -> say.Program:
    """A program as this process has it: through the same overlays, by the same path."""
    layers = {name: say.Layers(folders, _named(pins_of(name))) for name, folders in _laid().items()}
    search = [str(Path(path).absolute()) for path in sys.path]
    return say.Program(class_path(member.program), layers, search, str(Path.cwd()))


def _laid() -> dict[str, list[str]]:
    """The overlays that this process has laid: packages of no file, whose folders are a plain list."""
    specs = {name: getattr(module, "__spec__", None) for name, module in sys.modules.items()}
    return {
        name: list(spec.submodule_search_locations)
        for name, spec in sorted(specs.items())
        if spec is not None
        and spec.origin is None
        and type(spec.submodule_search_locations) is list
    }


def _named(pins: Mapping[str, Path]) -> dict[str, str]:
    return {name: str(path) for name, path in pins.items()}


def _messages(member: Member) -> dict[str, str]:
    """Tag -> class, of every message that a member handles."""
    return {
        str(cls.__struct_config__.tag): class_path(cls)
        for cls in member.program.handlers
        if issubclass(cls, Message)
    }
