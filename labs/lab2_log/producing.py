"""What producers and brokers say to each other in part 2F, beyond ``Produce`` and ``Produced``. Given. Data only.

::

    producer -> controller   InitProducerId    "give me an id"                      ProducerIdIs
    producer -> any broker   Metadata          "who leads what, as far as you know?"  MetadataIs
    producer -> leader       Produce           one batch of one partition           Produced

All are datagrams: any may be lost, repeated or overtaken. Each answer carries the ``id`` of its question. A producer
that has crashed and starts again must not take an answer to a question of its former life for one of its own.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import MS, SECOND, Config, Message, Operation
from labs.lab2_log.batches import HEADER, NO_PRODUCER
from labs.lab2_log.brokers import ALL, PartitionState

# -- errors, in answers to Produce ------------------------------------------------------------------------------------

OUT_OF_ORDER_SEQUENCE = "OUT_OF_ORDER_SEQUENCE_NUMBER"
"""The batch does not follow what the broker has of this producer. Nothing was appended."""
UNKNOWN_PRODUCER_ID = "UNKNOWN_PRODUCER_ID"
"""The broker knows nothing of this producer, and the batch is not its first one. Nothing was appended."""
INVALID_PRODUCER_EPOCH = "INVALID_PRODUCER_EPOCH"
"""The producer has begun a newer epoch. Nothing was appended, and no copy of the batch ever will be."""

# -- numbers ----------------------------------------------------------------------------------------------------------

MAX_SEQUENCE = 2**31 - 1
"""The sequence number behind it is 0."""
MAX_EPOCH = 2**15 - 1
"""Behind it there is none: a producer that needs one more asks for another id."""
MAX_IN_FLIGHT = 5
"""So many batches of a producer and partition a broker remembers, and so many may be under way."""


class Origin(Struct, frozen=True):
    """Who made a batch, and which one of theirs it is."""

    producer_id: int
    epoch: int
    sequence: int
    """Of its first record; each record has one."""
    count: int
    """Of its records."""
    timestamp: int
    """Of its newest record."""


def origin_of(blob: bytes) -> Origin | None:
    """The origin that the header of a batch names; None for what is no batch, or has no sequence numbers.

    (Most have none because their producer is not idempotent. The end of a transaction, in part 4F, names a producer,
    and no sequence.) It was not checked: check the CRC before you believe it.
    """
    if len(blob) < HEADER.size:
        return None
    _, _, _, _, _, _, last_delta, _, latest, producer, epoch, sequence, _ = HEADER.unpack_from(blob)
    if producer == NO_PRODUCER or sequence == NO_PRODUCER:
        return None
    return Origin(producer, epoch, sequence, last_delta + 1, latest)


def record_size(key: bytes | None, value: bytes | None) -> int:
    """How many bytes a record takes in a batch, at most. The header takes ``HEADER.size`` more."""
    return 21 + len(key or b"") + len(value or b"")


# -- messages ---------------------------------------------------------------------------------------------------------


class InitProducerId(Message, frozen=True):
    """A producer asks a controller for an id that nobody has had before."""

    id: int


class ProducerIdIs(Message, frozen=True):
    """Answer to :class:`InitProducerId`. Two answers bring two ids; each is good."""

    id: int
    producer_id: int
    producer_epoch: int = 0


class Metadata(Message, frozen=True):
    """Who leads which partition, as far as you know? Any broker may be asked."""

    id: int


class MetadataIs(Message, frozen=True):
    """Answer to :class:`Metadata`: what this broker has heard. It may be old news: see ``PartitionState.version``."""

    id: int
    partitions: tuple[PartitionState, ...]


# -- the producer's config and operations -----------------------------------------------------------------------------


class ProducerConfig(Config, frozen=True):
    """What a producer is told. The names are Kafka's, but for their dots."""

    brokers: tuple[str, ...]
    """Whom to ask for metadata."""
    partitions: tuple[str, ...]
    """The topic: names of its partitions, in order. Their number does not change."""
    controllers: tuple[str, ...] = ("controller",)
    acks: int = ALL
    idempotent: bool = True
    """Needs ``acks`` of ALL. Without it a retry may make duplicates, and one batch of a partition is under way at a
    time."""
    in_flight: int = MAX_IN_FLIGHT
    """Batches of one partition that may be under way, if the producer is idempotent."""
    partitioner: str = "sticky"
    """Of records without a key: ``sticky``, or ``round-robin``."""
    batch_size: int = 400
    """A batch takes no more bytes (header and ``record_size`` of each), but for one with a single record."""
    linger: int = 10 * MS
    """A batch that is not full waits so long for more records; no longer."""
    request_timeout: int = 250 * MS
    """A request that is not answered by then is given up, and sent again."""
    retry_backoff: int = 20 * MS
    """How long to wait before the first retry of a batch; twice as long before each further one, ..."""
    retry_backoff_max: int = 160 * MS
    """... up to that."""
    metadata_retry: int = 60 * MS
    """When to ask the next broker, or controller, for what was not answered."""
    delivery_timeout: int = 2 * SECOND
    """So long after ``Send``, at the latest, its outcome is reported."""


class Send(Operation, frozen=True):
    """Produce one record. Ok([partition's number, offset]); offset -1 with ``acks`` of 0.

    Fail(why): it is not in the log and never will be. Info(why): nobody knows.
    """

    value: str
    key: str | None = None
    partition: int = -1
    """Number of the partition that it must go to; -1: the partitioner decides."""


class Flush(Operation, frozen=True):
    """Send what waits, now. Ok(None) as soon as every record that was sent before has its outcome, good or bad."""
