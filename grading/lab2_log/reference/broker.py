"""A broker: the shell round the rules of parts 2B, 2C and 2F. Nothing to write here; but it is yours, too.

Each handler looks up the partition, asks a rule, and acts. Whatever is appended is synced in the same handler, so
nothing that the broker says, as a leader or as a follower, is ahead of its disk.
"""

from __future__ import annotations

from distlab.core import Address, Timer
from labs.lab2_log import leader, producers
from labs.lab2_log.batch import checked_head
from labs.lab2_log.batches import Corrupt, head_at
from labs.lab2_log.brokers import (
    CORRUPT_MESSAGE,
    NO_EPOCH,
    NONE,
    NOT_LEADER,
    OFFSET_OUT_OF_RANGE,
    REQUEST_TIMED_OUT,
    EpochEnd,
    EpochOffset,
    Fetch,
    Fetched,
    Heard,
    LeaderAndIsr,
    ListedOffset,
    ListOffsets,
    OffsetForEpoch,
    Produce,
    Produced,
)
from labs.lab2_log.commitlog import OutOfRange, open_log
from labs.lab2_log.epochs import end_of, fence, forget, learn
from labs.lab2_log.follower import next_fetch, take
from labs.lab2_log.membership import InSync
from labs.lab2_log.producing import Metadata, MetadataIs, origin_of
from labs.lab2_log.reconcile import cut_point, divergence, question
from labs.lab2_log.replicas import Partition, WaitingFetch, WaitingProduce
from labs.lab2_log.roles import begin_epoch, is_news


class Ask(Timer, frozen=True):
    """Our leader has not answered."""

    partition: str


class Expire(Timer, frozen=True):
    """A producer has waited long enough."""

    partition: str
    epoch: int
    base_offset: int


class Due(Timer, frozen=True):
    """A consumer or follower has waited long enough."""

    partition: str


class Tend(Timer, frozen=True):
    """Time to look after the logs."""


