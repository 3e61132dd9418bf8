"""Bugs of the broker's half: what it remembers of its producers, for how long, and from where."""

from __future__ import annotations

from distlab.core import Address
from distlab.grade.lab import bug
from labs.lab2_log import producers
from labs.lab2_log.batch import checked_head
from labs.lab2_log.batches import Corrupt
from labs.lab2_log.broker import Broker
from labs.lab2_log.brokers import (
    ALL,
    CORRUPT_MESSAGE,
    NONE,
    LeaderAndIsr,
    Produce,
    Produced,
)
from labs.lab2_log.producers import Known, Producers
from labs.lab2_log.producing import (
    INVALID_PRODUCER_EPOCH,
    OUT_OF_ORDER_SEQUENCE,
    UNKNOWN_PRODUCER_ID,
    Origin,
    origin_of,
)
from labs.lab2_log.replicas import Partition

_examine = producers.examine
_note = producers.note


def remembers_one(known: Producers, origin: Origin) -> tuple[str, int]:
    """Knows a repeat only if it is of the newest batch. Five may be under way, and any of them may come again."""
    error, offset = _examine(known, origin)
    if offset >= 0 and offset != known[origin.producer_id].batches[-1].offset:
        return OUT_OF_ORDER_SEQUENCE, -1
    return error, offset


def takes_strangers(known: Producers, origin: Origin) -> tuple[str, int]:
    """Takes whatever comes from a producer that it does not know: a late copy of what it has and has forgotten is
    appended again."""
    if origin.producer_id not in known:
        return NONE, -1
    return _examine(known, origin)


def new_epochs_anywhere(known: Producers, origin: Origin) -> tuple[str, int]:
    """A new epoch may begin with any number: what should stand before it is lost, and nobody notices."""
    seen = known.get(origin.producer_id)
    if seen is not None and origin.epoch > seen.epoch:
        return NONE, -1
    return _examine(known, origin)


def old_epochs_too(known: Producers, origin: Origin) -> tuple[str, int]:
    """Looks at numbers only: a batch that was given up, and comes late, lands behind what replaced it."""
    error, offset = _examine(known, origin)
    return (NONE, -1) if error == INVALID_PRODUCER_EPOCH else (error, offset)


def takes_gaps(known: Producers, origin: Origin) -> tuple[str, int]:
    """Refuses what it has, and takes the rest: of five that overtake each other, the first becomes the last."""
    error, offset = _examine(known, origin)
    return (NONE, -1) if error == OUT_OF_ORDER_SEQUENCE else (error, offset)


def repeats_are_errors(known: Producers, origin: Origin) -> tuple[str, int]:
    """Knows a repeat, and calls it an error. The producer never hears that its batch is in the log."""
    error, offset = _examine(known, origin)
    return (OUT_OF_ORDER_SEQUENCE, -1) if offset >= 0 else (error, offset)


def answers_with_the_newest(known: Producers, origin: Origin) -> tuple[str, int]:
    """Answers a repeat with the offset of the newest batch: whoever seeks there finds another record."""
    error, offset = _examine(known, origin)
    return error, known[origin.producer_id].batches[-1].offset if offset >= 0 else offset


def numbers_without_end(sequence: int, count: int) -> int:
    """Goes on behind 2^31 - 1: after two billion records a producer is stuck."""
    return sequence + count


def never_forgets(known: Producers, horizon: int) -> None:
    """Keeps every producer that there ever was."""


def counts_from_the_first(known: Producers, origin: Origin, offset: int) -> None:
    """Takes the time of a producer's first batch: the busiest ones are forgotten while they send."""
    before = known.get(origin.producer_id)
    since = before.timestamp if before is not None else origin.timestamp
    _note(known, origin, offset)
    known[origin.producer_id].timestamp = since


def keeps_the_first_five(known: Producers, origin: Origin, offset: int) -> None:
    """Keeps the oldest five batches in place of the newest."""
    before = known.get(origin.producer_id)
    rows = list(before.batches) if before is not None and before.epoch == origin.epoch else []
    _note(known, origin, offset)
    newest = known[origin.producer_id].batches[-1]
    known[origin.producer_id] = Known(origin.epoch, [*rows[:4], newest], origin.timestamp)


class OnlyInMemory(Broker):
    """Keeps what it knows of producers in memory: a restart knows nobody."""

    def derive_producers(self, partition: Partition) -> None:
        partition.producers.clear()


class FollowersDoNotListen(Broker):
    """Learns of producers as a leader only. A follower copies batches and does not look: when it leads, it has the log
    and not what the log says."""

    def note_producers(self, partition: Partition, records: bytes, end: int) -> None:
        return


class NewLeadersBeginAnew(Broker):
    """Begins each epoch of its own with an empty table, as with everything else."""

    def on_leader_and_isr(self, news: LeaderAndIsr, sender: Address) -> None:
        known = self.partitions.get(news.state.partition)
        epoch = known.leader_epoch if known is not None else -1
        super().on_leader_and_isr(news, sender)
        partition = self.partitions[news.state.partition]
        if known is not None and partition.leader_epoch > epoch and partition.leads:
            partition.producers.clear()


