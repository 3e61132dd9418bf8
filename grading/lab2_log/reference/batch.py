"""Batches as bytes: sealed by the producer, stamped by the leader, opened by the consumer.

The CRC goes from end to end (J. Saltzer, D. Reed, D. Clark, 1984): a broker checks it when a batch arrives, and never
writes one. A CRC that is computed anew behind the network or the disk that may have done the damage proves nothing.
"""

from __future__ import annotations

from labs.lab2_log.batches import (
    CHECKED_FROM,
    EPOCH_AT,
    HEADER,
    LENGTH_END,
    MAGIC,
    Batch,
    Corrupt,
    Head,
    head_at,
    pack_records,
    unpack_records,
)
from labs.lab2_log.checksum import crc32c


def seal(batch: Batch) -> bytes:
    """The batch in bytes, with its CRC."""
    # BEGIN SOLUTION 2A: pack the header (HEADER) and the records; the CRC covers what follows it
    records = pack_records(batch)
    fields = [
        batch.base_offset,
        HEADER.size - LENGTH_END + len(records),
        batch.epoch,
        MAGIC,
        0,
        batch.attributes,
        batch.last_delta,
        batch.base_timestamp,
        batch.max_timestamp,
        batch.producer_id,
        batch.producer_epoch,
        batch.base_sequence,
        len(batch.records),
    ]
    fields[4] = crc32c(HEADER.pack(*fields)[CHECKED_FROM:] + records)
    return HEADER.pack(*fields) + records
    # END SOLUTION


def checked_head(data: bytes, at: int = 0) -> Head:
    """The head of the batch at byte ``at``, whole and as its producer sealed it. Raises ``Corrupt``."""
    # BEGIN SOLUTION 2A: a head must be there (head_at), and the CRC must fit
    head = head_at(data, at)
    if head is None:
        raise Corrupt("no whole batch begins here")
    crc = int.from_bytes(data[at + CHECKED_FROM - 4 : at + CHECKED_FROM], "big")
    if crc32c(data[at + CHECKED_FROM : at + head.size]) != crc:
        raise Corrupt(f"the batch at offset {head.base_offset} does not fit its CRC")
    return head
    # END SOLUTION


def unseal(blob: bytes) -> Batch:
    """The batch that ``blob`` begins with, checked and taken apart. Raises ``Corrupt``."""
    # BEGIN SOLUTION 2A: check it, then unpack the header and the records
    head = checked_head(blob)
    base, _, epoch, _, _, attributes, last_delta, first, latest, *producer, count = (
        HEADER.unpack_from(blob)
    )
    return Batch(
        base_offset=base,
        epoch=epoch,
        attributes=attributes,
        last_delta=last_delta,
        base_timestamp=first,
        max_timestamp=latest,
        producer_id=producer[0],
        producer_epoch=producer[1],
        base_sequence=producer[2],
        records=unpack_records(blob[HEADER.size : head.size], count, base, first),
    )
    # END SOLUTION


def stamped(blob: bytes, base_offset: int, epoch: int) -> bytes:
    """The same batch where a leader of that epoch has put it: base offset and epoch, and nothing else, are new."""
    # BEGIN SOLUTION 2A: write the two fields over the old ones; the CRC does not cover them
    front = base_offset.to_bytes(8, "big") + blob[8:EPOCH_AT] + epoch.to_bytes(4, "big")
    return b"".join((front, memoryview(blob)[EPOCH_AT + 4 :]))
    # END SOLUTION
