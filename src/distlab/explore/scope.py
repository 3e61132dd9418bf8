"""What is to be searched, and what came of it: data only.

A **scope** says who takes part, what may go wrong and how often, and what must hold. It is small on purpose: a search
that ends is a proof for its scope, and says nothing beyond it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from distlab.core.cluster import Cluster
from distlab.core.errors import ScenarioError
from distlab.core.values import Address, Message, Operation, Timer
from distlab.faults import Survival

if TYPE_CHECKING:
    from distlab.explore.world import World

Predicate = Callable[["World"], bool | str | None]
"""Looks at a world. As an invariant: ``True`` or ``None`` if it holds, ``False`` or the reason if it does not."""


class Network(StrEnum):
    """What becomes of a message."""

    SET = "set"
    """It stays for ever: it may arrive never, once, and again. Lossy, repeating, out of order."""
    BAG = "bag"
    """Each copy arrives at most once, out of order. Whatever does not arrive may be lost."""


class Alarms(StrEnum):
    """When a timer that is set may fire."""

    ANY = "any"
    """At any time: durations mean nothing."""
    ORDERED = "ordered"
    """Not before one of the same node that was set earlier and is surely due first."""
    PATIENT = "patient"
    """Only when no message is under way: time-outs are long. Needs ``BAG``; lose messages with ``drops``."""


class Scope(Struct, frozen=True, kw_only=True):
    """A small world, to be searched whole."""

    cluster: Cluster
    invariants: Mapping[str, Predicate]
    """What must hold in every world that can be reached, by its name in plain English."""
    calls: Mapping[str, Sequence[Operation]] = {}
    """Client -> what it is asked to do, in this order, at any time."""
    network: Network = Network.SET
    alarms: Alarms = Alarms.ANY
    crashes: int = 0
    """How many crashes there may be in all. A node that is down may start again at any time, free of charge."""
    may_crash: Sequence[str] | None = None
    """Who may crash; None: everybody."""
    unsynced: Sequence[Survival] = (Survival.NOTHING,)
    """What a crash may leave of unsynced writes: ``NOTHING``, ``ALL``, or either."""
    drops: int = 0
    """How many messages may be taken away. Only a ``PATIENT`` world tells that from a late message."""
    prune: Predicate | None = None
    """Worlds of which this is true are judged, and not gone on from: what bounds terms, epochs, retries."""
    goal: Predicate | None = None
    """The search ends at the first world of which this is true; another can go on from there."""
    seen: Mapping[str, Predicate] = {}
    """Situations that must occur somewhere, or the search has proved nothing."""
    symmetry: Sequence[Sequence[str]] = ()
    """Groups of nodes that are interchangeable: worlds that differ only in their names are one. It is checked."""

    def check(self) -> None:
        """Raise ``ScenarioError`` for what makes no sense."""
        members = self.cluster.members
        for name in [*self.calls, *(self.may_crash or ()), *(n for g in self.symmetry for n in g)]:
            if name not in members:
                raise ScenarioError(f"{name!r} is no member; there are {', '.join(members)}")
        for survival in self.unsynced:
            if survival not in (Survival.NOTHING, Survival.ALL):
                raise ScenarioError(
                    f"unsynced={survival.value!r}: what survives is drawn by chance then; explore nothing, all, or both"
                )
        if not self.unsynced:
            raise ScenarioError("unsynced is empty: a crash must leave something, if only nothing")
        if self.alarms is Alarms.PATIENT and self.network is not Network.BAG:
            raise ScenarioError(
                "patient alarms need network=BAG: in a SET a message is under way for ever"
            )
        if not (0 <= self.crashes < 256 and 0 <= self.drops < 256):
            raise ScenarioError("budgets for crashes and drops are 0 to 255")
        names = [name for group in self.symmetry for name in group]
        if len(names) != len(set(names)):
            raise ScenarioError("a node is in one symmetric group at most")


# -- what can happen --------------------------------------------------------------------------------------------------


class Deliver(Struct, frozen=True):
    """A message reaches its handler."""

    source: Address
    node: Address
    message: Message

    def __str__(self) -> str:
        return f"{self.node} gets {self.message!r} from {self.source}"


class Expire(Struct, frozen=True):
    """A timer fires."""

    node: Address
    timer: Timer

    def __str__(self) -> str:
        return f"{self.node}: {self.timer!r} fires"


class Begin(Struct, frozen=True):
    """A client is asked to do the next of its operations."""

    node: Address
    operation: Operation

    def __str__(self) -> str:
        return f"{self.node} is asked to {self.operation!r}"


class Die(Struct, frozen=True):
    """A node crashes."""

    node: Address
    unsynced: Survival

    def __str__(self) -> str:
        return f"{self.node} crashes; {self.unsynced.value} of what was not synced is kept"


class Start(Struct, frozen=True):
    """A node that is down starts again."""

    node: Address

    def __str__(self) -> str:
        return f"{self.node} starts again"


class Lose(Struct, frozen=True):
    """A message is lost."""

    source: Address
    node: Address
    message: Message

    def __str__(self) -> str:
        return f"{self.message!r} from {self.source} to {self.node} is lost"


Happening = Deliver | Expire | Begin | Die | Start | Lose


class Step(Struct, frozen=True):
    """One step from a world to the next."""

    what: Happening
    draws: tuple[int, ...] = ()
    """What the handler's random choices came to, in their order."""
    cut: int | None = None
    """The node crashed in this handler, before its sync of this number (from 0) was done. None: it did not."""

    def __str__(self) -> str:
        text = str(self.what)
        if drawn := [draw for draw in self.draws if draw >= 0]:
            text += f", draws {', '.join(map(str, drawn))}"
        if timed := [draw for draw in self.draws if draw < 0]:
            text += f", finds {', '.join('more' if draw == -1 else 'less' for draw in timed)} time gone by"
        if self.cut is not None:
            text += f", and crashes before its sync {self.cut + 1} is done"
        return text


