"""Who takes part: the description of a cluster that every world can start.

Data only. A :class:`Member` says which class runs under which address, and what it is told; the simulator makes nodes
of it, the live world processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from distlab.core.errors import ScenarioError
from distlab.core.node import Node
from distlab.core.values import Address, Config


class Member(Struct, frozen=True):
    """One node of a cluster."""

    program: type[Node]
    config: Config | None = None
    role: str = ""
    """What faults may aim at ("leader", "worker"); by default the class's name in lower case."""
    disk_capacity: int | None = None
    """Bytes that fit on its disk; None for no limit."""


class Cluster:
    """Members by address, in a fixed order."""

    def __init__(
        self, members: Mapping[str, Member], store: Mapping[str, bytes] | None = None
    ) -> None:
        if not members:
            raise ScenarioError("a cluster needs at least one member")
        for address in members:
            if not address or address[0] in "@*" or "/" in address:
                raise ScenarioError(
                    f"{address!r} cannot be an address: plans write @role, and * for every node"
                )
        self.members = {Address(address): member for address, member in members.items()}
        self.store = dict(store or {})
        """What is in the shared store at the beginning: input files, for instance."""

    def role(self, address: Address) -> str:
        member = self.members[address]
        return member.role or member.program.__name__.lower()

    def with_role(self, role: str) -> list[Address]:
        """The addresses that have the role, in order."""
        return [address for address in self.members if self.role(address) == role]

    def addresses(self) -> Iterable[Address]:
        return self.members.keys()
