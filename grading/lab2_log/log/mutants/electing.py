"""Bugs of part 2C: Kafka's own ladder, and more. Where a log is cut, who may say so, and what a new epoch forgets."""

from __future__ import annotations

from msgspec import structs

from distlab.core import Address
from distlab.grade.lab import bug
from labs.lab2_log import epochs, follower, reconcile, roles
from labs.lab2_log.broker import Ask, Broker
from labs.lab2_log.brokers import (
    NO_EPOCH,
    NONE,
    EpochEnd,
    EpochOffset,
    Fetch,
    Fetched,
    LeaderAndIsr,
    OffsetForEpoch,
    PartitionState,
)
from labs.lab2_log.commitlog import CommitLog
from labs.lab2_log.epochs import forget
from labs.lab2_log.replicas import Partition, Progress

_begin_epoch = roles.begin_epoch
_cut_point = reconcile.cut_point
_end_of = epochs.end_of
_next_fetch = follower.next_fetch


class CutsToTheWatermark(Broker):
    """Kafka before 0.11: whoever follows a new leader cuts its log to its own high watermark, which is behind that of
    the leader it had."""

    def on_leader_and_isr(self, news: LeaderAndIsr, sender: Address) -> None:
        partition = self.partition_of(news.state.partition)
        is_new = news.state.leader_epoch > partition.leader_epoch
        if is_new and news.state.leader != self.address:
            partition.log.truncate(self.disk, partition.high_watermark)
            forget(partition.epochs, partition.log.end)
        super().on_leader_and_isr(news, sender)


def one_round(partition: Partition, answer: EpochEnd) -> tuple[int, bool]:
    """KIP-101 as it was: one question, one answer. Cuts to what the leader said, and takes the logs to agree."""
    end = partition.log.start if answer.epoch == NO_EPOCH else answer.end_offset
    return min(end, partition.log.end), True


def own_end_forgotten(partition: Partition, answer: EpochEnd) -> tuple[int, bool]:
    """Cuts to where the leader's epoch ends, and not to where our own records of that epoch end."""
    if answer.epoch == NO_EPOCH:
        return partition.log.start, True
    mine = _end_of(partition.epochs, partition.log.end, answer.epoch)
    return min(answer.end_offset, partition.log.end), mine.epoch == answer.epoch


def own_word(partition: Partition, answer: EpochEnd) -> tuple[int, bool]:
    """Takes what it has of that epoch for good: a leader that has less of it is not asked."""
    if answer.epoch == NO_EPOCH:
        return partition.log.start, True
    mine = _end_of(partition.epochs, partition.log.end, answer.epoch)
    return mine.end_offset if mine.epoch != NO_EPOCH else 0, mine.epoch == answer.epoch


def asks_for_ever(partition: Partition, answer: EpochEnd) -> tuple[int, bool]:
    """Is never sure: asks the same question again as long as the leader's epoch ends elsewhere."""
    end, agreed = _cut_point(partition, answer)
    return end, agreed and end == answer.end_offset


def never_diverges(partition: Partition, offset: int, epoch: int) -> EpochEnd | None:
    """A leader that answers OffsetForEpoch, and sends records to whoever fetches: followers that never ask, and say
    with their fetches where they are, are never told that they are elsewhere."""
    return None


def epochs_are_enough(partition: Partition, offset: int, epoch: int) -> EpochEnd | None:
    """A follower whose last epoch is one of ours goes the same way, however far it went in that epoch."""
    mine = _end_of(partition.epochs, partition.log.end, epoch)
    return None if epoch == NO_EPOCH or mine.epoch == epoch else mine


def unfenced(mine: int, theirs: int) -> str:
    """KIP-279 without epochs in requests: whoever asks is answered, in whatever epoch it is."""
    return NONE


def fences_the_old_only(mine: int, theirs: int) -> str:
    """Lets those pass who are ahead: a leader of yesterday answers the followers of today's."""
    return epochs_fence(mine, theirs) if theirs < mine else NONE


epochs_fence = epochs.fence


class FirstTry(Broker):
    """The first try at KIP-320: nothing is cut when an epoch begins, only when a fetch fails. A fetch at an offset that
    both have does not fail."""

    def ask(self, partition: Partition) -> None:
        partition.is_reconciled = True
        super().ask(partition)

    def on_fetch(self, request: Fetch, sender: Address) -> None:
        super().on_fetch(structs.replace(request, last_epoch=NO_EPOCH), sender)


