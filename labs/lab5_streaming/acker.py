"""The acker: knows of every tree whether it is done, with one number for each (part 5A2).

Rule: the ledger is a table of numbers and a way to forget; it knows no bolt and no message.

Theory. Each edge of the tree (a tuple) has a random id of 64 bits, and each id is XORed in twice: when its tuple is
made, and when it is done. Since x ^ x = 0, and order does not matter, the number is zero when every tuple that was
made is done; before that it is zero only if random ids happen to cancel out, once in 2^64. The size of the tree does
not matter, and neither does who tells what first: an Ack may come before the Init. But an Ack that comes twice undoes
itself: such a tree is never done, its time runs out, and the message is emitted again. That is safe: at least once.
An Init that comes twice is not: it would leave zero, and the tree would be done before it has begun. So only the
first one counts.

Trees time out by *rotation*: new ones go into the first of a few buckets, at each rotation the last bucket is thrown
away and all others move on. One timer for all, no clock for each.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from distlab.core import Address
from labs.lab5_streaming.tuples import (
    Ack,
    AckerView,
    Done,
    Failed,
    Init,
    Rotate,
    TopologyConfig,
    TopologyNode,
)


@dataclass
class Ledger:
    """Pending trees, in buckets by age."""

    buckets: int
    # TODO 5A2: what you remember of each root

    def init(self, root: int, value: int, spout: str) -> bool:
        """A tree begins; ``value`` is the XOR of its first ids. Whether it is done now."""
        raise NotImplementedError(
            "5A2: remember the spout; an Init that comes twice would undo itself, too"
        )

    def ack(self, root: int, value: int) -> str:
        """Some ids, XORed. The spout that is to be told that its tree is done now; else ""."""
        raise NotImplementedError("5A2: it may be the last one")

    def rotate(self) -> list[tuple[int, str]]:
        """All trees grow older; (root, spout) of those whose time is over, which are forgotten.

        One that came after the last rotation is over at the ``buckets``-th from then. What never had an Init has no
        spout, and is only forgotten.
        """
        raise NotImplementedError("5A2: throw the oldest bucket away")

    def pending(self) -> int:
        """How many roots are remembered."""
        raise NotImplementedError("5A2: count them")

    # TODO 5A2: your helpers


class Acker(TopologyNode):
    """Tells the spout. Remembers nothing over a crash: then the spout's own patience runs out."""

    config: TopologyConfig
    ledger: Ledger

    def on_start(self) -> None:
        self.ledger = Ledger(self.config.buckets)
        self.set_timer(Rotate(), self.config.rotation)

    def on_init(self, init: Init, spout: Address) -> None:
        if self.ledger.init(init.root, init.value, spout):
            self.send(spout, Done(init.root))

    def on_ack(self, ack: Ack) -> None:
        if spout := self.ledger.ack(ack.root, ack.value):
            self.send(Address(spout), Done(ack.root))

    def on_rotate(self, timer: Rotate) -> None:
        for root, spout in self.ledger.rotate():
            self.send(Address(spout), Failed(root))
        self.set_timer(Rotate(), self.config.rotation)

    def probe(self) -> AckerView:
        return AckerView(self.ledger.pending())
