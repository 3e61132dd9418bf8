"""What crosses the wire in part 4F, what is in a partition, what clients are asked to do. Given. Data only.

::

    producer  -> coordinator  InitProducer, AddPartitions, EndTxn     InitDone, PartitionsAdded, TxnEnded
    producer  -> partition    Produce                                 Produced
    producer  -> group        CommitOffsets                           OffsetsCommitted
    coordinator -> partition  WriteMarker                             MarkerWritten
    consumer  -> partition    Fetch                                   Fetched
    consumer  -> group        Beat, FetchOffsets                      Assignment, OffsetsAre

All are datagrams: any may be lost, repeated or overtaken. Each answer carries the ``id`` of its question. Names are
Kafka's, as far as there are any (KIP-98, KIP-447, KIP-890). Each partition is a node of that name.
"""

from __future__ import annotations

from msgspec import Struct, field

from distlab.core import MS, SECOND, Config, Message, Operation

# -- errors -----------------------------------------------------------------------------------------------------------

NONE = ""
NOT_COORDINATOR = "NOT_COORDINATOR"
"""Nothing was done: somebody else coordinates; or this one does, and has not read its log yet."""
CONCURRENT_TRANSACTIONS = "CONCURRENT_TRANSACTIONS"
"""Nothing was done, as another thing of this transactional id is under way. Ask again."""
PRODUCER_FENCED = "PRODUCER_FENCED"
"""Nothing was done: this producer id and epoch may not speak for the transactional id, and never will."""
INVALID_TXN_STATE = "INVALID_TXN_STATE"
"""Nothing was done: there is no transaction to end."""
INVALID_PRODUCER_EPOCH = "INVALID_PRODUCER_EPOCH"
"""Not appended, and never will be: the partition has seen a newer epoch of this producer id."""
OUT_OF_ORDER_SEQUENCE = "OUT_OF_ORDER_SEQUENCE"
"""Not appended: a batch before this one is missing."""
DUPLICATE = "DUPLICATE"
"""It stands there already. (Within a partition only: whoever asked is told that it was done.)"""
ILLEGAL_GENERATION = "ILLEGAL_GENERATION"
"""Not appended: the group has a newer generation, or this member is none of it."""
UNSTABLE_OFFSET_COMMIT = "UNSTABLE_OFFSET_COMMIT"
"""A transaction has offsets there, and is still open. Ask again."""

# -- what is in a log -------------------------------------------------------------------------------------------------

COMMIT = "COMMIT"
ABORT = "ABORT"

MAX_EPOCH = 2**15 - 1


class Identity(Struct, frozen=True, order=True):
    """Who speaks: a producer id, and an epoch of it. In this lab one of these names one transaction (KIP-890)."""

    id: int
    epoch: int


class Batch(Struct, frozen=True):
    """Records that are appended together; or a *marker*, which ends a transaction in this partition."""

    offset: int
    """Of its first record. A marker has an offset, too: it takes up one."""
    values: tuple[str, ...] = ()
    producer: Identity | None = None
    """None: it belongs to no transaction. Of a marker: the id whose transaction ends, with an epoch above its own."""
    sequence: int = 0
    """How many batches of this producer and epoch stand before it in this partition."""
    control: str = ""
    """COMMIT or ABORT: it is a marker."""
    timestamp: int = 0

    @property
    def next_offset(self) -> int:
        """The first offset behind it."""
        return self.offset + (1 if self.control else len(self.values))


class Aborted(Struct, frozen=True):
    """A transaction that was aborted, as consumers are told of it."""

    producer_id: int
    first_offset: int
    """Of its first batch in this partition. It ends at the next marker of this producer id."""


class Record(Struct, frozen=True):
    """What a consumer hands out."""

    offset: int
    value: str


# -- the coordinator's log --------------------------------------------------------------------------------------------

EMPTY = "Empty"
ONGOING = "Ongoing"
PREPARE_COMMIT = "PrepareCommit"
PREPARE_ABORT = "PrepareAbort"
COMPLETE_COMMIT = "CompleteCommit"
COMPLETE_ABORT = "CompleteAbort"


class TxnRecord(Struct, frozen=True):
    """Where a transactional id stands. The last record of each id counts."""

    transactional_id: str
    state: str
    producer: Identity
    """Who may speak now. From a Prepare record on it is the *next* transaction's."""
    timeout: int
    """A transaction that is open for so long is aborted."""
    partitions: tuple[str, ...] = ()
    """Those that have, or may have, something of the transaction; in order."""
    ended: Identity | None = None
    """The transaction that ends, or has just ended: in Prepare and Complete records."""
    asked: bool = False
    """It ends because its own producer asked for that."""


# -- producers and the coordinator ------------------------------------------------------------------------------------


class InitProducer(Message, frozen=True):
    """I am the producer of this transactional id now, and nobody else is."""

    id: int
    transactional_id: str
    timeout: int


class InitDone(Message, frozen=True):
    """Answer to :class:`InitProducer`. No transaction of an older identity is open any more, or can be committed."""

    id: int
    error: str = NONE
    producer: Identity | None = None
    """An identity that nobody has had before."""


class AddPartitions(Message, frozen=True):
    """My transaction will write to these. The first one of a transaction begins it."""

    id: int
    transactional_id: str
    producer: Identity
    partitions: tuple[str, ...]


class PartitionsAdded(Message, frozen=True):
    """Answer to :class:`AddPartitions`: it is in the log, and you may write."""

    id: int
    error: str = NONE


class EndTxn(Message, frozen=True):
    """Commit my transaction, or abort it."""

    id: int
    transactional_id: str
    producer: Identity
    """Of the transaction that is meant."""
    commit: bool


