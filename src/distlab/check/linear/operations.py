"""What the ready models understand: small typed operations, into which a grader translates those of its lab.

Each operation says what its answer is, that is, the value of its ``Ok``. Values are compared by ``==`` and must be
hashable. ``key`` names the object; operations on different keys are judged apart, which is sound because
linearizability is local (Herlihy and Wing 1990, theorem 1).
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from distlab.core.values import Operation


class Read(Operation, frozen=True):
    """Answer: the value; a sequence where the object is a list."""

    key: Hashable = ""


class Write(Operation, frozen=True):
    """Answer: not looked at."""

    value: Any
    key: Hashable = ""


class Cas(Operation, frozen=True):
    """Compare and set. Answer: the value that it saw; it took effect if and only if that is ``old``."""

    old: Any
    new: Any
    key: Hashable = ""


class Append(Operation, frozen=True):
    """At the end of a list. Answer: not looked at."""

    element: Any
    key: Hashable = ""


class FetchAdd(Operation, frozen=True):
    """Answer: the number before; None where the system does not say it."""

    amount: int
    key: Hashable = ""


class Enqueue(Operation, frozen=True):
    """Answer: not looked at."""

    value: Any
    key: Hashable = ""


class Dequeue(Operation, frozen=True):
    """Answer: the oldest value, taken out; None if the queue was empty."""

    key: Hashable = ""


class Insert(Operation, frozen=True):
    """Answer: whether the element was new; None where the system does not say it."""

    element: Any
    key: Hashable = ""


class Remove(Operation, frozen=True):
    """Answer: whether the element was there; None where the system does not say it."""

    element: Any
    key: Hashable = ""


class Contains(Operation, frozen=True):
    """Answer: whether the element is there."""

    element: Any
    key: Hashable = ""


class Members(Operation, frozen=True):
    """The whole set. Answer: a frozenset."""

    key: Hashable = ""


class Acquire(Operation, frozen=True):
    """Answer: False if the lock was held; anything else: it is the holder's now. A holder that waits has no answer."""

    holder: Hashable
    key: Hashable = ""


class Release(Operation, frozen=True):
    """By its holder. Answer: not looked at."""

    holder: Hashable
    key: Hashable = ""
