"""What waits for a sync: the order of effects, kept over a node's whole life.

Pure. While no sync is pending an effect is carried out at once; otherwise it lines up behind the last sync that was
asked for. Syncs are numbered as they are asked for, and complete in that order; a sync that failed takes with it all
that had lined up, for everything there was asked for after it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any


class Outbox:
    """Effects of one incarnation of a node that are not yet carried out."""

    def __init__(self) -> None:
        self._asked = 0
        """Number of the last sync that was asked for."""
        self._done = 0
        self._waiting: deque[tuple[int, Callable[..., None], tuple[Any, ...]]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_clear(self) -> bool:
        """Whether an effect may take place now."""
        return self._done == self._asked

    def barrier(self, number: int) -> None:
        """Sync ``number`` was asked for: what comes next waits for it."""
        self._asked = number

    def in_order(self, action: Callable[..., None], *arguments: Any) -> None:
        """Do it now, or when the syncs before it are done."""
        if self._done == self._asked:
            action(*arguments)
        else:
            self._waiting.append((self._asked, action, arguments))

    def done(self, number: int) -> None:
        """Sync ``number``, and every one before it, is done: release what waited for no more than that."""
        self._done = max(self._done, number)
        while self._waiting and self._waiting[0][0] <= self._done:
            _, action, arguments = self._waiting.popleft()
            action(*arguments)

    def failed(self, number: int) -> list[tuple[Any, ...]]:
        """Sync ``number`` failed, those before it are done: drop all that waits; returns the arguments of that.

        Syncs that were asked for after it are still to come, and what the node does next waits for them.
        """
        dropped = [arguments for _, _, arguments in self._waiting]
        self._waiting.clear()
        self._done = max(self._done, number)
        return dropped
