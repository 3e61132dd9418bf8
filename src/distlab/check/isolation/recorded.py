"""Transactions of a file, as Elle reads them: ``:f :txn, :value [[:append 5 1] [:r 5 nil] [:w 6 2]]``.

The completion repeats the steps with what each read answered. ``mop``s other than ``r``, ``append`` and ``w`` are
refused, with the line.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from distlab.check.edn import BadHistory
from distlab.check.history import History
from distlab.check.jepsen import Recorded, entry_of
from distlab.check.transactions import Append, Read, Step, Transaction, Write

TXN = "txn"
"""What the operation is called in a file."""


def to_history(recorded: Sequence[Recorded]) -> History:
    """The transactions of a file. Raises :class:`~distlab.check.edn.BadHistory` with the line."""
    entries = []
    for ticket, one in enumerate(recorded, 1):
        if one.f != TXN:
            raise BadHistory(one.line, f"{one.f} among transactions: every operation must be a txn")
        asked = tuple(_step(one.line, step) for step in _steps(one.line, one.value))
        # What a read was to answer, some drivers leave in the invocation; nobody knew it then.
        asked = tuple(Read(step.key) if isinstance(step, Read) else step for step in asked)
        answered = one.value if one.answer is None else one.answer
        done = tuple(_step(one.line, step) for step in _steps(one.line, answered))
        entries.append(entry_of(ticket, one, Transaction(asked), done))
    return History(entries)


def _steps(line: int, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, tuple):
        raise BadHistory(line, f"the value of a txn is a list of steps, not {value!r}")
    return value


def _step(line: int, step: Any) -> Step:
    match step:
        case ("r", Hashable() as key, value):
            return Read(key, value)
        case ("append", Hashable() as key, Hashable() as value) if value is not None:
            return Append(key, value)
        case ("w", Hashable() as key, Hashable() as value) if value is not None:
            return Write(key, value)
    raise BadHistory(
        line, f"a step is [:r key value], [:append key value] or [:w key value], not {step!r}"
    )
