"""Sends messages to itself without end."""
# verdict: stuck
# says:

from distlab.core import Address, Node
from labs.lab9_toy.protocol import Put


class Keeper(Node):
    def on_put(self, put: Put, sender: Address) -> None:
        self.send(self.address, Put(1))
        self.send(self.address, Put(2))

    def probe(self) -> list[int]:
        return []
