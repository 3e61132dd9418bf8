"""A spout that remembers messages by ticket, each with its newest root; an older tree that is done counts as well."""

from __future__ import annotations

from distlab.core import Ok, Ticket
from labs.lab5_streaming.tuples import Done, Emit, Failed, GiveUp, Init, TopologyNode, Tuple, Work


class Spout(TopologyNode):
    asked: dict[int, Emit]
    """Ticket -> what is not done."""
    newest: dict[int, int]
    """Ticket -> the root of its newest tree."""
    trees: dict[int, int]
    """Root -> ticket, of all its trees."""

    def on_start(self) -> None:
        self.asked, self.newest, self.trees = {}, {}, {}

    def on_emit(self, op: Emit, ticket: Ticket) -> None:
        self.asked[ticket] = op
        self.plant(ticket)

    def plant(self, ticket: int) -> None:
        root, xored, op = self.random.getrandbits(63), 0, self.asked[ticket]
        self.trees[root], self.newest[ticket] = ticket, root
        tuples = [
            Tuple(root, self.random.getrandbits(63) + 1, work)
            for work in Work(op.message, (), op.fan).children()
        ]
        for first in tuples:
            xored ^= first.id
        self.send(self.acker_of(root), Init(root, xored))
        for first in tuples:
            self.send(self.bolt_of(first.work), first)
        self.set_timer(GiveUp(root), self.config.patience)

    def on_done(self, done: Done) -> None:
        ticket = self.trees.get(done.root)
        if ticket is None:
            return
        self.cancel_timer(GiveUp(self.newest.pop(ticket)))
        self.trees = {root: other for root, other in self.trees.items() if other != ticket}
        del self.asked[ticket]
        self.finish(Ticket(ticket), Ok())

    def on_failed(self, failed: Failed) -> None:
        self.again(failed.root)

    def on_give_up(self, timer: GiveUp) -> None:
        self.again(timer.root)

    def again(self, root: int) -> None:
        ticket = self.trees.get(root)
        if ticket is not None and self.newest[ticket] == root:
            self.cancel_timer(GiveUp(root))
            self.plant(ticket)
