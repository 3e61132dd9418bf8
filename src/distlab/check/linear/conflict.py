"""What a judge hands back: that an order exists, operations that cannot be ordered, or that it stands back."""

from __future__ import annotations

from enum import Enum
from typing import Literal

from msgspec import Struct

from distlab.check.history import Entry


class Quick(Enum):
    """The two short answers of a judge."""

    ORDERED = "an order exists"
    DECLINED = "not a history that this judge can decide"


class Conflict(Struct, frozen=True):
    """Operations that cannot be put into one order, and why."""

    reason: str
    """A sentence in the object's own terms."""
    entries: tuple[Entry, ...]
    """The fewest that show it, the decisive one last."""
    expected: str = ""
    got: str = ""


Decision = Conflict | Literal[Quick.ORDERED, Quick.DECLINED]