class TxnEnded(Message, frozen=True):
    """Answer to :class:`EndTxn`: it is decided, as you asked, and will be so in every partition."""

    id: int
    error: str = NONE
    producer: Identity | None = None
    """For the next transaction."""


class WriteMarker(Message, frozen=True):
    """Coordinator to partition: this transaction has ended. Repeated until it is answered."""

    transactional_id: str
    producer: Identity
    """The transaction's producer id, and its epoch plus one: so the partition knows the next epoch at once."""
    commit: bool


class MarkerWritten(Message, frozen=True):
    """Answer to :class:`WriteMarker`: the marker stands in this partition, now or before."""

    transactional_id: str
    producer: Identity


# -- producers, consumers and partitions ------------------------------------------------------------------------------


class Produce(Message, frozen=True):
    """Append this batch of an open transaction."""

    id: int
    producer: Identity
    sequence: int
    values: tuple[str, ...]


class Produced(Message, frozen=True):
    """Answer to :class:`Produce`."""

    id: int
    error: str = NONE


class Fetch(Message, frozen=True):
    """What may a consumer that reads committed data know from ``offset`` on?"""

    id: int
    offset: int
    max_batches: int = 4


class Fetched(Message, frozen=True):
    """Answer to :class:`Fetch`."""

    id: int
    last_stable_offset: int
    """(LSO.) Everything before it is decided."""
    batches: tuple[Batch, ...] = ()
    """From the one that holds ``offset`` on, markers too; none at or behind the LSO. The first may begin earlier."""
    aborted: tuple[Aborted, ...] = ()
    """The aborted transactions that have something among them, the first ones first."""


# -- members and their group ------------------------------------------------------------------------------------------


class Beat(Message, frozen=True):
    """I am alive. A member that says nothing for ``session_timeout`` is out of the group."""


class Assignment(Message, frozen=True):
    """Answer to :class:`Beat`: in this generation these partitions are yours."""

    generation: int
    partitions: tuple[str, ...]


class CommitOffsets(Message, frozen=True):
    """Part of a transaction: once it is committed, the group has read that far."""

    id: int
    producer: Identity
    sequence: int
    generation: int
    """In which the member has read (KIP-447). -1: do not ask."""
    positions: dict[str, int]
    """Partition -> offset of the next record."""


class OffsetsCommitted(Message, frozen=True):
    """Answer to :class:`CommitOffsets`."""

    id: int
    error: str = NONE


class FetchOffsets(Message, frozen=True):
    """How far has the group read?"""

    id: int
    partitions: tuple[str, ...]
    require_stable: bool = True
    """Answer UNSTABLE_OFFSET_COMMIT rather than offsets that an open transaction may replace (KIP-447)."""


class OffsetsAre(Message, frozen=True):
    """Answer to :class:`FetchOffsets`: 0 where nothing was committed."""

    id: int
    error: str = NONE
    positions: dict[str, int] = field(default_factory=dict)


# -- configs ----------------------------------------------------------------------------------------------------------


class TxnCoordinatorConfig(Config, frozen=True):
    log: str = "log"
    """The node that keeps the coordinator's log; see txn_log.py."""
    retry: int = 60 * MS
    """After which time something is said again."""
    max_epoch: int = MAX_EPOCH
    """Of markers. A transaction's own epoch is below that; when there is none left, another producer id is taken."""


class PartitionConfig(Config, frozen=True):
    max_epoch: int = MAX_EPOCH
    """A greater one does not fit into a batch, nor into a marker: whatever bears it is refused."""
    producer_expiry: int = 60 * SECOND
    """A producer of which nothing was appended for so long, and that has nothing open, is forgotten."""


class GroupConfig(PartitionConfig, frozen=True):
    inputs: tuple[str, ...] = ()
    """What the members share out among them."""
    session_timeout: int = 250 * MS


class ProducerConfig(Config, frozen=True):
    transactional_id: str
    coordinators: tuple[str, ...]
    txn_timeout: int = 300 * MS
    retry: int = 100 * MS


class ProcessorConfig(Config, frozen=True):
    transactional_id: str
    coordinators: tuple[str, ...]
    group: str
    """The node that keeps the group, and its offsets; a transaction writes to it as to any partition."""
    outputs: tuple[str, ...] = ()
    txn_timeout: int = 300 * MS
    retry: int = 100 * MS
    beat: int = 50 * MS
    """How often to say that one is alive."""
    idle: int = 40 * MS
    """When to look again where there was nothing to read."""


def processed(value: str, outputs: tuple[str, ...]) -> tuple[str, str]:
    """What the processor makes of a record: where it writes, and what. Each record makes one."""
    return outputs[sum(value.encode()) % len(outputs)], f"{value}!"


# -- operations -------------------------------------------------------------------------------------------------------


class Write(Struct, frozen=True):
    """One batch of a transaction."""

    partition: str
    values: tuple[str, ...]


class Transact(Operation, frozen=True):
    """Read some partitions whole, then write a transaction. ``Ok``: it is committed; what was read, by partition.

    ``Fail``: it is not, and never will be. ``Info``: nobody knows.
    """

    writes: tuple[Write, ...] = ()
    reads: tuple[str, ...] = ()
    commit: bool = True
    init: bool = False
    """Begin as a new producer of the transactional id, whoever else has it. (A client's first transaction does.)"""
    think: int = 0
    """So long after its writes it is ended."""
    lazily: bool = False
    """Each partition is added when it is written to, one after the other."""


# -- what nodes show of themselves ------------------------------------------------------------------------------------


class PartitionView(Struct, frozen=True):
    batches: tuple[Batch, ...]
    last_stable_offset: int


class ProcessorView(Struct, frozen=True):
    generation: int
    positions: dict[str, int]
    """Where it will read on."""
