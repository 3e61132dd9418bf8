"""Linearizability without any cleverness: real objects, and every order in turn. Obviously right, and slow.

Rule: nothing here is shared with what it is held against: neither the models' steps, nor the way that time is compared.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Sequence
from typing import Any

from distlab.check import Entry
from distlab.check.linear import (
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
from distlab.core import Fail, Ok

IMPOSSIBLE = object()


class Plain:
    """One object of every kind for each key: each operation uses the kind that it is about."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.register: dict[Any, Any] = {}
        self.lists: dict[Any, list[Any]] = {}
        self.numbers: dict[Any, int] = {}
        self.queues: dict[Any, deque[Any]] = {}
        self.sets: dict[Any, set[Any]] = {}
        self.holders: dict[Any, Any] = {}

    def apply(self, operation: Any) -> Any:
        """Do it, and answer."""
        key = operation.key
        match operation:
            case Read() if self.kind == "list":
                return tuple(self.lists.get(key, []))
            case Read() if self.kind == "counter":
                return self.numbers.get(key, 0)
            case Read():
                return self.register.get(key)
            case Write(value=value):
                self.register[key] = value
                return None
            case Cas(old=old, new=new):
                seen = self.register.get(key)
                if seen == old:
                    self.register[key] = new
                return seen
            case Append(element=element):
                self.lists.setdefault(key, []).append(element)
                return None
            case FetchAdd(amount=amount):
                before = self.numbers.get(key, 0)
                self.numbers[key] = before + amount
                return before
            case Enqueue(value=value):
                self.queues.setdefault(key, deque()).append(value)
                return None
            case Dequeue():
                waiting = self.queues.setdefault(key, deque())
                return waiting.popleft() if waiting else None
            case Insert(element=element):
                members = self.sets.setdefault(key, set())
                is_new = element not in members
                members.add(element)
                return is_new
            case Remove(element=element):
                members = self.sets.setdefault(key, set())
                was_there = element in members
                members.discard(element)
                return was_there
            case Members():
                return frozenset(self.sets.get(key, set()))
            case Contains(element=element):
                return element in self.sets.get(key, set())
            case Acquire(holder=holder):
                if self.holders.get(key) is not None:
                    return False
                self.holders[key] = (holder,)
                return None
            case Release(holder=holder):
                if self.holders.get(key) != (holder,):
                    return IMPOSSIBLE
                self.holders[key] = None
                return None
        raise AssertionError(operation)


def agrees(operation: Any, answer: Any, recorded: Any) -> bool:
    """Whether an object that answers so explains what was recorded."""
    match operation:
        case Write() | Append() | Enqueue() | Release():
            return answer is not IMPOSSIBLE
        case Insert() | Remove() | FetchAdd() if recorded is None:
            return True
        case Acquire():
            return (recorded is False) == (answer is False)
    return bool(answer == recorded)


def precedes(one: Entry, other: Entry) -> bool:
    """Whether ``one`` had returned when ``other`` was called."""
    if not isinstance(one.outcome, Ok):
        return False
    assert one.ended is not None
    if one.ended == other.began and one.ret and other.call:
        return one.ret < other.call
    return one.ended < other.began


def has_order(entries: Sequence[Entry], kind: str) -> bool:
    """Whether some order explains every answer."""
    return _extends([one for one in entries if not isinstance(one.outcome, Fail)], Plain(kind))


def _extends(left: list[Entry], state: Plain) -> bool:
    if not any(isinstance(entry.outcome, Ok) for entry in left):
        return True
    for entry in left:
        if any(precedes(other, entry) for other in left if other is not entry):
            continue
        after = copy.deepcopy(state)
        answer = after.apply(entry.operation)
        if isinstance(entry.outcome, Ok):
            if not agrees(entry.operation, answer, entry.outcome.value):
                continue
        elif answer is IMPOSSIBLE:
            continue
        if _extends([other for other in left if other is not entry], after):
            return True
    return False


def explains(order: Sequence[Entry], entries: Sequence[Entry], kind: str) -> bool:
    """Whether this order is a proof: all that returned is in it, no answer is wrong, no time runs backwards."""
    if {e.ticket for e in entries if isinstance(e.outcome, Ok)} - {e.ticket for e in order}:
        return False
    state = Plain(kind)
    for place, entry in enumerate(order):
        answer = state.apply(entry.operation)
        if isinstance(entry.outcome, Ok) and not agrees(
            entry.operation, answer, entry.outcome.value
        ):
            return False
        if answer is IMPOSSIBLE or any(precedes(later, entry) for later in order[place + 1 :]):
            return False
    return True
