"""Questions to all nodes: what does each say of itself, and so, who has a role now?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from distlab.core.cluster import Cluster
from distlab.core.values import SECOND, Address
from distlab.live import control as say

if TYPE_CHECKING:
    from distlab.live.supervisor import Supervisor

Roles = Callable[[Any, str], list[Address]]
"""Who has a role now, given something with ``probes()`` and ``cluster``: what a lab says of its leaders."""

PROXY: Final = ""
"""The proxy's name among those who are asked."""

_PATIENCE: Final = SECOND // 2
"""How long nodes may take to say who they are, before those that have answered must do."""


class Snapshot:
    """What nodes said of themselves a moment ago."""

    def __init__(self, cluster: Cluster, probes: dict[Address, Any]) -> None:
        self.cluster = cluster
        self._probes = probes

    def probes(self) -> dict[Address, Any]:
        return self._probes


class _Look(NamedTuple):
    """A question under way."""

    missing: set[str]
    answers: dict[str, Any]
    then: Callable[[dict[Address, Any]], None]


class Looks:
    """All questions of one run."""

    def __init__(self, supervisor: Supervisor, roles: Roles | None) -> None:
        self._supervisor = supervisor
        self._roles = roles
        self._looks: dict[int, _Look] = {}
        self._number = 0

    @property
    def knows_roles(self) -> bool:
        """Whether the lab says who has a role; if not, it is as the cluster was laid out."""
        return self._roles is not None

    def look(self, then: Callable[[dict[Address, Any]], None], patience: int = _PATIENCE) -> None:
        """Ask every node for its probe and its figures; ``then`` gets the probes of those that answer in time."""
        self._number += 1
        number, supervisor = self._number, self._supervisor
        asked = {str(seat.address) for seat in supervisor.seats.values() if seat.is_up}
        if supervisor.proxy is not None:
            asked.add(PROXY)
        self._looks[number] = _Look(asked, {}, then)
        supervisor.say_to_nodes(say.Look(number))
        supervisor.say_to_proxy(say.Look(number))
        supervisor.after(patience if asked else 0, lambda: self._done(number))

    def answered(self, number: int, who: str, probe: Any = None) -> None:
        """One more has answered."""
        look = self._looks.get(number)
        if look is not None:
            look.answers[who] = probe
            look.missing.discard(who)
            if not look.missing:
                self._supervisor.post(lambda: self._done(number))

    def ask_holders(self, then: Callable[[Callable[[str], list[Address]]], None]) -> None:
        """Ask the nodes, and call ``then`` with what says of a role who has it now."""
        roles = self._roles
        assert roles is not None
        cluster = self._supervisor.cluster
        self.look(lambda probes: then(partial(roles, Snapshot(cluster, probes))))

    def _done(self, number: int) -> None:
        look = self._looks.pop(number, None)
        if look is not None:
            members = self._supervisor.seats
            look.then({a: look.answers[a] for a in members if a in look.answers})
