"""What is gathered about a history of transactions: per key what was read and written, faults, kinds of edges."""

from __future__ import annotations

from enum import IntFlag
from typing import Any, NamedTuple


class Why(IntFlag):
    """Why one transaction comes before another."""

    WW = 1
    WR = 2
    RW = 4
    SESSION = 8
    REALTIME = 16


WW, WR, RW, SESSION, REALTIME = (int(why) for why in Why)


class Fault(NamedTuple):
    """Something wrong that shows without any order."""

    name: str
    level: int
    """The weakest promise that it breaks: 0 any, 1 read committed, 2 snapshot isolation."""
    reason: str
    who: tuple[int, ...]
    """The transactions concerned, the decisive one last."""


class Key:
    """All that happened to one key."""

    __slots__ = ("lists", "mine", "over", "own", "reads", "writer")

    def __init__(self) -> None:
        self.lists = False
        """It is appended to."""
        self.writer: dict[Any, int] = {}
        """Value -> the transaction that wrote it."""
        self.own: dict[int, list[Any]] = {}
        """Transaction -> the values that it wrote, in order."""
        self.reads: list[tuple[int, Any]] = []
        """(transaction, value) of committed transactions, without what they had written themselves before."""
        self.mine: list[tuple[int, Any, int]] = []
        """Reads after own writes: (transaction, value, how many own writes came before)."""
        self.over: dict[int, Any] = {}
        """Committed transaction -> the value of this register that it had read before it wrote it."""


def shown(value: Any) -> str:
    """A list as people write it; a long one by its end."""
    elements = [repr(element) for element in value]
    return f"[{' '.join(elements if len(elements) <= 8 else ['..', *elements[-6:]])}]"
