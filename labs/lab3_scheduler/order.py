"""The first node, or the last one, that has room: without looking at all of them (part 3D).

Theory of operation. Nodes stand in a row, in an order that never changes, so nothing is ever sorted. What lasts is
placed from one end of the row, backfill from the other: the row's beginning fills up, its end stays empty, or holds
only what can be thrown out. To find the first node with room, a *tournament tree* stands over the row: each inner node
knows the most memory and the most vcores that are free on one machine below it. Where even the most is not enough, that
half of the row need not be looked at. The most memory and the most vcores may be on two machines, so the search
sometimes goes into a half in vain; it costs O(log n) mostly, and never more than a walk along the row.
"""

from __future__ import annotations

from labs.lab3_scheduler.scheduling import Resources


class NodeOrder:
    """Names in a row, and how much room each one has."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.places: dict[str, int] = {}
        self.width = 1
        """Leaves of the tree: a power of two."""
        self.memory = [-1, -1]
        """By position in the tree: 1 is the root, 2k and 2k+1 are below k, leaves begin at ``width``. -1: no node."""
        self.vcores = [-1, -1]

    def put(self, name: str, room: Resources) -> None:
        """A node has so much room now. A new one stands at the end of the row."""
        raise NotImplementedError(
            "3D: change the leaf, then everything above it; grow the tree when the row is full"
        )

    def drop(self, name: str) -> None:
        """A node is gone, or must not be found; its place in the row stays empty."""
        raise NotImplementedError("3D: no room at all")

    def first(self, need: Resources, from_the_end: bool = False) -> str:
        """The first node of the row that has so much room, or the last one; empty if there is none."""
        raise NotImplementedError("3D: descend where the most is enough, the nearer half first")

    # TODO 3D: helpers of your own
