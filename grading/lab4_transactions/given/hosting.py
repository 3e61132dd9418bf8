"""A node with a database in its care, and a DBA who may force things in it. Given."""

from __future__ import annotations

from distlab.core import Address, Config, Node, Ok, Ticket
from labs.lab4_transactions.databases import (
    Force,
    Forced,
    GatewayConfig,
    Interfere,
    Noted,
    Noticeboard,
    Report,
    Shelf,
    Store,
    open_store,
)
from labs.lab4_transactions.twophase import Txn


class Hosted(Node):
    """What a gateway has from the beginning: ``self.db``, and what happens when a person forces something."""

    config: GatewayConfig
    shelf: Shelf

    def open_database(self) -> None:
        """Call it first in ``on_start``."""
        self.shelf = Shelf()
        self.db.open(self.config.accounts)

    @property
    def db(self) -> Store:
        return open_store(self.config.database, self.disk, self.shelf)

    def on_force(self, force: Force, dba: Address) -> None:
        """The database ends all that is in doubt, whatever anybody decides or has decided."""
        for doubt in self.db.recover():
            self.db.force(doubt.txn, force.commit)
            self.send(dba, Forced(doubt.txn, force.commit))
            self.was_forced(doubt.txn)

    def was_forced(self, txn: Txn) -> None:
        """It is not in doubt any more, and the decision is not known yet: the gateway's business."""
        raise NotImplementedError


class DbaConfig(Config, frozen=True):
    pass


class Dba(Node):
    """Forces when he is told to, and reads reports."""

    config: DbaConfig
    reports: dict[Txn, Report]

    def on_start(self) -> None:
        self.reports = {}

    def on_interfere(self, interfere: Interfere, ticket: Ticket) -> None:
        self.send(interfere.gateway, Force(interfere.commit))
        self.finish(ticket, Ok())

    def on_forced(self, forced: Forced, gateway: Address) -> None:
        """So it is done."""

    def on_report(self, report: Report, gateway: Address) -> None:
        self.reports[report.txn] = report
        self.send(gateway, Noted(report.txn))

    def probe(self) -> Noticeboard:
        return Noticeboard(tuple(self.reports.values()))
