"""A bolt that tells the acker first, with all ids in one Ack, and then sends the children on."""

from __future__ import annotations

from functools import reduce
from operator import xor

from labs.lab5_streaming.tuples import Ack, BoltBase, Tuple


class Bolt(BoltBase):
    def execute(self, done: Tuple) -> None:
        children = [
            Tuple(done.root, self.random.getrandbits(63) + 1, work) for work in done.work.children()
        ]
        value = reduce(xor, (child.id for child in children), done.id)
        self.send(self.acker_of(done.root), Ack(done.root, value))
        for child in children:
            self.send(self.bolt_of(child.work), child)
