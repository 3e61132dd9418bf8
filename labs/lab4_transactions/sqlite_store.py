"""SQLite takes part: a database without two-phase commit, made to promise (part 4B).

Theory of operation. SQLite has one file and transactions of its own, each atomic and durable. A prepared transaction
is therefore made of rows: what it would write is put into a table of the same file, by one local transaction, *before*
yes is said. Committing is another local transaction: change the balances, delete the rows. Both are in one file, so
there is no moment at which one is done and the other is not, and that is the whole trick; with the table in another
file there would be two things to commit again.

Every call opens the file and closes it, so that nothing is remembered but what is in it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from distlab.core import Address
from labs.lab4_transactions.databases import (
    Change,
    DatabaseFailed,
    InDoubt,
    UnknownTransaction,
    WasForced,
)
from labs.lab4_transactions.twophase import Seen, Txn

TABLES = """
    CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY, balance INTEGER, by TEXT);
    CREATE TABLE IF NOT EXISTS prepared (
        txn TEXT, account TEXT, was INTEGER, becomes INTEGER, PRIMARY KEY (txn, account));
    CREATE TABLE IF NOT EXISTS forced (txn TEXT PRIMARY KEY, done INTEGER);
"""
"""A name is written ``tm1/1.2``, as ``str(txn)`` does. ``by`` is empty for an opening balance."""

AWAY = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_BUSY,
)
"""Errors of the file, of the disk below it, or of somebody who holds it; all others are ours."""


def named(text: str) -> Txn:
    """The transaction of that name."""
    coordinator, _, numbers = text.rpartition("/")
    epoch, number = numbers.split(".")
    return Txn(Address(coordinator), int(epoch), int(number))


@dataclass
class SqliteStore:
    """The file of that name. See :class:`~labs.lab4_transactions.databases.Store` for what each method promises."""

    path: str

    @contextmanager
    def local(self) -> Iterator[sqlite3.Connection]:
        """One local transaction: all of it, or nothing."""
        raise NotImplementedError(
            "4B: open, begin, commit or roll back, close; where it is full or gone, say so"
        )

    def open(self, accounts: tuple[tuple[str, int], ...]) -> None:
        raise NotImplementedError("4B: tables and accounts that are not there yet")

    def read(self, accounts: tuple[str, ...]) -> dict[str, Seen]:
        raise NotImplementedError("4B: one row for each")

    def prepare(self, txn: Txn, changes: tuple[Change, ...]) -> None:
        raise NotImplementedError("4B: rows, and nothing else")

    def commit(self, txn: Txn) -> None:
        raise NotImplementedError("4B: end it with the changes done")

    def rollback(self, txn: Txn) -> None:
        raise NotImplementedError("4B: end it without")

    # TODO 4B: your own helpers

    def recover(self) -> list[InDoubt]:
        raise NotImplementedError("4B: rows by name")

    def force(self, txn: Txn, commit: bool) -> None:
        raise NotImplementedError("4B: end it, and remember that, in one local transaction")

    def forced(self) -> dict[Txn, bool]:
        raise NotImplementedError("4B: all rows")

    def forget(self, txn: Txn) -> None:
        raise NotImplementedError("4B: one row less")
