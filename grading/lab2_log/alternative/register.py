"""Another way to know what a log says of its producers: a list of all numbered batches, in the log's order.

A question is answered by looking back through the list, an end that is cut off is cut off here too, and expiry is no
event but a look at a timestamp. Nothing has to be derived anew, and nothing is counted: the last five rows of a
producer *are* its window.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from labs.lab2_log.brokers import NONE
from labs.lab2_log.producing import (
    INVALID_PRODUCER_EPOCH,
    MAX_IN_FLIGHT,
    OUT_OF_ORDER_SEQUENCE,
    UNKNOWN_PRODUCER_ID,
    Origin,
)

Row = tuple[Origin, int]
"""(who made the batch, where it stands)."""


def following(origin: Origin) -> int:
    """The number behind the batch's last."""
    return (origin.sequence + origin.count) & 0x7FFFFFFF


@dataclass
class Register:
    """All numbered batches of one log."""

    rows: list[Row] = field(default_factory=list)

    def add(self, origin: Origin, offset: int) -> None:
        """A batch stands at the end of the log."""
        for last, _ in self.last_of(origin.producer_id, 1):
            is_next = origin.sequence == following(last)
            if last.epoch == origin.epoch and not is_next:
                # It was forgotten, and has begun anew: what came before is of no account.
                self.rows = [row for row in self.rows if row[0].producer_id != origin.producer_id]
        self.rows.append((origin, offset))

    def cut(self, end: int) -> None:
        """The log ends at ``end`` now."""
        while self.rows and self.rows[-1][1] >= end:
            self.rows.pop()

    def last_of(self, producer: int, count: int) -> list[Row]:
        """The producer's last few batches, newest first."""
        found: list[Row] = []
        for row in reversed(self.rows):
            if row[0].producer_id == producer:
                found.append(row)
                if len(found) == count:
                    break
        return found

    def place(self, origin: Origin, horizon: int) -> int | str | None:
        """Where the batch stands; None if it comes next; or the error. Older than ``horizon`` is forgotten."""
        known = self.last_of(origin.producer_id, MAX_IN_FLIGHT)
        if not known or known[0][0].timestamp < horizon:
            return None if origin.sequence == 0 else UNKNOWN_PRODUCER_ID
        newest = known[0][0]
        if origin.epoch < newest.epoch:
            return INVALID_PRODUCER_EPOCH
        if origin.epoch > newest.epoch:
            return None if origin.sequence == 0 else OUT_OF_ORDER_SEQUENCE
        for row, offset in known:
            is_same = (row.epoch, row.sequence, row.count) == (
                origin.epoch,
                origin.sequence,
                origin.count,
            )
            if is_same:
                return offset
        return None if origin.sequence == following(newest) else OUT_OF_ORDER_SEQUENCE


def error_of(place: int | str | None) -> str:
    """The error, if it is one."""
    return place if isinstance(place, str) else NONE
