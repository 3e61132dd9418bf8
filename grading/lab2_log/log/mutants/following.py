"""Bugs of part 2B: the high watermark, acks, long polls, following."""

from __future__ import annotations

from msgspec import structs

from distlab.core import Address, Disk
from distlab.grade.lab import bug
from labs.lab2_log import follower, leader
from labs.lab2_log.batches import head_at
from labs.lab2_log.broker import Ask, Broker, Expire
from labs.lab2_log.brokers import (
    ALL,
    NONE,
    NOT_ENOUGH_REPLICAS,
    BrokerConfig,
    Fetch,
    Fetched,
    Produce,
    Produced,
)
from labs.lab2_log.epochs import learn
from labs.lab2_log.replicas import Partition, Progress, WaitingProduce

_committed = leader.committed
_outcome = leader.outcome
_note_fetch = leader.note_fetch
_next_fetch = follower.next_fetch
_take = follower.take


def the_end_is_committed(partition: Partition, min_insync: int) -> int:
    """The high watermark is the end of the leader's log: what nobody else has is shown."""
    return partition.log.end


def majority(partition: Partition, min_insync: int) -> int:
    """A majority of the ISR will do. But the next leader may be any member of it, the slowest too."""
    ends = [partition.log.end]
    ends += [
        partition.progress.get(member, Progress()).end
        for member in sorted(partition.isr)
        if member != partition.address
    ]
    return max(partition.high_watermark, sorted(ends, reverse=True)[len(ends) // 2])


def whoever_has_fetched(partition: Partition, min_insync: int) -> int:
    """The least end of those followers that have fetched; a member of the ISR that has not is left out."""
    if len(partition.isr) < min_insync:
        return partition.high_watermark
    ends = [p.end for b, p in partition.progress.items() if b in partition.isr and p.end >= 0]
    return max(partition.high_watermark, min([partition.log.end, *ends]))


def committed_isr_only(partition: Partition, min_insync: int) -> int:
    """The minimum over the ISR as it was last heard of. Somebody who has been asked for may be in it by now, and lead
    next."""
    proposal, partition.proposal = partition.proposal, None
    try:
        return _committed(partition, min_insync)
    finally:
        partition.proposal = proposal


def all_replicas(partition: Partition, min_insync: int) -> int:
    """Waits for all replicas, those outside of the ISR too: one dead broker, and nothing is ever committed."""
    if len(partition.isr) < min_insync:
        return partition.high_watermark
    ends = [partition.progress.get(b, Progress()).end for b in sorted(partition.progress)]
    return max(partition.high_watermark, min([partition.log.end, *ends]))


def min_insync_of_old(partition: Partition, min_insync: int) -> int:
    """min.insync counts when a batch is appended. When it is committed, one replica is enough."""
    return _committed(partition, 1)


def acks_despite(waiting: WaitingProduce, partition: Partition, min_insync: int) -> str | None:
    """A producer that waits hears nothing of an ISR that has become too small: its batch is answered when the ISR is
    down to the leader alone."""
    return NONE if len(partition.isr) < min_insync else _outcome(waiting, partition, min_insync)


def acks_at_once(waiting: WaitingProduce, partition: Partition, min_insync: int) -> str | None:
    """All is as good as one: the producer is answered as soon as one follower has asked for the batch."""
    ends = [progress.end for progress in partition.progress.values()]
    return NONE if max(ends, default=0) >= waiting.end else _outcome(waiting, partition, min_insync)


def appends_regardless(partition: Partition, acks: int, min_insync: int) -> str:
    """Appends what wants all, whoever is in sync: the producer hears of it afterwards, and sends it again."""
    return NONE


def refuses_acks_1(partition: Partition, acks: int, min_insync: int) -> str:
    """Refuses whoever wants an answer while too few are in sync, those who want the leader's only, too."""
    return NOT_ENOUGH_REPLICAS if acks and len(partition.isr) < min_insync else NONE


def waits_for_the_isr(waiting: WaitingProduce, partition: Partition, min_insync: int) -> str | None:
    """An ISR that has become too small is nobody's business: the producer waits until its time is up."""
    return NONE if waiting.end <= partition.high_watermark else None


def all_or_nothing(partition: Partition, follower: str, offset: int, now: int) -> None:
    """Caught up is who has everything: where something is always being written, nobody is ever caught up (KIP-16)."""
    progress = partition.progress.setdefault(follower, Progress())
    if offset >= partition.log.end:
        progress.caught_up = now
    progress.end = max(progress.end, offset)
    progress.leader_end, progress.fetched_at = partition.log.end, now


def fetching_is_enough(partition: Partition, follower: str, offset: int, now: int) -> None:
    """Caught up is who fetches, wherever that is: a follower that makes no progress holds everybody up."""
    _note_fetch(partition, follower, offset, now)
    partition.progress[follower].caught_up = now


def the_leaders_watermark(disk: Disk, partition: Partition, answer: Fetched) -> None:
    """A follower takes its leader's high watermark for its own, also where its log does not go so far."""
    _take(disk, partition, answer)
    partition.high_watermark = answer.high_watermark


def anything_will_do(records: bytes, min_bytes: int, now: int, due: int) -> bool:
    """Answers as soon as there is anything: a consumer that wants much at a time gets little, often."""
    return len(records) >= min(min_bytes, 1) or now >= due


def counts_what_it_sends(partition: Partition, follower: str, offset: int, now: int) -> None:
    """Takes what it is about to send for received."""
    _note_fetch(partition, follower, offset, now)
    partition.progress[follower].end = partition.log.end


def counts_one_more(partition: Partition, follower: str, offset: int, now: int) -> None:
    """Takes the fetch offset for the last offset that the follower has; it is the first that it has not."""
    _note_fetch(partition, follower, offset, now)
    if offset > 0:
        progress = partition.progress[follower]
        progress.end = min(partition.log.end, max(progress.end, offset + 1))


def never_caught_up(partition: Partition, follower: str, offset: int, now: int) -> None:
    """Never notes that a follower is caught up: healthy ones fall out of the ISR, and come back, and fall out."""
    progress = partition.progress.setdefault(follower, Progress(caught_up=now))
    progress.end = max(progress.end, offset)


def all_visible(records: bytes, end: int) -> bytes:
    """Consumers see what is not committed. They act upon it; then the leader dies, and it never was."""
    return records


def half_visible(records: bytes, end: int) -> bytes:
    """Consumers see the batch in which the high watermark lies, and the next one."""
    at = 0
    while (head := head_at(records, at)) is not None and head.base_offset <= end:
        at += head.size
    return records[:at]


def never_due(records: bytes, min_bytes: int, now: int, due: int) -> bool:
    """Who waits for something waits until it comes, for ever if need be."""
    return len(records) >= min_bytes


def never_waits(records: bytes, min_bytes: int, now: int, due: int) -> bool:
    """An empty answer, at once: all who are caught up ask again and again."""
    return True


class WakesAtTheEnd(Broker):
    """Something has come; who waits for it is told when the time is up."""

    def advance(self, partition: Partition) -> None:
        fetches, partition.fetches = partition.fetches, []
        super().advance(partition)
        partition.fetches = [
            w for w in fetches if w.request.replica == "" or not self.try_fetch(partition, w)
        ]


class ForgetsWhoWaits(Broker):
    """One consumer waits at a time; a second one takes the first one's place, who is never answered."""

    def on_fetch(self, request: Fetch, sender: Address) -> None:
        partition = self.partitions.get(request.partition)
        if partition is not None:
            partition.fetches = [w for w in partition.fetches if w.request.replica]
        super().on_fetch(request, sender)


class NeverExpires(Broker):
    """A producer whose batch is never committed is never answered."""

    def on_expire(self, timer: Expire) -> None:
        pass


class AsksOnce(Broker):
    """A follower whose question is lost waits for the answer for ever."""

    def on_ask(self, timer: Ask) -> None:
        pass


class AcksFirst(Broker):
    """Answers a producer that wants all as if it wanted one, where the leader is alone in the ISR or not."""

    def on_produce(self, request: Produce, sender: Address) -> None:
        partition = self.partitions.get(request.partition)
        is_busy = partition is not None and len(partition.produces) > 0
        acks = 1 if request.acks == ALL and is_busy else request.acks
        super().on_produce(structs.replace(request, acks=acks), sender)


class RefusesTooLate(Broker):
    """Looks at min.insync after it has appended: the producer is told that nothing was appended, and something was."""

    def on_produce(self, request: Produce, sender: Address) -> None:
        partition = self.partitions.get(request.partition)
        if partition is not None and partition.leads and request.acks == ALL:
            error = leader.may_append(partition, ALL, self.config.min_insync)
            if error != NONE:
                super().on_produce(structs.replace(request, acks=0), sender)
                self.send(sender, Produced(request.id, request.partition, error))
                return
        super().on_produce(request, sender)


def hasty(partition: Partition, number: int, config: BrokerConfig) -> Fetch:
    """Asks the leader not to wait: a follower that is caught up asks as fast as the network carries it."""
    return structs.replace(_next_fetch(partition, number, config), min_bytes=0, max_wait=0)


def takes_unsynced(disk: Disk, partition: Partition, answer: Fetched) -> None:
    """Appends and does not sync; its next fetch tells the leader that it has what a power failure will take."""
    flush, partition.log.flush = partition.log.flush, lambda disk: None
    try:
        _take(disk, partition, answer)
    finally:
        partition.log.flush = flush


def skips_what_it_has(disk: Disk, partition: Partition, answer: Fetched) -> None:
    """Takes what comes where it can, and never learns what is committed."""
    at = 0
    while (head := head_at(answer.records, at)) is not None:
        partition.log.append_copy(disk, answer.records[at : at + head.size])
        learn(partition.epochs, head.epoch, head.base_offset)
        at += head.size
    if at:
        partition.log.flush(disk)


FOLLOWING = (
    bug(
        "appends-regardless",
        appends_regardless,
        part="B",
        replaces="leader:may_append",
        breaks="RL-S10",
    ),
    bug(
        "refuses-acks-1",
        refuses_acks_1,
        part="B",
        replaces="leader:may_append",
        breaks="RL-S10",
        kind="liveness",
    ),
    bug(
        "waits-for-the-time",
        waits_for_the_isr,
        part="B",
        replaces="leader:outcome",
        breaks="RL-S10",
        kind="liveness",
    ),
    bug(
        "all-or-nothing",
        all_or_nothing,
        part="B",
        replaces="leader:note_fetch",
        breaks="RL-L1",
        kind="liveness",
        source="KIP-16",
    ),
    bug(
        "fetching-is-enough",
        fetching_is_enough,
        part="B",
        replaces="leader:note_fetch",
        breaks="RL-L1",
        kind="liveness",
    ),
    bug(
        "the-leaders-watermark",
        the_leaders_watermark,
        part="B",
        replaces="follower:take",
        breaks="RL-S5",
    ),
    bug(
        "anything-will-do",
        anything_will_do,
        part="B",
        replaces="leader:is_enough",
        breaks="LOG-L1",
        kind="cost",
    ),
    bug(
        "committed-isr-only",
        committed_isr_only,
        part="B",
        replaces="leader:committed",
        breaks="RL-S5",
        code="2B-m9",
        source="KIP-497, AsyncIsr.tla",
    ),
    bug("takes-unsynced", takes_unsynced, part="B", replaces="follower:take", breaks="RL-S10"),
    bug(
        "the-end-is-committed",
        the_end_is_committed,
        part="B",
        replaces="leader:committed",
        breaks="RL-S5",
    ),
    bug("majority-of-the-isr", majority, part="B", replaces="leader:committed", breaks="RL-S5"),
    bug(
        "whoever-has-fetched",
        whoever_has_fetched,
        part="B",
        replaces="leader:committed",
        breaks="RL-S5",
    ),
    bug(
        "all-replicas",
        all_replicas,
        part="B",
        replaces="leader:committed",
        breaks="LOG-L1",
        kind="liveness",
    ),
    bug(
        "min-insync-of-old",
        min_insync_of_old,
        part="B",
        replaces="leader:committed",
        breaks="RL-S10",
        code="2B-m20",
    ),
    bug("acks-despite", acks_despite, part="B", replaces="leader:outcome", breaks="RL-S10"),
    bug("acks-at-once", acks_at_once, part="B", replaces="leader:outcome", breaks="RL-S10"),
    bug(
        "counts-what-it-sends",
        counts_what_it_sends,
        part="B",
        replaces="leader:note_fetch",
        breaks="RL-S5",
    ),
    bug("counts-one-more", counts_one_more, part="B", replaces="leader:note_fetch", breaks="RL-S5"),
    bug(
        "never-caught-up",
        never_caught_up,
        part="B",
        replaces="leader:note_fetch",
        breaks="RL-L1",
        kind="liveness",
    ),
    bug("all-visible", all_visible, part="B", replaces="leader:visible", breaks="RL-S5"),
    bug("half-visible", half_visible, part="B", replaces="leader:visible", breaks="RL-S5"),
    bug(
        "never-due",
        never_due,
        part="B",
        replaces="leader:is_enough",
        breaks="LOG-L1",
        kind="liveness",
    ),
    bug(
        "never-waits",
        never_waits,
        part="B",
        replaces="leader:is_enough",
        breaks="LOG-L1",
        kind="cost",
    ),
    bug(
        "wakes-at-the-end",
        WakesAtTheEnd,
        part="B",
        replaces="broker:Broker",
        breaks="LOG-L1",
        kind="liveness",
    ),
    bug(
        "forgets-who-waits",
        ForgetsWhoWaits,
        part="B",
        replaces="broker:Broker",
        breaks="LOG-L1",
        kind="liveness",
    ),
    bug(
        "never-expires",
        NeverExpires,
        part="B",
        replaces="broker:Broker",
        breaks="LOG-L1",
        kind="liveness",
    ),
    bug(
        "one-question-only",
        AsksOnce,
        part="B",
        replaces="broker:Broker",
        breaks="RL-L1",
        kind="liveness",
    ),
    bug("acks-first", AcksFirst, part="B", replaces="broker:Broker", breaks="RL-S10"),
    bug("refuses-too-late", RefusesTooLate, part="B", replaces="broker:Broker", breaks="RL-S10"),
    bug("hasty", hasty, part="B", replaces="follower:next_fetch", breaks="RL-C1", kind="cost"),
    bug(
        "never-learns-what-is-committed",
        skips_what_it_has,
        part="B",
        replaces="follower:take",
        breaks="RL-L1",
        kind="liveness",
    ),
)