class EmptyFetchForgets(Broker):
    """A fetch that brings nothing wipes the epoch of the last batch: the next divergence is not seen."""

    def on_fetched(self, answer: Fetched, sender: Address) -> None:
        partition = self.partitions.get(answer.partition)
        is_ours = partition is not None and answer.id == partition.asked
        is_empty = answer.error == NONE and answer.diverging is None and not answer.records
        if partition is not None and is_ours and is_empty:
            partition.epochs.clear()
        super().on_fetched(answer, sender)


def unknown_is_the_end(known: list[tuple[int, int]], log_end: int, epoch: int) -> EpochEnd:
    """Asked for an epoch before all that it knows, answers with the end of its log: nothing is cut."""
    found = _end_of(known, log_end, epoch)
    return EpochEnd(epoch, log_end) if found.epoch == NO_EPOCH else found


def end_of_the_next(known: list[tuple[int, int]], log_end: int, epoch: int) -> EpochEnd:
    """Answers with the end of the log for the epoch before the last, too: a follower keeps what it must lose."""
    found = _end_of(known, log_end, epoch)
    return EpochEnd(found.epoch, log_end) if found.epoch != NO_EPOCH else found


def exact_epoch_only(known: list[tuple[int, int]], log_end: int, epoch: int) -> EpochEnd:
    """Knows an epoch or does not: for one that it never had, a follower loses everything, the committed records too."""
    found = _end_of(known, log_end, epoch)
    return found if found.epoch == epoch else EpochEnd(NO_EPOCH, -1)


def forgets_only_what_it_cuts(known: list[tuple[int, int]], end: int) -> None:
    """Epochs that begin where the log ends are kept: nothing was cut off there."""
    while known and known[-1][1] > end:
        known.pop()


class NotesEmptyEpochs(Broker):
    """A leader notes its epoch when it is elected; as a follower it has nothing of it, does not forget it, and asks
    about it for ever."""

    def on_leader_and_isr(self, news: LeaderAndIsr, sender: Address) -> None:
        super().on_leader_and_isr(news, sender)
        partition = self.partition_of(news.state.partition)
        if partition.leads and (
            not partition.epochs or partition.epochs[-1][0] < partition.leader_epoch
        ):
            partition.epochs.append((partition.leader_epoch, partition.log.end))

    def cut(self, partition: Partition, leaders: EpochEnd) -> None:
        end, partition.is_reconciled = _cut_point(partition, leaders)
        if end < partition.log.end:
            super().cut(partition, leaders)
        elif partition.epochs and partition.epochs[-1][1] >= end:
            partition.is_reconciled = False


def progress_kept(partition: Partition, state: PartitionState, now: int) -> None:
    """A leader that leads again counts what its followers had in its former epoch. They may have lost it since."""
    before = dict(partition.progress)
    _begin_epoch(partition, state, now)
    for broker, progress in before.items():
        partition.progress[broker] = Progress(progress.end, now)


def proposal_kept(partition: Partition, state: PartitionState, now: int) -> None:
    """What a leader asked the controller for in its former epoch it asks for again, under its new one: the follower was
    in sync then."""
    before = partition.proposal
    _begin_epoch(partition, state, now)
    partition.proposal = before


def begins_at_nothing(partition: Partition, state: PartitionState, now: int) -> None:
    """Does not note where its log ended when it became the leader: whoever reaches its old high watermark is in sync.
    More may be committed than it has heard of."""
    _begin_epoch(partition, state, now)
    partition.epoch_start = 0


class GoesBack(Broker):
    """The word that came last counts, not the newest: an echo makes a leader of yesterday lead again."""

    def on_leader_and_isr(self, news: LeaderAndIsr, sender: Address) -> None:
        partition = self.partition_of(news.state.partition)
        if news.state.version < partition.version:
            roles.begin_epoch(partition, news.state, self.monotonic())
            self.give_up_waiting(partition)
            self.ask(partition)
            return
        super().on_leader_and_isr(news, sender)


