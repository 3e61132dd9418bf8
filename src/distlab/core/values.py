"""The values that travel: messages, timers, jobs, operations and their outcomes.

Everything a node reacts to is a frozen value of a class that the lab names, and the handler is named after that
class: ``class Put(Message)`` is handled by ``on_put``. Values carry data only; no behaviour lives here but a job's
``run``. They are :mod:`msgspec` Structs, so that every one of them can cross a process boundary, be hashed, compared,
written to a trace and read back.

Field types should be immutable (``tuple`` rather than ``list``): the explorer hashes messages, and a value that cannot
change cannot be shared by accident.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, ClassVar, NewType

from msgspec import Struct, field

if TYPE_CHECKING:
    from typing import dataclass_transform

    from msgspec.structs import StructConfig

    from distlab.core.context import JobContext

    @dataclass_transform(frozen_default=True, field_specifiers=(field,))
    class Value:
        """For type checkers: a Struct whose subclasses are frozen without saying so."""

        __struct_config__: ClassVar[StructConfig]
        __struct_fields__: ClassVar[tuple[str, ...]]

        def __init_subclass__(cls, *, frozen: bool = True, tag: bool = True) -> None: ...

else:
    Value = Struct

Address = NewType("Address", str)
"""The name of a node, for instance ``"worker-2"``. Stable over crashes and restarts."""

Ticket = NewType("Ticket", int)
"""Names one client operation in the history. Handed out when it begins, handed back when it finishes."""

MS = 1_000
"""One millisecond. All times and durations are whole microseconds: exact, ordered, equal on every machine."""

SECOND = 1_000_000
"""One second, in microseconds."""


class Message(Value, frozen=True, tag=True):
    """What one node sends another as a datagram: it may be lost, repeated or overtaken."""


class SessionMessage(Message, frozen=True, tag=True):
    """A message that travels inside a session: in order, without silent loss, until ``on_disconnect``.

    The medium belongs to the protocol, so the class says it, not the call: ``send`` looks the same for both. Sending
    one without an open session raises :class:`~distlab.core.errors.NotConnected`.
    """


class Timer(Value, frozen=True, tag=True):
    """An alarm, named by its value: two equal timers are one timer.

    ``Election()`` needs no fields; ``Retry(request=7)`` and ``Retry(request=8)`` run side by side.
    """


class Config(Value, frozen=True, tag=True):
    """What a node is told when it is started: peers, sizes, time-outs. Read it as ``self.config``."""


class Operation(Value, frozen=True, tag=True):
    """What a client is asked to do, for instance ``Deposit(account="a", amount=5)``; an entry of the history."""


Steps = Generator[int | None, None, Any]
"""What ``Job.run`` returns: yields between steps (optionally how far it got), returns its result."""


class Job(Value, frozen=True, tag=True):
    """Long work beside the node. Its fields are its whole input; :meth:`run` does it, step by step.

    In the simulator the steps interleave with everything else; live, a job is an operating system process of its own,
    so that the node's heartbeats go on while it computes. Either way it shares its node's files, dies with its node,
    and cannot touch the node's state: it returns a value, and ``on_<job>`` receives it.
    """

    Result: ClassVar[Any] = Any
    """What ``run`` returns. The result crosses to the node as bytes; a Struct class here brings it back as that."""

    def run(self, io: JobContext) -> Steps:
        """Do the work; ``yield`` often (a crash, a cancel or another event may come between two steps).

        ``yield n`` also reports how far the job got: if it dies, by an exception or by a signal, ``Failed.progress``
        is the last ``n``.
        """
        raise NotImplementedError
        yield  # a generator


class Finished(Value, frozen=True, tag=True):
    """A job ran to its end."""

    value: Any = None
    """What ``run`` returned."""


class Failed(Value, frozen=True, tag=True):
    """A job raised, or its process was killed. A cancelled job reports nothing."""

    error: str
    """One line: the exception's type and text, or the signal."""
    progress: int | None = None
    """The last number that the job yielded."""


class Ok(Value, frozen=True, tag=True):
    """The operation took effect, and this is its answer."""

    value: Any = None


class Fail(Value, frozen=True, tag=True):
    """The operation did certainly not take effect, and never will."""

    reason: str = ""


class Info(Value, frozen=True, tag=True):
    """Nobody knows whether the operation took effect; it may still do so later. Never the same as :class:`Fail`."""

    reason: str = ""


Outcome = Ok | Fail | Info
JobOutcome = Finished | Failed
