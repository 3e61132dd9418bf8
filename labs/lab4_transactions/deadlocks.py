"""Deadlocks: found in a graph of who waits for whom, and broken by one victim (part 4B).

Theory of operation. Each participant sees its own queues and no deadlock: it takes two to make one. So each tells a
*detector* who waits there for whom. A transaction that waits for itself, over however many others, waits for ever: a
cycle in the wait-for graph. One of it must give way; we take the youngest, which has done least. (What the detector
knows is a little old: a cycle may be gone when it is seen. A victim too many costs a repetition, and nothing else.)
"""

from __future__ import annotations

from collections.abc import Iterable

import networkx as nx

from distlab.core import MS, Address, Config, Node
from labs.lab4_transactions.databases import Victim, Wait, Waits, age
from labs.lab4_transactions.twophase import Txn

STALE = 100 * MS
"""What was not said again for so long is not believed any more."""


class DetectorConfig(Config, frozen=True):
    pass


def victims(waits: Iterable[Wait]) -> tuple[Txn, ...]:
    """Who has to give way: of every set of transactions that all wait for each other, over any number of steps, the
    youngest; and again, until nobody waits for himself. The youngest first.
    """
    raise NotImplementedError(
        "4B: strongly connected components of the wait-for graph, until none has a cycle"
    )


def drawn(waits: Iterable[Wait]) -> list[str]:
    """The cycles, for people: a line for each wait that is part of one, ``tm1/1.2 waits for tm1/1.1 (rm2/a)``, in
    alphabetical order. A victim's lines end with `` *``.
    """
    raise NotImplementedError("4B: the waits whose two ends are in one component")


class Detector(Node):
    """Hears from every gateway, and names victims."""

    config: DetectorConfig
    # TODO 4B: your own state

    def on_start(self) -> None:
        raise NotImplementedError("4B: nothing is known")

    def on_waits(self, waits: Waits, gateway: Address) -> None:
        """The list takes the place of the one before. Is there a cycle now? Then tell those where the victim waits."""
        raise NotImplementedError("4B: put the fresh lists together; find, log and send")
