"""The client of part 4C, who is also the auditor: asks again until it is answered. Given."""

from __future__ import annotations

from distlab.core import Address, Fail, Node, Ok, Ticket, Timer
from labs.lab4_transactions.tcc import (
    ClientConfig,
    Look,
    Request,
    Result,
    Show,
    Statement,
    Transfer,
)


class AskAgain(Timer, frozen=True):
    ticket: int


class TccClient(Node):
    config: ClientConfig
    open: dict[int, Transfer | Look]

    def on_start(self) -> None:
        self.open = {}

    def on_transfer(self, op: Transfer, ticket: Ticket) -> None:
        self.open[ticket] = op
        self.on_ask_again(AskAgain(ticket))

    def on_look(self, op: Look, ticket: Ticket) -> None:
        self.open[ticket] = op
        self.on_ask_again(AskAgain(ticket))

    def on_ask_again(self, timer: AskAgain) -> None:
        match self.open.get(timer.ticket):
            case Transfer(key, legs):
                self.send(Address(self.config.manager), Request(timer.ticket, key, legs))
            case Look(bank):
                self.send(Address(bank), Show(timer.ticket))
            case None:
                return
        self.set_timer(timer, self.config.retry)

    def on_result(self, result: Result) -> None:
        if self.open.pop(result.number, None) is not None:
            self.finish(Ticket(result.number), Ok() if result.committed else Fail(result.reason))

    def on_statement(self, statement: Statement) -> None:
        if self.open.pop(statement.number, None) is not None:
            self.finish(Ticket(statement.number), Ok(statement))