class Broker(InSync):
    """Leads some partitions and follows in others, as the controller says."""

    def on_start(self) -> None:
        super().on_start()
        self.set_timer(Tend(), self.config.tend_every)

    def on_tend(self, _: Tend) -> None:
        for partition in self.partitions.values():
            partition.log.tend(self.disk, self.now())
            if partition.producers:
                producers.expire(partition.producers, self.now() - self.config.producer_expiry)
        self.set_timer(Tend(), self.config.tend_every)

    def on_leader_and_isr(self, news: LeaderAndIsr, sender: Address) -> None:
        partition = self.partition_of(news.state.partition)
        if is_news(partition, news.controller_epoch, news.state):
            partition.controller_epoch = news.controller_epoch
            if news.state.leader_epoch > partition.leader_epoch:
                begin_epoch(partition, news.state, self.monotonic())
                self.give_up_waiting(partition)
                self.ask(partition)
            else:
                self.take_isr(partition, news.state)
        self.send(sender, Heard(partition.name, partition.version, self.life))

    def partition_of(self, name: str) -> Partition:
        """The partition of that name; opened, if it is not yet."""
        if name not in self.partitions:
            log = open_log(self.disk, name, self.config.log)
            partition = Partition(name, self.address, log, high_watermark=log.start)
            for head, _ in log.batches(self.disk):
                learn(partition.epochs, head.epoch, head.base_offset)
            self.derive_producers(partition)
            self.partitions[name] = partition
        return self.partitions[name]

    def derive_producers(self, partition: Partition) -> None:
        """Read what the log says of its producers: at a start, and where it was cut (part 2F)."""
        partition.producers.clear()
        for head, blob in partition.log.batches(self.disk):
            if (origin := origin_of(blob)) is not None:
                producers.note(partition.producers, origin, head.base_offset)

    def on_metadata(self, request: Metadata, sender: Address) -> None:
        known = [p.state for p in self.partitions.values() if p.state is not None]
        self.send(sender, MetadataIs(request.id, tuple(known)))

    # -- as a leader --------------------------------------------------------------------------------------------------

    def on_produce(self, request: Produce, sender: Address) -> None:
        partition = self.partitions.get(request.partition)
        base, error = -1, NOT_LEADER
        if partition is not None and partition.leads:
            error = leader.may_append(partition, request.acks, self.config.min_insync)
            if error == NONE:
                try:
                    base, error = self.append(partition, request.records)
                except Corrupt:
                    error = CORRUPT_MESSAGE
        if error != NONE or partition is None:
            if request.acks:
                self.send(sender, Produced(request.id, request.partition, error))
            return
        if request.acks == 1:
            self.send(sender, Produced(request.id, request.partition, NONE, base))
        elif request.acks:
            self.await_commit(partition, request, sender, base)
        self.advance(partition)

    def append(self, partition: Partition, blob: bytes) -> tuple[int, str]:
        """Append the batch, durably, unless it is there already; where it stands, or an error. Raises ``Corrupt``."""
        origin = origin_of(blob)
        if origin is not None:
            checked_head(blob)  # or it may not be what its maker wrote
            error, base = producers.examine(partition.producers, origin)
            if error != NONE or base >= 0:
                return base, error
        base = partition.log.append(self.disk, blob, partition.leader_epoch)
        learn(partition.epochs, partition.leader_epoch, base)
        if origin is not None:
            producers.note(partition.producers, origin, base)
        partition.log.flush_if_due(self.disk)
        return base, NONE

    def await_commit(
        self, partition: Partition, request: Produce, sender: Address, base: int
    ) -> None:
        """The batch at ``base`` is appended, now or long ago: answer when it is committed, and only the last asking."""
        head = head_at(request.records)
        assert head is not None
        end = base + head.next_offset - head.base_offset
        waiting = WaitingProduce(request.id, sender, base, end, request.acks)
        partition.produces = [
            w for w in partition.produces if (w.sender, w.base_offset) != (sender, base)
        ]
        partition.produces.append(waiting)
        self.set_timer(Expire(partition.name, partition.leader_epoch, base), request.timeout)

    def on_fetch(self, request: Fetch, sender: Address) -> None:
        partition = self.partitions.get(request.partition)
        if partition is None or not partition.leads:
            self.send(sender, Fetched(request.id, request.partition, NOT_LEADER))
            return
        if request.replica:
            error = fence(partition.leader_epoch, request.leader_epoch)
            if error != NONE:
                self.answer(partition, request, sender, error=error)
                return
            parting = divergence(partition, request.offset, request.last_epoch)
            if parting is not None:
                self.answer(partition, request, sender, diverging=parting)
                return
            if request.offset <= partition.log.end:
                leader.note_fetch(partition, request.replica, request.offset, self.monotonic())
                self.review(partition)
                self.advance(partition)
        due = self.monotonic() + request.max_wait
        if not self.try_fetch(partition, WaitingFetch(sender, request, due)):
            partition.fetches = [
                w for w in partition.fetches if (w.sender, w.request.replica) != (sender, sender)
            ]  # a follower has one question at a time
            partition.fetches.append(WaitingFetch(sender, request, due))
            self.wait(partition)

    def try_fetch(self, partition: Partition, waiting: WaitingFetch) -> bool:
        """Answer a fetch, if there is enough."""
        request, sender = waiting.request, Address(waiting.sender)
        try:
            records = partition.log.read(self.disk, request.offset, request.max_bytes)
        except OutOfRange:
            self.answer(partition, request, sender, error=OFFSET_OUT_OF_RANGE)
            return True
        if not request.replica:
            records = leader.visible(records, partition.high_watermark)
        if not leader.is_enough(records, request.min_bytes, self.monotonic(), waiting.due):
            return False
        self.answer(partition, request, sender, records=records)
        return True

    def answer(
        self,
        partition: Partition,
        request: Fetch,
        to: Address,
        *,
        error: str = NONE,
        diverging: EpochEnd | None = None,
        records: bytes = b"",
    ) -> None:
        self.send(
            to,
            Fetched(
                request.id,
                partition.name,
                error,
                partition.high_watermark,
                partition.log.start,
                partition.leader_epoch,
                diverging,
                records,
            ),
        )

    def advance(self, partition: Partition) -> None:
        """Something was appended, fetched, or decided: see what is committed now, and who need wait no longer."""
        if not partition.leads:
            return
        partition.high_watermark = leader.committed(partition, self.config.min_insync)
        still: list[WaitingProduce] = []
        for waiting in partition.produces:
            error = leader.outcome(waiting, partition, self.config.min_insync)
            if error is None:
                still.append(waiting)
            else:
                self.end_produce(partition, waiting, error)
        partition.produces = still
        partition.fetches = [w for w in partition.fetches if not self.try_fetch(partition, w)]

    def isr_changed(self, partition: Partition) -> None:
        self.advance(partition)

    def end_produce(self, partition: Partition, waiting: WaitingProduce, error: str) -> None:
        to = Address(waiting.sender)
        self.send(to, Produced(waiting.id, partition.name, error, waiting.base_offset))

    def on_expire(self, timer: Expire) -> None:
        partition = self.partitions[timer.partition]
        for waiting in partition.produces:
            is_same = waiting.base_offset == timer.base_offset
            if is_same and timer.epoch == partition.leader_epoch:
                partition.produces.remove(waiting)
                self.end_produce(partition, waiting, REQUEST_TIMED_OUT)
                return

    def wait(self, partition: Partition) -> None:
        """Wake up when the first of those who wait has waited long enough."""
        if partition.fetches:
            due = min(waiting.due for waiting in partition.fetches)
            self.set_timer(Due(partition.name), max(0, due - self.monotonic()))

    def on_due(self, timer: Due) -> None:
        partition = self.partitions[timer.partition]
        partition.fetches = [w for w in partition.fetches if not self.try_fetch(partition, w)]
        self.wait(partition)

    def give_up_waiting(self, partition: Partition) -> None:
        """An epoch is over: whoever waits is told to ask the new leader. What was appended may yet be committed."""
        for produce in partition.produces:
            self.end_produce(partition, produce, REQUEST_TIMED_OUT)
        for fetch in partition.fetches:
            self.answer(partition, fetch.request, Address(fetch.sender), error=NOT_LEADER)
        partition.produces, partition.fetches = [], []

    def on_offset_for_epoch(self, request: OffsetForEpoch, sender: Address) -> None:
        partition = self.partitions.get(request.partition)
        error, end = NOT_LEADER, EpochEnd(NO_EPOCH, -1)
        if partition is not None and partition.leads:
            error = fence(partition.leader_epoch, request.leader_epoch)
            if error == NONE:
                end = end_of(partition.epochs, partition.log.end, request.epoch)
        self.send(
            sender,
            EpochOffset(request.id, request.partition, error, end.epoch, end.end_offset),
        )

    def on_list_offsets(self, request: ListOffsets, sender: Address) -> None:
        partition = self.partitions.get(request.partition)
        if partition is None or not partition.leads:
            self.send(sender, ListedOffset(request.id, request.partition, NOT_LEADER))
            return
        found = partition.log.offset_for_time(self.disk, request.timestamp)
        offset = -1 if found is None or found >= partition.high_watermark else found
        self.send(sender, ListedOffset(request.id, request.partition, NONE, offset))

    # -- as a follower ------------------------------------------------------------------------------------------------

    def ask(self, partition: Partition) -> None:
        """Ask our leader what comes next: where our last epoch ends, until that is settled; then for records."""
        if partition.leads or not partition.leader:
            self.cancel_timer(Ask(partition.name))
            return
        partition.asked = self.next_id()
        epoch = question(partition)
        to = Address(partition.leader)
        if epoch == NO_EPOCH:
            self.send(to, next_fetch(partition, partition.asked, self.config))
        else:
            self.send(
                to,
                OffsetForEpoch(partition.asked, partition.name, partition.leader_epoch, epoch),
            )
        self.set_timer(Ask(partition.name), self.config.retry)

    def on_ask(self, timer: Ask) -> None:
        self.ask(self.partitions[timer.partition])

    def on_epoch_offset(self, answer: EpochOffset, sender: Address) -> None:
        partition = self.partitions.get(answer.partition)
        if partition is None or answer.id != partition.asked or answer.error != NONE:
            return
        self.cut(partition, EpochEnd(answer.epoch, answer.end_offset))
        self.ask(partition)

    def cut(self, partition: Partition, leaders: EpochEnd) -> None:
        """Cut our log to where it leaves the leader's, as far as we know now."""
        end, partition.is_reconciled = cut_point(partition, leaders)
        is_cut = end < partition.log.end
        partition.log.truncate(self.disk, end)
        if is_cut:
            self.derive_producers(partition)
        forget(partition.epochs, partition.log.end)
        partition.high_watermark = min(partition.high_watermark, partition.log.end)

    def on_fetched(self, answer: Fetched, sender: Address) -> None:
        partition = self.partitions.get(answer.partition)
        if partition is None or answer.id != partition.asked:
            return
        if answer.error == OFFSET_OUT_OF_RANGE:
            self.start_over(partition, answer)
        elif answer.error != NONE:
            return  # the timer asks again
        elif answer.diverging is not None:
            self.cut(partition, answer.diverging)
        else:
            end = partition.log.end
            try:
                take(self.disk, partition, answer)
            except Corrupt:
                return  # damaged on the way: the timer asks again
            finally:
                self.note_producers(partition, answer.records, end)
        self.ask(partition)

    def note_producers(self, partition: Partition, records: bytes, end: int) -> None:
        """Of these batches, those that our log, which had ended at ``end``, has taken."""
        at = 0
        while (head := head_at(records, at)) is not None:
            origin = origin_of(records[at:])
            is_taken = end <= head.base_offset and head.next_offset <= partition.log.end
            if is_taken and origin is not None:
                producers.note(partition.producers, origin, head.base_offset)
            at += head.size

    def start_over(self, partition: Partition, answer: Fetched) -> None:
        """The leader's log does not reach back to where ours ends: what it has begins later."""
        if partition.log.end < answer.log_start:
            partition.log.restart_at(self.disk, answer.log_start)
            partition.epochs.clear()
            partition.producers.clear()
            partition.high_watermark = answer.log_start
