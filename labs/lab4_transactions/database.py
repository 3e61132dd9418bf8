"""A small database on a node's disk: tables of rows, changed by local transactions. Given.

A local transaction is **one record** of the log ``db``. A record that a crash tears is cut off when the node starts
again, so of several rows all are changed, or none. Whatever is sent after :meth:`Database.commit` leaves once the
record is on disk. That is all the atomicity that the patterns of this lab begin with; everything beyond one node is
built on top of it.

There are no deadlocks and no isolation levels: a handler runs alone. To stay short, the log is never compacted.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from msgspec import Struct

from distlab.core import Disk

PATH = "db"


class Row(Struct, frozen=True, tag=True):
    """What stands in a table; its class is the table's name. Rows are values: to change one, put another."""

    @property
    def key(self) -> Hashable:
        """The primary key: a table has one row of each."""
        raise NotImplementedError


R = TypeVar("R", bound=Row)
Rows = TypeVar("Rows")


class Committed(Struct, Generic[Rows], frozen=True):
    """One local transaction, as it stands in the log."""

    put: tuple[Rows, ...]
    gone: tuple[Rows, ...] = ()


@dataclass
class Database:
    """All tables of one node. Plain data: declare it as state, and hand it the disk when it is to write."""

    tables: dict[str, dict[Hashable, Any]]

    def get(self, table: type[R], key: Hashable) -> R | None:
        """The row with this primary key; None if there is none."""
        row: R | None = self.tables.get(table.__name__, {}).get(key)
        return row

    def all(self, table: type[R]) -> list[R]:
        """The rows of a table, by key."""
        rows = self.tables.get(table.__name__, {})
        return [rows[key] for key in sorted(rows)]  # type: ignore[type-var]

    def commit(self, disk: Disk, *put: Row, gone: tuple[Row, ...] = ()) -> None:
        """One local transaction: insert or replace some rows, delete others; all of it or nothing, and durable."""
        is_new = not disk.exists(PATH)
        transaction = Committed(put, gone)
        disk.append(PATH, transaction)
        disk.sync(*((PATH, "/") if is_new else (PATH,)))
        self.apply(transaction)

    def apply(self, transaction: Committed[Any]) -> None:
        for row in transaction.put:
            self.tables.setdefault(type(row).__name__, {})[row.key] = row
        for row in transaction.gone:
            self.tables.get(type(row).__name__, {}).pop(row.key, None)


def open_database(disk: Disk, rows: Any) -> Database:
    """The database as the last crash left it. ``rows``: the classes of its rows (``Account | Fence``)."""
    database = Database({})
    for transaction in disk.recover(PATH, Committed[rows]):
        database.apply(transaction)
    return database
