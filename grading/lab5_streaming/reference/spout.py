"""The spout: brings messages in, and brings them in again until their tree is done (part 5A2).

Rule: a message is pending until a Done comes for one of its trees; nothing else ends it.

Theory. Three things say that a tree has not come to its end: the acker's Failed; and, since an acker forgets
everything when it crashes, and Init, Done and Failed may be lost, the spout's own patience. A message that is emitted
again is a *new* tree with new ids: late acks of the old one must not be XORed into it.
"""

from __future__ import annotations

from distlab.core import Ok, Ticket
from labs.lab5_streaming.tuples import (
    Done,
    Emit,
    Failed,
    GiveUp,
    Init,
    TopologyNode,
    Tuple,
    Work,
)


class Spout(TopologyNode):
    """Emits, and answers when all is done."""

    # BEGIN SOLUTION 5A2: declare your state
    pending: dict[int, tuple[int, Emit]]
    """Root -> (ticket, what was asked)."""
    # END SOLUTION

    def on_start(self) -> None:
        # BEGIN SOLUTION 5A2: nothing is pending
        self.pending = {}
        # END SOLUTION

    def on_emit(self, op: Emit, ticket: Ticket) -> None:
        """Make tuples of ``Work(op.message, (), op.fan).children()``; the operation is Ok once their tree is done."""
        # BEGIN SOLUTION 5A2: a new tree
        root, value = self.random.getrandbits(64), 0
        self.pending[root] = ticket, op
        for work in Work(op.message, (), op.fan).children():
            first = Tuple(root, self.random.getrandbits(64), work)
            value ^= first.id
            self.send(self.bolt_of(work), first)
        self.send(self.acker_of(root), Init(root, value))
        self.set_timer(GiveUp(root), self.config.patience)
        # END SOLUTION

    def on_done(self, done: Done) -> None:
        """Perhaps for the second time, or of a tree that you have given up."""
        # BEGIN SOLUTION 5A2: answer
        self.cancel_timer(GiveUp(done.root))
        if done.root in self.pending:
            ticket, _ = self.pending.pop(done.root)
            self.finish(Ticket(ticket), Ok())
        # END SOLUTION

    def on_failed(self, failed: Failed) -> None:
        """Its time is over."""
        # BEGIN SOLUTION 5A2: again
        self.emit_again(failed.root)
        # END SOLUTION

    def on_give_up(self, timer: GiveUp) -> None:
        """Nobody has said anything about this root."""
        # BEGIN SOLUTION 5A2: again
        self.emit_again(timer.root)
        # END SOLUTION

    # BEGIN SOLUTION 5A2: your helpers
    def emit_again(self, root: int) -> None:
        self.cancel_timer(GiveUp(root))
        if root in self.pending:
            ticket, op = self.pending.pop(root)
            self.on_emit(op, Ticket(ticket))

    # END SOLUTION
