"""Part 4E3: what the initiator is asked, told, and shows. Banks and messages are those of part 4C. Given."""

from __future__ import annotations

from msgspec import Struct

from distlab.core import MS, Config, Operation
from labs.lab4_transactions.tcc import Account


class Share(Struct, frozen=True):
    """What one of those receives who are paid. Its number, counted from 0, is the branch's."""

    bank: str
    account: str
    amount: int
    """At least 1, at most ``MAX_AMOUNT`` of part 4C."""


class Pay(Operation, frozen=True):
    """A buyer, who has an account here, pays several others at their banks (合并支付). ``Ok()`` or ``Fail(reason)``."""

    id: int
    """Also the transaction's number at the banks. Two payments with one id and one content are one payment."""
    buyer: str
    shares: tuple[Share, ...]


class SetPeak(Operation, frozen=True):
    """The peak (高峰) begins, or is over. ``Ok()``, once it will not be forgotten."""

    on: bool


class InitiatorConfig(Config, frozen=True):
    banks: tuple[str, ...]
    accounts: tuple[tuple[str, int], ...]
    """The buyers' accounts, and balances on the first day."""
    patience: int = 150 * MS
    """A bank that has not answered ``Try`` for so long counts as having refused."""
    retry: int = 80 * MS
    """After which time something is said again."""
    tick: int = 20 * MS
    """How often phase 2 is looked after."""
    batch: int = 8
    """How many messages of phase 2 are sent at a time, at most."""


class InitiatorView(Struct, frozen=True):
    """What the initiator shows of itself."""

    accounts: tuple[Account, ...]
    committed: tuple[int, ...]
    """Ids of payments whose local transaction was committed."""
    pending: int
    """Payments whose phase 2 is not over."""
