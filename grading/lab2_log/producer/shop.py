"""Exams of the client: a producer alone, and a world that is ourselves. We answer as we like, or not at all.

(A long file because it is a list: one exam after the other.)
"""

from __future__ import annotations

from typing import Any

from distlab.core import MS, Fail, Info, Ok, Ticket
from distlab.core.effects import Done, Sent
from distlab.core.solo import Solo
from distlab.grade.solution import Solution
from grading.lab2_log.log import codec
from grading.lab2_log.log.ledger import Wrong
from grading.lab2_log.producer import hashing
from labs.lab2_log.brokers import (
    CORRUPT_MESSAGE,
    NONE,
    NOT_ENOUGH_REPLICAS,
    NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    NOT_LEADER,
    REQUEST_TIMED_OUT,
    STORAGE_ERROR,
    PartitionState,
    Produce,
    Produced,
)
from labs.lab2_log.producing import (
    OUT_OF_ORDER_SEQUENCE,
    UNKNOWN_PRODUCER_ID,
    Flush,
    InitProducerId,
    Metadata,
    MetadataIs,
    Origin,
    ProducerConfig,
    ProducerIdIs,
    Send,
    origin_of,
)

NAMES = ("orders-0", "orders-1", "orders-2")
TOO_LARGE = "MESSAGE_TOO_LARGE"

VECTORS = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"abc": 479470107,
    b"": 275646681,
    b"kafka": -798503068,
}
"""Kafka's own (UtilsTest.java), and three more, computed."""


