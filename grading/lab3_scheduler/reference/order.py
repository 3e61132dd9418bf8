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
        # BEGIN SOLUTION 3D: change the leaf, then everything above it; grow the tree when the row is full
        if name not in self.places:
            self.places[name] = len(self.names)
            self.names.append(name)
            if len(self.names) > self.width:
                self._grow()
        self._set(self.width + self.places[name], room.memory, room.vcores)
        # END SOLUTION

    def drop(self, name: str) -> None:
        """A node is gone, or must not be found; its place in the row stays empty."""
        # BEGIN SOLUTION 3D: no room at all
        if name in self.places:
            self._set(self.width + self.places[name], -1, -1)
        # END SOLUTION

    def first(self, need: Resources, from_the_end: bool = False) -> str:
        """The first node of the row that has so much room, or the last one; empty if there is none."""
        # BEGIN SOLUTION 3D: descend where the most is enough, the nearer half first
        memory, vcores, width = self.memory, self.vcores, self.width
        m, v = need.memory, need.vcores
        stack = [1]
        while stack:
            at = stack.pop()
            if memory[at] < m or vcores[at] < v:
                continue
            if at >= width:
                return self.names[at - width]
            stack += (2 * at, 2 * at + 1) if from_the_end else (2 * at + 1, 2 * at)
        return ""
        # END SOLUTION

    # BEGIN SOLUTION 3D: helpers of your own
    def _set(self, at: int, m: int, v: int) -> None:
        memory, vcores = self.memory, self.vcores
        memory[at], vcores[at] = m, v
        at >>= 1
        while at:
            left, right = 2 * at, 2 * at + 1
            memory[at] = max(memory[left], memory[right])
            vcores[at] = max(vcores[left], vcores[right])
            at >>= 1

    def _grow(self) -> None:
        old = [
            (self.memory[self.width + n], self.vcores[self.width + n]) for n in range(self.width)
        ]
        self.width *= 2
        self.memory, self.vcores = [-1] * (2 * self.width), [-1] * (2 * self.width)
        for n, (m, v) in enumerate(old):
            self._set(self.width + n, m, v)

    # END SOLUTION
