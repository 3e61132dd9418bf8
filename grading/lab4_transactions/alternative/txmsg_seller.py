"""A second seller: one pulse; silent while it does not know; and a "no" bars the sale."""

from __future__ import annotations

from distlab.core import Address, Fail, Ticket, Timer
from labs.lab4_transactions.txmsg import Check, Decide, Half, HalfStored, Sell, SellerBase


class Pulse(Timer, frozen=True):
    pass


class Seller(SellerBase):
    asked: dict[int, tuple[Sell, Ticket, int]]

    def on_start(self) -> None:
        super().on_start()
        self.asked = {}
        self.set_timer(Pulse(), self.config.retry)

    def on_sell(self, op: Sell, ticket: Ticket) -> None:
        self.asked[op.id] = op, ticket, self.monotonic()
        self.send(Address(self.config.broker), Half(op.id, op.value))

    def on_pulse(self, timer: Pulse) -> None:
        for op, _, since in list(self.asked.values()):
            if self.monotonic() - since > self.config.patience:
                self.drop(op.id)
            else:
                self.send(Address(self.config.broker), Half(op.id, op.value))
        self.set_timer(timer, self.config.retry)

    def drop(self, sale: int) -> None:
        _, ticket, _ = self.asked.pop(sale)
        self.finish(ticket, Fail("it was given up"))

    def on_half_stored(self, stored: HalfStored) -> None:
        if stored.id in self.asked:
            op, ticket, _ = self.asked.pop(stored.id)
            self.start_transaction(op, ticket)

    def on_check(self, check: Check, sender: Address) -> None:
        if check.id in self.running:
            return
        if check.id in self.asked:
            self.drop(check.id)  # a "no" is for ever, so it will not begin any more
        self.send(sender, Decide(check.id, self.is_sold(check.id)))
