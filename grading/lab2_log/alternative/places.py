"""Offsets of one partition, in one small object; and lag."""

from __future__ import annotations

from dataclasses import dataclass, field

from labs.lab2_log.groups import Record


def lag(high_watermark: int, committed: int | None) -> int | None:
    """How far the group is behind; None: nobody can say."""
    if committed is None:
        return None
    return high_watermark - committed if high_watermark > committed else 0


@dataclass
class Cursor:
    """Where we are in one partition."""

    stage: str = "ask"
    """``ask`` what is committed, ``reset``, ``anchor`` (commit where the reset has put us), ``read``."""
    next: int = 0
    """To be handed out."""
    done: int = 0
    """To be processed; all before it is."""
    safe: int = -1
    """Committed; -1: nothing is."""
    shelf: list[Record] = field(default_factory=list)
    """Fetched, not handed out."""

    def move(self, offset: int, stage: str) -> None:
        """Go on from there."""
        self.next = self.done = offset
        self.stage, self.shelf = stage, []

    def is_dirty(self) -> bool:
        return self.stage in ("anchor", "read") and self.done != self.safe
