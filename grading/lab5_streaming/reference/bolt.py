"""A bolt's part in acking: what is made of a tuple is anchored to it (part 5A2).

Rule: one Ack for each tuple that was worked off, which also says what was made of it. Children that are told in a
message of their own might be lost, and their tree would count as done without them.
"""

from __future__ import annotations

from labs.lab5_streaming.tuples import Ack, BoltBase, Tuple


class Bolt(BoltBase):
    """Works off tuples, and makes others of them."""

    def execute(self, done: Tuple) -> None:
        """``done`` has had its effect: send on ``done.work.children()``, each to ``bolt_of`` it; tell the acker."""
        # BEGIN SOLUTION 5A2: an id for each child; one Ack
        value = done.id
        for work in done.work.children():
            child = Tuple(done.root, self.random.getrandbits(64), work)
            value ^= child.id
            self.send(self.bolt_of(work), child)
        self.send(self.acker_of(done.root), Ack(done.root, value))
        # END SOLUTION
