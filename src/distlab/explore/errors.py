"""Why a program cannot be explored: the one exception of this package, and its words."""

from __future__ import annotations

from distlab.core.errors import StudentError


class CannotExplore(StudentError):
    """The program does something that has no place in an exhaustive search; the message says where, what, and why.

    Not a broken promise: such a program may be right. It can still be simulated.
    """
