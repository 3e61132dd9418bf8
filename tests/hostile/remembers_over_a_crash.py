"""Keeps in a module what it should have written to disk."""
# verdict: not deterministic
# says: process of its own

from distlab.core import Address, Node
from labs.lab9_toy.protocol import Put, Stored

KEPT: list[int] = []


class Keeper(Node):
    kept: list[int]

    def on_start(self) -> None:
        if self.now() == 0:
            KEPT.clear()
        self.kept = KEPT

    def on_put(self, put: Put, sender: Address) -> None:
        if put.id not in self.kept:
            self.kept.append(put.id)
        self.send(sender, Stored(put.id))

    def probe(self) -> list[int]:
        return sorted(self.kept)
