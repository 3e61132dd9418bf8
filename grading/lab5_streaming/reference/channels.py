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
    # BEGIN SOLUTION 5A1: remember the credit
    credit: int = 0
    is_open: bool = False
    # END SOLUTION

    def put(self, element: Element) -> None:
        """The element joins the queue."""
        # BEGIN SOLUTION 5A1: join the queue
        self.queue.append(element)
        # END SOLUTION

    def grant(self, batches: int) -> None:
        """So many more batches may leave."""
        # BEGIN SOLUTION 5A1: more credit
        self.credit += batches
        self.is_open = True
        # END SOLUTION

    def ready(self) -> list[Element]:
        """What may leave now, in order; it is taken out of the queue.

        Nothing leaves before the first grant: there may be no session before it.
        """
        # BEGIN SOLUTION 5A1: from the front, as long as there is credit
        leaving: list[Element] = []
        while self.is_open and self.queue:
            if isinstance(self.queue[0], Batch):
                if not self.credit:
                    break
                self.credit -= 1
            leaving.append(self.queue.popleft())
        return leaving
        # END SOLUTION


@dataclass
class Input:
    """The receiver's end."""

    buffers: int
    """Room for so many batches."""
    queue: deque[Element] = field(default_factory=deque)
    """What has come and was not taken."""
    # BEGIN SOLUTION 5A1: remember what is owed to the sender
    owed: int = 0

    def __post_init__(self) -> None:
        self.owed = self.buffers

    # END SOLUTION

    def put(self, element: Element) -> None:
        """It has arrived."""
        # BEGIN SOLUTION 5A1: join the queue
        self.queue.append(element)
        # END SOLUTION

    def take(self) -> Element | None:
        """The first element, which is now handled; None if there is none."""
        # BEGIN SOLUTION 5A1: a batch that is taken leaves room for another
        if not self.queue:
            return None
        element = self.queue.popleft()
        self.owed += isinstance(element, Batch)
        return element
        # END SOLUTION

    def grant(self) -> int:
        """How many batches the sender may be told to send beyond what it was told before; at first, ``buffers``."""
        # BEGIN SOLUTION 5A1: what is owed, and from now on not any more
        owed, self.owed = self.owed, 0
        return owed
        # END SOLUTION
