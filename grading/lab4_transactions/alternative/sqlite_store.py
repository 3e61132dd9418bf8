"""SQLite with one table of transactions, whose state is a word and whose changes are a text."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from distlab.core import Address
from labs.lab4_transactions.databases import (
    Change,
    DatabaseFailed,
    InDoubt,
    UnknownTransaction,
    WasForced,
)
from labs.lab4_transactions.twophase import Seen, Txn


def key(txn: Txn) -> str:
    return json.dumps([txn.coordinator, txn.epoch, txn.number])


def unkey(text: str) -> Txn:
    coordinator, epoch, number = json.loads(text)
    return Txn(Address(coordinator), epoch, number)


@dataclass
class SqliteStore:
    path: str

    def run(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        try:
            db = sqlite3.connect(self.path)
            try:
                with db:
                    db.execute("BEGIN EXCLUSIVE")
                    return work(db)
            finally:
                db.close()
        except sqlite3.Error as error:
            raise DatabaseFailed(str(error)) from error

    def open(self, accounts: tuple[tuple[str, int], ...]) -> None:
        def work(db: sqlite3.Connection) -> None:
            db.execute("CREATE TABLE IF NOT EXISTS balance (account PRIMARY KEY, amount, writer)")
            db.execute("CREATE TABLE IF NOT EXISTS txn (name PRIMARY KEY, state, changes)")
            for name, amount in accounts:
                db.execute("INSERT OR IGNORE INTO balance VALUES (?, ?, NULL)", (name, amount))

        self.run(work)

    def read(self, accounts: tuple[str, ...]) -> dict[str, Seen]:
        rows = self.run(lambda db: db.execute("SELECT * FROM balance").fetchall())
        found = {name: Seen(name, amount, unkey(by) if by else None) for name, amount, by in rows}
        return {name: found[name] for name in accounts if name in found}

    def prepare(self, txn: Txn, changes: tuple[Change, ...]) -> None:
        text = json.dumps([(c.account, c.before, c.after) for c in changes])
        self.run(lambda db: db.execute("INSERT INTO txn VALUES (?, 'doubt', ?)", (key(txn), text)))

    def commit(self, txn: Txn) -> None:
        self.run(lambda db: self.resolve(db, txn, True, None))

    def rollback(self, txn: Txn) -> None:
        self.run(lambda db: self.resolve(db, txn, False, None))

    def force(self, txn: Txn, commit: bool) -> None:
        state = "forced to commit" if commit else "forced to abort"
        self.run(lambda db: self.resolve(db, txn, commit, state))

    def resolve(self, db: sqlite3.Connection, txn: Txn, commit: bool, state: str | None) -> None:
        row = db.execute("SELECT state, changes FROM txn WHERE name = ?", (key(txn),)).fetchone()
        if row is None or (state is not None and row[0] != "doubt"):
            raise UnknownTransaction(txn)
        if row[0] != "doubt":
            raise WasForced(txn, row[0] == "forced to commit")
        if commit:
            for account, _, after in json.loads(row[1]):
                db.execute(
                    "UPDATE balance SET amount = ?, writer = ? WHERE account = ?",
                    (after, key(txn), account),
                )
        if state is None:
            db.execute("DELETE FROM txn WHERE name = ?", (key(txn),))
        else:
            db.execute("UPDATE txn SET state = ? WHERE name = ?", (state, key(txn)))

    def recover(self) -> list[InDoubt]:
        rows = self.run(
            lambda db: db.execute("SELECT name, changes FROM txn WHERE state = 'doubt'").fetchall()
        )
        return [
            InDoubt(unkey(name), tuple(Change(*change) for change in json.loads(changes)))
            for name, changes in rows
        ]

    def forced(self) -> dict[Txn, bool]:
        rows = self.run(
            lambda db: db.execute("SELECT name, state FROM txn WHERE state <> 'doubt'").fetchall()
        )
        return {unkey(name): state == "forced to commit" for name, state in rows}

    def forget(self, txn: Txn) -> None:
        self.run(
            lambda db: db.execute(
                "DELETE FROM txn WHERE name = ? AND state <> 'doubt'", (key(txn),)
            )
        )
