"""What part 4B adds: databases behind an adapter, people who interfere, and reports. Given.

A *gateway* is a participant whose accounts lie in a database. It speaks the protocol of part 4A on one
side, so that the same coordinators drive it, and on the other side the few words that a database needs
to take part: the :class:`Store`. They are XA's (X/Open, *Distributed Transaction Processing: The XA
Specification*, 1991): prepare, commit, rollback, recover, forget.

=====================  ============================================================================
DBA -> gateway         ``Force``: end what is in doubt, now; the database does, and says ``Forced``
gateway -> DBA         ``Report``, until ``Noted``: it was forced one way, and decided the other way
gateway -> detector    ``Waits``: who waits here for whom, as of now
detector -> gateway    ``Victim``: that one has to give way
=====================  ============================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from msgspec import Struct

from distlab.core import MS, Address, Config, Disk, EnvironmentFault, Message, Operation, Timer
from labs.lab4_transactions.twophase import Holdings, Seen, Txn


class Change(Struct, frozen=True):
    """What a transaction does to one account."""

    account: str
    before: int
    after: int


class InDoubt(Struct, frozen=True, tag=True):
    """Prepared in the database, and neither committed nor rolled back."""

    txn: Txn
    changes: tuple[Change, ...]


class UnknownTransaction(Exception):
    """The database has nothing of that name: it never had, or it is over (XAER_NOTA)."""


class DatabaseFailed(EnvironmentFault):
    """It is full, or gone: nothing of this call was done. A gateway that does not catch it stops, and says why."""


class WasForced(Exception):
    """Somebody has ended it without waiting for the decision (XA_HEURCOM, XA_HEURRB)."""

    def __init__(self, txn: Txn, commit: bool) -> None:
        super().__init__(f"{txn} was forced to {'commit' if commit else 'abort'}")
        self.commit = commit


class Store(Protocol):
    """A database that can take part. Each call is one local transaction: all of it happens, or nothing,
    whenever a crash comes; and what has returned is on disk before anything that is said afterwards."""

    def open(self, accounts: tuple[tuple[str, int], ...]) -> None:
        """Make what is not there yet: tables, and accounts with their opening balances. What is there stays."""

    def read(self, accounts: tuple[str, ...]) -> dict[str, Seen]:
        """What is committed; accounts that do not exist are left out."""
        ...

    def prepare(self, txn: Txn, changes: tuple[Change, ...]) -> None:
        """Put down what it would write, without doing it: from now on it can be committed, over any crash."""

    def commit(self, txn: Txn) -> None:
        """Do it. Raises ``UnknownTransaction``, or ``WasForced``: then nothing is changed."""

    def rollback(self, txn: Txn) -> None:
        """Leave it. Raises ``UnknownTransaction``, or ``WasForced``: then nothing is changed."""

    def recover(self) -> list[InDoubt]:
        """Everything that is in doubt."""
        ...

    def force(self, txn: Txn, commit: bool) -> None:
        """A person ends what is in doubt; the database remembers that, until ``forget``.

        Raises ``UnknownTransaction`` for what is not in doubt.
        """

    def forced(self) -> dict[Txn, bool]:
        """What was forced, and how; without what was forgotten."""
        ...

    def forget(self, txn: Txn) -> None:
        """It is known now how it should have ended. No error if there is nothing to forget."""


# -- the database of the simulator --------------------------------------------------------------------


class Write(Struct, frozen=True, tag=True):
    """How something in doubt ended, in the vault's own journal."""

    txn: Txn
    commit: bool
    by_force: bool = False


class Forgotten(Struct, frozen=True, tag=True):
    txn: Txn


@dataclass
class Shelf:
    """What a vault holds in memory."""

    accounts: dict[str, Seen] = field(default_factory=dict)
    prepared: dict[Txn, InDoubt] = field(default_factory=dict)
    forced: dict[Txn, bool] = field(default_factory=dict)


