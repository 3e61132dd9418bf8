"""Another broker: after every event it looks at everything, and does what can be done now.

There is one place where things happen, ``settle``: it finds the high watermark anew, answers whoever can be
answered, and
sets one alarm for the next deadline. Handlers only write down what they heard.

Followers do not ask where an epoch ends. They fetch, and say with which epoch their log ends; a leader whose log
goes on
differently says where (the way of KIP-595). So there is no reconciling and no state in which it is done: every fetch
reconciles. Epochs are not cached either: they are read off the list of batches.
"""

from __future__ import annotations

from distlab.core import Address, Timer
from labs.lab2_log.batch import checked_head
from labs.lab2_log.batches import Corrupt, Head, head_at
from labs.lab2_log.brokers import (
    ALL,
    CORRUPT_MESSAGE,
    FENCED_LEADER_EPOCH,
    NO_EPOCH,
    NONE,
    NOT_ENOUGH_REPLICAS,
    NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    NOT_LEADER,
    OFFSET_OUT_OF_RANGE,
    REQUEST_TIMED_OUT,
    UNKNOWN_LEADER_EPOCH,
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
from labs.lab2_log.membership import InSync
from labs.lab2_log.producing import Metadata, MetadataIs, origin_of
from labs.lab2_log.register import Register, error_of  # type: ignore[import-not-found]
from labs.lab2_log.replicas import Partition, Progress, WaitingFetch, WaitingProduce


class Alarm(Timer, frozen=True):
    """The next deadline of a partition."""

    partition: str


class Tend(Timer, frozen=True):
    """Time to look after the logs."""


class Broker(InSync):
    """Leads and follows."""

    heads: dict[str, list[Head]]
    """Partition -> its batches, oldest first."""
    deadlines: dict[tuple[str, str, int], int]
    """(partition, producer, request) -> when it is answered at the latest."""
    registers: dict[str, Register]
    """Partition -> the numbered batches in its log."""
    ask_at: dict[str, int]
    """Partition -> when to ask our leader, if it has not answered."""

    def on_start(self) -> None:
        self.heads, self.deadlines, self.ask_at = {}, {}, {}
        self.registers = {}
        super().on_start()
        self.set_timer(Tend(), self.config.tend_every)

    def on_tend(self, _: Tend) -> None:
        for name, partition in self.partitions.items():
            partition.log.tend(self.disk, self.now())
            self.heads[name] = [h for h in self.heads[name] if h.next_offset > partition.log.start]
        self.set_timer(Tend(), self.config.tend_every)

    def on_leader_and_isr(self, news: LeaderAndIsr, sender: Address) -> None:
        state = news.state
        partition = self.partitions.get(state.partition)
        if partition is None:
            log = open_log(self.disk, state.partition, self.config.log)
            partition = Partition(state.partition, self.address, log, high_watermark=log.start)
            self.partitions[state.partition] = partition
            self.heads[state.partition] = []
            self.registers[state.partition] = Register()
            for head, blob in log.batches(self.disk):
                self.register(partition, head, blob)
        if (
            news.controller_epoch >= partition.controller_epoch
            and state.version > partition.version
        ):
            partition.controller_epoch = news.controller_epoch
            if state.leader_epoch == partition.leader_epoch:
                self.take_isr(partition, state)
            else:
                self.dismiss(partition)
                partition.state, partition.proposal = state, None
                partition.progress = {
                    b: Progress(caught_up=self.monotonic()) for b in state.replicas
                }
                partition.epoch_start = partition.log.end
                self.ask_at[partition.name] = self.monotonic()
        self.settle(partition)
        self.send(sender, Heard(partition.name, partition.version, self.life))

    def register(self, partition: Partition, head: Head, blob: bytes) -> None:
        """A batch stands in the log, behind all others."""
        self.heads[partition.name].append(head)
        if (origin := origin_of(blob)) is not None:
            self.registers[partition.name].add(origin, head.base_offset)

    def on_metadata(self, request: Metadata, sender: Address) -> None:
        known = tuple(p.state for p in self.partitions.values() if p.state is not None)
        self.send(sender, MetadataIs(request.id, known))

    def dismiss(self, partition: Partition) -> None:
        """All who wait wait for a leader that is none any more."""
        for produce in partition.produces:
            self.reply(partition, produce, REQUEST_TIMED_OUT)
        for fetch in partition.fetches:
            self.send(Address(fetch.sender), Fetched(fetch.request.id, partition.name, NOT_LEADER))
        partition.produces, partition.fetches = [], []

    def isr_changed(self, partition: Partition) -> None:
        self.settle(partition)

    def on_alarm(self, timer: Alarm) -> None:
        self.settle(self.partitions[timer.partition])

    # -- the one place where things happen ----------------------------------------------------------------------------

    def settle(self, partition: Partition) -> None:
        if partition.leads:
            self.commit(partition)
            partition.produces = [p for p in partition.produces if not self.try_reply(partition, p)]
            partition.fetches = [f for f in partition.fetches if not self.try_serve(partition, f)]
        elif partition.leader and self.monotonic() >= self.ask_at.get(partition.name, 0):
            self.fetch(partition)
        waits = [f.due for f in partition.fetches]
        waits += [self.deadlines[partition.name, p.sender, p.id] for p in partition.produces]
        if not partition.leads and partition.leader:
            waits.append(self.ask_at.get(partition.name, 0))
        if waits:
            self.set_timer(Alarm(partition.name), max(0, min(waits) - self.monotonic()))

    def commit(self, partition: Partition) -> None:
        members = partition.maximal_isr - {self.address}
        if len(partition.isr) >= self.config.min_insync:
            slowest = min((partition.progress[b].end for b in members), default=partition.log.end)
            reached = min(slowest, partition.log.end)
            partition.high_watermark = max(partition.high_watermark, reached)

    def try_reply(self, partition: Partition, waiting: WaitingProduce) -> bool:
        deadline = self.deadlines[partition.name, waiting.sender, waiting.id]
        if waiting.end <= partition.high_watermark:
            error = NONE
        elif len(partition.isr) < self.config.min_insync:
            error = NOT_ENOUGH_REPLICAS_AFTER_APPEND
        elif self.monotonic() >= deadline:
            error = REQUEST_TIMED_OUT
        else:
            return False
        self.reply(partition, waiting, error)
        return True

    def reply(self, partition: Partition, waiting: WaitingProduce, error: str) -> None:
        answer = Produced(waiting.id, partition.name, error, waiting.base_offset)
        self.send(Address(waiting.sender), answer)

    def try_serve(self, partition: Partition, waiting: WaitingFetch) -> bool:
        request, log = waiting.request, partition.log
        records, error = b"", NONE
        try:
            records = log.read(self.disk, request.offset, request.max_bytes)
        except OutOfRange:
            error = OFFSET_OUT_OF_RANGE
        if not request.replica:
            records = self.committed_part(records, partition.high_watermark)
        is_done = error != NONE or len(records) >= request.min_bytes
        if not is_done and self.monotonic() < waiting.due:
            return False
        self.serve(partition, waiting.sender, request.id, error, records=records)
        return True

    def serve(
        self,
        partition: Partition,
        to: str,
        number: int,
        error: str = NONE,
        diverging: EpochEnd | None = None,
        records: bytes = b"",
    ) -> None:
        mark, start, epoch = partition.high_watermark, partition.log.start, partition.leader_epoch
        answer = Fetched(number, partition.name, error, mark, start, epoch, diverging, records)
        self.send(Address(to), answer)

    @staticmethod
    def committed_part(records: bytes, mark: int) -> bytes:
        end = 0
        while (head := head_at(records, end)) is not None and head.next_offset <= mark:
            end += head.size
        return records[:end]

    # -- what producers, consumers and followers say ------------------------------------------------------------

    def on_produce(self, request: Produce, sender: Address) -> None:
        partition = self.partitions.get(request.partition)
        error = NONE
        if partition is None or not partition.leads:
            error = NOT_LEADER
        elif request.acks == ALL and len(partition.isr) < self.config.min_insync:
            error = NOT_ENOUGH_REPLICAS
        else:
            try:
                base, error = self.append(partition, request.records)
            except Corrupt:
                error = CORRUPT_MESSAGE
        if error != NONE or partition is None:
            if request.acks:
                self.send(sender, Produced(request.id, request.partition, error))
            return
        sealed = head_at(request.records)
        assert sealed is not None
        end = base + sealed.next_offset - sealed.base_offset
        waiting = WaitingProduce(request.id, sender, base, end, request.acks)
        if request.acks == 1:
            self.reply(partition, waiting, NONE)
        elif request.acks == ALL:
            key = partition.name, str(sender), request.id
            self.deadlines.setdefault(key, self.monotonic() + request.timeout)
            partition.produces.append(waiting)
        self.settle(partition)

    def append(self, partition: Partition, blob: bytes) -> tuple[int, str]:
        """Where the batch stands now, or stood already; or why not. Raises ``Corrupt``."""
        head = checked_head(blob)
        if (origin := origin_of(blob)) is not None:
            horizon = self.now() - self.config.producer_expiry
            place = self.registers[partition.name].place(origin, horizon)
            if place is not None:
                return (place if isinstance(place, int) else -1), error_of(place)
        epoch = partition.leader_epoch
        base = partition.log.append(self.disk, blob, epoch)
        whole = Head(base, epoch, partition.log.end, head.max_timestamp, head.size)
        self.register(partition, whole, blob)
        partition.log.flush(self.disk)
        return base, NONE

    def fence(self, partition: Partition | None, epoch: int) -> str:
        if partition is None or not partition.leads:
            return NOT_LEADER
        if epoch == partition.leader_epoch:
            return NONE
        return FENCED_LEADER_EPOCH if epoch < partition.leader_epoch else UNKNOWN_LEADER_EPOCH

    def on_fetch(self, request: Fetch, sender: Address) -> None:
        partition = self.partitions.get(request.partition)
        epoch = request.leader_epoch
        if partition is not None and not request.replica:
            epoch = partition.leader_epoch
        error = self.fence(partition, epoch)
        if error != NONE or partition is None:
            known = partition.leader_epoch if partition is not None else NO_EPOCH
            answer = Fetched(request.id, request.partition, error, leader_epoch=known)
            self.send(sender, answer)
            return
        if request.replica:
            end = self.end_of(partition, request.last_epoch)
            is_other = end.epoch != request.last_epoch or end.end_offset < request.offset
            if request.last_epoch != NO_EPOCH and is_other:
                self.serve(partition, sender, request.id, diverging=end)
                return
            if request.offset <= partition.log.end:
                self.heard_of(partition, request.replica, request.offset)
            partition.fetches = [f for f in partition.fetches if f.sender != sender]
        due = self.monotonic() + request.max_wait
        partition.fetches.append(WaitingFetch(sender, request, due))
        self.settle(partition)

    def heard_of(self, partition: Partition, follower: str, offset: int) -> None:
        progress = partition.progress[follower]
        if offset >= progress.leader_end:
            progress.caught_up = progress.fetched_at
        if offset == partition.log.end:
            progress.caught_up = self.monotonic()
        progress.end = max(progress.end, offset)
        progress.leader_end, progress.fetched_at = partition.log.end, self.monotonic()
        self.review(partition)

    def end_of(self, partition: Partition, epoch: int) -> EpochEnd:
        """The largest epoch of ours that is not greater, and where it ends."""
        older = [head for head in self.heads[partition.name] if head.epoch <= epoch]
        return EpochEnd(older[-1].epoch, older[-1].next_offset) if older else EpochEnd(NO_EPOCH, -1)

    def on_offset_for_epoch(self, request: OffsetForEpoch, sender: Address) -> None:
        partition = self.partitions.get(request.partition)
        error, end = self.fence(partition, request.leader_epoch), EpochEnd(NO_EPOCH, -1)
        if error == NONE and partition is not None:
            end = self.end_of(partition, request.epoch)
        answer = EpochOffset(request.id, request.partition, error, end.epoch, end.end_offset)
        self.send(sender, answer)

    def on_list_offsets(self, request: ListOffsets, sender: Address) -> None:
        partition = self.partitions.get(request.partition)
        if partition is None or not partition.leads:
            self.send(sender, ListedOffset(request.id, request.partition, NOT_LEADER))
            return
        found = partition.log.offset_for_time(self.disk, request.timestamp)
        is_committed = found is not None and found < partition.high_watermark
        offset = found if is_committed and found is not None else -1
        self.send(sender, ListedOffset(request.id, request.partition, NONE, offset))

    # -- following ----------------------------------------------------------------------------------------------------

    def fetch(self, partition: Partition) -> None:
        partition.asked = self.next_id()
        self.ask_at[partition.name] = self.monotonic() + self.config.retry
        batches = self.heads[partition.name]
        request = Fetch(
            partition.asked,
            partition.name,
            partition.log.end,
            self.config.fetch_bytes,
            1,
            self.config.fetch_wait,
            self.address,
            partition.leader_epoch,
            batches[-1].epoch if batches else NO_EPOCH,
        )
        self.send(Address(partition.leader), request)

    def on_fetched(self, answer: Fetched, sender: Address) -> None:
        partition = self.partitions.get(answer.partition)
        if partition is None or answer.id != partition.asked or partition.leads:
            return
        if answer.error == OFFSET_OUT_OF_RANGE and answer.log_start > partition.log.end:
            partition.log.restart_at(self.disk, answer.log_start)
            self.heads[partition.name] = []
            self.registers[partition.name] = Register()
            partition.high_watermark = answer.log_start
        elif answer.error != NONE:
            return
        elif answer.diverging is not None:
            self.cut(partition, answer.diverging)
        elif not self.append_all(partition, answer):
            return
        self.ask_at[partition.name] = self.monotonic()
        self.settle(partition)

    def cut(self, partition: Partition, theirs: EpochEnd) -> None:
        """Keep what we have of epochs up to theirs, and no more of theirs than they have."""
        batches = self.heads[partition.name]
        while batches and (
            batches[-1].epoch > theirs.epoch
            or (batches[-1].epoch == theirs.epoch and batches[-1].next_offset > theirs.end_offset)
        ):
            batches.pop()
        end = batches[-1].next_offset if batches else partition.log.start
        partition.log.truncate(self.disk, end)
        self.registers[partition.name].cut(end)
        partition.high_watermark = min(partition.high_watermark, end)

    def append_all(self, partition: Partition, answer: Fetched) -> bool:
        at = 0
        try:
            while (head := head_at(answer.records, at)) is not None:
                blob = answer.records[at : at + head.size]
                partition.log.append_copy(self.disk, blob)
                self.register(partition, head, blob)
                at += head.size
        except Corrupt:
            return False
        finally:
            if at:
                partition.log.flush(self.disk)
        partition.high_watermark = min(answer.high_watermark, partition.log.end)
        return True
