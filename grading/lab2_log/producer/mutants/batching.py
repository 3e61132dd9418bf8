"""Bugs of the client: where records go, and when they leave."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.core import Fail, Info, Ok, Ticket
from distlab.grade.lab import bug
from labs.lab2_log import accumulator, partitioner
from labs.lab2_log.accumulator import Draft, Queue, Waiting
from labs.lab2_log.partitioner import Sticky
from labs.lab2_log.producer import Flushing, Producer
from labs.lab2_log.producing import Flush, ProducerConfig, Send

_add = accumulator.add
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


class EmptyIsNone(Producer):
    """Takes the empty key for none: ``if key`` is not ``if key is not None``."""

    def on_send(self, op: Send, ticket: Ticket) -> None:
        super().on_send(Send(op.value, op.key or None, op.partition), ticket)


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


BATCHING = (
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
    bug("empty-is-none", EmptyIsNone, part="F", replaces="producer:Producer", breaks="PR-S3"),
)
