"""A second consumer: remembers with each customer how far its points are, and in memory what came too early."""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Address, Node
from labs.lab4_transactions.outbox import (
    ConsumerConfig,
    ConsumerView,
    Points,
    Publish,
    Received,
    credited,
)


class Credit(Struct, frozen=True, tag=True):
    commit: int
    points: Points


class Consumer(Node):
    config: ConsumerConfig
    points: dict[str, Points]
    done: int
    early: dict[int, Publish]

    def on_start(self) -> None:
        self.points, self.done, self.early = {}, 0, {}
        for credit in self.disk.recover("credits", Credit):
            self.points[credit.points.customer], self.done = credit.points, credit.commit

    def on_publish(self, event: Publish, sender: Address) -> None:
        if event.commit > self.done:
            self.early[event.commit] = event
        before = self.done
        is_new = not self.disk.exists("credits")
        while self.done + 1 in self.early:
            ready = self.early.pop(self.done + 1)
            known = self.points.get(ready.customer, Points(ready.customer))
            credit = Credit(ready.commit, credited(known, ready.value))
            self.disk.append("credits", credit)
            self.points[ready.customer], self.done = credit.points, ready.commit
        if self.done > before:
            self.disk.sync("credits", *(("/",) if is_new else ()))
        self.send(sender, Received(self.done))

    def probe(self) -> ConsumerView:
        rows = tuple(self.points[name] for name in sorted(self.points))
        return ConsumerView(rows, len(self.early))
