"""Transactions, as a producer runs them: one at a time, each question asked until it is answered. Given.

Rule: an identity (producer id, epoch) is used for one transaction. The next one comes with the answer to EndTxn.

::

    begin ──▶ init ──▶ add ──▶ write ──▶ end ──▶ committed, aborted
               │        │        │         │
               ╰────────┴────────┴─────────┴───▶ fenced, unknown

*Fenced* is certain: the transaction is not committed and never will be. It was timed out, or there is another producer
of the transactional id. *Unknown*: a commit was asked for, and when it was asked for again this identity was too old.
It may have been done the first time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from distlab.core import Address, Message, Node, Timer
from labs.lab4_transactions.logtx import (
    CONCURRENT_TRANSACTIONS,
    ILLEGAL_GENERATION,
    INVALID_PRODUCER_EPOCH,
    NONE,
    NOT_COORDINATOR,
    OUT_OF_ORDER_SEQUENCE,
    AddPartitions,
    CommitOffsets,
    EndTxn,
    Identity,
    InitDone,
    InitProducer,
    OffsetsCommitted,
    PartitionsAdded,
    Produce,
    Produced,
    TxnEnded,
    Write,
)

COMMITTED = "committed"
ABORTED = "aborted"
FENCED = "fenced"
UNKNOWN = "unknown"


class AskAgain(Timer, frozen=True):
    """Time to repeat what has not been answered."""


class Thought(Timer, frozen=True):
    """The client has thought long enough."""


@dataclass
class Offsets:
    """Offsets that belong to a transaction."""

    group: str
    generation: int
    positions: dict[str, int]


@dataclass
class Txn:
    """What a producer does at the moment."""

    rounds: list[tuple[Write, ...]]
    """What is still to be written; partitions are added round by round."""
    offsets: Offsets | None
    """Go with the last round."""
    commit: bool
    think: int
    count: dict[str, int] = field(default_factory=dict)
    """Partition -> batches sent."""
    phase: str = "init"
    silence: int = 0
    """How often InitProducer was not answered in time: its answers may need longer."""
    open: dict[int, tuple[str, Message]] = field(default_factory=dict)
    """Questions without an answer: id -> whom, what. To whom: empty is the coordinator."""

    @property
    def partitions(self) -> tuple[str, ...]:
        """Of this round."""
        names = {write.partition for write in self.rounds[0]}
        if self.offsets is not None and len(self.rounds) == 1:
            names.add(self.offsets.group)
        return tuple(sorted(names))


class Transactor(Node):
    """A node that runs transactions. It calls ``open_producer`` when it starts, and has ``transacted`` called."""

    config: Any
    """Has ``transactional_id``, ``coordinators``, ``txn_timeout`` and ``retry``."""
    identity: Identity | None
    txn: Txn | None
    asked: int
    """The last question's id."""
    turn: int
    """Which coordinator is asked."""
    has_answered: bool
    """It has said something since: it is the right one, and busy."""

    def open_producer(self) -> None:
        """No transaction is running, and the next one begins as a new producer."""
        self.identity, self.txn = None, None
        self.asked = self.random.getrandbits(40)  # not one of an earlier life
        self.turn, self.has_answered = 0, False

    def transacted(self, outcome: str) -> None:
        """The transaction has ended: COMMITTED, ABORTED, FENCED or UNKNOWN. For those who inherit."""
        raise NotImplementedError

    def transact(
        self,
        writes: tuple[Write, ...],
        offsets: Offsets | None = None,
        *,
        commit: bool = True,
        init: bool = False,
        think: int = 0,
        lazily: bool = False,
    ) -> None:
        """Run a transaction. None must be running. ``lazily``: partitions are added when they are written to."""
        assert self.txn is None
        self.txn = Txn([writes], offsets, commit, think)
        if lazily:
            self.txn.rounds = [(write,) for write in writes]
        if init:
            self.identity = None
        if self.identity is None:
            self.ask_init()
        else:
            self.add()

    # -- phases ---------------------------------------------------------------------------------------------------

    def ask_init(self) -> None:
        txn_id, timeout = self.config.transactional_id, self.config.txn_timeout
        self.enter("init", ("", InitProducer(self.next_id(), txn_id, timeout)))

    def add(self) -> None:
        assert self.txn is not None
        assert self.identity is not None
        txn_id, partitions = self.config.transactional_id, self.txn.partitions
        self.enter("add", ("", AddPartitions(self.next_id(), txn_id, self.identity, partitions)))

    def write(self) -> None:
        assert self.txn is not None
        assert self.identity is not None
        questions: list[tuple[str, Message]] = []
        count = self.txn.count
        for write in self.txn.rounds.pop(0):
            number = count.get(write.partition, 0)
            count[write.partition] = number + 1
            produce = Produce(self.next_id(), self.identity, number, write.values)
            questions.append((write.partition, produce))
        if (offsets := self.txn.offsets) is not None and not self.txn.rounds:
            commit = CommitOffsets(
                self.next_id(), self.identity, 0, offsets.generation, offsets.positions
            )
            questions.append((offsets.group, commit))
        self.enter("write", *questions)

    def end(self, commit: bool) -> None:
        assert self.txn is not None
        assert self.identity is not None
        self.txn.commit = commit
        txn_id = self.config.transactional_id
        self.enter("end", ("", EndTxn(self.next_id(), txn_id, self.identity, commit)))

    def over(self, outcome: str) -> None:
        self.txn = None
        self.cancel_timer(AskAgain())
        if outcome in (FENCED, UNKNOWN):
            self.identity = None
        self.transacted(outcome)

    # -- asking ---------------------------------------------------------------------------------------------------

    def next_id(self) -> int:
        self.asked += 1
        return self.asked

    def enter(self, phase: str, *questions: tuple[str, Message]) -> None:
        assert self.txn is not None
        self.txn.phase = phase
        self.txn.open = {message.id: (to, message) for to, message in questions}  # type: ignore[attr-defined]
        self.say()

    def say(self) -> None:
        assert self.txn is not None
        coordinators = self.config.coordinators
        for to, message in self.txn.open.values():
            self.send(Address(to or coordinators[self.turn % len(coordinators)]), message)
        self.set_timer(AskAgain(), self.config.retry << min(self.txn.silence, 3))

    def on_ask_again(self, _: AskAgain) -> None:
        if self.txn is not None and self.txn.open:
            if self.txn.phase != "write" and not self.has_answered:
                self.turn += 1
            if self.txn.phase == "init":  # only the newest answer counts: do not ask too soon
                self.txn.silence = 0 if self.has_answered else self.txn.silence + 1
                self.ask_init()
            else:
                self.say()
            self.has_answered = False

    def is_answered(self, number: int, error: str, sender: Address) -> bool:
        """Whether this settles an open question. What is to be asked again stays open."""
        if self.txn is None or number not in self.txn.open:
            return False
        if sender in self.config.coordinators and error != NOT_COORDINATOR:
            self.turn = self.config.coordinators.index(sender)
        if error in (CONCURRENT_TRANSACTIONS, OUT_OF_ORDER_SEQUENCE, NOT_COORDINATOR):
            self.has_answered = error != NOT_COORDINATOR
            return False
        del self.txn.open[number]
        return True

    # -- answers --------------------------------------------------------------------------------------------------

    def on_init_done(self, answer: InitDone, sender: Address) -> None:
        if self.is_answered(answer.id, answer.error, sender):
            assert self.txn is not None
            self.identity, self.txn.silence = answer.producer, 0
            self.add()

    def on_partitions_added(self, answer: PartitionsAdded, sender: Address) -> None:
        if self.is_answered(answer.id, answer.error, sender):
            if answer.error == NONE:
                self.write()
            else:
                self.over(FENCED)

    def on_produced(self, answer: Produced, sender: Address) -> None:
        if self.is_answered(answer.id, answer.error, sender):
            self.written(answer.error)

    def on_offsets_committed(self, answer: OffsetsCommitted, sender: Address) -> None:
        if self.is_answered(answer.id, answer.error, sender):
            self.written(answer.error)

    def written(self, error: str) -> None:
        assert self.txn is not None
        if error == INVALID_PRODUCER_EPOCH:
            self.over(FENCED)
        elif error == ILLEGAL_GENERATION:
            self.end(commit=False)
        elif self.txn.open or self.txn.phase != "write":
            return
        elif self.txn.rounds:
            self.add()
        else:
            self.txn.phase = "think"
            self.cancel_timer(AskAgain())
            self.set_timer(Thought(), self.txn.think)

    def on_thought(self, _: Thought) -> None:
        if self.txn is not None and self.txn.phase == "think":
            self.end(self.txn.commit)

    def on_txn_ended(self, answer: TxnEnded, sender: Address) -> None:
        if self.is_answered(answer.id, answer.error, sender):
            assert self.txn is not None
            if answer.error == NONE:
                self.identity = answer.producer
                self.over(COMMITTED if self.txn.commit else ABORTED)
            else:
                self.identity = None
                self.over(UNKNOWN if self.txn.commit else ABORTED)
