"""Bugs of the log: what recovery reads, cuts and believes; what force really forces."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from distlab.core import DamagedFile, Disk
from distlab.grade.lab import bug
from labs.lab4_transactions import wal
from labs.lab4_transactions.wal import HEADER, Wal

reference_open = wal.open_wal
reference_scan = wal.scan


class NamelessLog(Wal):
    """Syncs the log's bytes and never its name: the power fails, and the file is gone, bytes and all."""

    def force(self, disk: Disk) -> None:
        if self.forced < self.end:
            disk.sync(self.path)
            self.forced = self.end


class SyncsForNothing(Wal):
    """A sync for every force, whether or not anything is new."""

    def force(self, disk: Disk) -> None:
        if self.end:
            disk.sync(self.path, "/")
            self.forced = self.end


class SyncsEachRecord(Wal):
    """Each record is synced as it is appended: fifty records that go together cost fifty syncs."""

    def append(self, disk: Disk, body: bytes) -> None:
        super().append(disk, body)
        self.force(disk)


class MarksTooFar(Wal):
    """The mark says that everything before the record is forced, when nothing but its writing was asked for."""

    def append(self, disk: Disk, body: bytes) -> None:
        tail = len(body).to_bytes(4, "little") + self.end.to_bytes(8, "little") + body
        disk.append(self.path, zlib.crc32(tail).to_bytes(4, "little") + tail)
        self.end += HEADER.size + len(body)


class HalfChecked(Wal):
    """The checksum covers the body, and not the length: a bit of the length flips, and nobody can tell."""

    def append(self, disk: Disk, body: bytes) -> None:
        rest = len(body).to_bytes(4, "little") + self.forced.to_bytes(8, "little") + body
        disk.append(self.path, zlib.crc32(body).to_bytes(4, "little") + rest)
        self.end += HEADER.size + len(body)


def cuts_lightly(disk: Disk, path: str) -> tuple[Wal, list[bytes]]:
    """The cut of a torn tail is not synced: the next crash undoes it, and old records stand behind new ones."""
    data = disk.read(path) if disk.exists(path) else b""
    bodies, end = wal.scan(data)
    if any(mark > end for mark in wal.marks_behind(data, end)):
        raise DamagedFile(path)
    if end < len(data):
        disk.truncate(path, end)
    return Wal(path, end, end), bodies


def leaves_the_tail(disk: Disk, path: str) -> tuple[Wal, list[bytes]]:
    """Does not cut: what is appended next stands behind the torn tail, where no recovery will come."""
    data = disk.read(path) if disk.exists(path) else b""
    bodies, end = wal.scan(data)
    if any(mark > end for mark in wal.marks_behind(data, end)):
        raise DamagedFile(path)
    return Wal(path, len(data), len(data)), bodies


def rot_is_a_tail(disk: Disk, path: str) -> tuple[Wal, list[bytes]]:
    """Cuts at the first bad record, whatever stands behind it: one flipped bit, and a hundred commits are gone."""
    data = disk.read(path) if disk.exists(path) else b""
    bodies, end = wal.scan(data)
    if end < len(data):
        disk.truncate(path, end)
        disk.sync(path)
    return Wal(path, end, end), bodies


def a_hole_is_rot(data: bytes, bad: int) -> Iterator[int]:
    """Whole records behind a bad one prove rot, it says: a power failure in the midst of three writes does, too."""
    for at in range(bad + 1, len(data)):
        if wal.record_at(data, at):
            yield len(data)


def looks_behind_only(data: bytes, bad: int) -> Iterator[int]:
    """Looks for the next record where the bad one's length says that it ends; if the length is bad, nowhere."""
    if len(data) - bad < HEADER.size:
        return
    at = bad + HEADER.size + HEADER.unpack_from(data, bad)[1]
    while (found := wal.record_at(data, at)) is not None:
        yield found[0]
        at += HEADER.size + len(found[1])


def trusts_lengths(data: bytes, at: int) -> tuple[int, bytes] | None:
    """A record is whole if it is long enough. A write that was lost leaves zeros, and they are long enough."""
    if len(data) - at < HEADER.size:
        return None
    _, length, forced = HEADER.unpack_from(data, at)
    end = at + HEADER.size + length
    return (forced, data[at + HEADER.size : end]) if end <= len(data) else None


def skips_the_bad(data: bytes) -> tuple[list[bytes], int]:
    """Leaves a bad record out, and reads on behind it: what was decided last is there, what was before is not."""
    bodies, end = reference_scan(data)
    at = end + 1
    while at < len(data):
        found = wal.record_at(data, at)
        at += 1 if found is None else HEADER.size + len(found[1])
        if found is not None:
            bodies.append(found[1])
            end = at
    return bodies, end


def _log(name, by, replaces, breaks="WAL-S1", **more):  # type: ignore[no-untyped-def]
    return bug(name, by, part="A", replaces=f"wal:{replaces}", breaks=breaks, **more)


LOGS = (
    _log("nameless", NamelessLog, "Wal"),
    _log("syncs-for-nothing", SyncsForNothing, "Wal", kind="cost"),
    _log("syncs-each-record", SyncsEachRecord, "Wal", kind="cost"),
    _log("marks-too-far", MarksTooFar, "Wal"),
    _log("half-checked-record", HalfChecked, "Wal"),
    _log("cuts-lightly", cuts_lightly, "open_wal"),
    _log("leaves-the-tail", leaves_the_tail, "open_wal"),
    _log("rot-is-a-tail", rot_is_a_tail, "open_wal", "WAL-S2"),
    _log("a-hole-is-rot", a_hole_is_rot, "marks_behind"),
    _log("looks-behind-only", looks_behind_only, "marks_behind", "WAL-S2"),
    _log("trusts-lengths", trusts_lengths, "record_at"),
    _log("skips-the-bad", skips_the_bad, "scan"),
)
