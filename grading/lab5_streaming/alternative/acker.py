"""The acker, with one table and the number of the rotation in which each tree began."""

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
class Tree:
    born: int
    value: int = 0
    spout: str = ""


@dataclass
class Ledger:
    """Pending trees by root."""

    buckets: int
    trees: dict[int, Tree] = field(default_factory=dict)
    rotations: int = 0

    def tree(self, root: int) -> Tree:
        return self.trees.setdefault(root, Tree(self.rotations))

    def init(self, root: int, value: int, spout: str) -> bool:
        tree = self.tree(root)
        if not tree.spout:
            tree.spout, tree.value = spout, tree.value ^ value
        return bool(self.closed(root))

    def ack(self, root: int, value: int) -> str:
        self.tree(root).value ^= value
        return self.closed(root)

    def closed(self, root: int) -> str:
        tree = self.trees[root]
        if tree.value or not tree.spout:
            return ""
        del self.trees[root]
        return tree.spout

    def rotate(self) -> list[tuple[int, str]]:
        self.rotations += 1
        over = [r for r, tree in self.trees.items() if self.rotations - tree.born >= self.buckets]
        gone = [(root, self.trees.pop(root).spout) for root in over]
        return [(root, spout) for root, spout in gone if spout]

    def pending(self) -> int:
        return len(self.trees)


class Acker(TopologyNode):
    """Tells the spout."""

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
        self.set_timer(Rotate(), self.config.rotation)
        for root, spout in self.ledger.rotate():
            self.send(Address(spout), Failed(root))

    def probe(self) -> AckerView:
        return AckerView(self.ledger.pending())
