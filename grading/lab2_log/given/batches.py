"""What a log is made of: records, and the batches that they travel in. Given.

The layout is that of Kafka's message format 2 (KIP-98), byte for byte, big-endian:

    base offset 8 | length 4 | leader epoch 4 | magic 1 | CRC 4 | attributes 2 | last offset delta 4
    | base timestamp 8 | max timestamp 8 | producer id 8 | producer epoch 2 | base sequence 4 | count 4 | records

*Length* counts what follows it. *CRC* is CRC-32C of what follows it: so whoever appends the batch can stamp base offset
and leader epoch, which stand before it, without computing it anew. Nobody but a producer (and a cleaner, which writes
batches of its own) ever computes one to write it down.

Records stand one after the other; what a record is in bytes is written here, and is no part of the lab.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct as Layout

from msgspec import Struct

HEADER = Layout(">qiibIhiqqqhii")
"""All 13 fields of the header in one go: 61 bytes."""

LENGTH_END = 12
"""Where the bytes begin that the length field counts."""

CHECKED_FROM = 21
"""Where the bytes begin that the CRC covers: at the attributes."""

EPOCH_AT = 12
"""Where the leader epoch stands (4 bytes); the base offset stands at 0 (8 bytes)."""

MAGIC = 2

NO_PRODUCER = -1
"""Producer id, epoch and sequence of a producer that does not care for duplicates."""


class Corrupt(Exception):
    """These bytes are no batch: too short, another magic, a CRC that does not fit."""


class Record(Struct, frozen=True):
    """One record, and where it stands."""

    offset: int
    timestamp: int
    """Microseconds, by the producer's clock."""
    key: bytes | None
    value: bytes | None
    """None: a *tombstone*; whoever cleans the log forgets the key in the end."""


class Batch(Struct, frozen=True, kw_only=True):
    """A batch, taken apart. Appended as a whole, or not at all."""

    base_offset: int = 0
    """Of its first record, as it was sent. 0 until a leader has said where it stands."""
    epoch: int = 0
    """Of the leader that appended it."""
    attributes: int = 0
    last_delta: int
    """The last record's offset, less the base offset; stays as it is when a cleaner takes records out."""
    base_timestamp: int
    max_timestamp: int
    producer_id: int = NO_PRODUCER
    producer_epoch: int = NO_PRODUCER
    base_sequence: int = NO_PRODUCER
    records: tuple[Record, ...]

    @property
    def last_offset(self) -> int:
        return self.base_offset + self.last_delta

    @property
    def next_offset(self) -> int:
        """The first offset behind the batch."""
        return self.last_offset + 1


class Head(Struct, frozen=True):
    """What a broker needs to know of a batch in a file: where it stands, and how long it is. No CRC was checked."""

    base_offset: int
    epoch: int
    next_offset: int
    max_timestamp: int
    size: int
    """All its bytes, header included."""


def head_of(header: bytes, room: int) -> Head | None:
    """The head that the 61 bytes ``header`` are; None if no batch begins so that fits into ``room`` bytes."""
    if len(header) < HEADER.size:
        return None
    base, length, epoch, magic, _, _, last_delta, _, latest, *_ = HEADER.unpack_from(header)
    size = LENGTH_END + length
    if magic != MAGIC or not HEADER.size <= size <= room or last_delta < 0 or base < 0:
        return None
    return Head(base, epoch, base + last_delta + 1, latest, size)


def head_at(data: bytes, at: int = 0) -> Head | None:
    """The head of the batch that begins at byte ``at``; None if no whole one can stand there."""
    return head_of(data[at : at + HEADER.size], len(data) - at)


def pack_records(batch: Batch) -> bytes:
    """The bytes behind the header."""
    packed: list[bytes] = []
    for record in batch.records:
        key, value = record.key, record.value
        body = b"".join(
            (
                b"\0",  # attributes
                _integer(record.timestamp - batch.base_timestamp),
                _integer(record.offset - batch.base_offset),
                _integer(-1 if key is None else len(key)),
                key or b"",
                _integer(-1 if value is None else len(value)),
                value or b"",
                b"\0",  # headers
            )
        )
        packed += (_integer(len(body)), body)
    return b"".join(packed)


def unpack_records(
    data: bytes, count: int, base_offset: int, base_timestamp: int
) -> tuple[Record, ...]:
    """The other way round; raises :class:`Corrupt`."""
    records = []
    at = 0
    try:
        for _ in range(count):
            size, at = _take(data, at)
            end = at + size
            timestamp, at = _take(data, at + 1)
            delta, at = _take(data, at)
            fields: list[bytes | None] = []
            for _ in range(2):
                length, at = _take(data, at)
                fields.append(None if length < 0 else data[at : at + length])
                at += max(0, length)
            _, at = _take(data, at)
            if at != end:
                raise Corrupt("a record is not as long as it says")
            records.append(Record(base_offset + delta, base_timestamp + timestamp, *fields))
    except IndexError:
        raise Corrupt("the records end too early") from None
    if at != len(data):
        raise Corrupt("there is more behind the last record")
    return tuple(records)


@lru_cache(maxsize=4096)
def _integer(number: int) -> bytes:
    """A variable-length integer, zigzag: small numbers, negative ones too, in one byte."""
    number = number << 1 if number >= 0 else (-number << 1) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _take(data: bytes, at: int) -> tuple[int, int]:
    """The integer that begins at ``at``, and where it ends."""
    number, shift = data[at], 0
    if number < 0x80:  # most are that small
        return (number >> 1) ^ -(number & 1), at + 1
    number = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
        shift += 7
