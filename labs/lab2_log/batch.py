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
    raise NotImplementedError(
        "2A: pack the header (HEADER) and the records; the CRC covers what follows it"
    )


def checked_head(data: bytes, at: int = 0) -> Head:
    """The head of the batch at byte ``at``, whole and as its producer sealed it. Raises ``Corrupt``."""
    raise NotImplementedError("2A: a head must be there (head_at), and the CRC must fit")


def unseal(blob: bytes) -> Batch:
    """The batch that ``blob`` begins with, checked and taken apart. Raises ``Corrupt``."""
    raise NotImplementedError("2A: check it, then unpack the header and the records")


def stamped(blob: bytes, base_offset: int, epoch: int) -> bytes:
    """The same batch where a leader of that epoch has put it: base offset and epoch, and nothing else, are new."""
    raise NotImplementedError(
        "2A: write the two fields over the old ones; the CRC does not cover them"
    )
