"""What a judge says: kept, broken or unknown, with the reason and the events that show it.

*Unknown* is a result of its own: the judge ran out of its budget, or never saw the situation it is there for. It is
never counted as kept.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct


class Finding(StrEnum):
    """The three things a judge can say."""

    KEPT = "kept"
    BROKEN = "broken"
    UNKNOWN = "unknown"


class Verdict(Struct, frozen=True):
    """One promise, judged on one run."""

    finding: Finding
    reason: str = ""
    """One sentence in the protocol's terms: what happened that must not, or why nothing can be said."""
    events: tuple[int, ...] = ()
    """Ids of the events that show it; the last one is the decisive one."""
    expected: str = ""
    got: str = ""
    is_absence: bool = False
    """What is wrong is that something did not happen: no single event, and no line of the program, did it."""

    @property
    def is_kept(self) -> bool:
        return self.finding is Finding.KEPT

    @property
    def is_broken(self) -> bool:
        return self.finding is Finding.BROKEN


_KEPT = Verdict(Finding.KEPT)


def kept() -> Verdict:
    """The promise was kept in this run."""
    return _KEPT


def broken(reason: str, *events: int, expected: Any = "", got: Any = "") -> Verdict:
    """The promise was broken: why, by which events (the decisive one last), what was expected and what came."""
    return Verdict(Finding.BROKEN, reason, events, _text(expected), _text(got))


def unknown(reason: str) -> Verdict:
    """Nothing can be said, and why."""
    return Verdict(Finding.UNKNOWN, reason)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
