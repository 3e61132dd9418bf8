"""What crosses the wire in parts 4A and 4B, what clients ask for, what each node is told. Data only.

This file is given: it is restored when your work is graded, so that every solution talks alike. Add
messages, timers and records of your own in your own modules.

The names are X/Open's (*Distributed Transaction Processing: Reference Model*, 1996): an application
(AP) asks a transaction manager (TM, the coordinator) to change what lies with several resource
managers (RM, the participants).

================  =================================================================================
AP -> TM          ``Begin``, answered by ``Began``: the transaction has a name now
                  ``Execute``, answered by ``Outcome`` when it is over, or by ``Rejected``
TM -> RM, work    ``Work``, answered by ``Worked`` or ``Refused``
TM -> RM, phase 1 ``Prepare``, answered by ``Vote``
TM -> RM, phase 2 ``Decision``; a commit is answered by ``Ack``
RM -> TM          ``Inquiry``: "I am in doubt", answered by ``Decision`` once there is one
================  =================================================================================

All are datagrams: any may be lost, repeated or overtaken. Account ``a`` of ``rm1`` is ``"rm1/a"``.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from distlab.core import MS, Address, Config, Message, Operation, Timer

LARGEST = 10**12
"""No step moves more than this, in either direction."""


class Txn(Struct, frozen=True, order=True):
    """The name of a transaction. No other one has it, in any life of its coordinator."""

    coordinator: Address
    epoch: int
    """Which life of the coordinator began it."""
    number: int

    def __str__(self) -> str:
        return f"{self.coordinator}/{self.epoch}.{self.number}"


class Step(Struct, frozen=True):
    """What a transaction does to one account: adds ``amount``, or looks at it where that is 0."""

    account: str
    amount: int = 0

    @property
    def holder(self) -> Address:
        """The participant with which the account lies."""
        return Address(self.account.partition("/")[0])

    @property
    def is_look(self) -> bool:
        return self.amount == 0


class Seen(Struct, frozen=True):
    """What a step found on its account, before its own change."""

    account: str
    balance: int
    by: Txn | None
    """The transaction that had written the balance; None: it is the opening balance."""


class Transact(Operation, frozen=True):
    """Do all of the steps, or none. The amounts add up to 0, and no account is named twice.

    ``Ok(seen)``, one for each step, in the order of the steps; ``Fail`` if it was certainly aborted;
    ``Info`` where the client gave up before it knew.
    """

    steps: tuple[Step, ...]


# -- application and coordinator ----------------------------------------------------------------------


class Begin(Message, frozen=True):
    """ "Give me the name of a new transaction." """

    request: int
    """The client's number for this, repeated in the answer."""


class Began(Message, frozen=True):
    request: int
    txn: Txn


class Execute(Message, frozen=True):
    """ "Do this, under that name." Repeated until it is answered."""

    txn: Txn
    steps: tuple[Step, ...]


class Outcome(Message, frozen=True):
    """It is over, and so it is for ever."""

    txn: Txn
    committed: bool
    seen: tuple[Seen, ...] = ()
    """If it is committed: what each step found, in the order of the steps."""
    reason: str = ""
    """If it is aborted: why."""


class Rejected(Message, frozen=True):
    """The request makes no sense: under this name other steps were asked for before, or it is not mine.

    Says nothing of what becomes of the transaction of that name.
    """

    txn: Txn
    reason: str


# -- coordinator and participants ---------------------------------------------------------------------


class Work(Message, frozen=True):
    """ "Lock these accounts, look at them, and keep ready what you would write." All lie with you."""

    txn: Txn
    steps: tuple[Step, ...]


class Worked(Message, frozen=True):
    """All of it is locked and can be done. The participant may still abort it, whenever it likes."""

    txn: Txn
    life: int
    """Which life of the participant did the work: a crash takes locks away."""
    seen: tuple[Seen, ...]


class Refused(Message, frozen=True):
    """It cannot be done here, and this participant has aborted it: it will never vote for it."""

    txn: Txn
    reason: str


class Prepare(Message, frozen=True):
    """ "Can you commit, whatever happens from now on?" """

    txn: Txn
    life: int
    """Of the participant, when it did the work."""


class Vote(Message, frozen=True):
    """``yes``: it can commit, and can no longer abort by itself. ``no``: it has aborted. ``read``: it
    had only looked, has let its locks go, and does not care how it ends."""

    txn: Txn
    vote: Literal["yes", "no", "read"]


class Decision(Message, frozen=True):
    txn: Txn
    commit: bool


class Ack(Message, frozen=True):
    """It is committed here, on disk, and I shall never ask again."""

    txn: Txn


class Inquiry(Message, frozen=True):
    """ "I voted yes, and have heard nothing. How did it end?" """

    txn: Txn


# -- timers -------------------------------------------------------------------------------------------


class Again(Timer, frozen=True):
    """The coordinator repeats what has not been answered."""

    txn: Txn


class GiveUp(Timer, frozen=True):
    """The coordinator has waited long enough for work and votes."""

    txn: Txn


class LockWait(Timer, frozen=True):
    """A transaction has waited long enough for its locks at this participant."""

    txn: Txn


class Idle(Timer, frozen=True):
    """A transaction has worked here, and its coordinator has not asked for a vote."""

    txn: Txn


class Ask(Timer, frozen=True):
    """A participant in doubt asks again."""

    txn: Txn


# -- what each node is told, and what it says of itself -----------------------------------------------


class CoordinatorConfig(Config, frozen=True):
    participants: tuple[Address, ...]
    """All there are; a transaction needs some of them."""
    retry: int = 50 * MS
    """What is not answered is said again after so long."""
    patience: int = 400 * MS
    """A transaction that has no decision so long after ``Execute`` is aborted."""


class ParticipantConfig(Config, frozen=True):
    accounts: tuple[tuple[str, int], ...]
    """Full names (``"rm1/a"``) and opening balances."""
    lock_wait: int = 200 * MS
    """A transaction that waits longer for its locks is refused."""
    idle: int = 600 * MS
    """A transaction that has worked, and is not asked for its vote for so long, is aborted."""
    ask: int = 100 * MS
    """A participant in doubt asks so often."""


class TellerConfig(Config, frozen=True):
    coordinators: tuple[Address, ...]
    retry: int = 60 * MS
    patience: int = 8_000 * MS
    """After so long the client gives up, and says what it knows."""


class Desk(Struct, frozen=True):
    """What a coordinator says of itself (``probe``)."""

    active: tuple[Txn, ...]
    """Not decided yet."""
    open: tuple[Txn, ...]
    """Committed, and not acknowledged by all."""


class Holdings(Struct, frozen=True):
    """What a participant says of itself (``probe``): what is committed, and what is not free."""

    accounts: tuple[Seen, ...]
    """Every account, with its committed balance and the transaction that wrote it, in any order."""
    in_doubt: tuple[Txn, ...]
    locked: tuple[str, ...]
    """Accounts on which any transaction holds a lock."""


# -- records: bodies of a log -------------------------------------------------------------------------


def to_body(record: Struct) -> bytes:
    """A record as the body of a log record. Its class must be tagged (``class X(Struct, tag=True)``)."""
    return msgspec.msgpack.encode(record)


def from_body(body: bytes, kind: Any) -> Any:
    """The record that it was; ``kind`` is its class, or the union of all that the log holds."""
    return msgspec.msgpack.decode(body, type=kind)