class LeadsOn(Broker):
    """A leader that hears of another one finishes what it has begun: it goes on answering until it is asked twice."""

    def on_leader_and_isr(self, news: LeaderAndIsr, sender: Address) -> None:
        partition = self.partition_of(news.state.partition)
        if partition.leads and partition.produces and news.state.leader != self.address:
            return
        super().on_leader_and_isr(news, sender)


class FollowsOn(Broker):
    """A follower goes on with the leader that it has, as long as that answers: it hears of a new epoch, and stays."""

    def on_leader_and_isr(self, news: LeaderAndIsr, sender: Address) -> None:
        partition = self.partition_of(news.state.partition)
        if partition.asked >= 0 and not partition.leads and news.state.leader != self.address:
            state = structs.replace(news.state, leader=partition.leader or news.state.leader)
            news = structs.replace(news, state=state)
        super().on_leader_and_isr(news, sender)


class AnswersAnyEpoch(Broker):
    """Tells whoever asks where an epoch ends, in whatever epoch they are: a follower of yesterday cuts today's log."""

    def on_offset_for_epoch(self, request: OffsetForEpoch, sender: Address) -> None:
        partition = self.partitions.get(request.partition)
        mine = partition.leader_epoch if partition is not None else request.leader_epoch
        super().on_offset_for_epoch(structs.replace(request, leader_epoch=mine), sender)


class AnswersWithoutLeading(Broker):
    """Answers what it knows of epochs, whether it leads or not."""

    def on_offset_for_epoch(self, request: OffsetForEpoch, sender: Address) -> None:
        partition = self.partitions.get(request.partition)
        if partition is None:
            super().on_offset_for_epoch(request, sender)
            return
        end = _end_of(partition.epochs, partition.log.end, request.epoch)
        self.send(
            sender, EpochOffset(request.id, request.partition, NONE, end.epoch, end.end_offset)
        )


def all_is_committed(partition: Partition, state: PartitionState, now: int) -> None:
    """A new leader takes all that it has for committed: it was in the ISR, so it has everything. And more than that."""
    _begin_epoch(partition, state, now)
    if partition.leads:
        partition.high_watermark = partition.log.end


class ForgetsToFlush(CommitLog):
    """Followers answer for what they have in memory: the power fails everywhere, and what was acknowledged is gone."""

    def flush(self, disk) -> None:  # type: ignore[no-untyped-def]
        self.recovery_point = self.end


class NeverAsksAgain(Broker):
    """The question where an epoch ends is asked once; if it is lost, the follower waits for ever."""

    def on_ask(self, timer: Ask) -> None:
        partition = self.partitions[timer.partition]
        if partition.is_reconciled or not partition.epochs:
            super().on_ask(timer)


class KeepsProducersWaiting(Broker):
    """Who waits in an epoch that is over is told nothing, and answered from the next one's high watermark."""

    def give_up_waiting(self, partition: Partition) -> None:
        partition.fetches = []

    def advance(self, partition: Partition) -> None:
        super().advance(partition)
        if not partition.leads:
            for waiting in [w for w in partition.produces if w.end <= partition.log.end]:
                partition.produces.remove(waiting)
                self.end_produce(partition, waiting, NONE)

    def on_fetched(self, answer: Fetched, sender: Address) -> None:
        super().on_fetched(answer, sender)
        if (partition := self.partitions.get(answer.partition)) is not None:
            self.advance(partition)


class NeverStartsOver(Broker):
    """A follower whose log ends before the leader's begins asks for what is gone, again and again."""

    def start_over(self, partition: Partition, answer: Fetched) -> None:
        pass


