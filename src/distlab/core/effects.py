"""What a node asked for, as values: the transcript that :class:`~distlab.core.solo.Solo` hands to a unit test.

One class per effect of :class:`~distlab.core.Node`, in the order of its table. Reads (``now``, ``disk.read``) are not
effects. No behaviour lives here.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core.values import Address, Job, Message, Operation, Outcome, Ticket, Timer


class Sent(Struct, frozen=True):
    """``send(to, message)``."""

    to: Address
    message: Message


class Connecting(Struct, frozen=True):
    """``connect(peer)``."""

    peer: Address


class Disconnecting(Struct, frozen=True):
    """``disconnect(peer)``."""

    peer: Address


class TimerSet(Struct, frozen=True):
    """``set_timer(timer, after)``."""

    timer: Timer
    after: int


class TimerCancelled(Struct, frozen=True):
    """``cancel_timer(timer)``."""

    timer: Timer


class JobStarted(Struct, frozen=True):
    """``run_job(job)``."""

    job: Job


class JobCancelled(Struct, frozen=True):
    """``cancel_job(job)``."""

    job: Job


class Written(Struct, frozen=True):
    """A change to a file: ``append``, ``truncate``, ``replace`` or ``delete``, not yet durable."""

    verb: str
    path: str


class Synced(Struct, frozen=True):
    """``disk.sync(path)``."""

    path: str


class Stored(Struct, frozen=True):
    """A change to the shared store: ``put_if_absent``, ``append``, ``rename`` or ``delete``."""

    verb: str
    key: str


class Began(Struct, frozen=True):
    """``begin(operation)``."""

    ticket: Ticket
    operation: Operation


class Done(Struct, frozen=True):
    """``finish(ticket, outcome)``."""

    ticket: Ticket
    outcome: Outcome


class Stopped(Struct, frozen=True):
    """``stop(reason)``."""

    reason: str


Effect = (
    Sent
    | Connecting
    | Disconnecting
    | TimerSet
    | TimerCancelled
    | JobStarted
    | JobCancelled
    | Written
    | Synced
    | Stored
    | Began
    | Done
    | Stopped
)
