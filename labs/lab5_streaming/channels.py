"""The two ends of a channel, and the credit between them (part 5A1).

Rule: both ends are plain queues that know no task and send nothing; whoever owns them does.

Theory. A receiver has room for ``buffers`` batches of a channel. It tells the sender so, as *credit*; each batch
takes one away, and each batch that the receiver has *taken* from its queue gives one back. So there are never more
batches in the receiver's queue and on the wire together than it has room for, and a slow operator slows its senders,
they slow theirs, and at last the sources do not read: back-pressure. With as many credits as fit into a round trip
the wire never runs dry. Only batches take credit. The other elements are small and few; but they keep their place in
the line.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from labs.lab5_streaming.stream import Batch, Element


@dataclass
class Output:
    """The sender's end."""

    queue: deque[Element] = field(default_factory=deque)
    """What could not leave yet."""
    # TODO 5A1: remember the credit

    def put(self, element: Element) -> None:
        """The element joins the queue."""
        raise NotImplementedError("5A1: join the queue")

    def grant(self, batches: int) -> None:
        """So many more batches may leave."""
        raise NotImplementedError("5A1: more credit")

    def ready(self) -> list[Element]:
        """What may leave now, in order; it is taken out of the queue.

        Nothing leaves before the first grant: there may be no session before it.
        """
        raise NotImplementedError("5A1: from the front, as long as there is credit")


@dataclass
class Input:
    """The receiver's end."""

    buffers: int
    """Room for so many batches."""
    queue: deque[Element] = field(default_factory=deque)
    """What has come and was not taken."""
    # TODO 5A1: remember what is owed to the sender

    def put(self, element: Element) -> None:
        """It has arrived."""
        raise NotImplementedError("5A1: join the queue")

    def take(self) -> Element | None:
        """The first element, which is now handled; None if there is none."""
        raise NotImplementedError("5A1: a batch that is taken leaves room for another")

    def grant(self) -> int:
        """How many batches the sender may be told to send beyond what it was told before; at first, ``buffers``."""
        raise NotImplementedError("5A1: what is owed, and from now on not any more")