class Vault:
    """A database that knows prepare and commit, on its node's own disk."""

    PATH = "vault"

    def __init__(self, disk: Disk, shelf: Shelf) -> None:
        self._disk = disk
        self._shelf = shelf

    def open(self, accounts: tuple[tuple[str, int], ...]) -> None:
        shelf = self._shelf
        shelf.accounts = {name: Seen(name, balance, None) for name, balance in accounts}
        for record in self._disk.recover(self.PATH, InDoubt | Write | Forgotten):
            match record:
                case InDoubt(txn):
                    shelf.prepared[txn] = record
                case Write():
                    self._do(record)
                case Forgotten(txn):
                    shelf.forced.pop(txn, None)

    def read(self, accounts: tuple[str, ...]) -> dict[str, Seen]:
        known = self._shelf.accounts
        return {account: known[account] for account in accounts if account in known}

    def prepare(self, txn: Txn, changes: tuple[Change, ...]) -> None:
        self._shelf.prepared[txn] = InDoubt(txn, changes)
        self._note(self._shelf.prepared[txn])

    def commit(self, txn: Txn) -> None:
        self._end(txn, commit=True)

    def rollback(self, txn: Txn) -> None:
        self._end(txn, commit=False)

    def recover(self) -> list[InDoubt]:
        return list(self._shelf.prepared.values())

    def force(self, txn: Txn, commit: bool) -> None:
        if txn not in self._shelf.prepared:
            raise UnknownTransaction(txn)
        record = Write(txn, commit, by_force=True)
        self._note(record)
        self._do(record)

    def forced(self) -> dict[Txn, bool]:
        return dict(self._shelf.forced)

    def forget(self, txn: Txn) -> None:
        if self._shelf.forced.pop(txn, None) is not None:
            self._note(Forgotten(txn))

    def _end(self, txn: Txn, commit: bool) -> None:
        if txn in self._shelf.forced:
            raise WasForced(txn, self._shelf.forced[txn])
        if txn not in self._shelf.prepared:
            raise UnknownTransaction(txn)
        self._note(Write(txn, commit))
        self._do(Write(txn, commit))

    def _do(self, record: Write) -> None:
        prepared = self._shelf.prepared.pop(record.txn)
        if record.by_force:
            self._shelf.forced[record.txn] = record.commit
        for change in prepared.changes if record.commit else ():
            seen = Seen(change.account, change.after, record.txn)
            self._shelf.accounts[change.account] = seen

    def _note(self, record: Struct) -> None:
        self._disk.append(self.PATH, record)
        self._disk.sync(self.PATH, "/")


def open_store(url: str, disk: Disk, shelf: Shelf) -> Any:
    """The store of that address: ``vault``, ``sqlite:PATH`` or ``postgres:PORT/DATABASE``."""
    kind, _, place = url.partition(":")
    if kind == "vault":
        return Vault(disk, shelf)
    if kind == "sqlite":
        from labs.lab4_transactions.sqlite_store import SqliteStore

        return SqliteStore(place)
    from labs.lab4_transactions.postgres_store import PostgresStore

    return PostgresStore(place)


def age(txn: Txn) -> tuple[int, int, str]:
    """The greater, the younger."""
    return txn.epoch, txn.number, txn.coordinator


# -- messages -----------------------------------------------------------------------------------------


class Wait(Struct, frozen=True, order=True):
    """Somebody waits for somebody else."""

    waiter: Txn
    holder: Txn
    account: str


class Force(Message, frozen=True):
    """From the DBA: end all that is in doubt here, this way."""

    commit: bool


class Forced(Message, frozen=True):
    """From the database: it is done."""

    txn: Txn
    commit: bool


class Report(Message, frozen=True):
    """A heuristic outcome that is not the decision (XA_HEURMIX, or about to become that)."""

    txn: Txn
    decided: bool
    """Whether it was decided to commit."""
    done: bool
    """Whether it was committed here."""


class Noted(Message, frozen=True):
    """The DBA has read the report."""

    txn: Txn


class Waits(Message, frozen=True):
    """Everybody who waits here, and for whom: this list takes the place of the one before."""

    waits: tuple[Wait, ...]


class Victim(Message, frozen=True):
    """There is a deadlock, and this transaction is to give way."""

    txn: Txn


class Tell(Timer, frozen=True):
    """Tell the detector who waits, and the DBA what he has not noted."""


class Interfere(Operation, frozen=True):
    """The DBA forces all that is in doubt at a gateway."""

    gateway: Address
    commit: bool


# -- configs and probes -------------------------------------------------------------------------------


class GatewayConfig(Config, frozen=True):
    accounts: tuple[tuple[str, int], ...]
    database: str = "vault"
    dba: Address = Address("dba")
    detector: Address = Address("detector")
    lock_wait: int = 1_000 * MS
    """Long: deadlocks are found, not waited out."""
    idle: int = 600 * MS
    ask: int = 100 * MS
    tell: int = 25 * MS
    """How often others are told what has changed, and what they have not answered."""


class Standing(Holdings, frozen=True):
    """What a gateway says of itself: as a participant does, and who waits for whom, and what was forced."""

    blocked: tuple[Wait, ...] = ()
    """Everybody who waits for an account, with everybody who came before and is in its way (whether that
    one has the lock or waits, too; two who only look are in nobody's way), in any order."""
    forced: tuple[Txn, ...] = ()
    """Forced, and not forgotten."""


class Noticeboard(Struct, frozen=True):
    """What the DBA has been told."""

    reports: tuple[Report, ...]
