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

# BEGIN SOLUTION 4F3: your timers


class BeatAgain(Timer, frozen=True):
    """Time to say that we are alive."""


class GoOn(Timer, frozen=True):
    """Time to ask again, or to look again."""


# END SOLUTION


class Processor(Transactor):
    """A member of the group. It runs one transaction at a time: see ``Transactor``."""

    config: ProcessorConfig
    # BEGIN SOLUTION 4F3: declare your state
    generation: int
    partitions: tuple[str, ...]
    """Our share of the inputs in this generation."""
    positions: dict[str, int]
    """Where to read on; empty where the group has to be asked."""
    question: int
    """Id of the Fetch or FetchOffsets that is open."""
    # END SOLUTION

    def on_start(self) -> None:
        """A new producer, and no member yet."""
        self.open_producer()
        # BEGIN SOLUTION 4F3: begin with nothing, and say that you are alive
        self.generation, self.partitions = -1, ()
        self.positions, self.question = {}, 0
        self.on_beat_again(BeatAgain())
        # END SOLUTION

    def on_assignment(self, news: Assignment) -> None:
        """What is ours in this generation. It may be an old one, said again or late."""
        # BEGIN SOLUTION 4F3: in a new generation all positions are asked for anew
        if news.generation > self.generation:
            self.generation, self.partitions = news.generation, news.partitions
            self.positions = {}
            self.go_on()
        # END SOLUTION

    def on_offsets_are(self, answer: OffsetsAre) -> None:
        """How far the group has read; or that it is not settled yet."""
        # BEGIN SOLUTION 4F3: read on from there
        if answer.id == self.question and answer.error == NONE and not self.positions:
            self.positions = dict(answer.positions)
            self.go_on()
        # END SOLUTION

    def on_fetched(self, fetched: Fetched, sender: Address) -> None:
        """A piece of an input. What is in it goes out, with the position behind it, in one transaction."""
        # BEGIN SOLUTION 4F3: process it; where there is nothing to process, move on or look again later
        if fetched.id != self.question or sender not in self.positions or self.txn is not None:
            return
        self.question = 0
        records, behind = read_committed(fetched, self.positions.pop(sender))
        self.positions[sender] = behind  # it is the last one now: the others have their turn
        if not records:
            self.set_timer(GoOn(), self.config.idle)
            return
        made = [processed(record.value, self.config.outputs) for record in records]
        writes = tuple(
            Write(output, tuple(value for to, value in made if to == output))
            for output in self.config.outputs
            if any(to == output for to, _ in made)
        )
        offsets = Offsets(self.config.group, self.generation, {sender: behind})
        self.cancel_timer(GoOn())
        self.transact(writes, offsets)
        # END SOLUTION

    def transacted(self, outcome: str) -> None:
        """The transaction has ended. Only COMMITTED means that it has."""
        # BEGIN SOLUTION 4F3: go on; or ask where to go on
        if outcome != COMMITTED:
            self.positions = {}
        self.go_on()
        # END SOLUTION

    def probe(self) -> ProcessorView:
        """What the world may see."""
        # BEGIN SOLUTION 4F3: show it
        return ProcessorView(self.generation, self.positions)
        # END SOLUTION

    # BEGIN SOLUTION 4F3: your timers and helpers
    def on_beat_again(self, timer: BeatAgain) -> None:
        self.send(Address(self.config.group), Beat())
        self.set_timer(timer, self.config.beat)

    def on_go_on(self, _: GoOn) -> None:
        self.go_on()

    def go_on(self) -> None:
        """Ask the next question, unless a transaction is running."""
        if self.txn is not None or not self.partitions:
            return
        self.question = self.next_id()
        if not self.positions:
            ask = FetchOffsets(self.question, self.partitions)
            self.send(Address(self.config.group), ask)
        else:
            name, position = next(iter(self.positions.items()))
            self.send(Address(name), Fetch(self.question, position))
        self.set_timer(GoOn(), self.config.retry)

    # END SOLUTION
