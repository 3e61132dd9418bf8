"""PostgreSQL as a participant: its own two-phase commit, through the ``psql`` program. Given.

A prepared transaction of PostgreSQL survives crashes by itself, and keeps its row locks; it needs
``max_prepared_transactions`` above 0. What PostgreSQL does not keep is what we want to know of it afterwards: which
accounts it concerns, and whether it was a person who ended it. So two rows of our own go with it: one in ``branch``,
put down *before* the prepare, and one in ``done``, put down *in* the transaction. If the first is there and the
prepared transaction is not, somebody else has ended it; and if the second is there, to commit.

If we crash between COMMIT PREPARED and deleting the row, it looks as if somebody had forced it to commit. The
gateway asks, hears that it was decided so, and forgets it: nothing is lost by that.

A server may die, too, in the midst of anything. What it had said is on its disk; what it was about to say nobody knows.
So the question is asked again when it is back: is it prepared? If it does not come back for :data:`PATIENCE`, that is
``DatabaseFailed``, and the gateway stops.
"""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import suppress
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
    CREATE TABLE IF NOT EXISTS account (name text PRIMARY KEY, balance bigint, by text);
    CREATE TABLE IF NOT EXISTS branch (txn text PRIMARY KEY, changes text);
    CREATE TABLE IF NOT EXISTS done (txn text PRIMARY KEY);
