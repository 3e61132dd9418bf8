"""The client of part 4D: asks again until its saga has ended. Given."""

from __future__ import annotations

from distlab.core import Address, Fail, Node, Ok, Ticket, Timer
from labs.lab4_transactions.saga import Begin, Book, Ended, SagaClientConfig


class AskHow(Timer, frozen=True):
    ticket: int


class SagaClient(Node):
    config: SagaClientConfig
    open: dict[int, Book]

    def on_start(self) -> None:
        self.open = {}

    def on_book(self, op: Book, ticket: Ticket) -> None:
        self.open[ticket] = op
        self.on_ask_how(AskHow(ticket))

    def on_ask_how(self, timer: AskHow) -> None:
        op = self.open.get(timer.ticket)
        if op is not None:
            begin = Begin(timer.ticket, op.saga, op.subject, op.steps, op.pivot)
            self.send(Address(self.config.orchestrator), begin)
            self.set_timer(timer, self.config.retry)

    def on_ended(self, ended: Ended) -> None:
        if self.open.pop(ended.number, None) is not None:
            self.finish(Ticket(ended.number), Ok() if ended.completed else Fail(ended.reason))
