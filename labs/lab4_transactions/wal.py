"""A write-ahead log: what a node says it will do is on disk before it says so (part 4A).

Theory of operation. A log is a file of records, and grows at its end. A record is

    CRC-32 (4 bytes) | length of the body (4) | forced (8) | body        all little-endian

and the checksum covers all that follows it. ``append`` puts a record behind the others, in memory as it
were: a crash may keep it, lose it or tear it, and each record by itself. ``force`` makes everything that
stands in the log so far last, with one sync however many records that is.

What was not forced may have holes after a crash, so the log ends at its first record that is not whole,
and everything behind that is cut off: a *torn tail*. What was forced has no holes; where it has one, bits
have rotted, and cutting there would throw away what was promised. So the two must be told apart. That is
what ``forced`` is for: how far the log had been forced when this record was appended. A sync is a fence:
nothing written after it reaches the disk before it is done. So a whole record behind the bad one whose mark
lies behind the bad one proves that the bad one was whole, once.

A cut must be forced, too. If the next crash undid it, what was cut off could stand there again, whole.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct as Layout

from distlab.core import DamagedFile, Disk

HEADER = Layout("<IIQ")
"""Checksum, length of the body, forced."""

CHECKED_FROM = 4
"""The checksum covers a record from here on."""


@dataclass
class Wal:
    """A log as its writer knows it. The bytes are on the disk, which is an argument of each method."""

    path: str
    end: int = 0
    """Bytes in the log: the next record stands here."""
    forced: int = 0
    """Bytes that are on disk, or will be before anything that is said from now on."""

    def append(self, disk: Disk, body: bytes) -> None:
        """One more record, whose mark says how far the log has been forced. Not forced itself."""
        raise NotImplementedError("4A: write one record at the end of the log")

    def force(self, disk: Disk) -> None:
        """All records are on disk before anything that this node says from now on. Costs at most one sync,
        and none where there is nothing new."""
        raise NotImplementedError("4A: one sync, of the bytes, and of the file's name if it is new")


def open_wal(disk: Disk, path: str) -> tuple[Wal, list[bytes]]:
    """The log of that name, and the bodies of its records; an empty one where there is no file.

    A torn tail is cut off, for good. Raises ``DamagedFile`` where a record that had been forced is not
    whole; then nothing is changed. Call it in ``on_start``: what is there then is as good as forced.
    """
    raise NotImplementedError(
        "4A: read up to the first record that is not whole; is it a torn tail, or rot?"
    )


def scan(data: bytes) -> tuple[list[bytes], int]:
    """The bodies of the whole records at the front of ``data``, and where the last of them ends."""
    raise NotImplementedError("4A: one record after the other")


# TODO 4A: your own helpers
