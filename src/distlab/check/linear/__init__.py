"""Linearizability: histories of objects that behave as if one client at a time used them.

``linearizable(history, REGISTER)`` is the judge; a grader translates its lab's operations into those of
:mod:`~distlab.check.linear.operations`, or writes a :class:`Model` of its own. Make written values unique: then the
verdict is near-linear in the length of the history and does not mind how many clients there were.
"""

from distlab.check.linear.conflict import Conflict
from distlab.check.linear.judge import BUDGET, Examination, examine, linearizable, longest_order
from distlab.check.linear.model import IMPOSSIBLE, UNSAID, Model
from distlab.check.linear.models import (
    CAS,
    COUNTER,
    GROWING_SET,
    LIST,
    LOCK,
    MODELS,
    QUEUE,
    REGISTER,
    SET,
)
from distlab.check.linear.operations import (
    Acquire,
    Append,
    Cas,
    Contains,
    Dequeue,
    Enqueue,
    FetchAdd,
    Insert,
    Members,
    Read,
    Release,
    Remove,
    Write,
)

__all__ = [
    "BUDGET",
    "CAS",
    "COUNTER",
    "GROWING_SET",
    "IMPOSSIBLE",
    "LIST",
    "LOCK",
    "MODELS",
    "QUEUE",
    "REGISTER",
    "SET",
    "UNSAID",
    "Acquire",
    "Append",
    "Cas",
    "Conflict",
    "Contains",
    "Dequeue",
    "Enqueue",
    "Examination",
    "FetchAdd",
    "Insert",
    "Members",
    "Model",
    "Read",
    "Release",
    "Remove",
    "Write",
    "examine",
    "linearizable",
    "longest_order",
]
