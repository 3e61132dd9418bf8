"""The server of the toy lab."""

from distlab.core import Address, Node
from labs.lab9_toy.protocol import Put, Stored


class Keeper(Node):
    """Keeps each put once, however often it arrives."""

    kept: list[int]

    def on_start(self) -> None:
        self.kept = [put.id for put in self.disk.recover("wal", Put)]

    def on_put(self, put: Put, sender: Address) -> None:
        # BEGIN SOLUTION lab 9 part A: keep each put once, durably, then answer
        if self.kept.count(put.id) == 0:
            self.kept.append(put.id)
            self.write(put)
        self.send(sender, Stored(put.id))
        # END SOLUTION

    def write(self, put: Put) -> None:
        self.disk.append("wal", put)
        self.disk.sync("wal", "/")

    def probe(self) -> list[int]:
        return self.kept
