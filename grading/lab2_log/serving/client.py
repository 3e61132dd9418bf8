"""Asks brokers and controllers, and asks again: what every client of the log inside the cluster has in common.

A question goes to whoever decides (which partitions are there, who leads), or to whoever leads the partition. Where
nobody answers, or somebody else leads by now, it is asked anew, until its time is up; ``settled`` hears of the outcome.
A batch may therefore be appended twice when a broker dies. Batches are sealed and opened by the solution's own
``batch.py``.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from distlab.core import MS, SECOND, Address, Config, Fail, Message, Node, Ok, Timer
from grading.lab2_log.serving.requests import (
    FROM_END,
    FROM_START,
    LARGEST,
    NO_ANSWER,
    NO_LEADER,
    TOO_LARGE,
    Line,
    List,
    NewTopic,
    Put,
    Take,
)
from grading.lab2_log.serving.topics import UNKNOWN_TOPIC, CreateTopic, Metadata, MetadataAnswer
from labs.lab2_log.batch import seal, unseal
from labs.lab2_log.batches import Batch, Corrupt, Record, head_at
from labs.lab2_log.brokers import (
    ALL,
    CORRUPT_MESSAGE,
    NONE,
    OFFSET_OUT_OF_RANGE,
    Fetch,
    Fetched,
    PartitionState,
    Produce,
    Produced,
)


class ClientConfig(Config, frozen=True):
    """Whom to ask."""

    controllers: tuple[str, ...] = ("controller",)
    """Only the one that decides answers."""
    timeout: int = 1 * SECOND
    """How long anybody may take to answer, beyond what they were allowed to wait."""


class Again(Timer, frozen=True):
    """Ask once more."""

    id: int


class Asking(Struct):
    """A question under way."""

    question: Any
    about: Any
    """What ``settled`` is told of it."""
    deadline: int
    offset: int = 0
    wish: int = 0
    """The id under which it was asked first."""
    why: str = NO_ANSWER
    """What was the matter so far."""


class LogClient(Node):
    """Any number of questions at a time: :class:`NewTopic`, :class:`List`, :class:`Put`, :class:`Take`."""

    config: ClientConfig
    states: dict[str, PartitionState]
    asking: dict[int, Asking]
    questions: int

    def on_start(self) -> None:
        self.states, self.asking = {}, {}
        self.questions = self.random.getrandbits(30) << 20

    def settled(self, about: Any, outcome: Ok | Fail) -> None:
        """The question about which ``about`` was said has its answer; or nobody gave one in time."""
        raise NotImplementedError

    def submit(self, question: Any, about: Any) -> None:
        """Ask, until there is an answer."""
        match question:
            case Put(lines=lines) if size_of(lines) > LARGEST:
                self.settled(about, Fail(TOO_LARGE))
            case Put():
                self.ask(Asking(question, about, self.monotonic() + question.patience))
            case Take():
                deadline = self.monotonic() + question.patience + question.max_wait
                self.ask(Asking(question, about, deadline, question.offset))
            case _:
                self.ask(Asking(question, about, self.monotonic() + 10 * SECOND))

    def ask(self, asking: Asking) -> None:
        """Send the question, under a new id, to whom it concerns as far as we know."""
        self.questions += 1
        number, question = self.questions, asking.question
        self.asking[number] = asking
        asking.wish = asking.wish or number
        to, wait = self.config.controllers, self.config.timeout
        message: Message
        match question:
            case NewTopic(topic, partitions, replicas):
                message = CreateTopic(number, topic, partitions, replicas, asking.wish)
            case Put() | Take() if self.leader_of(question.partition):
                to = (self.leader_of(question.partition),)
                message = self.message_of(number, asking)
                wait += getattr(question, "max_wait", 0)
            case _:
                message = Metadata(number)
        for address in to:
            self.send(Address(address), message)
        self.set_timer(Again(number), wait)

    def message_of(self, number: int, asking: Asking) -> Message:
        question = asking.question
        if isinstance(question, Put):
            blob = batch_of(question.lines, self.now())
            return Produce(number, question.partition, ALL, blob)
        # No offset is negative: so the answer is an error, and says where the log begins and ends.
        wait = question.max_wait if asking.offset >= 0 else 0
        return Fetch(
            number, question.partition, asking.offset, question.max_bytes, int(wait > 0), wait
        )

    def leader_of(self, partition: str) -> str:
        state = self.states.get(partition)
        return state.leader if state is not None else ""

    def settle(self, number: int, outcome: Ok | Fail) -> None:
        self.cancel_timer(Again(number))
        self.settled(self.asking.pop(number).about, outcome)

    def try_again(self, number: int, why: str) -> None:
        """Not now; ask anew, and who leads first."""
        asking = self.asking[number]
        asking.why = why
        self.forget_leader(asking)
        self.set_timer(Again(number), 50 * MS)

    def forget_leader(self, asking: Asking) -> None:
        if isinstance(asking.question, Put | Take):
            self.states.pop(asking.question.partition, None)

    def on_again(self, timer: Again) -> None:
        asking = self.asking.pop(timer.id, None)
        if asking is None:
            return
        if self.monotonic() >= asking.deadline:
            self.settled(asking.about, Fail(asking.why))
        else:
            self.forget_leader(asking)
            self.ask(asking)

    # -- answers ------------------------------------------------------------------------------------------------------

    def on_metadata_answer(self, answer: MetadataAnswer, sender: Address) -> None:
        self.states = {state.partition: state for state in answer.partitions}
        asking = self.asking.get(answer.id)
        if asking is None:
            return
        match asking.question:
            case List():
                self.settle(answer.id, Ok(answer.partitions))
            case NewTopic():
                self.settle(answer.id, Fail(answer.error) if answer.error else Ok(None))
            case question if question.partition not in self.states:
                self.settle(answer.id, Fail(UNKNOWN_TOPIC))
            case question if not self.leader_of(question.partition):
                self.try_again(answer.id, NO_LEADER)
            case _:
                self.cancel_timer(Again(answer.id))
                self.ask(self.asking.pop(answer.id))

    def on_produced(self, answer: Produced, sender: Address) -> None:
        if answer.id not in self.asking:
            return
        if answer.error == NONE:
            self.settle(answer.id, Ok(answer.base_offset))
        elif answer.error == CORRUPT_MESSAGE:
            self.settle(answer.id, Fail(answer.error))
        else:
            self.try_again(answer.id, answer.error)

    def on_fetched(self, answer: Fetched, sender: Address) -> None:
        asking = self.asking.get(answer.id)
        if asking is None:
            return
        if answer.error == NONE:
            try:
                records, end = opened(answer.records, asking.offset)
            except Corrupt:
                self.try_again(answer.id, CORRUPT_MESSAGE)
                return
            if not records and asking.offset < answer.high_watermark:
                # Something is committed there, and its leader cannot find it: its file has rotten.
                self.try_again(answer.id, CORRUPT_MESSAGE)
                return
            self.settle(answer.id, Ok([answer.log_start, answer.high_watermark, end, records]))
        elif answer.error != OFFSET_OUT_OF_RANGE:
            self.try_again(answer.id, answer.error)
        elif asking.offset < 0:
            ends = {FROM_START: answer.log_start, FROM_END: answer.high_watermark}
            asking.offset = ends.get(asking.offset, answer.log_start)
            self.cancel_timer(Again(answer.id))
            self.ask(self.asking.pop(answer.id))
        else:
            self.settle(answer.id, Fail(answer.error))


def size_of(lines: tuple[Line, ...]) -> int:
    """About as many bytes as their batch has."""
    return sum(len(key or b"") + len(value or b"") + 20 for key, value in lines)


def batch_of(lines: tuple[Line, ...], now: int) -> bytes:
    """A sealed batch of these."""
    records = tuple(Record(n, now, key, value) for n, (key, value) in enumerate(lines))
    return seal(
        Batch(last_delta=len(records) - 1, base_timestamp=now, max_timestamp=now, records=records)
    )


def opened(data: bytes, offset: int) -> tuple[list[Any], int]:
    """The records from ``offset`` on, and the offset behind them. Raises ``Corrupt``."""
    found: list[Any] = []
    at, end = 0, offset
    while (head := head_at(data, at)) is not None:
        batch = unseal(data[at : at + head.size])
        found += [
            [r.offset, r.timestamp, r.key, r.value] for r in batch.records if r.offset >= offset
        ]
        end = max(end, head.next_offset)
        at += head.size
    return found, end
