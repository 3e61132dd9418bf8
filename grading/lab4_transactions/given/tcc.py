"""What crosses the wire in part 4C, what a client is asked to do, what is stored, what is shown. Given. Data only.

=================  ================================================================================
client -> manager  ``Request``, again and again until ``Result``
manager -> bank    ``Try``; then ``Confirm`` or ``Cancel``, until it is done; ``Forget``
bank -> manager    ``Tried`` or ``Refused``; ``Confirmed``, ``Cancelled``, or ``Impossible``
auditor -> bank    ``Show``; ``Statement``
=================  ================================================================================

All are datagrams: any may be lost, repeated or overtaken, however late.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import MS, Config, Message, Operation
from labs.lab4_transactions.database import Row

MAX_AMOUNT = 10**12
"""No leg of a transfer may be greater: what is refused early cannot overflow late."""


class Leg(Struct, frozen=True):
    """One branch of a transfer. Its number, counted from 0, is the branch's."""

    bank: str
    account: str
    amount: int
    """Negative: the account pays; positive: it receives."""


# -- client and manager -------------------------------------------------------------------------------


class Transfer(Operation, frozen=True):
    """Move money, wholly or not at all. ``Ok()``; or ``Fail(reason)``: nothing has happened, nor will."""

    key: str
    """The business key (幂等键): two transfers with one key and the same legs are one transfer."""
    legs: tuple[Leg, ...]


class Request(Message, frozen=True):
    """Do this transfer, unless it is done; tell me how it ended."""

    number: int
    """Of the question, for its answer."""
    key: str
    legs: tuple[Leg, ...]


class Result(Message, frozen=True):
    """It is decided."""

    number: int
    committed: bool
    reason: str = ""


# -- manager and bank ---------------------------------------------------------------------------------


class Try(Message, frozen=True):
    """Reserve (预留): check, and freeze what is to be paid."""

    xid: int
    """The transaction. Later ones have greater numbers, over all lives of the manager."""
    branch: int
    account: str
    amount: int


class Tried(Message, frozen=True):
    """It is reserved, on disk: I can confirm it and I can cancel it, whatever comes."""

    xid: int
    branch: int


class Refused(Message, frozen=True):
    """It is not reserved."""

    xid: int
    branch: int
    reason: str


class Confirm(Message, frozen=True):
    """Do it: consume what is frozen, or add what is received."""

    xid: int
    branch: int


class Confirmed(Message, frozen=True):
    """It is done, now or before."""

    xid: int
    branch: int


class Cancel(Message, frozen=True):
    """Free what is reserved, if anything is, and never reserve it again."""

    xid: int
    branch: int


class Cancelled(Message, frozen=True):
    """Nothing is reserved, and nothing will be."""

    xid: int
    branch: int


class Impossible(Message, frozen=True):
    """An error: to confirm what was never tried or is cancelled, or to cancel what is confirmed."""

    xid: int
    branch: int
    reason: str


class Forget(Message, frozen=True):
    """Every transaction with a smaller number is over, at all banks. Whatever still arrives of it is an echo."""

    below: int


# -- what stands in a bank's database -----------------------------------------------------------------

TRIED, COMMITTED, ROLLBACKED, SUSPENDED = 1, 2, 3, 4
"""States of a fence row, as in Seata's ``tcc_fence_log``."""


class Account(Row, frozen=True):
    name: str
    available: int
    frozen: int = 0

    @property
    def key(self) -> str:
        return self.name


class Fence(Row, frozen=True):
    """What has become of one branch. Unique by (xid, branch)."""

    xid: int
    branch: int
    state: int
    account: str = ""
    amount: int = 0
    """As in its ``Try``; nothing where it is SUSPENDED."""

    @property
    def key(self) -> tuple[int, int]:
        return self.xid, self.branch


class Horizon(Row, frozen=True):
    """One fence for all transactions with smaller numbers."""

    below: int

    @property
    def key(self) -> str:
        return ""


# -- what anybody may see -----------------------------------------------------------------------------


class Look(Operation, frozen=True):
    """Ask a bank for a statement. ``Ok(Statement)``."""

    bank: str


class Show(Message, frozen=True):
    """What do your accounts look like?"""

    number: int


class Statement(Message, frozen=True):
    """They look like this, at one moment. Also a bank's probe."""

    number: int
    accounts: tuple[Account, ...]
    tried: int
    """Branches that are TRIED now."""
    fences: int
    """Rows that are kept to recognise branches."""


# -- what each node is told ---------------------------------------------------------------------------


class ClientConfig(Config, frozen=True):
    manager: str
    retry: int = 60 * MS


class ManagerConfig(Config, frozen=True):
    banks: tuple[str, ...]
    patience: int = 150 * MS
    """A branch that has not answered ``Try`` for so long counts as refused."""
    retry: int = 40 * MS
    """After which time something is said again."""


class BankConfig(Config, frozen=True):
    accounts: tuple[tuple[str, int], ...]
    """Names and balances on the first day."""
