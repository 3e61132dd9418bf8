"""Another processor: it reads all of its inputs in a round, and writes what it made of them in one transaction.

One timer moves it: each round begins with it, and what was not answered is asked again by the next one.
"""

from __future__ import annotations

from distlab.core import Address, Timer
from labs.lab4_transactions.logtx import (
    Assignment,
    Beat,
    Fetch,
    Fetched,
    FetchOffsets,
    OffsetsAre,
    ProcessorConfig,
    ProcessorView,
    Write,
    processed,
)
from labs.lab4_transactions.txn_producer import COMMITTED, Offsets, Transactor
from labs.lab4_transactions.txn_reader import read_committed


class Alive(Timer, frozen=True):
    pass


class Round(Timer, frozen=True):
    pass


class Processor(Transactor):
    config: ProcessorConfig
    news: Assignment
    places: dict[str, int] | None
    """Input -> where to read on; None: to be asked for."""
    open: set[int]
    """Questions of this round."""
    found: dict[str, tuple[tuple[str, ...], int]]
    """Input -> the values that were read, and the position behind them."""

    def on_start(self) -> None:
        self.open_producer()
        self.news, self.places = Assignment(-1, ()), None
        self.open, self.found = set(), {}
        self.on_alive(Alive())

    def probe(self) -> ProcessorView:
        return ProcessorView(self.news.generation, dict(self.places or {}))

    def on_alive(self, timer: Alive) -> None:
        self.send(Address(self.config.group), Beat())
        self.set_timer(timer, self.config.beat)

    def on_assignment(self, news: Assignment) -> None:
        if news.generation > self.news.generation:
            self.news, self.places = news, None
            self.on_round(Round())

    def on_round(self, timer: Round) -> None:
        if self.txn is not None or not self.news.partitions:
            return
        self.open, self.found = set(), {}
        if self.places is None:
            self.open.add(number := self.next_id())
            self.send(Address(self.config.group), FetchOffsets(number, self.news.partitions))
        else:
            for name, at in self.places.items():
                self.open.add(number := self.next_id())
                self.send(Address(name), Fetch(number, at))
        self.set_timer(timer, self.config.retry)

    def on_offsets_are(self, answer: OffsetsAre) -> None:
        if answer.id in self.open and not answer.error:
            self.places = dict(answer.positions)
            self.on_round(Round())

    def on_fetched(self, fetched: Fetched, sender: Address) -> None:
        if fetched.id not in self.open or self.places is None or self.txn is not None:
            return
        self.open.discard(fetched.id)
        records, behind = read_committed(fetched, self.places[sender])
        self.found[sender] = tuple(record.value for record in records), behind
        if not self.open:
            self.finish_round()

    def finish_round(self) -> None:
        assert self.places is not None
        self.places |= {name: behind for name, (_, behind) in self.found.items()}
        batches: dict[str, list[str]] = {}
        for values, _ in self.found.values():
            for value in values:
                to, result = processed(value, self.config.outputs)
                batches.setdefault(to, []).append(result)
        if not batches:
            self.set_timer(Round(), self.config.idle)
            return
        self.cancel_timer(Round())
        read = {name: behind for name, (values, behind) in self.found.items() if values}
        writes = tuple(Write(to, tuple(values)) for to, values in sorted(batches.items()))
        self.transact(writes, Offsets(self.config.group, self.news.generation, read))

    def transacted(self, outcome: str) -> None:
        if outcome != COMMITTED:
            self.places = None
        self.on_round(Round())