class Shop:
    """A producer that has an id, and knows that b1 leads everything; unless we say otherwise."""

    def __init__(self, solution: Solution, leaders: tuple[str, ...] = ("b1",) * 3, **told: Any):
        config = ProducerConfig(("b1", "b2"), NAMES, **told)
        self.leaders = leaders
        self.sent: list[Produce] = []
        """What it sent, and we have not looked at yet."""
        self.outcomes: dict[Ticket, Any] = {}
        self.solo = Solo(solution.module("producer").Producer, config, "p1")
        self._see(list(self.solo.effects))
        self.advance(200 * MS)

    def _see(self, effects: list[Any]) -> None:
        for effect in effects:
            if isinstance(effect, Done):
                self.outcomes[effect.ticket] = effect.outcome
            if not isinstance(effect, Sent):
                continue
            match effect.message:
                case Produce():
                    self.sent.append(effect.message)
                case InitProducerId(number):
                    self._see(self.solo.deliver(ProducerIdIs(number, 7), "controller"))
                case Metadata(number):
                    states = tuple(
                        PartitionState(name, ("b1", "b2"), leader, 0, ("b1", "b2"), 0)
                        for name, leader in zip(NAMES, self.leaders, strict=True)
                    )
                    self._see(self.solo.deliver(MetadataIs(number, states), effect.to))

    def advance(self, duration: int) -> None:
        """Let time pass, a little at a time: what it asks meanwhile is answered."""
        for _ in range(max(1, duration // (5 * MS))):
            self._see(self.solo.advance(min(duration, 5 * MS)))

    def send(self, value: str, key: str | None = None, partition: int = -1) -> Ticket:
        ticket, effects = self.solo.call(Send(value, key, partition))
        self._see(effects)
        return ticket

    def flush(self) -> Ticket:
        ticket, effects = self.solo.call(Flush())
        self._see(effects)
        return ticket

    def next(self, code: str, what: str, within: int = 400 * MS) -> Produce:
        """The next batch that it sends, which must come in time."""
        waited = 0
        while not self.sent and waited < within:
            self.advance(5 * MS)
            waited += 5 * MS
        if not self.sent:
            raise Wrong(code, what, f"a batch within {within // MS} ms", "none")
        return self.sent.pop(0)

    def answer(self, request: Produce, error: str = NONE, base: int = -1) -> None:
        self._see(self.solo.deliver(Produced(request.id, request.partition, error, base), "b1"))


def named(request: Produce) -> Origin:
    found = origin_of(request.records)
    if found is None:
        raise Wrong("PR-S1", "an idempotent producer sent a batch without a number", "an origin")
    return found


def values(request: Produce) -> list[str]:
    return [(record.value or b"").decode() for record in codec.opened(request.records).records]


# -- partitions -------------------------------------------------------------------------------------------------------


def murmur_vectors(solution: Solution) -> None:
    """Values that everybody's MurmurHash2 has."""
    murmur2 = solution.module("partitioner").murmur2
    for data, wanted in VECTORS.items():
        if (got := murmur2(data)) != wanted:
            raise Wrong("PR-S3", f"murmur2({data!r})", wanted, got)
    for length in range(40):
        data = bytes((length * 7 + n * 31) % 256 for n in range(length))
        number = hashing.murmur2(data)
        wanted = number - (1 << 32) if number >> 31 else number
        if (got := murmur2(data)) != wanted:
            raise Wrong("PR-S3", f"murmur2({data!r})", wanted, got)


def key_vectors(solution: Solution) -> None:
    """Where keys go. ``foobar`` of 50 is Kafka's own example."""
    partition_for = solution.module("partitioner").partition_for
    keys = [*VECTORS, *(f"user-{n}".encode() for n in range(60))]
    for key, count in [(b"foobar", 50), *((key, n) for key in keys for n in (1, 2, 3, 10))]:
        wanted = hashing.partition_of(key, count)
        if (got := partition_for(key, count)) != wanted:
            raise Wrong("PR-S3", f"partition_for({key!r}, {count})", wanted, got)


def only_where_somebody_leads(solution: Solution) -> None:
    """Records without a key do not wait for a partition that nobody leads; records with a key do."""
    for partitioner in ("sticky", "round-robin"):
        shop = Shop(solution, ("b1", "", "b2"), partitioner=partitioner, batch_size=150)
        for n in range(30):
            shop.send(f"v{n}")
        answered = 0
        while shop.sent or answered < 40:
            answered += 1
            if shop.sent:
                shop.answer(shop.sent.pop(0), NONE, 10 * answered)
            shop.advance(5 * MS)
        left = 30 - sum(isinstance(outcome, Ok) for outcome in shop.outcomes.values())
        if left:
            raise Wrong(
                "PR-C2",
                f"nobody leads partition 1, and {partitioner} gave it records without a key",
                "0 records wait",
                f"{left} of 30 wait",
            )
    shop = Shop(solution, ("b1", "", "b2"))
    key = next(f"k{n}" for n in range(99) if hashing.partition_of(f"k{n}".encode(), 3) == 1)
    shop.send("a", key)
    shop.advance(300 * MS)
    if shop.sent:
        raise Wrong("PR-S3", f"nobody leads partition 1, where {key} belongs", "it waits", "sent")


def dealt_out(solution: Solution) -> None:
    """Round-robin: one each."""
    shop = Shop(solution, partitioner="round-robin")
    for n in range(12):
        shop.send(f"v{n}")
    shop.advance(50 * MS)
    counts = dict.fromkeys(NAMES, 0)
    for request in shop.sent:
        counts[request.partition] += len(values(request))
    if set(counts.values()) != {4}:
        raise Wrong("PR-C2", "12 records in turn to 3 partitions", "4 each", counts)


# -- trying again -----------------------------------------------------------------------------------------------------


def passing_errors(solution: Solution) -> None:
    """What may pass is tried again, with the same bytes."""
    for error in (
        NOT_LEADER,
        NOT_ENOUGH_REPLICAS,
        NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        REQUEST_TIMED_OUT,
        STORAGE_ERROR,
        CORRUPT_MESSAGE,
        OUT_OF_ORDER_SEQUENCE,
        "",
    ):
        shop = Shop(solution)
        ticket = shop.send("a", partition=0)
        first = shop.next("PR-L1", "a record was sent")
        if error:
            shop.answer(first, error)
        what = f"the first attempt was answered {error or 'by nobody'}"
        second = shop.next("PR-L1", what, 600 * MS)
        if (second.partition, second.records) != (first.partition, first.records):
            raise Wrong("PR-S1", f"{what}, and the second one is another batch", "the same bytes")
        shop.answer(second, NONE, 41)
        got = shop.outcomes.get(ticket)
        if not isinstance(got, Ok) or list(got.value) != [0, 41]:
            raise Wrong("PR-L1", f"{what}, the second: it is at 41", "Ok([0, 41])", got)


def final_errors(solution: Solution) -> None:
    """What cannot pass is reported, and not tried again; the next record goes on."""
    shop = Shop(solution)
    ticket = shop.send("a", partition=0)
    shop.answer(shop.next("PR-L1", "a record was sent"), TOO_LARGE)
    shop.advance(300 * MS)
    if shop.sent or not isinstance(shop.outcomes.get(ticket), Fail | Info):
        got = "another attempt" if shop.sent else shop.outcomes.get(ticket)
        raise Wrong("PR-L1", f"a batch was refused with {TOO_LARGE}", "Fail", got)
    after = shop.send("b", partition=0)
    request = shop.next("PR-L1", f"one batch was refused with {TOO_LARGE}; another was sent")
    shop.answer(request, NONE, 0)
    if not isinstance(shop.outcomes.get(after), Ok):
        raise Wrong("PR-L1", "the next batch is in the log", "Ok", shop.outcomes.get(after))


def doubt_stays(solution: Solution) -> None:
    """The first attempt may have been appended. Whatever becomes of the second, that stays so."""
    for error in VAGUE:
        shop = Shop(solution)
        ticket = shop.send("a", partition=0)
        second = in_doubt(shop, error)
        shop.answer(second, TOO_LARGE)
        shop.advance(2_500 * MS)
        if isinstance(shop.outcomes.get(ticket), Fail):
            raise Wrong(
                "PR-S2",
                f"one attempt was answered {error or 'by nobody'}, the next one was refused",
                "Info: the first may be in the log",
                shop.outcomes.get(ticket),
            )


VAGUE = ("", REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS_AFTER_APPEND, STORAGE_ERROR)
"""Answers that do not say whether it was appended; the first is none at all."""


def in_doubt(shop: Shop, error: str) -> Produce:
    """The second attempt; the first was answered so."""
    first = shop.next("PR-L1", "a record was sent")
    if error:
        shop.answer(first, error)
    return shop.next("PR-L1", f"the first attempt was answered {error or 'by nobody'}", 600 * MS)


# -- forgotten --------------------------------------------------------------------------------------------------------


def delivered_one(shop: Shop, partition: int = 0) -> None:
    shop.send(f"first {partition}", partition=partition)
    shop.answer(shop.next("PR-L1", "a record was sent"), NONE, 0)


def forgotten(solution: Solution) -> None:
    """The broker has forgotten the producer, and the only attempt was refused: begin anew (KIP-360)."""
    shop = Shop(solution)
    delivered_one(shop)
    ticket = shop.send("a", partition=0)
    first = shop.next("PR-L1", "a record was sent")
    shop.answer(first, UNKNOWN_PRODUCER_ID)
    second = shop.next("PR-L1", f"the only attempt was answered {UNKNOWN_PRODUCER_ID}")
    old, new = named(first), named(second)
    if new.sequence != 0 or (new.producer_id, new.epoch) == (old.producer_id, old.epoch):
        raise Wrong(
            "PR-L1",
            f"the only attempt was answered {UNKNOWN_PRODUCER_ID}",
            "sequence 0 of a new epoch",
            f"sequence {new.sequence} of epoch {new.epoch}",
        )
    if new.producer_id == old.producer_id and new.epoch < old.epoch:
        raise Wrong("PR-S1", "a new epoch", f"more than {old.epoch}", new.epoch)
    shop.answer(second, NONE, 9)
    if not isinstance(shop.outcomes.get(ticket), Ok):
        raise Wrong("PR-L1", "it is in the log", "Ok([0, 9])", shop.outcomes.get(ticket))


def forgotten_in_doubt(solution: Solution) -> None:
    """It says that it does not know us; and an attempt of before may be in the log."""
    for error in VAGUE:
        shop = Shop(solution)
        delivered_one(shop)
        shop.send("a", partition=0)
        second = in_doubt(shop, error)
        shop.answer(second, UNKNOWN_PRODUCER_ID)
        shop.advance(2_500 * MS)
        for request in shop.sent:
            if values(request) == values(second) and named(request) != named(second):
                raise Wrong(
                    "PR-S1",
                    f"the first attempt was answered {error or 'by nobody'}, the second {UNKNOWN_PRODUCER_ID}; a "
                    "broker that leads no more may say so, and the batch may be in the log",
                    "the same number, or no attempt at all",
                    f"epoch {named(request).epoch}, sequence {named(request).sequence}",
                )


def others_stay(solution: Solution) -> None:
    """Partition 0 begins a new epoch. What is under way to partition 1 keeps its number (librdkafka #4953)."""
    for how in ("forgotten", "given up"):
        shop = Shop(solution, delivery_timeout=900 * MS)
        for partition in (0, 1):
            delivered_one(shop, partition)
        shop.send("a", partition=0)
        zero = shop.next("PR-L1", "a record was sent")
        if how == "given up":
            shop.advance(700 * MS)
            shop.sent.clear()
        shop.send("b", partition=1)
        one = shop.next("PR-L1", "a record was sent")
        while one.partition != "orders-1":
            one = shop.next("PR-L1", "a record was sent to partition 1")
        if how == "forgotten":
            shop.answer(zero, UNKNOWN_PRODUCER_ID)
        shop.advance(600 * MS)
        for request in shop.sent:
            if request.partition == "orders-1" and request.records != one.records:
                raise Wrong(
                    "PR-S1",
                    f"a batch of partition 0 was {how}; one of partition 1 was not answered yet, and was sent again",
                    f"the same: epoch {named(one).epoch}, sequence {named(one).sequence}",
                    f"epoch {named(request).epoch}, sequence {named(request).sequence}",
                )


def over_a_hole(solution: Solution) -> None:
    """After a batch that was given up comes a new epoch: the old one may still be under way."""
    shop = Shop(solution, delivery_timeout=600 * MS)
    delivered_one(shop)
    lost = shop.send("lost", partition=0)
    old = named(shop.next("PR-L1", "a record was sent"))
    shop.advance(800 * MS)
    if not isinstance(shop.outcomes.get(lost), Info):
        raise Wrong("PR-S2", "nobody answered for 800 ms of 600", "Info", shop.outcomes.get(lost))
    shop.sent.clear()
    shop.send("next", partition=0)
    new = named(shop.next("PR-L1", "one batch was given up, another record was sent"))
    is_new = (new.producer_id, new.epoch) != (old.producer_id, old.epoch)
    if not is_new or new.sequence != 0:
        raise Wrong(
            "PR-S4",
            "one batch was given up, and may still be in the network",
            "sequence 0 of a new epoch",
            f"sequence {new.sequence} of epoch {new.epoch}",
        )


# -- batches ---------------------------------------------------------------------------------------------------------


def fills_and_lingers(solution: Solution) -> None:
    """A full batch leaves at once; one that is not full when it has lingered; any at a flush."""
    shop = Shop(solution, batch_size=200, linger=100 * MS)
    shop.send("a" * 30, partition=0)
    shop.advance(80 * MS)
    if shop.sent:
        raise Wrong("PR-C1", "a batch with room, after 80 ms of 100", "it waits", "sent")
    shop.advance(40 * MS)
    if not shop.sent:
        raise Wrong("PR-C1", "a batch, after 120 ms of 100", "sent", "it waits")
    shop.answer(shop.sent.pop(), NONE, 0)
    for _ in range(5):
        shop.send("b" * 30, partition=0)
    shop.advance(10 * MS)
    if not shop.sent:
        raise Wrong("PR-C1", "5 records of 51 bytes, for batches of 200", "one leaves", "they wait")
    shop.advance(300 * MS)
    shop.sent.clear()
    shop = Shop(solution, linger=10_000 * MS, delivery_timeout=60_000 * MS)
    shop.send("c", partition=0)
    ticket = shop.flush()
    shop.advance(10 * MS)
    if not shop.sent or ticket in shop.outcomes:
        got = "it has returned" if ticket in shop.outcomes else "nothing is sent"
        raise Wrong(
            "PR-L1", "a flush, with a record that lingers", "it is sent, and waited for", got
        )
    shop.answer(shop.sent.pop(), NONE, 0)
    if not isinstance(shop.outcomes.get(ticket), Ok):
        raise Wrong("PR-L1", "all that was flushed is in the log", "Ok", shop.outcomes.get(ticket))


def lingers_once(solution: Solution) -> None:
    """New records do not make the first one wait longer."""
    shop = Shop(solution, batch_size=10_000, linger=100 * MS)
    for n in range(12):
        shop.send(f"v{n}", partition=0)
        shop.advance(10 * MS)
    shop.advance(10 * MS)
    if not shop.sent:
        raise Wrong(
            "PR-C1", "a record each 10 ms, for 130 ms of 100", "a batch is sent", "all wait"
        )
