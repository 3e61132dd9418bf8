"""How far a group is behind."""

from __future__ import annotations


def lag(high_watermark: int, committed: int | None) -> int | None:
    """How far the group is behind; None: nobody can say."""
    if committed is None:
        return None
    return high_watermark - committed if high_watermark > committed else 0
