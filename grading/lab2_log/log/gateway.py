"""Takes people's requests to the brokers: a client of the log that lives inside the cluster.

One request of a person is one operation. It asks the controller who leads, and whoever leads for the rest; where
nobody answers, or somebody else leads by now, it asks anew until its time is up. A batch may therefore be appended
twice when a broker dies: to prevent that takes the producer of part 2F. Batches are sealed and opened by the
solution's own ``batch.py``.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from distlab.core import MS, SECOND, Address, Config, Fail, Message, Node, Ok, Ticket, Timer
from grading.lab2_log.log.requests import (
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
from grading.lab2_log.log.topics import UNKNOWN_TOPIC, CreateTopic, Metadata, MetadataAnswer
from labs.lab2_log.batch import seal, unseal
from labs.lab2_log.batches import Batch, Corrupt, Record, head_at
from labs.lab2_log.brokers import (
    CORRUPT_MESSAGE,
    NONE,
    OFFSET_OUT_OF_RANGE,
    Fetch,
    Fetched,
    PartitionState,
    Produce,
    Produced,
)


class GatewayConfig(Config, frozen=True):
    """Whom to ask."""

    controller: str = "controller"
    timeout: int = 1 * SECOND
    """How long a broker may take to answer, beyond what it was allowed to wait."""


class Again(Timer, frozen=True):
    """Ask once more."""

    id: int


class Asking(Struct):
    """A request under way."""

    ticket: Ticket
    operation: Any
    deadline: int
    offset: int = 0
    wish: int = 0
    """The id of the first question."""
    why: str = NO_ANSWER
    """What was the matter so far."""


class Gateway(Node):
    """Any number of requests at a time."""

    config: GatewayConfig
    states: dict[str, PartitionState]
    asking: dict[int, Asking]
    questions: int

    def on_start(self) -> None:
        self.states, self.asking = {}, {}
        self.questions = self.random.getrandbits(30) << 20

    # -- operations ---------------------------------------------------------------------------------------------------

    def on_new_topic(self, op: NewTopic, ticket: Ticket) -> None:
        self.ask(Asking(ticket, op, self.monotonic() + 10 * SECOND))

    def on_list(self, op: List, ticket: Ticket) -> None:
        self.ask(Asking(ticket, op, self.monotonic() + 10 * SECOND))

    def on_put(self, op: Put, ticket: Ticket) -> None:
        if sum(len(k or b"") + len(v or b"") + 20 for k, v in op.lines) > LARGEST:
            self.finish(ticket, Fail(TOO_LARGE))
        else:
            self.ask(Asking(ticket, op, self.monotonic() + op.patience))

    def on_take(self, op: Take, ticket: Ticket) -> None:
        self.ask(Asking(ticket, op, self.monotonic() + op.patience + op.max_wait, op.offset))

    def ask(self, asking: Asking) -> None:
        """Send the question, under a new id, to whom it concerns as far as we know."""
        self.questions += 1
        number, op = self.questions, asking.operation
        self.asking[number] = asking
        asking.wish = asking.wish or number
        to, wait = self.config.controller, self.config.timeout
        message: Message
        match op:
            case NewTopic(topic, partitions, replicas):
                message = CreateTopic(number, topic, partitions, replicas, asking.wish)
            case Put() | Take() if self.leader_of(op.partition):
                to = self.leader_of(op.partition)
                message = self.question(number, asking)
                wait += getattr(op, "max_wait", 0)
            case _:
                message = Metadata(number)
        self.send(Address(to), message)
        if isinstance(message, Produce) and message.acks == 0:
            self.end(number, Ok(-1))
        else:
            self.set_timer(Again(number), wait)

    def question(self, number: int, asking: Asking) -> Message:
        op = asking.operation
        if isinstance(op, Put):
            return Produce(number, op.partition, op.acks, batch_of(op.lines, self.now()))
        # No offset is negative: so the answer is an error, and says where the log begins and ends.
        wait = op.max_wait if asking.offset >= 0 else 0
        return Fetch(number, op.partition, asking.offset, op.max_bytes, int(wait > 0), wait)

    def leader_of(self, partition: str) -> str:
        state = self.states.get(partition)
        return state.leader if state is not None else ""

    def end(self, number: int, outcome: Ok | Fail) -> None:
        self.cancel_timer(Again(number))
        self.finish(self.asking.pop(number).ticket, outcome)

    def try_again(self, number: int, why: str) -> None:
        """Not now; ask anew, and who leads first."""
        asking = self.asking[number]
        asking.why = why
        if not isinstance(asking.operation, NewTopic | List):
            self.states.pop(asking.operation.partition, None)
        self.set_timer(Again(number), 50 * MS)

    def on_again(self, timer: Again) -> None:
        asking = self.asking.pop(timer.id, None)
        if asking is None:
            return
        if self.monotonic() >= asking.deadline:
            self.finish(asking.ticket, Fail(asking.why))
        else:
            if isinstance(asking.operation, Put | Take):
                self.states.pop(asking.operation.partition, None)
            self.ask(asking)

    # -- answers ------------------------------------------------------------------------------------------------------

    def on_metadata_answer(self, answer: MetadataAnswer, sender: Address) -> None:
        self.states = {state.partition: state for state in answer.partitions}
        asking = self.asking.get(answer.id)
        if asking is None:
            return
        match asking.operation:
            case List():
                self.end(answer.id, Ok(answer.partitions))
            case NewTopic():
                self.end(answer.id, Fail(answer.error) if answer.error else Ok(None))
            case op if op.partition not in self.states:
                self.end(answer.id, Fail(UNKNOWN_TOPIC))
            case op if not self.leader_of(op.partition):
                self.try_again(answer.id, NO_LEADER)
            case _:
                self.cancel_timer(Again(answer.id))
                self.ask(self.asking.pop(answer.id))

    def on_produced(self, answer: Produced, sender: Address) -> None:
        if answer.id not in self.asking:
            return
        if answer.error == NONE:
            self.end(answer.id, Ok(answer.base_offset))
        elif answer.error == CORRUPT_MESSAGE:
            self.end(answer.id, Fail(answer.error))
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
            self.end(answer.id, Ok([answer.log_start, answer.high_watermark, end, records]))
        elif answer.error != OFFSET_OUT_OF_RANGE:
            self.try_again(answer.id, answer.error)
        elif asking.offset < 0:
            ends = {FROM_START: answer.log_start, FROM_END: answer.high_watermark}
            asking.offset = ends.get(asking.offset, answer.log_start)
            self.cancel_timer(Again(answer.id))
            self.ask(self.asking.pop(answer.id))
        else:
            self.end(answer.id, Fail(answer.error))


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
