"""Rounds of placing: best places, gangs, room for the large, backfill (part 3D).

Theory of operation. What lasts comes first, the oldest job first, wherever there is room; if there is none, where there
would be room without backfill, which ends then. A job for which there is no room either way waits, and those behind it
may pass. So that it does not wait for ever while small ones pass, the *oldest* that waits has nodes *reserved*: nothing
lasting begins there any more, and when what runs there has ended, it goes there. Only one job at a time has any nodes
reserved, and only as many as it needs: two that each held a half of what they need would wait for each other for ever,
and many that reserve would leave nothing to run on. Backfill comes last, and goes anywhere: what is reserved is not
idle.
"""

from __future__ import annotations

from collections.abc import Sequence

from labs.lab3_scheduler.gangs import assign
from labs.lab3_scheduler.order import NodeOrder
from labs.lab3_scheduler.placing import Floor, Job, Placement, Reserved, Round
from labs.lab3_scheduler.scheduling import SINGLE, Ask, Queue, Resources


class Packing(Floor):
    """Places what lasts from one end of the row, backfill from the other."""

    def __init__(self, queues: Sequence[Queue] = SINGLE, first: int = 1) -> None:
        super().__init__(queues, first)
        self.order = NodeOrder()
        """All nodes, by what is free."""
        self.head: tuple[str, Ask] | None = None
        """The name of the job that nodes are reserved for."""
        self.kept: list[str] = []
        """The nodes that are reserved for it."""

    def room_changed(self, node: str) -> None:
        raise NotImplementedError("3D: keep the order up to date")

    def schedule(self, now: int) -> Round:
        raise NotImplementedError(
            "3D: what lasts, the oldest first; one reservation; then backfill"
        )

    # TODO 3D: helpers of your own
