"""One chooser for both ways of dealing out records without a key: so many bytes to one partition, then to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class Dealer:
    """In turn. A helping of 0 bytes is one record."""

    helping: int
    turn: int = -1
    left: int = 0

    def choose(self, available: Sequence[int], count: int, size: int) -> int:
        """The partition of the next record."""
        if self.turn not in available or size > self.left:
            later = [n for n in available if n > self.turn]
            self.turn = min(later or available, default=(self.turn + 1) % count)
            self.left = self.helping
        self.left -= size
        return self.turn
