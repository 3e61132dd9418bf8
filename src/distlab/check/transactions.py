"""Transactions as judges see them: short lists of reads and writes, over lists and registers.

A :class:`Transaction` is an operation like any other: its client begins it, and finishes it with ``Ok(steps)``, the
same steps with what each read answered filled in. After ``Fail`` it was rolled back; after ``Info``, or no return at
all, it may have been committed or not.

Two kinds of keys, and both are chosen because a reader can tell from a value which write it came from, and in which
order the writes were: a *list*, which is only ever appended to (K. Kingsbury and P. Alvaro, *Elle*, VLDB 2020), and a
*register*, which a transaction reads before it writes it. A key is one or the other for the whole history. Each value
is written once per key; a history that repeats one is refused, since nobody could say what was read.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from msgspec import Struct

from distlab.check.history import Entry, History
from distlab.core.errors import ScenarioError
from distlab.core.values import Fail, Ok, Operation


class Read(Struct, frozen=True, tag=True):
    """The value of a key: of a list all its elements, of a register the last value; None where nothing was written."""

    key: Hashable
    value: Any = None


class Append(Struct, frozen=True, tag=True):
    """Adds one element to the end of a list."""

    key: Hashable
    value: Hashable


class Write(Struct, frozen=True, tag=True):
    """Sets a register."""

    key: Hashable
    value: Hashable


Step = Read | Append | Write


class Transaction(Operation, frozen=True):
    """All of these steps, or none of them."""

    steps: tuple[Step, ...]


def committed(ticket: int, client: str, began: int, ended: int, *steps: Step) -> Entry:
    """A transaction that was answered Ok, for histories that are written by hand."""
    asked = tuple(Read(step.key) if type(step) is Read else step for step in steps)
    call, ret = _events(ticket)
    return Entry(ticket, client, Transaction(asked), began, call, Ok(steps), ended, ret)


def aborted(ticket: int, client: str, began: int, ended: int, *steps: Step) -> Entry:
    """A transaction that was certainly rolled back."""
    call, ret = _events(ticket)
    return Entry(ticket, client, Transaction(steps), began, call, Fail(), ended, ret)


def in_doubt(ticket: int, client: str, began: int, *steps: Step) -> Entry:
    """A transaction that never returned."""
    return Entry(ticket, client, Transaction(steps), began, _events(ticket)[0])


def _events(ticket: int) -> tuple[int, int]:
    return 2 * ticket, 2 * ticket + 1


def steps_of(entry: Entry) -> tuple[Step, ...]:
    """What a transaction did, reads filled in if it was committed. Raises ``ScenarioError`` for what is none."""
    operation = entry.operation
    if not isinstance(operation, Transaction):
        raise ScenarioError(
            f"operation {entry.ticket} is a {type(operation).__name__}, not a Transaction"
        )
    outcome = entry.outcome
    if not isinstance(outcome, Ok):
        return operation.steps
    steps = outcome.value
    if not isinstance(steps, tuple | list):
        raise ScenarioError(f"transaction {entry.ticket} answered {steps!r}, not its steps")
    if len(steps) != len(operation.steps):
        raise ScenarioError(
            f"transaction {entry.ticket} has {len(operation.steps)} steps, its answer {len(steps)}"
        )
    for asked, answered in zip(operation.steps, steps, strict=True):
        kind = type(asked)
        if (
            asked is not answered
            and asked != answered
            and not (kind is Read is type(answered) and asked.key == answered.key)
        ):
            raise ScenarioError(
                f"transaction {entry.ticket} asked for {asked!r} and was answered {answered!r}"
            )
    return steps if isinstance(steps, tuple) else tuple(steps)


def well_formed(history: History) -> None:
    """Raises ``ScenarioError`` where a client has two operations under way, or one ends before it began.

    One that never returned does not count: its client may have crashed and come back, and it is in doubt anyway.
    """
    last: dict[str, Entry] = {}
    for entry in history:
        before = last.get(entry.client)
        if entry.ended is None:
            if isinstance(entry.outcome, Ok):
                raise ScenarioError(f"operation {entry.ticket} was answered at no time")
        elif entry.ended < entry.began:
            raise ScenarioError(f"operation {entry.ticket} ended before it began")
        if before is not None and before.ended is not None and before.ended > entry.began:
            raise ScenarioError(
                f"{entry.client} began operation {entry.ticket} while its operation {before.ticket} was open"
            )
        if entry.ended is not None:
            last[entry.client] = entry