"""


PATIENCE = 15.0
"""Seconds that a server may be away."""


class ConnectionLost(DatabaseFailed):
    """The server has died, or we were thrown out; what was said last may have been done."""


def named(text: str) -> Txn:
    coordinator, _, numbers = text.rpartition("/")
    epoch, number = numbers.split(".")
    return Txn(Address(coordinator), int(epoch), int(number))


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


END = "--- end of answer ---"
_SESSIONS: dict[str, subprocess.Popen[str]] = {}
"""Place -> a psql that is connected there: to begin a new one each time would cost a hundred times as much."""


def _open_session(place: str) -> subprocess.Popen[str]:
    folder, _, rest = place.rpartition(":")
    port, _, database = rest.partition("/")
    command = ["psql", "-h", folder, "-p", port, "-U", "postgres", "-XAtq", "-F", "\t"]
    return subprocess.Popen(
        [*command, "-v", "ON_ERROR_STOP=1", database],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _say(session: subprocess.Popen[str], sql: str) -> list[str]:
    """The lines that it answers. Raises ``DatabaseFailed``, and then the session is over."""
    assert session.stdin is not None
    assert session.stdout is not None
    lines: list[str] = []
    try:
        session.stdin.write(f"{sql}\n\\echo {END}\n")
        session.stdin.flush()
        while (line := session.stdout.readline().rstrip("\n")) != END:
            if not line and session.poll() is not None:
                raise BrokenPipeError
            lines.append(line)
    except BrokenPipeError:
        words = "; ".join(filter(None, lines))
        no_answer = ConnectionLost if session.wait() == 2 else DatabaseFailed  # psql's own codes
        raise no_answer(words or "the server does not answer") from None
    return lines


@dataclass
class PostgresStore:
    """``place`` is ``FOLDER:PORT/DATABASE``: where the server's socket lies, its port, and the database."""

    place: str

    def say(self, sql: str) -> list[list[str]]:
        """Have it done, and return the rows of what was asked. Raises ``DatabaseFailed``."""
        session = _SESSIONS.get(self.place) or self.connect()
        try:
            return [line.split("\t") for line in _say(session, sql)]
        except DatabaseFailed:
            self.disconnect()
            raise

    def ask(self, sql: str) -> list[list[str]]:
        """The same for what may be said twice: a server that dies takes the answer with it, not the question."""
        with suppress(ConnectionLost):
            return self.say(sql)
        return self.say(sql)

    def connect(self) -> subprocess.Popen[str]:
        """A new session, as soon as the server is there."""
        deadline = time.monotonic() + PATIENCE
        while True:
            session = _SESSIONS[self.place] = _open_session(self.place)
            try:
                _say(session, "SET client_min_messages = error;")
            except DatabaseFailed:
                self.disconnect()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return session

    def disconnect(self) -> None:
        """End the session, if there is one."""
        if (session := _SESSIONS.pop(self.place, None)) is not None:
            session.kill()
            with suppress(BrokenPipeError), session:  # which waits for its end
                pass

    def open(self, accounts: tuple[tuple[str, int], ...]) -> None:
        # ON CONFLICT DO NOTHING would wait for whoever is in doubt about an account: look first.
        fill = "".join(
            f"INSERT INTO account SELECT {quoted(name)}, {balance}, '' "
            f"WHERE NOT EXISTS (SELECT FROM account WHERE name = {quoted(name)});"
            for name, balance in accounts
        )
        self.ask(TABLES + fill)

    def read(self, accounts: tuple[str, ...]) -> dict[str, Seen]:
        wanted = ", ".join(map(quoted, accounts)) or "''"
        rows = self.ask(f"SELECT name, balance, by FROM account WHERE name IN ({wanted});")
        return {n: Seen(n, int(balance), named(by) if by else None) for n, balance, by in rows}

    def prepare(self, txn: Txn, changes: tuple[Change, ...]) -> None:
        name = quoted(str(txn))
        text = quoted(json.dumps([(c.account, c.before, c.after) for c in changes]))
        updates = "".join(
            f"UPDATE account SET balance = {c.after}, by = {name} WHERE name = {quoted(c.account)};"
            for c in changes
        )
        updates += f"INSERT INTO done VALUES ({name});"
        note = f"INSERT INTO branch VALUES ({name}, {text}) ON CONFLICT DO NOTHING;"
        try:
            self.say(f"{note} BEGIN; {updates} PREPARE TRANSACTION {name};")
        except ConnectionLost:
            if not self.is_prepared(txn):
                self.prepare(txn, changes)

    def commit(self, txn: Txn) -> None:
        self.end(txn, "COMMIT")

    def rollback(self, txn: Txn) -> None:
        self.end(txn, "ROLLBACK")

    def end(self, txn: Txn, how: str) -> None:
        forced = self.forced()
        if txn in forced:
            raise WasForced(txn, forced[txn])
        if not self.is_prepared(txn):
            raise UnknownTransaction(txn)
        while self.is_prepared(txn):
            with suppress(ConnectionLost):
                self.say(f"{how} PREPARED {quoted(str(txn))};")
        self.forget(txn)

    def is_prepared(self, txn: Txn) -> bool:
        return [str(txn)] in self.ask("SELECT gid FROM pg_prepared_xacts;")

    def recover(self) -> list[InDoubt]:
        rows = self.ask("SELECT txn, changes FROM branch JOIN pg_prepared_xacts ON gid = txn;")
        return [
            InDoubt(named(txn), tuple(Change(*change) for change in json.loads(changes)))
            for txn, changes in rows
        ]

    def force(self, txn: Txn, commit: bool) -> None:
        """What a person would type."""
        if not self.is_prepared(txn):
            raise UnknownTransaction(txn)
        self.say(f"{'COMMIT' if commit else 'ROLLBACK'} PREPARED {quoted(str(txn))};")

    def forced(self) -> dict[Txn, bool]:
        rows = self.ask(
            "SELECT txn, EXISTS (SELECT FROM done WHERE done.txn = branch.txn) FROM branch "
            "WHERE txn NOT IN (SELECT gid FROM pg_prepared_xacts);"
        )
        return {named(txn): is_done == "t" for txn, is_done in rows}

    def forget(self, txn: Txn) -> None:
        name = quoted(str(txn))
        self.ask(
            f"BEGIN; DELETE FROM branch WHERE txn = {name}; "
            f"DELETE FROM done WHERE txn = {name}; COMMIT;"
        )
