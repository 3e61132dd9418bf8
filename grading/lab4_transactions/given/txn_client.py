"""An application: reads, and writes, in transactions, one after the other. Given."""

from __future__ import annotations

from distlab.core import Address, Fail, Info, Ok, Ticket, Timer
from labs.lab4_transactions.logtx import Fetch, Fetched, ProducerConfig, Transact
from labs.lab4_transactions.txn_producer import ABORTED, COMMITTED, FENCED, Transactor


class FetchAgain(Timer, frozen=True):
    """Time to repeat a Fetch."""


class Application(Transactor):
    config: ProducerConfig
    queue: list[tuple[Ticket, Transact]]
    """Operations, the running one first."""
    seen: dict[str, list[str]]
    """What it has read: partition -> values."""
    position: int
    has_begun: bool

    def on_start(self) -> None:
        self.open_producer()
        self.queue, self.seen, self.position, self.has_begun = [], {}, 0, False

    def on_transact(self, op: Transact, ticket: Ticket) -> None:
        self.queue.append((ticket, op))
        if len(self.queue) == 1:
            self.begin_next()

    def begin_next(self) -> None:
        if self.queue:
            self.seen = {}
            self.read_on()

    def read_on(self) -> None:
        """Read the next partition from its beginning; or, with all of them read, write."""
        op = self.queue[0][1]
        left = [name for name in op.reads if name not in self.seen]
        if left:
            self.seen[left[0]] = []
            self.fetch(0)
        elif not op.writes:
            self.transacted(COMMITTED)
        elif self.identity is None and self.has_begun and not op.init:
            self.transacted(FENCED)  # somebody else is the producer: only a new beginning helps
        else:
            self.has_begun = True
            self.transact(
                op.writes, commit=op.commit, init=op.init, think=op.think, lazily=op.lazily
            )

    def fetch(self, position: int) -> None:
        self.position = position
        self.asked += 1
        self.on_fetch_again(FetchAgain())

    def on_fetch_again(self, timer: FetchAgain) -> None:
        if self.queue and self.txn is None and self.seen:
            self.send(Address(list(self.seen)[-1]), Fetch(self.asked, self.position))
            self.set_timer(timer, self.config.retry)

    def on_fetched(self, fetched: Fetched, sender: Address) -> None:
        if not self.queue or self.txn is not None or fetched.id != self.asked:
            return
        self.cancel_timer(FetchAgain())
        from labs.lab4_transactions.txn_reader import read_committed  # yours, as it stands now

        records, behind = read_committed(fetched, self.position)
        self.seen[sender] += [record.value for record in records]
        if behind < fetched.last_stable_offset:
            self.fetch(behind)
        else:
            self.asked += 1
            self.read_on()

    def transacted(self, outcome: str) -> None:
        ticket, _ = self.queue.pop(0)
        if outcome == COMMITTED:
            self.finish(ticket, Ok({name: list(values) for name, values in self.seen.items()}))
        elif outcome in (ABORTED, FENCED):
            self.finish(ticket, Fail(outcome))
        else:
            self.finish(ticket, Info(outcome))
        self.begin_next()
