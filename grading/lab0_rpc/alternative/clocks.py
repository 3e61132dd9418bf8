"""Logical time, the second way: one clock, and the other worked out from it.

Differs from the reference: only the vector is kept. The sum of its components is a Lamport clock:
it rises with every event, and what happened before knows of fewer events. Receipts are not counted
as events; comparing goes over all addresses of both stamps.
"""

from __future__ import annotations

from distlab.core import Address, Message
from labs.lab0_rpc.layer import Layer
from labs.lab0_rpc.protocol import Stamp, Stamped


def _stamp(counts: dict[str, int]) -> Stamp:
    return Stamp(sum(counts.values()), tuple(sorted(counts.items())))


def _signs(a: Stamp, b: Stamp) -> set[int]:
    """In which directions the components differ: -1 where a is less, 1 where it is greater."""
    x, y = dict(a.vector), dict(b.vector)
    pairs = [(x.get(node, 0), y.get(node, 0)) for node in x | y]
    return {(m > n) - (m < n) for m, n in pairs} - {0}


def ticked(clock: Stamp, node: str) -> Stamp:
    return _stamp({**dict(clock.vector), node: dict(clock.vector).get(node, 0) + 1})


def received(clock: Stamp, stamp: Stamp, node: str) -> Stamp:
    mine, theirs = dict(clock.vector), dict(stamp.vector)
    return ticked(_stamp({n: max(mine.get(n, 0), theirs.get(n, 0)) for n in mine | theirs}), node)


def happened_before(a: Stamp, b: Stamp) -> bool:
    return _signs(a, b) == {-1}


def concurrent(a: Stamp, b: Stamp) -> bool:
    return _signs(a, b) == {-1, 1}


def total_order(a: Stamp, node: str) -> tuple[int, str]:
    return (a.lamport, node)


class Clocked(Layer):
    clock: Stamp

    def on_start(self) -> None:
        self.clock = Stamp()
        super().on_start()

    def send(self, to: Address, message: Message) -> None:
        self.clock = ticked(self.clock, self.address)
        super().send(to, Stamped(self.clock, message))  # type: ignore[arg-type]

    def on_stamped(self, stamped: Stamped, sender: Address) -> None:
        self.clock = received(self.clock, stamped.stamp, self.address)
        self.dispatch(stamped.message, sender)
