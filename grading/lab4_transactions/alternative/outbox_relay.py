"""A second relay: one event at a time, no window, and the outbox is looked at by the clock as well."""

from __future__ import annotations

from distlab.core import Address, Timer
from labs.lab4_transactions.outbox import Publish, Received, ShopBase


class Poll(Timer, frozen=True):
    pass


class Shop(ShopBase):
    under_way: int

    def on_start(self) -> None:
        super().on_start()
        self.under_way = 0
        self.set_timer(Poll(), self.config.retry)

    def on_poll(self, timer: Poll) -> None:
        self.under_way = 0
        self.next_one()
        self.set_timer(timer, self.config.retry)

    def after_commit(self) -> None:
        self.next_one()

    def next_one(self) -> None:
        for event in self.outbox.by_commit(0, limit=1):
            if event.commit != self.under_way:
                self.under_way = event.commit
                self.send(
                    Address(self.config.consumer),
                    Publish(event.commit, event.id, event.customer, event.value),
                )

    def on_received(self, received: Received) -> None:
        done = [e for e in self.outbox.by_commit(0) if e.commit <= received.commit]
        if done:
            self.outbox.remove(self.disk, done)
            self.next_one()
