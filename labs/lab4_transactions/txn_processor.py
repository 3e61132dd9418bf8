"""Consume, process, produce: each record of the inputs has its effect in the outputs exactly once (part 4F3).

Rule: where it will read on is committed in the same transaction as what it made of what it has read. So after whatever
happens there is one question, to the group: how far has it read? What a processor remembers itself is worth nothing
once a transaction has not ended well.

Theory (KIP-98, KIP-447). Two things fence a processor that was taken for dead and is not:

* it writes offsets in the *generation* in which it has read; the group refuses those of an older one, and then the
  transaction is aborted;
* a transaction that it has left open may still be committed. So whoever takes over asks for *stable* offsets: the group
  does not answer before no open transaction holds any of them.
"""

from __future__ import annotations

from distlab.core import Address, Timer
from labs.lab4_transactions.logtx import (
    NONE,
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

# TODO 4F3: your timers


class Processor(Transactor):
    """A member of the group. It runs one transaction at a time: see ``Transactor``."""

    config: ProcessorConfig
    # TODO 4F3: declare your state

    def on_start(self) -> None:
        """A new producer, and no member yet."""
        self.open_producer()
        raise NotImplementedError("4F3: begin with nothing, and say that you are alive")

    def on_assignment(self, news: Assignment) -> None:
        """What is ours in this generation. It may be an old one, said again or late."""
        raise NotImplementedError("4F3: in a new generation all positions are asked for anew")

    def on_offsets_are(self, answer: OffsetsAre) -> None:
        """How far the group has read; or that it is not settled yet."""
        raise NotImplementedError("4F3: read on from there")

    def on_fetched(self, fetched: Fetched, sender: Address) -> None:
        """A piece of an input. What is in it goes out, with the position behind it, in one transaction."""
        raise NotImplementedError(
            "4F3: process it; where there is nothing to process, move on or look again later"
        )

    def transacted(self, outcome: str) -> None:
        """The transaction has ended. Only COMMITTED means that it has."""
        raise NotImplementedError("4F3: go on; or ask where to go on")

    def probe(self) -> ProcessorView:
        """What the world may see."""
        raise NotImplementedError("4F3: show it")

    # TODO 4F3: your timers and helpers
