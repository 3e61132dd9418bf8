"""Who says what to whom in the log: messages, errors, configs, operations and the probe. Given.

The messages are Kafka's, without topics, sessions and versions: ``Produce``, ``Fetch``, ``ListOffsets``,
``OffsetForLeaderEpoch``, ``LeaderAndIsr`` and ``AlterPartition``. Followers fetch as consumers do. All are datagrams:
they may be lost, repeated or overtaken. Each answer carries the ``id`` of its question; whoever asks chooses ids
that it
never used before, in this life.

Records cross as bytes, batches as in ``batches.py``: a broker passes on what it was given.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from distlab.core import MS, SECOND, Address, Config, Message, Operation

# -- errors -----------------------------------------------------------------------------------------------------------

NONE = ""
CORRUPT_MESSAGE = "CORRUPT_MESSAGE"
"""A batch does not fit its CRC. Nothing was appended."""
OFFSET_OUT_OF_RANGE = "OFFSET_OUT_OF_RANGE"
"""There is nothing at that offset, and it is not the end either."""
NOT_LEADER = "NOT_LEADER_OR_FOLLOWER"
"""Somebody else leads the partition; nothing was done."""
FENCED_LEADER_EPOCH = "FENCED_LEADER_EPOCH"
"""The one who asks is in an older epoch than the broker."""
UNKNOWN_LEADER_EPOCH = "UNKNOWN_LEADER_EPOCH"
"""The one who asks is in a newer epoch than the broker."""
NOT_ENOUGH_REPLICAS = "NOT_ENOUGH_REPLICAS"
"""The ISR is smaller than min.insync; nothing was appended."""
NOT_ENOUGH_REPLICAS_AFTER_APPEND = "NOT_ENOUGH_REPLICAS_AFTER_APPEND"
"""The ISR has shrunk below min.insync since; the record is in the log, and may stay there."""
REQUEST_TIMED_OUT = "REQUEST_TIMED_OUT"
"""Not committed in time; the record is in the log, and may stay there."""

STORAGE_ERROR = "KAFKA_STORAGE_ERROR"
"""The disk did not do what it was asked; nobody knows what is in the log. (Stopping at once is as good an answer.)"""

REFUSED = frozenset((CORRUPT_MESSAGE, NOT_LEADER, NOT_ENOUGH_REPLICAS))
"""Answers to ``Produce`` that say: nothing was appended."""

ALL = -1
"""``acks``: answer once the record is committed. 0: do not answer; 1: answer once the leader has appended it."""

NO_EPOCH = -1
"""No epoch is known, or none is asked for."""

# -- producers and consumers ------------------------------------------------------------------------------------------


class Produce(Message, frozen=True):
    """Append this batch."""

    id: int
    partition: str
    acks: int
    records: bytes
    """One batch; its base offset and leader epoch mean nothing yet."""
    timeout: int = 1 * SECOND
    """How long to wait for ``acks`` of ALL."""


class Produced(Message, frozen=True):
    """Answer to :class:`Produce`, unless its acks are 0."""

    id: int
    partition: str
    error: str = NONE
    base_offset: int = -1
    """Where the batch stands; -1 if it was not appended."""


class Fetch(Message, frozen=True):
    """What is there from ``offset`` on? The broker may wait for up to ``max_wait`` until there are ``min_bytes``."""

    id: int
    partition: str
    offset: int
    max_bytes: int = 1000
    """No more than that; but one whole batch in any case, if there is one."""
    min_bytes: int = 0
    max_wait: int = 0
    replica: str = ""
    """Who asks: a broker's address; empty for a consumer."""
    leader_epoch: int = NO_EPOCH
    """The epoch that the follower is in."""
    last_epoch: int = NO_EPOCH
    """The epoch of the last batch that the follower has; NO_EPOCH if its log is empty."""


class EpochEnd(Struct, frozen=True):
    """Where an epoch ends: the first offset behind its last record."""

    epoch: int
    end_offset: int