ELECTING = (
    bug(
        "never-diverges",
        never_diverges,
        part="C",
        replaces="reconcile:divergence",
        breaks="RL-S2",
        source="KIP-595",
    ),
    bug(
        "epochs-are-enough",
        epochs_are_enough,
        part="C",
        replaces="reconcile:divergence",
        breaks="RL-S2",
        source="KIP-595",
    ),
    bug(
        "begins-at-nothing",
        begins_at_nothing,
        part="C",
        replaces="roles:begin_epoch",
        breaks="RL-S1",
    ),
    bug("proposal-kept", proposal_kept, part="C", replaces="roles:begin_epoch", breaks="RL-S1"),
    bug(
        "cuts-to-the-watermark",
        CutsToTheWatermark,
        part="C",
        replaces="broker:Broker",
        breaks="RL-S2",
        code="2C-m1",
        source="KIP-101, KAFKA-1211",
    ),
    bug(
        "one-round",
        one_round,
        part="C",
        replaces="reconcile:cut_point",
        breaks="RL-S2",
        code="2C-m2",
        source="KIP-279, KAFKA-6361",
    ),
    bug(
        "own-end-forgotten",
        own_end_forgotten,
        part="C",
        replaces="reconcile:cut_point",
        breaks="RL-S2",
        source="KIP-279",
    ),
    bug("own-word", own_word, part="C", replaces="reconcile:cut_point", breaks="RL-S2"),
    bug(
        "asks-for-ever",
        asks_for_ever,
        part="C",
        replaces="reconcile:cut_point",
        breaks="RL-L3",
        kind="liveness",
    ),
    bug(
        "unfenced",
        unfenced,
        part="C",
        replaces="epochs:fence",
        breaks="RL-S7",
        code="2C-m3",
        source="KIP-320",
    ),
    bug(
        "fences-the-old-only",
        fences_the_old_only,
        part="C",
        replaces="epochs:fence",
        breaks="RL-S7",
    ),
    bug(
        "answers-any-epoch",
        AnswersAnyEpoch,
        part="C",
        replaces="broker:Broker",
        breaks="RL-S7",
        code="2C-m8",
        source="KIP-320, rule 2",
    ),
    bug(
        "answers-without-leading",
        AnswersWithoutLeading,
        part="C",
        replaces="broker:Broker",
        breaks="RL-S7",
    ),
    bug(
        "first-try",
        FirstTry,
        part="C",
        replaces="broker:Broker",
        breaks="RL-S6",
        code="2C-m4",
        source="KIP-320, Kip320FirstTry.tla",
    ),
    bug(
        "empty-fetch-forgets",
        EmptyFetchForgets,
        part="C",
        replaces="broker:Broker",
        breaks="RL-S2",
        code="2C-m15",
        source="KAFKA-15510",
    ),
    bug(
        "unknown-is-the-end",
        unknown_is_the_end,
        part="C",
        replaces="epochs:end_of",
        breaks="RL-S2",
        code="2C-m16",
        source="KAFKA-6857",
    ),
    bug("end-of-the-log", end_of_the_next, part="C", replaces="epochs:end_of", breaks="RL-S2"),
    bug("exact-epoch-only", exact_epoch_only, part="C", replaces="epochs:end_of", breaks="RL-S2"),
    bug(
        "notes-empty-epochs",
        NotesEmptyEpochs,
        part="C",
        replaces="broker:Broker",
        breaks="RL-L3",
        code="2C-m5",
        kind="liveness",
        source="KAFKA-10706",
    ),
    bug(
        "progress-kept",
        progress_kept,
        part="C",
        replaces="roles:begin_epoch",
        breaks="RL-S2",
        code="2C-m6",
        source="KIP-320, rule 3",
    ),
    bug("goes-back", GoesBack, part="C", replaces="broker:Broker", breaks="RL-S7"),
    bug("leads-on", LeadsOn, part="C", replaces="broker:Broker", breaks="RL-S7"),
    bug(
        "follows-on", FollowsOn, part="C", replaces="broker:Broker", breaks="RL-L1", kind="liveness"
    ),
    bug(
        "all-is-committed", all_is_committed, part="C", replaces="roles:begin_epoch", breaks="RL-S8"
    ),
    bug(
        "forgets-to-flush", ForgetsToFlush, part="C", replaces="commitlog:CommitLog", breaks="RL-S1"
    ),
    bug(
        "never-asks-again",
        NeverAsksAgain,
        part="C",
        replaces="broker:Broker",
        breaks="RL-L1",
        kind="liveness",
    ),
    bug(
        "keeps-producers-waiting",
        KeepsProducersWaiting,
        part="C",
        replaces="broker:Broker",
        breaks="RL-S1",
    ),
    bug(
        "never-starts-over",
        NeverStartsOver,
        part="C",
        replaces="broker:Broker",
        breaks="RL-L1",
        kind="liveness",
    ),
)
