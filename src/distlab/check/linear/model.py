"""What an object is when one client uses it alone: its first state, and what each operation does to it.

A :class:`Model` is a value made of pure functions. ``step`` maps (state, operation, answer) to the states that may
follow: none if that answer is impossible there. An open operation has the answer :data:`UNSAID`: any would do.

A model may bring its *zones*, a judge that is near-linear where written values are unique, and stands back where they
are not (:mod:`~distlab.check.linear.chains` and its neighbours). The search of :mod:`~distlab.check.linear.search`
needs no more than ``step``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from distlab.core.values import Operation

if TYPE_CHECKING:
    from distlab.check.linear.conflict import Decision
    from distlab.check.linear.parts import Part

States = tuple[Hashable, ...]
IMPOSSIBLE: Final[States] = ()


class _Unsaid(Enum):
    UNSAID = "unsaid"

    def __repr__(self) -> str:
        return "?"


UNSAID: Final = _Unsaid.UNSAID
"""The answer of an operation that is open."""


def _by_key(operation: Any) -> Hashable:
    key: Hashable = operation.key
    return key


def _never(operation: Any, answer: Any) -> bool:
    return False


class Model(Struct, frozen=True, kw_only=True):
    """A sequential specification."""

    name: str
    operations: tuple[type[Operation], ...]
    initial: Hashable
    step: Callable[[Any, Any, Any], States]
    key: Callable[[Any], Hashable] = _by_key
    """Which object an operation is about; what has different keys is judged apart."""
    observes: Callable[[Any, Any], bool] = _never
    """Whether an operation with this answer leaves every state as it is. Saying no is always right, and slower."""
    zones: Callable[[Part, Model], Decision] | None = None
    """A judge for unique values; it may decline."""