class Fetched(Message, frozen=True):
    """Answer to :class:`Fetch`."""

    id: int
    partition: str
    error: str = NONE
    high_watermark: int = -1
    """Everything before it is committed."""
    log_start: int = 0
    leader_epoch: int = NO_EPOCH
    """The leader's."""
    diverging: EpochEnd | None = None
    """Where the follower's log leaves the leader's; then there are no records."""
    records: bytes = b""
    """Whole batches, one after the other. The first one holds ``offset``, and may begin before it."""


class ListOffsets(Message, frozen=True):
    """Which is the first record that is not older than ``timestamp``?"""

    id: int
    partition: str
    timestamp: int


class ListedOffset(Message, frozen=True):
    """Answer to :class:`ListOffsets`; -1 if all are older."""

    id: int
    partition: str
    error: str = NONE
    offset: int = -1


# -- brokers and their controller -------------------------------------------------------------------------------------


class OffsetForEpoch(Message, frozen=True):
    """A follower that has come into a new epoch: where, in your log, does ``epoch`` end?"""

    id: int
    partition: str
    leader_epoch: int
    """The epoch that the follower is in."""
    epoch: int
    """The one it asks about: that of its last batch."""


class EpochOffset(Message, frozen=True):
    """Answer to :class:`OffsetForEpoch`: the largest epoch of the leader's that is not greater, and where it ends."""

    id: int
    partition: str
    error: str = NONE
    epoch: int = NO_EPOCH
    """NO_EPOCH: the leader knows none that is not greater."""
    end_offset: int = -1


class PartitionState(Struct, frozen=True):
    """What the controller has decided for a partition."""

    partition: str
    replicas: tuple[str, ...]
    """The brokers that have a copy, the preferred leader first."""
    leader: str
    """Empty: nobody can lead."""
    leader_epoch: int
    """Rises with each election."""
    isr: tuple[str, ...]
    """The in-sync replicas: those that have everything that is committed."""
    version: int
    """Rises with each change, of the ISR too."""
    elr: tuple[str, ...] = ()
    """Eligible leader replicas (part 2E): not in the ISR, and yet they have everything that is committed."""
    unclean: int = NO_EPOCH
    """The newest epoch whose leader was elected though it may lack what was committed before (part 2E)."""


class Alive(Message, frozen=True):
    """A broker tells the controller that it lives, again and again."""

    life: int
    """Another number in each life; not 0."""
    previous: int = 0
    """The life before this one, if it ended cleanly, with everything on disk (part 2E); 0: it did not, or none was."""


class LeaderAndIsr(Message, frozen=True):
    """The controller tells a broker how things are; repeated until ``Heard`` says that it has heard."""

    controller_epoch: int
    state: PartitionState


class Heard(Message, frozen=True):
    """The broker has seen this version, or a newer one."""

    partition: str
    version: int
    life: int
    """As in :class:`Alive`: what an earlier life has heard is forgotten."""


class AlterPartition(Message, frozen=True):
    """A leader asks the controller for another ISR."""

    id: int
    partition: str
    leader_epoch: int
    isr: tuple[str, ...]
    version: int
    """The version that it knows: somebody who knows less must not decide (compare-and-set)."""


class PartitionAltered(Message, frozen=True):
    """Answer to :class:`AlterPartition`: how things are now, whether it was done or not."""

    id: int
    state: PartitionState


# -- configs ----------------------------------------------------------------------------------------------------------


class LogConfig(Config, frozen=True):
    """How a partition lies on disk."""

    segment_bytes: int = 1000
    """A segment is rolled rather than grow beyond that; a single batch may be larger."""
    segment_age: int = 10 * SECOND
    """A segment is rolled when its first batch is older than that, by the timestamps."""
    index_interval: int = 200
    """About so many bytes lie between two entries of an index."""
    flush_messages: int = 1
    """A broker syncs before it answers as soon as so many records are not synced. (Kafka's default is: never.)"""
    retention_bytes: int | None = None
    """Old segments go as long as so much is left."""
    retention_time: int | None = None
    """Segments go of which all records are older than that."""
    compact: bool = False
    """Old values of a key go."""
    delete_retention: int = 1 * SECOND
    """For so long, at least, a tombstone can be read."""


