"""Keeps its promises in its first runs, and remembers over a crash in later ones."""
# verdict: not deterministic
# says: process of its own

from distlab.core import Address, Node
from labs.lab9_toy.protocol import Put, Stored

KEPT: list[int] = []
RUNS = [0]


class Keeper(Node):
    kept: list[int]

    def on_start(self) -> None:
        if self.now() == 0:
            RUNS[0] += 1
            KEPT.clear()
        self.kept = KEPT if RUNS[0] > 8 else [put.id for put in self.disk.recover("wal", Put)]

    def on_put(self, put: Put, sender: Address) -> None:
        if put.id not in self.kept:
            self.kept.append(put.id)
            if RUNS[0] <= 8:
                self.disk.append("wal", put)
                self.disk.sync("wal", "/")
        self.send(sender, Stored(put.id))

    def probe(self) -> list[int]:
        return self.kept
