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

    # TODO 5A2: declare your state

    def on_start(self) -> None:
        raise NotImplementedError("5A2: nothing is pending")

    def on_emit(self, op: Emit, ticket: Ticket) -> None:
        """Make tuples of ``Work(op.message, (), op.fan).children()``; the operation is Ok once their tree is done."""
        raise NotImplementedError("5A2: a new tree")

    def on_done(self, done: Done) -> None:
        """Perhaps for the second time, or of a tree that you have given up."""
        raise NotImplementedError("5A2: answer")

    def on_failed(self, failed: Failed) -> None:
        """Its time is over."""
        raise NotImplementedError("5A2: again")

    def on_give_up(self, timer: GiveUp) -> None:
        """Nobody has said anything about this root."""
        raise NotImplementedError("5A2: again")

    # TODO 5A2: your helpers
