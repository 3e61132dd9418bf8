"""Deadlocks without a graph library: who waits for himself is found by walking."""

from __future__ import annotations

from collections.abc import Iterable

from distlab.core import MS, Address, Config, Node, Timer
from labs.lab4_transactions.databases import Victim, Wait, Waits, age
from labs.lab4_transactions.twophase import Txn


class DetectorConfig(Config, frozen=True):
    pass


class Look(Timer, frozen=True):
    pass


def reachable(edges: dict[Txn, set[Txn]], start: Txn) -> set[Txn]:
    """Everybody for whom ``start`` waits, over any number of steps."""
    found: set[Txn] = set()
    todo = [start]
    while todo:
        for other in sorted(edges.get(todo.pop(), ())):
            if other not in found:
                found.add(other)
                todo.append(other)
    return found


def edges_of(waits: Iterable[Wait]) -> dict[Txn, set[Txn]]:
    edges: dict[Txn, set[Txn]] = {}
    for wait in waits:
        edges.setdefault(wait.waiter, set()).add(wait.holder)
    return edges


def victims(waits: Iterable[Wait]) -> tuple[Txn, ...]:
    edges = edges_of(waits)
    found: list[Txn] = []
    for txn in sorted(edges, key=age, reverse=True):
        if txn in reachable(edges, txn):
            found.append(txn)
            del edges[txn]
            for others in edges.values():
                others.discard(txn)
    return tuple(found)


def drawn(waits: Iterable[Wait]) -> list[str]:
    waits = tuple(waits)
    edges, give_way = edges_of(waits), victims(waits)
    lines = []
    for wait in waits:
        if wait.waiter in reachable(edges, wait.holder):
            star = " *" if wait.waiter in give_way else ""
            lines.append(f"{wait.waiter} waits for {wait.holder} ({wait.account}){star}")
    return sorted(lines)


class Detector(Node):
    """Looks now and then, at what was told since."""

    config: DetectorConfig
    told: dict[Address, tuple[Wait, ...]]
    age_of: dict[Address, int]

    def on_start(self) -> None:
        self.told, self.age_of = {}, {}

    def on_waits(self, waits: Waits, gateway: Address) -> None:
        if not any(self.told.values()):
            self.set_timer(Look(), 30 * MS)
        self.told[gateway], self.age_of[gateway] = waits.waits, 0

    def on_look(self) -> None:
        for gateway in self.told:
            self.age_of[gateway] += 1
            if self.age_of[gateway] > 2:
                self.told[gateway] = ()
        for victim in victims(wait for waits in self.told.values() for wait in waits):
            for gateway, waits in self.told.items():
                if victim in {wait.waiter for wait in waits}:
                    self.send(gateway, Victim(victim))
        if any(self.told.values()):
            self.set_timer(Look(), 30 * MS)
