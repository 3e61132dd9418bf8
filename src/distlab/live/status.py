"""A screen of text about a run: who is up, and how much they carry. For ``make live``."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from distlab.core.values import Address
from distlab.live.control import Figures

if TYPE_CHECKING:
    from distlab.live.seat import Seat


class Row(NamedTuple):
    """One node at one moment."""

    address: Address
    state: str
    pid: int | None
    incarnation: int
    figures: Figures
    at: float
    """Seconds, on a clock that only goes forward."""
    messages: float
    """Per second, in and out, since the row before."""
    bytes: float

    @classmethod
    def of(cls, seat: Seat, before: Row | None) -> Row:
        """A seat as it is now; rates between the node's last two answers, the older of which ``before`` may know."""
        child, figures, now = seat.child, seat.figures, time.monotonic()
        state = (
            "down"
            if child is None
            else "paused"
            if child.is_paused
            else "up"
            if seat.is_up
            else "starting"
        )
        if seat.has_failed:
            state = "failed"
        messages = bytes_ = 0.0
        if before is not None and before.figures is figures:
            now, messages, bytes_ = before.at, before.messages, before.bytes
        elif before is not None and before.incarnation == seat.incarnation and now > before.at:
            took = now - before.at
            messages = (_messages(figures) - _messages(before.figures)) / took
            bytes_ = (_bytes(figures) - _bytes(before.figures)) / took
        pid = None if child is None else child.pid
        return cls(
            seat.address,
            state,
            pid,
            seat.incarnation,
            figures,
            now,
            max(0, messages),
            max(0, bytes_),
        )


def _messages(figures: Figures) -> int:
    return figures.messages_in + figures.messages_out


def _bytes(figures: Figures) -> int:
    return figures.bytes_in + figures.bytes_out


def table(rows: Iterable[Row], tally: Mapping[str, int]) -> str:
    """Rows under each other, at most 80 columns."""
    lines = [
        f"{'node':<18}{'state':<10}{'pid':>8}{'life':>6}{'messages/s':>13}{'MB/s':>9}{'jobs':>6}{'held':>6}"
    ]
    lines += [
        f"{row.address[:17]:<18}{row.state:<10}{row.pid or '-':>8}{row.incarnation:>6}"
        f"{row.messages:>13,.0f}{row.bytes / 1e6:>9,.1f}{row.figures.jobs:>6}{row.figures.held:>6}"
        for row in rows
    ]
    if tally:
        lines.append(
            "dropped: " + ", ".join(f"{why} {count:,}" for why, count in sorted(tally.items()))
        )
    return "\n".join(lines)
