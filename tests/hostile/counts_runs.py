"""Does something else the second time that it sees the same."""
# verdict: not deterministic
# says:

from distlab.core import Address, Node
from labs.lab9_toy.protocol import Put, Stored

RUNS = [0]


class Keeper(Node):
    kept: list[int]

    def on_start(self) -> None:
        RUNS[0] += 1
        self.kept = [put.id for put in self.disk.recover("wal", Put)]

    def on_put(self, put: Put, sender: Address) -> None:
        if put.id not in self.kept:
            self.kept.append(put.id)
            self.disk.append("wal", put)
            self.disk.sync("wal", "/")
        self.send(sender, Stored(put.id))
        self.send(sender, Stored(1000 + RUNS[0]))

    def probe(self) -> list[int]:
        return self.kept