class StorageConfig(Config, frozen=True):
    """Of the broker of part 2A: one partition, no replicas."""

    log: LogConfig = LogConfig()
    partition: str = "orders-0"
    tend_every: int = 100 * MS
    """How often the log is looked after: retention, cleaning, the recovery point."""


class BrokerConfig(Config, frozen=True):
    """Of the brokers of part 2B and later."""

    controllers: tuple[str, ...] = ("controller",)
    log: LogConfig = LogConfig()
    min_insync: int = 2
    lag_time: int = 300 * MS
    """A follower that has not been caught up for so long is taken out of the ISR."""
    fetch_wait: int = 50 * MS
    """How long a leader may hold back an empty answer to a follower."""
    retry: int = 150 * MS
    """When to ask again what has not been answered: after ``fetch_wait`` and the slowest round trip."""
    fetch_bytes: int = 1000
    tend_every: int = 100 * MS
    producer_expiry: int = 60 * SECOND
    """A producer that has appended nothing for so long is forgotten (part 2F)."""


# -- operations -------------------------------------------------------------------------------------------------------


class Append(Operation, frozen=True):
    """Produce one batch. Ok(base offset); with ``acks`` of 0, Ok(None) as soon as it is sent."""

    values: tuple[str, ...]
    keys: tuple[str | None, ...] = ()
    """A key for each value; empty: no record has one. The value ``""`` is a tombstone."""
    acks: int = ALL
    damage: int = -1
    """Number of a bit to flip on the way, after the producer has computed its CRC; -1: none."""
    to: str = ""
    """The broker to send it to; empty: whoever leads, as far as the client knows."""
    timeout: int = 1 * SECOND


class Read(Operation, frozen=True):
    """Fetch once. Ok(the error, or the offsets and values that came)."""

    offset: int
    max_bytes: int = 1000
    min_bytes: int = 0
    max_wait: int = 0
    to: str = ""


class Poll(Operation, frozen=True):
    """Fetch from where this client's last poll ended; at first, from the beginning. Ok(offsets and values)."""

    max_bytes: int = 1000
    min_bytes: int = 1
    max_wait: int = 50 * MS


class Drain(Operation, frozen=True):
    """Read everything, from the beginning to the end, however long it takes. Ok(offsets and values)."""


class ShutDown(Operation, frozen=True):
    """Asked of a broker: end cleanly, and remember it (part 2E)."""


class LookUp(Operation, frozen=True):
    """The first offset that is not older than so many microseconds after the start."""

    timestamp: int


# -- what a broker shows of itself ------------------------------------------------------------------------------------


class Stored(Struct, frozen=True):
    """One batch of the log, in short."""

    base_offset: int
    epoch: int
    crc: int


class Replica(Struct, frozen=True):
    """The public state of one partition on one broker."""

    partition: str
    leader: str = ""
    leader_epoch: int = NO_EPOCH
    isr: tuple[str, ...] = ()
    log_start: int = 0
    end: int = 0
    """The log end offset (LEO): where the next record will stand."""
    high_watermark: int = 0
    epochs: tuple[tuple[int, int], ...] = ()
    """(epoch, its first offset), oldest first."""
    batches: tuple[Stored, ...] = ()


class BrokerProbe(Struct, frozen=True):
    """What ``probe`` returns."""

    replicas: tuple[Replica, ...] = ()

    def of(self, partition: str) -> Replica | None:
        return next((r for r in self.replicas if r.partition == partition), None)


def crc_of(blob: bytes) -> int:
    """The CRC that a batch carries."""
    return int.from_bytes(blob[17:21], "big")


def is_leader(view: Any, address: Address) -> bool:
    """Whether the broker believes that it leads."""
    return isinstance(view, Replica) and view.leader == address
