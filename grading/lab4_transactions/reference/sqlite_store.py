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
        # BEGIN SOLUTION 4B: open, begin, commit or roll back, close; where it is full or gone, say so
        try:
            connection = sqlite3.connect(self.path, isolation_level=None)
            with closing(connection):  # which rolls back what is not committed
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF in AWAY:  # the low byte says what, the others say more
                raise DatabaseFailed(f"{self.path}: {error}") from error
            raise
        # END SOLUTION

    def open(self, accounts: tuple[tuple[str, int], ...]) -> None:
        # BEGIN SOLUTION 4B: tables and accounts that are not there yet
        with self.local() as db:
            for statement in TABLES.split(";"):
                db.execute(statement)
            db.executemany("INSERT OR IGNORE INTO account VALUES (?, ?, '')", accounts)
        # END SOLUTION

    def read(self, accounts: tuple[str, ...]) -> dict[str, Seen]:
        # BEGIN SOLUTION 4B: one row for each
        with self.local() as db:
            rows = db.execute("SELECT name, balance, by FROM account").fetchall()
        return {
            n: Seen(n, balance, named(by) if by else None)
            for n, balance, by in rows
            if n in accounts
        }
        # END SOLUTION

    def prepare(self, txn: Txn, changes: tuple[Change, ...]) -> None:
        # BEGIN SOLUTION 4B: rows, and nothing else
        with self.local() as db:
            db.executemany(
                "INSERT INTO prepared VALUES (?, ?, ?, ?)",
                [(str(txn), change.account, change.before, change.after) for change in changes],
            )
        # END SOLUTION

    def commit(self, txn: Txn) -> None:
        # BEGIN SOLUTION 4B: end it with the changes done
        with self.local() as db:
            self.end(db, txn, commit=True)
        # END SOLUTION

    def rollback(self, txn: Txn) -> None:
        # BEGIN SOLUTION 4B: end it without
        with self.local() as db:
            self.end(db, txn, commit=False)
        # END SOLUTION

    # BEGIN SOLUTION 4B: your own helpers
    def end(self, db: sqlite3.Connection, txn: Txn, commit: bool) -> None:
        """In the local transaction that is open: do what is prepared, or not, and have it prepared no more."""
        forced = db.execute("SELECT done FROM forced WHERE txn = ?", (str(txn),)).fetchone()
        if forced is not None:
            raise WasForced(txn, bool(forced[0]))
        if commit:
            db.execute(
                "UPDATE account SET by = p.txn, balance = p.becomes FROM prepared AS p "
                "WHERE p.account = account.name AND p.txn = ?",
                (str(txn),),
            )
        gone = db.execute("DELETE FROM prepared WHERE txn = ?", (str(txn),))
        if not gone.rowcount:
            raise UnknownTransaction(txn)

    # END SOLUTION

    def recover(self) -> list[InDoubt]:
        # BEGIN SOLUTION 4B: rows by name
        found: dict[str, list[Change]] = {}
        with self.local() as db:
            for txn, *change in db.execute("SELECT * FROM prepared ORDER BY rowid").fetchall():
                found.setdefault(txn, []).append(Change(*change))
        return [InDoubt(named(txn), tuple(changes)) for txn, changes in found.items()]
        # END SOLUTION

    def force(self, txn: Txn, commit: bool) -> None:
        # BEGIN SOLUTION 4B: end it, and remember that, in one local transaction
        with self.local() as db:
            self.end(db, txn, commit)
            db.execute("INSERT INTO forced VALUES (?, ?)", (str(txn), commit))
        # END SOLUTION

    def forced(self) -> dict[Txn, bool]:
        # BEGIN SOLUTION 4B: all rows
        with self.local() as db:
            rows = db.execute("SELECT txn, done FROM forced").fetchall()
        return {named(txn): bool(done) for txn, done in rows}
        # END SOLUTION

    def forget(self, txn: Txn) -> None:
        # BEGIN SOLUTION 4B: one row less
        with self.local() as db:
            db.execute("DELETE FROM forced WHERE txn = ?", (str(txn),))
        # END SOLUTION
