"""Bugs of the client: where records go, when they leave, how they are sent again, what is reported."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.core import Fail, Info, Ok, Ticket
from distlab.grade.lab import bug
from labs.lab2_log import accumulator, partitioner
from labs.lab2_log.accumulator import Draft, Queue, Waiting, begin_epoch
from labs.lab2_log.brokers import NONE, Produced
from labs.lab2_log.partitioner import Sticky
from labs.lab2_log.producer import APPENDED_PERHAPS, Flushing, Introduce, Producer
from labs.lab2_log.producing import OUT_OF_ORDER_SEQUENCE, Flush, ProducerConfig, Send

_add = accumulator.add
_name = accumulator.name
_murmur2 = partitioner.murmur2

# -- where records go -------------------------------------------------------------------------------------------------


def abs_for_mask(key: bytes, count: int) -> int:
    """Takes the absolute value where the sign is to be masked away: negative hashes go elsewhere."""
    return abs(_murmur2(key)) % count


def salted(key: bytes, count: int) -> int:
    """Python's own hash: another one in every process."""
    return hash(key) % count


def forgets_the_tail(data: bytes) -> int:
    """Hashes four bytes at a time, and leaves out what is left over."""
    return _murmur2(data[: len(data) // 4 * 4])


class KeysOverTheLiving(Producer):
    """Deals keys out over the partitions that have a leader just now: when a broker dies, its keys move."""

    def on_send(self, op: Send, ticket: Ticket) -> None:
        led = self.available()
        if op.key is not None and op.partition < 0 and led:
            number = led[partitioner.partition_for(op.key.encode(), len(led))]
            op = Send(op.value, op.key, number)
        super().on_send(op, ticket)


class ChoosesAgain(Producer):
    """Chooses the partition at each attempt: where the first one is in the log and its answer is lost, the record is
    there twice."""

    def take_back(self, draft: Draft) -> None:
        super().take_back(draft)
        number = next(n for n, queue in enumerate(self.queues) if draft in queue.batches)
        others = [n for n in self.available() if n != number]
        if others and all(record.key is None for record in draft.records):
            self.queues[number].batches.remove(draft)
            for record in draft.records:
                _add(self.queues[others[0]], record, self.monotonic(), self.config)


class OverAll(Sticky):
    """Deals out over all partitions, also those that nobody leads: what goes there waits, and need not have."""

    def choose(self, available: Sequence[int], count: int, size: int, draw: int) -> int:
        return super().choose(range(count), count, size, draw)


class SticksUntilItLeaves(Producer):
    """Goes on to the next partition when a batch has left (KIP-480): those for a slow broker leave late, and are
    fuller."""

    def on_send(self, op: Send, ticket: Ticket) -> None:
        if op.key is None and op.partition < 0 and isinstance(self.chooser, Sticky):
            chooser, led = self.chooser, self.available() or list(range(len(self.queues)))
            batches = self.queues[chooser.current].batches if chooser.current in led else []
            if not batches or batches[-1].is_closed:
                others = [n for n in led if n != chooser.current]
                chooser.current = self.random.choice(others or led)
            op = Send(op.value, None, chooser.current)
        super().on_send(op, ticket)


# -- when they leave --------------------------------------------------------------------------------------------------


def no_time_to_lose(draft: Draft, config: ProducerConfig) -> int:
    """Sends every record at once: a request for each."""
    return draft.due if draft.blob else draft.created


def lingers_again(queue: Queue, record: Waiting, now: int, config: ProducerConfig) -> None:
    """Each record makes its batch linger anew: where they come one after the other, none leaves before it is full."""
    _add(queue, record, now, config)
    queue.batches[-1].created = now


def no_limit(queue: Queue, record: Waiting, now: int, config: ProducerConfig) -> None:
    """Looks whether the batch is full before it adds a record, and not whether the record fits."""
    last = queue.batches[-1] if queue.batches else None
    if last is not None and not last.is_closed:
        last.records.append(record)
        last.size += record.size
        last.is_closed = last.size >= config.batch_size
    else:
        _add(queue, record, now, config)


class FlushLingers(Producer):
    """Waits at a flush, and does not hurry."""

    def on_flush(self, _: Flush, ticket: Ticket) -> None:
        tickets = {r.ticket for queue in self.queues for d in queue.batches for r in d.records}
        if tickets:
            self.flushes.append(Flushing(ticket, tickets))
        else:
            self.finish(ticket, Ok())


class FlushOnlyHurries(Producer):
    """Sends what waits at a flush, and says that it is done."""

    def on_flush(self, _: Flush, ticket: Ticket) -> None:
        for queue in self.queues:
            accumulator.close(queue)
        self.pump_all()
        self.finish(ticket, Ok())


class FlushWantsSuccess(Producer):
    """Waits at a flush until all is delivered. What is given up never is."""

    def settle(self, record: Waiting, outcome: Ok | Fail | Info) -> None:
        if isinstance(outcome, Ok):
            super().settle(record, outcome)
        else:
            self.finish(Ticket(record.ticket), outcome)


# -- how they are sent again ------------------------------------------------------------------------------------------


def counts_those_under_way(queue: Queue, config: ProducerConfig) -> list[Draft]:
    """Counts what is not settled, not how far it is from the oldest: one whose answer is lost is left behind, and the
    broker forgets it."""
    return queue.batches[: accumulator.window(config)]


class NumbersAnew(Producer):
    """Numbers a batch when it is sent, also when it is sent again: no broker can know it."""

    def attempt(self, queue: Queue, draft: Draft) -> None:
        if draft is queue.batches[-1]:
            draft.blob = b""
        super().attempt(queue, draft)


def five_without_numbers(config: ProducerConfig) -> int:
    """Five under way without numbers: the first is lost and comes again, behind the others."""
    return config.in_flight


class FillsWhatHasLeft(Producer):
    """Adds to a batch that is to be sent again, since there is room: a repeat with more in it is no repeat."""

    def take_back(self, draft: Draft) -> None:
        super().take_back(draft)
        queue = next(queue for queue in self.queues if draft in queue.batches)
        if draft is queue.batches[-1]:
            draft.is_closed = False

    def attempt(self, queue: Queue, draft: Draft) -> None:
        if draft.blob and not draft.is_closed:
            after, queue.sequence = queue.sequence, draft.sequence
            _name(queue, draft, self.config)
            queue.sequence = max(after, queue.sequence)
        super().attempt(queue, draft)


class FirstErrorIsFinal(Producer):
    """Reports the first error there is: retries are the application's business."""

    def answered(self, queue: Queue, draft: Draft, answer: Produced) -> None:
        if answer.error == NONE:
            super().answered(queue, draft, answer)
            return
        if answer.error not in APPENDED_PERHAPS:
            draft.in_doubt.discard(answer.id)
        self.give_up(queue, answer.error, draft)


class OutOfOrderIsFinal(Producer):
    """Takes OUT_OF_ORDER_SEQUENCE_NUMBER for the end. It only says that another one must come first."""

    def answered(self, queue: Queue, draft: Draft, answer: Produced) -> None:
        if answer.error == OUT_OF_ORDER_SEQUENCE:
            self.give_up(queue, answer.error)
        else:
            super().answered(queue, draft, answer)


class AsksOnceWhoLeads(Producer):
    """Asks for metadata at its start. Leaders change."""

    def look(self) -> None:
        if not self.states:
            super().look()


class Hammers(Producer):
    """Tries again at once."""

    def take_back(self, draft: Draft) -> None:
        super().take_back(draft)
        draft.due = self.monotonic()


class NeverGivesUp(Producer):
    """Tries for ever, and never says so."""

    def give_up(self, queue: Queue, why: str, refused: Draft | None = None) -> None:
        if refused is not None:
            super().give_up(queue, why, refused)

    def next_due(self, queue: Queue) -> int | None:
        for draft in queue.batches:
            draft.created = max(draft.created, self.monotonic() - self.config.linger)
        return super().next_due(queue)


# -- epochs, holes, and what is reported ------------------------------------------------------------------------------


class GoesOnOverTheHole(Producer):
    """Gives up the oldest batch and sends the rest under new numbers: in the log there is a hole, and what stands
    behind it was sent when nobody had heard of it."""

    def give_up(self, queue: Queue, why: str, refused: Draft | None = None) -> None:
        lost = refused if refused is not None else queue.batches[0]
        rest = [draft for draft in queue.batches if draft is not lost]
        queue.batches = [lost]
        super().give_up(queue, why, refused)
        queue.batches = rest
        for draft in rest:
            draft.blob, draft.request = b"", 0
            draft.created = self.monotonic()


class CountsOn(Producer):
    """Goes on counting after a hole, in the same epoch: what the broker waits for never comes, and all else is
    refused."""

    def give_up(self, queue: Queue, why: str, refused: Draft | None = None) -> None:
        epoch, sequence = queue.epoch, queue.sequence
        super().give_up(queue, why, refused)
        queue.epoch, queue.sequence = epoch, sequence


class SameEpochFromZero(Producer):
    """Begins at 0 again after a hole, in the same epoch: the broker takes new records for old ones, and says that it
    has them."""

    def give_up(self, queue: Queue, why: str, refused: Draft | None = None) -> None:
        epoch = queue.epoch
        super().give_up(queue, why, refused)
        queue.epoch = epoch


class AllBeginAnew(Producer):
    """One epoch for all partitions: a hole in one makes the batches of the others be numbered anew, those too that are
    under way."""

    def give_up(self, queue: Queue, why: str, refused: Draft | None = None) -> None:
        before = queue.epoch
        super().give_up(queue, why, refused)
        self.all_follow(queue, before)

    def answered(self, queue: Queue, draft: Draft, answer: Produced) -> None:
        before = queue.epoch
        super().answered(queue, draft, answer)
        self.all_follow(queue, before)

    def all_follow(self, queue: Queue, before: int) -> None:
        for other in self.queues:
            if queue.epoch > before and other is not queue and other.epoch < queue.epoch:
                begin_epoch(other)
                other.epoch = queue.epoch


class ForgottenForGood(Producer):
    """Sends the same batch again and again to a broker that does not know the producer, and never will."""

    def is_missing(self, queue: Queue, draft: Draft) -> bool:
        return False


class TakesItsWord(Producer):
    """Begins anew whenever a broker says that it does not know the producer. It may be one that leads no more, and an
    attempt of before may be in the log."""

    def is_missing(self, queue: Queue, draft: Draft) -> bool:
        return draft is queue.batches[0]


class SilenceIsFailure(Producer):
    """Nobody answered: it did not happen."""

    def settle(self, record: Waiting, outcome: Ok | Fail | Info) -> None:
        super().settle(record, Fail(outcome.reason) if isinstance(outcome, Info) else outcome)


class LastWordCounts(Producer):
    """Judges by the last attempt: it was refused, so the record is not in the log. One of before was not answered."""

    def give_up(self, queue: Queue, why: str, refused: Draft | None = None) -> None:
        if refused is not None:
            refused.in_doubt.clear()
        super().give_up(queue, why, refused)


class OneOffsetForAll(Producer):
    """Reports where the batch begins, for each record of it."""

    def deliver(self, queue: Queue, draft: Draft, base: int) -> None:
        queue.batches.remove(draft)
        for record in draft.records:
            self.settle(record, Ok([self.queues.index(queue), base]))


class EmptyIsNone(Producer):
    """Takes the empty key for none: ``if key`` is not ``if key is not None``."""

    def on_send(self, op: Send, ticket: Ticket) -> None:
        super().on_send(Send(op.value, op.key or None, op.partition), ticket)


class AsksOnlyWhenTold(Producer):
    """Asks who leads when a broker says that it does not. A dead one says nothing."""

    def pump(self, number: int) -> None:
        asking, self.wants_news = self.wants_news, True
        super().pump(number)
        self.wants_news = asking


class AsksOnceForItsId(Producer):
    """Asks once for a producer id. The question may be lost, and so may the answer."""

    def on_introduce(self, _: Introduce) -> None:
        return


def numbers_the_first_anew(queue: Queue) -> None:
    """Numbers the oldest batch anew when the broker has forgotten the producer, and leaves those behind it in the old
    epoch."""
    rest = queue.batches[1:]
    del queue.batches[1:]
    begin_epoch(queue)
    queue.batches += rest


class NumbersBeginAgain(Producer):
    """Counts its requests from 1 in each life: an answer to the life before is taken for one to this one."""

    def on_start(self) -> None:
        super().on_start()
        self.questions = 0


SENDING = (
    bug(
        "abs-for-mask",
        abs_for_mask,
        part="F",
        replaces="partitioner:partition_for",
        breaks="PR-S3",
        code="2F-m1",
    ),
    bug(
        "salted",
        salted,
        part="F",
        replaces="partitioner:partition_for",
        breaks="PR-S3",
        code="2F-m2",
    ),
    bug(
        "forgets-the-tail",
        forgets_the_tail,
        part="F",
        replaces="partitioner:murmur2",
        breaks="PR-S3",
    ),
    bug(
        "keys-over-the-living",
        KeysOverTheLiving,
        part="F",
        replaces="producer:Producer",
        breaks="PR-S3",
    ),
    bug("chooses-again", ChoosesAgain, part="F", replaces="producer:Producer", breaks="PR-S3"),
    bug(
        "over-all",
        OverAll,
        part="F",
        replaces="partitioner:Sticky",
        breaks="PR-C2",
        kind="liveness",
    ),
    bug(
        "sticks-until-it-leaves",
        SticksUntilItLeaves,
        part="F",
        replaces="producer:Producer",
        breaks="PR-C2",
        code="2F-m11",
        kind="cost",
        source="KIP-794",
    ),
    bug(
        "no-time-to-lose",
        no_time_to_lose,
        part="F",
        replaces="accumulator:due_at",
        breaks="PR-C1",
        kind="cost",
    ),
    bug(
        "lingers-again",
        lingers_again,
        part="F",
        replaces="accumulator:add",
        breaks="PR-C1",
        kind="liveness",
    ),
    bug("no-limit", no_limit, part="F", replaces="accumulator:add", breaks="PR-C1", kind="cost"),
    bug(
        "flush-lingers",
        FlushLingers,
        part="F",
        replaces="producer:Producer",
        breaks="PR-L1",
        kind="liveness",
    ),
    bug(
        "flush-only-hurries",
        FlushOnlyHurries,
        part="F",
        replaces="producer:Producer",
        breaks="PR-L1",
    ),
    bug(
        "flush-wants-success",
        FlushWantsSuccess,
        part="F",
        replaces="producer:Producer",
        breaks="PR-L1",
        kind="liveness",
    ),
    bug(
        "counts-those-under-way",
        counts_those_under_way,
        part="F",
        replaces="accumulator:foremost",
        breaks="PR-S1",
    ),
    bug("numbers-anew", NumbersAnew, part="F", replaces="producer:Producer", breaks="PR-S1"),
    bug(
        "five-without-numbers",
        five_without_numbers,
        part="F",
        replaces="accumulator:window",
        breaks="PR-S4",
    ),
    bug(
        "fills-what-has-left",
        FillsWhatHasLeft,
        part="F",
        replaces="producer:Producer",
        breaks="PR-S1",
    ),
    bug(
        "first-error-is-final",
        FirstErrorIsFinal,
        part="F",
        replaces="producer:Producer",
        breaks="PR-L1",
        kind="liveness",
    ),
    bug(
        "out-of-order-is-final",
        OutOfOrderIsFinal,
        part="F",
        replaces="producer:Producer",
        breaks="PR-L1",
        kind="liveness",
    ),
    bug(
        "asks-once-who-leads",
        AsksOnceWhoLeads,
        part="F",
        replaces="producer:Producer",
        breaks="PR-L1",
        kind="liveness",
    ),
    bug("hammers", Hammers, part="F", replaces="producer:Producer", breaks="PR-C1", kind="cost"),
    bug(
        "never-gives-up",
        NeverGivesUp,
        part="F",
        replaces="producer:Producer",
        breaks="PR-L1",
        kind="liveness",
    ),
    bug(
        "goes-on-over-the-hole",
        GoesOnOverTheHole,
        part="F",
        replaces="producer:Producer",
        breaks="PR-S4",
        code="2F-m12",
    ),
    bug(
        "counts-on",
        CountsOn,
        part="F",
        replaces="producer:Producer",
        breaks="PR-L1",
        kind="liveness",
    ),
    bug(
        "same-epoch-from-zero",
        SameEpochFromZero,
        part="F",
        replaces="producer:Producer",
        breaks="PR-S2",
    ),
    bug(
        "all-begin-anew",
        AllBeginAnew,
        part="F",
        replaces="producer:Producer",
        breaks="PR-S1",
        code="2F-m7",
        source="librdkafka #4953",
    ),
    bug(
        "forgotten-for-good",
        ForgottenForGood,
        part="F",
        replaces="producer:Producer",
        breaks="PR-L1",
        code="2F-m8b",
        kind="liveness",
        source="KIP-360; redpanda #22670",
    ),
    bug("takes-its-word", TakesItsWord, part="F", replaces="producer:Producer", breaks="PR-S1"),
    bug(
        "silence-is-failure",
        SilenceIsFailure,
        part="F",
        replaces="producer:Producer",
        breaks="PR-S2",
    ),
    bug("last-word-counts", LastWordCounts, part="F", replaces="producer:Producer", breaks="PR-S2"),
    bug(
        "timed-out-is-refused",
        frozenset(),
        part="F",
        replaces="producer:APPENDED_PERHAPS",
        breaks="PR-S2",
        story="Takes REQUEST_TIMED_OUT for a no. It says that the batch is in the log, and may or may not stay there.",
    ),
    bug(
        "one-offset-for-all",
        OneOffsetForAll,
        part="F",
        replaces="producer:Producer",
        breaks="PR-S2",
    ),
    bug("empty-is-none", EmptyIsNone, part="F", replaces="producer:Producer", breaks="PR-S3"),
    bug(
        "asks-only-when-told",
        AsksOnlyWhenTold,
        part="F",
        replaces="producer:Producer",
        breaks="PR-L1",
        kind="liveness",
    ),
    bug(
        "asks-once-for-its-id",
        AsksOnceForItsId,
        part="F",
        replaces="producer:Producer",
        breaks="PR-L1",
        kind="liveness",
    ),
    bug(
        "numbers-the-first-anew",
        numbers_the_first_anew,
        part="F",
        replaces="accumulator:begin_epoch",
        breaks="PR-L1",
        kind="liveness",
    ),
    bug(
        "numbers-begin-again",
        NumbersBeginAgain,
        part="F",
        replaces="producer:Producer",
        breaks="PR-S2",
    ),
)
