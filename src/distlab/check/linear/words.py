"""Operations in plain words, for reasons and pictures."""

from __future__ import annotations

from typing import Any

from distlab.check.history import Entry
from distlab.check.linear import operations as ops
from distlab.check.linear.model import UNSAID
from distlab.check.linear.parts import answer_of
from distlab.trace.words import cut

LONGEST = 48
"""Characters of a value in a reason."""


def value_words(value: Any) -> str:
    """A value, cut where it is long; of a long list the end, where the news is."""
    if isinstance(value, tuple | list):
        inner = ", ".join(map(value_words, value[-6:]))
        return f"[{'… ' if len(value) > 6 else ''}{cut(inner, LONGEST)}]"
    if isinstance(value, frozenset):
        return cut("{" + ", ".join(sorted(map(value_words, value))) + "}", LONGEST)
    return cut(repr(value), LONGEST)


def operation_words(operation: Any, answer: Any = UNSAID) -> str:
    """What was done, as it stands over a bar: ``read x: 1``, ``write x = 2``; ``?`` where the answer is unknown."""
    on = f" {operation.key}" if getattr(operation, "key", "") not in ("", None) else ""
    heard = "?" if answer is UNSAID else value_words(answer)
    match operation:
        case ops.Read():
            return f"read{on}: {heard}"
        case ops.Members():
            return f"members{on}: {heard}"
        case ops.Write(value=value):
            return f"write{on} = {value_words(value)}"
        case ops.Cas(old=old, new=new):
            change = f"cas{on} {value_words(old)} → {value_words(new)}"
            return change if answer in (UNSAID, old) else f"{change}: saw {heard}"
        case ops.Append(element=element):
            return f"append{on} {value_words(element)}"
        case ops.FetchAdd(amount=amount):
            return f"add{on} {amount}" + ("" if answer is None else f": from {heard}")
        case ops.Enqueue(value=value):
            return f"enqueue{on} {value_words(value)}"
        case ops.Dequeue():
            return f"dequeue{on}: {'empty' if answer is None else heard}"
        case (
            ops.Insert(element=element)
            | ops.Remove(element=element)
            | ops.Contains(element=element)
        ):
            name = type(operation).__name__.lower()
            said = "" if answer is None else f": {heard}"
            return f"{name}{on} {value_words(element)}{said}"
        case ops.Acquire() | ops.Release():
            name = type(operation).__name__.lower()
            return f"{name}{on}" + (": refused" if answer is False else "")
    return cut(repr(operation), LONGEST) + ("" if answer is None else f": {heard}")


def short(entry: Entry) -> str:
    """The operation and its answer: ``read x: 1``."""
    return operation_words(entry.operation, answer_of(entry))


def who(entry: Entry) -> str:
    """Its client; a process that has only a number is ``p3``."""
    return f"p{entry.client}" if entry.client.isdigit() else entry.client


def said(entry: Entry) -> str:
    """Who did what: ``c1's (write x = 2)``."""
    return f"{who(entry)}'s ({short(entry)})"
