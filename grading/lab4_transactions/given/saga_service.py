"""The services of part 4D: each step is done at most once, and undone at most once. Given.

Undoing what was never done leaves a row, so that a late ``Do`` is declined: empty rollback and hanging are taken care
of here, as in part 4C. Declining leaves one, too: what was declined once stays so, whatever there is left later.
"""

from __future__ import annotations

from collections import Counter

from msgspec import Struct, structs

from distlab.core import Address, Node
from labs.lab4_transactions.database import Database, Row, open_database
from labs.lab4_transactions.saga import (
    Declined,
    Do,
    Done,
    NotNow,
    ServiceConfig,
    Undo,
    Undone,
)


class Stock(Row, frozen=True):
    item: str
    left: int

    @property
    def key(self) -> str:
        return self.item


class Deed(Row, frozen=True):
    """What has become of a step."""

    saga: str
    step: int
    state: str
    """``done``, ``undone`` or ``declined``."""
    item: str = ""
    amount: int = 0

    @property
    def key(self) -> tuple[str, int]:
        return self.saga, self.step


class Books(Struct, frozen=True):
    """What a service shows of itself."""

    stock: tuple[Stock, ...]
    deeds: tuple[Deed, ...]


class Service(Node):
    config: ServiceConfig
    db: Database
    asked: Counter[tuple[str, int, bool]]

    def on_start(self) -> None:
        self.db = open_database(self.disk, Stock | Deed)
        self.asked = Counter()
        if not self.db.all(Stock):
            self.db.commit(self.disk, *(Stock(item, left) for item, left in self.config.stock))

    def is_moody(self, message: Do | Undo) -> bool:
        name = message.saga, message.step, isinstance(message, Do)
        self.asked[name] += 1
        return self.asked[name] <= self.config.moody

    def on_do(self, do: Do, sender: Address) -> None:
        name = do.saga, do.step
        deed = self.db.get(Deed, name)
        if deed is None:
            if self.is_moody(do):
                self.send(sender, NotNow(*name))
                return
            stock = self.db.get(Stock, do.item)
            if stock is None or stock.left < do.amount:
                self.db.commit(self.disk, Deed(*name, "declined"))
                self.send(sender, Declined(*name, f"there is not enough of {do.item}"))
                return
            less = structs.replace(stock, left=stock.left - do.amount)
            self.db.commit(self.disk, less, Deed(*name, "done", do.item, do.amount))
        elif deed.state != "done":
            self.send(sender, Declined(*name, f"it was {deed.state}"))
            return
        self.send(sender, Done(*name))

    def on_undo(self, undo: Undo, sender: Address) -> None:
        name = undo.saga, undo.step
        deed = self.db.get(Deed, name)
        if (deed is None or deed.state == "done") and self.is_moody(undo):
            self.send(sender, NotNow(*name))
            return
        if deed is None:
            self.db.commit(self.disk, Deed(*name, "undone"))
        elif deed.state == "done":
            stock = self.db.get(Stock, deed.item)
            assert stock is not None
            more = structs.replace(stock, left=stock.left + deed.amount)
            self.db.commit(self.disk, more, structs.replace(deed, state="undone"))
        self.send(sender, Undone(*name))

    def probe(self) -> Books:
        return Books(tuple(self.db.all(Stock)), tuple(self.db.all(Deed)))
