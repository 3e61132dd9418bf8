"""What crosses the wire in part 4D, what a client is asked to do, what each node is told. Given. Data only.

========================  ==========================================================================
client -> orchestrator    ``Begin``, again and again until ``Ended``
orchestrator -> service   ``Do`` a step; ``Undo`` it
service -> orchestrator   ``Done``, ``Declined`` or ``NotNow``; ``Undone`` or ``NotNow``
========================  ==========================================================================

All are datagrams. Services are given (saga_service.py): they do and undo each step at most once, however often they are
asked, and a step that is undone before it was done is never done.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import MS, Config, Message, Operation

MAX_AMOUNT = 10**12


class Step(Struct, frozen=True):
    """T_i: take some of an item at a service. C_i: give it back."""

    service: str
    item: str
    amount: int
    """At least 1, at most ``MAX_AMOUNT``."""


class Book(Operation, frozen=True):
    """Run a saga. ``Ok()``: all its steps are done; ``Fail(reason)``: none of them is, in the end."""

    saga: str
    """Names it for ever: two of one name and one content are one saga."""
    subject: str
    """What it is about, an order or a customer: it is locked (语义锁) until the saga is over."""
    steps: tuple[Step, ...]
    pivot: int
    """Number of the step that decides. Steps before it can be undone; behind it there is only forward.
    With the number of steps, or more: there is none, and all of them can be undone."""


class Begin(Message, frozen=True):
    """Run this saga, unless it is known; tell me how it ended."""

    number: int
    """Of the question, for its answer."""
    saga: str
    subject: str
    steps: tuple[Step, ...]
    pivot: int


class Ended(Message, frozen=True):
    number: int
    completed: bool
    reason: str = ""


class Do(Message, frozen=True):
    """T_i."""

    saga: str
    step: int
    item: str
    amount: int


class Done(Message, frozen=True):
    """It is done, on disk; now or before."""

    saga: str
    step: int


class Declined(Message, frozen=True):
    """It is not done and never will be: nothing is left, there is no such item, or it was undone."""

    saga: str
    step: int
    reason: str


class Undo(Message, frozen=True):
    """C_i."""

    saga: str
    step: int


class Undone(Message, frozen=True):
    """It is not done any more, or never was; and never will be."""

    saga: str
    step: int


class NotNow(Message, frozen=True):
    """Nothing was done or undone; ask again later."""

    saga: str
    step: int


class SagaClientConfig(Config, frozen=True):
    orchestrator: str
    retry: int = 60 * MS


class OrchestratorConfig(Config, frozen=True):
    services: tuple[str, ...]
    patience: int = 200 * MS
    """A step that is not done after so long is given up, if it can be undone."""
    retry: int = 40 * MS
    """After which time something is said again."""


class ServiceConfig(Config, frozen=True):
    stock: tuple[tuple[str, int], ...]
    """Items, and how many there are."""
    moody: int = 0
    """How many times it says ``NotNow`` before it does, or undoes, a step."""
