"""What a world owes a node: the other side of every effect in :class:`~distlab.core.Node`.

Only protocols live here. Each world (simulator, explorer, live, and the worldless :class:`~distlab.core.solo.Solo`)
gives each incarnation of a node one :class:`Context`; the meaning of each method is written once, in the docstring of
:class:`~distlab.core.Node`, and holds in all of them.
"""

from __future__ import annotations

from random import Random
from typing import Any, Protocol

from distlab.core.disk import Disk
from distlab.core.log import Log
from distlab.core.store import Store
from distlab.core.values import Address, Job, Message, Operation, Outcome, Ticket, Timer


class Context(Protocol):
    """One incarnation of a node, as its world sees it."""

    address: Address
    config: Any
    log: Log

    @property
    def disk(self) -> Disk: ...
    @property
    def store(self) -> Store: ...
    @property
    def random(self) -> Random: ...

    def send(self, to: Address, message: Message) -> None: ...
    def connect(self, peer: Address) -> None: ...
    def disconnect(self, peer: Address) -> None: ...
    def set_timer(self, timer: Timer, after: int) -> None: ...
    def cancel_timer(self, timer: Timer) -> None: ...
    def run_job(self, job: Job) -> None: ...
    def cancel_job(self, job: Job) -> None: ...
    def begin(self, operation: Operation) -> Ticket: ...
    def finish(self, ticket: Ticket, outcome: Outcome) -> None: ...
    def now(self) -> int: ...
    def monotonic(self) -> int: ...
    def stop(self, reason: str) -> None: ...


class JobContext(Protocol):
    """What a job may use: its node's files, the shared store, a log, and a random stream of its own.

    Unlike in a handler, ``disk.sync`` in a job returns when the sync is done, and raises
    :class:`~distlab.core.errors.DiskError` when it failed.
    """

    address: Address
    log: Log

    @property
    def disk(self) -> Disk: ...
    @property
    def store(self) -> Store: ...
    @property
    def random(self) -> Random: ...