class Finding(StrEnum):
    """How a search ends."""

    EXHAUSTED = "exhausted"
    """Every world of the scope was judged."""
    VIOLATED = "violated"
    """An invariant is broken; the trace is a shortest one that breaks it."""
    REACHED = "reached"
    """The goal was; the trace is a shortest one to it."""
    UNKNOWN = "unknown"
    """Out of budget: neither proved nor refuted."""


class Result(Struct, frozen=True, kw_only=True):
    """What came of a search."""

    finding: Finding
    states: int
    """Different worlds that were judged."""
    depth: int
    """Steps to the farthest of them."""
    transitions: int
    """Steps that were tried."""
    handler_runs: int
    """How often code of the program ran."""
    local_states: Mapping[str, int]
    """How many states each node had of its own."""
    invariant: str = ""
    """The one that is broken."""
    reason: str = ""
    """Why it is broken; or why nothing is known."""
    draws: Mapping[Address, tuple[int, ...]] = {}
    """What the nodes drew when they first started."""
    trace: tuple[Step, ...] = ()
    unseen: tuple[str, ...] = ()
    """Situations of the scope's ``seen`` that never occurred."""
    seconds: float = 0.0
    """Processor time; decides nothing."""

    @property
    def is_proof(self) -> bool:
        """Everything was judged, nothing was broken, and what had to occur did."""
        return self.finding is Finding.EXHAUSTED and not self.unseen

    def __str__(self) -> str:
        where = f"{self.states:,} states, depth {self.depth}"
        match self.finding:
            case Finding.EXHAUSTED:
                text = f"exhausted: no violation in {where}"
                if self.unseen:
                    text = f"unknown: {where}, all of them kept it, but never seen: {', '.join(self.unseen)}"
            case Finding.VIOLATED:
                text = f"violated: {self.invariant}" + (f" - {self.reason}" if self.reason else "")
                text += f" (after {where})"
            case Finding.REACHED:
                text = f"reached in {len(self.trace)} steps ({where})"
            case Finding.UNKNOWN:
                text = f"unknown: {self.reason} ({where})"
        steps = [f"  {number:>3}  {step}" for number, step in enumerate(self.trace, 1)]
        return "\n".join([text, *steps])
