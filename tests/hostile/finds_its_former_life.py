"""Finds its former life's memory with the garbage collector."""
# verdict: not deterministic
# says: process of its own

import gc

from distlab.core import Address, Node
from labs.lab9_toy.protocol import Put, Stored


class Keeper(Node):
    kept: list[int]

    def on_start(self) -> None:
        former = [] if self.now() == 0 else [o for o in gc.get_objects() if type(o) is Keeper and o is not self]
        self.kept = max((o.kept for o in former if hasattr(o, "kept")), key=len, default=[])
        if self.now() == 0:
            for o in gc.get_objects():
                if type(o) is Keeper and o is not self and hasattr(o, "kept"):
                    o.kept = []

    def on_put(self, put: Put, sender: Address) -> None:
        if put.id not in self.kept:
            self.kept.append(put.id)
        self.send(sender, Stored(put.id))

    def probe(self) -> list[int]:
        return sorted(self.kept)
