"""What flows between the tasks of a streaming job, how it is written on the wire, and what a task shows. Given.

Theory of the whole lab. A *job* is a graph of operators (``graph.py``). Each operator runs as several *subtasks*; each
subtask is hosted by one node, its *task* (``hosting.py``). Where an edge joins two operators, a *channel* runs from
every subtask of the one to every subtask of the other, and whatever is said on a channel stays in its order. This
is what is said:

===================  ============================================================================  ==========
``Batch``            records, as columns; takes one credit                                         5A
``EndOfInput``       nothing more will come on this channel                                        5A
``Watermark``        no record up to this time is expected any more                                5B
``Status``           this channel is idle, or active again                                         5B
``Barrier``          divides the channel: what is before it belongs to the checkpoint              5D
``Credit``           the other way: so many more batches may come                                  5A
===================  ============================================================================  ==========

All of them are *elements*, but for ``Credit``: they stand in the same queues, so a watermark or a barrier that comes
behind a batch waits with it when there is no credit. (Only a barrier of an unaligned checkpoint overtakes: part 5D.)
They are session messages: a session keeps order and loses nothing until it ends, and when it ends, what was on its
way is gone; then the task stops, and the job starts again from its last checkpoint.

Nobody sends a message for each record. A batch is three columns (keys, times, values), which the codec writes at once,
and an operator is handed whole batches; a function for each record is a convenience on top (``operators.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import Any
from zlib import crc32

from msgspec import Struct

from distlab.core import Address, Config, Message, SessionMessage, Timer

Chance = Random
"""The type of a node's own random stream (``self.random``), which a task hands to its partitioners."""

Key = str | int

MAX_PARALLELISM = 128
"""How many key groups there are: state can be spread over so many subtasks, and no more."""


def key_group(key: Key, groups: int = MAX_PARALLELISM) -> int:
    """The key group that a key belongs to, on every machine and for ever."""
    return crc32(str(key).encode()) % groups


class Records(Struct, frozen=True):
    """Some records of a stream, as columns: the i-th record is ``keys[i]``, ``times[i]``, ``values[i]``."""

    keys: tuple[Key, ...] = ()
    times: tuple[int, ...] = ()
    """Event times: when it happened. Any whole numbers; the unit is the job's affair."""
    values: tuple[Any, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    def pick(self, places: Sequence[int]) -> Records:
        """The records that stand at these places, in this order."""
        return Records(
            tuple([self.keys[i] for i in places]),
            tuple([self.times[i] for i in places]),
            tuple([self.values[i] for i in places]),
        )


def records_of(rows: Iterable[tuple[Key, int, Any]]) -> Records:
    """Columns of (key, time, value) rows."""
    columns = tuple(zip(*rows, strict=True))
    return Records(*columns) if columns else Records()


# -- elements -----------------------------------------------------------------------------------------


class Batch(SessionMessage, frozen=True):
    """Records, in order. Takes one credit."""

    records: Records
    edge: int = 0
    """Of the job's edges, counted from 0: with the sender's address it names the channel. ``transmit`` fills it in."""


class EndOfInput(SessionMessage, frozen=True):
    """Nothing more will come on this channel."""

    edge: int = 0


class Watermark(SessionMessage, frozen=True):
    """No record with an event time up to ``time`` is expected any more on this channel."""

    time: int
    edge: int = 0


class Status(SessionMessage, frozen=True):
    """An idle channel holds no watermark back. A channel is active until it says otherwise."""

    is_idle: bool
    edge: int = 0


class Barrier(SessionMessage, frozen=True):
    """What came before it on this channel belongs to the checkpoint, what comes after it does not."""

    checkpoint: int
    edge: int = 0


Element = Batch | EndOfInput | Watermark | Status | Barrier


class Credit(SessionMessage, frozen=True):
    """From a channel's receiver to its sender: so many more batches may come."""

    batches: int
    edge: int = 0


# -- what is said to the console: the world outside ---------------------------------------------------


class Read(Message, frozen=True):
    """A source has taken this from outside."""

    records: Records


class Written(Message, frozen=True):
    """A sink has put this outside. ``sender`` and ``edge`` name the channel on which it came."""

    records: Records
    edge: int
    sender: Address


class Ended(Message, frozen=True):
    """A sink has seen the end of all its inputs."""


# -- what a task is told ------------------------------------------------------------------------------


class Incoming(Struct, frozen=True):
    """One edge that ends here: a channel from each of its senders."""

    edge: int
    senders: tuple[Address, ...]


class Outgoing(Struct, frozen=True):
    """One edge that begins here: a channel to each of its targets, subtask 0 first."""

    edge: int
    targets: tuple[Address, ...]
    partitioner: str
    """A name in the table PARTITIONERS of ``partitioners.py``."""
    tag: str = ""
    """Which of the operator's outputs this edge carries: "" the main one, else a side output."""


class TaskConfig(Config, frozen=True):
    """One subtask of one operator."""

    operator: str
    """``module:Class``, in this lab's package."""
    arguments: dict[str, Any]
    name: str
    subtask: int
    parallelism: int
    inputs: tuple[Incoming, ...] = ()
    outputs: tuple[Outgoing, ...] = ()
    buffers: int = 4
    """How many batches of one channel a receiver keeps at most."""
    console: Address = Address("console")

    @property
    def is_source(self) -> bool:
        return not self.inputs


class Channel(Struct, frozen=True, order=True):
    """One channel, as one of its ends names it."""

    edge: int
    peer: Address
    """The task at the other end."""


class Resume(Timer, frozen=True):
    """The operator is free again."""


class Reconnect(Timer, frozen=True):
    peer: Address