class RemembersWhatWasCut(Broker):
    """Cuts its log and not its memory: asked again for a batch that it has lost, it says that it has it."""

    def derive_producers(self, partition: Partition) -> None:
        if partition.name not in self.partitions:
            super().derive_producers(partition)


class AcksRepeatsAtOnce(Broker):
    """A repeat is in the log, so it answers at once. It is in *its* log, and may not be committed."""

    def on_produce(self, request: Produce, sender: Address) -> None:
        partition = self.partitions.get(request.partition)
        origin = origin_of(request.records)
        if partition is not None and partition.leads and origin is not None:
            error, offset = _examine(partition.producers, origin)
            if error == NONE and offset >= 0:
                self.send(sender, Produced(request.id, request.partition, NONE, offset))
                return
        super().on_produce(request, sender)


class QuietAboutRepeats(Broker):
    """A repeat was answered when it came first. That this answer was lost is why it comes again."""

    def on_produce(self, request: Produce, sender: Address) -> None:
        partition = self.partitions.get(request.partition)
        origin = origin_of(request.records)
        if partition is not None and partition.leads and origin is not None:
            error, offset = _examine(partition.producers, origin)
            if error == NONE and offset >= 0 and request.acks == ALL:
                return
        super().on_produce(request, sender)


class BelievesBeforeItChecks(Broker):
    """Looks at the number of a batch before it looks at its CRC: damage on the way is a final error."""

    def on_produce(self, request: Produce, sender: Address) -> None:
        try:
            checked_head(request.records)
        except Corrupt:
            partition, origin = self.partitions.get(request.partition), origin_of(request.records)
            if partition is not None and origin is not None and partition.leads:
                error, offset = _examine(partition.producers, origin)
                error = CORRUPT_MESSAGE if (error, offset) == (NONE, -1) else error
                self.send(sender, Produced(request.id, request.partition, error, offset))
                return
        super().on_produce(request, sender)


REMEMBERING = (
    bug(
        "remembers-one",
        remembers_one,
        part="F",
        replaces="producers:examine",
        breaks="PR-S1",
        code="2F-m4",
    ),
    bug(
        "takes-strangers",
        takes_strangers,
        part="F",
        replaces="producers:examine",
        breaks="PR-S1",
        code="2F-m8",
        source="Kafka 2.8 does so (ProducerAppendInfo.checkSequence)",
    ),
    bug(
        "new-epochs-anywhere",
        new_epochs_anywhere,
        part="F",
        replaces="producers:examine",
        breaks="PR-S1",
    ),
    bug("old-epochs-too", old_epochs_too, part="F", replaces="producers:examine", breaks="PR-S1"),
    bug("takes-gaps", takes_gaps, part="F", replaces="producers:examine", breaks="PR-S1"),
    bug(
        "repeats-are-errors",
        repeats_are_errors,
        part="F",
        replaces="producers:examine",
        breaks="PR-S1",
        kind="liveness",
    ),
    bug(
        "answers-with-the-newest",
        answers_with_the_newest,
        part="F",
        replaces="producers:examine",
        breaks="PR-S2",
    ),
    bug(
        "numbers-without-end",
        numbers_without_end,
        part="F",
        replaces="producers:sequence_after",
        breaks="PR-S1",
        code="2F-m9",
        kind="liveness",
    ),
    bug(
        "never-forgets",
        never_forgets,
        part="F",
        replaces="producers:expire",
        breaks="PR-S1",
        kind="cost",
    ),
    bug(
        "counts-from-the-first",
        counts_from_the_first,
        part="F",
        replaces="producers:note",
        breaks="PR-S1",
        kind="liveness",
    ),
    bug(
        "keeps-the-first-five",
        keeps_the_first_five,
        part="F",
        replaces="producers:note",
        breaks="PR-S1",
    ),
    bug(
        "only-in-memory",
        OnlyInMemory,
        part="F",
        replaces="broker:Broker",
        breaks="PR-S1",
        code="2F-m5",
    ),
    bug(
        "followers-do-not-listen",
        FollowersDoNotListen,
        part="F",
        replaces="broker:Broker",
        breaks="PR-S1",
        code="2F-m5b",
    ),
    bug(
        "new-leaders-begin-anew",
        NewLeadersBeginAnew,
        part="F",
        replaces="broker:Broker",
        breaks="PR-S1",
    ),
    bug(
        "remembers-what-was-cut",
        RemembersWhatWasCut,
        part="F",
        replaces="broker:Broker",
        breaks="PR-S2",
    ),
    bug(
        "acks-repeats-at-once",
        AcksRepeatsAtOnce,
        part="F",
        replaces="broker:Broker",
        breaks="PR-S2",
    ),
    bug(
        "quiet-about-repeats",
        QuietAboutRepeats,
        part="F",
        replaces="broker:Broker",
        breaks="PR-L1",
        kind="liveness",
    ),
    bug(
        "believes-before-it-checks",
        BelievesBeforeItChecks,
        part="F",
        replaces="broker:Broker",
        breaks="PR-S1",
        source=f"ours; the answer is {UNKNOWN_PRODUCER_ID} or {OUT_OF_ORDER_SEQUENCE}",
    ),
)
