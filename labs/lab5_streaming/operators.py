"""What an operator is and what it sees; and a few that every job needs. Given.

An operator is a dataclass whose fields are its arguments and its own state. It is called with batches, and acts through
its context. This is the whole of it:

=====================================  =============================================================
``open(context)``                      once, before anything else
``on_records(context, records, edge)`` a batch came; by default calls ``on_record`` for each record
``on_record(context, key, time, value)``
``on_watermark(context, time)``        event time has come so far (5B)
``on_timer(context, due)``             a timer of yours is due (5B: what its context can do more, ``eventtime.py``)
``on_end(context)``                    all inputs have ended
``poll(context)``                      sources only: emit what there is; how long until there is more
=====================================  =============================================================

An operator that keeps things in plain fields loses them with its task. Parts 5C and 5D give it state that survives.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from distlab.core import Address, Message
from labs.lab5_streaming.stream import Ended, Key, Read, Records, Written, records_of


class Context(Protocol):
    """What an operator may do and ask."""

    @property
    def subtask(self) -> int: ...
    @property
    def parallelism(self) -> int: ...
    @property
    def sender(self) -> Address:
        """Who sent the batch that is being handled."""
        ...

    def emit(self, records: Records, tag: str = "") -> None:
        """Send records on, on every edge that carries this output; ``tag`` names a side output."""
        ...

    def tell(self, message: Message) -> None:
        """Say something to the world outside."""
        ...

    def now(self) -> int:
        """Processing time, in microseconds."""
        ...


@dataclass
class Operator:
    """The base of all: passes everything on."""

    pace: int = 0
    """How long it is at work on one batch, in microseconds."""

    def open(self, context: Context) -> None: ...

    def on_records(self, context: Context, records: Records, edge: int) -> None:
        for key, time, value in zip(records.keys, records.times, records.values, strict=True):
            self.on_record(context, key, time, value)

    def on_record(self, context: Context, key: Key, time: int, value: Any) -> None:
        context.emit(records_of([(key, time, value)]))

    def on_watermark(self, context: Context, time: int) -> None: ...

    def on_timer(self, context: Any, due: Any) -> None: ...

    def on_end(self, context: Context) -> None: ...

    def poll(self, context: Context) -> int | None:
        """None: that was the last. Else: microseconds until it should be asked again."""
        raise NotImplementedError


@dataclass
class Rows(Operator):
    """A source of given rows, a few at a time: ``shares[i]`` are those of subtask i."""

    shares: Iterable[Any] = ()
    size: int = 1
    at: int = 0
    """How many were emitted."""

    def poll(self, context: Context) -> int | None:
        rows = list(self.shares)[context.subtask]
        batch = records_of([tuple(row) for row in rows[self.at : self.at + self.size]])
        if not batch:
            return None
        self.at += self.size
        context.tell(Read(batch))
        context.emit(batch)
        return self.pace


@dataclass
class Stamp(Operator):
    """Adds its own subtask to each value, which is a tuple: so one can see which way a record came."""

    def on_records(self, context: Context, records: Records, edge: int) -> None:
        mark = context.subtask
        values = tuple([(*value, mark) for value in records.values])
        context.emit(Records(records.keys, records.times, values))


@dataclass
class Hoard(Operator):
    """Keeps all that it gets, and emits it at the end, batch by batch: as whoever sorts must do."""

    kept: list[Records] = field(default_factory=list)

    def on_records(self, context: Context, records: Records, edge: int) -> None:
        values = tuple([(*value, context.subtask) for value in records.values])
        self.kept.append(Records(records.keys, records.times, values))

    def on_end(self, context: Context) -> None:
        for records in self.kept:
            context.emit(records)


@dataclass
class Sink(Operator):
    """Puts everything outside."""

    def on_records(self, context: Context, records: Records, edge: int) -> None:
        context.tell(Written(records, edge, context.sender))

    def on_end(self, context: Context) -> None:
        context.tell(Ended())


def build(operator: str, arguments: dict[str, Any]) -> Operator:
    """The operator that is named ``module:Class``, with these arguments. Raises ``LookupError``."""
    module_name, _, name = operator.partition(":")
    module = importlib.import_module(f"labs.lab5_streaming.{module_name}")
    made = getattr(module, name, None)
    if made is None:
        raise LookupError(f"there is no operator {name} in {module_name}.py")
    built = made(**arguments)
    assert isinstance(built, Operator)
    return built
