"""A write-ahead log whose recovery writes the good part anew, beside the old file, and puts it in its place."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from distlab.core import DamagedFile, Disk


@dataclass
class Wal:
    path: str
    end: int = 0
    forced: int = 0
    is_named: bool = False

    def append(self, disk: Disk, body: bytes) -> None:
        rest = struct.pack("<IQ", len(body), self.forced) + body
        disk.append(self.path, struct.pack("<I", zlib.crc32(rest)) + rest)
        self.end += 4 + len(rest)

    def force(self, disk: Disk) -> None:
        if self.forced < self.end:
            disk.sync(*([self.path] if self.is_named else [self.path, "/"]))
            self.forced, self.is_named = self.end, True


def open_wal(disk: Disk, path: str) -> tuple[Wal, list[bytes]]:
    if not disk.exists(path):
        return Wal(path), []
    data = disk.read(path)
    bodies, end = scan(data)
    if end == len(data):
        return Wal(path, end, end, is_named=True), bodies
    for start in range(len(data) - 16, end, -1):
        found = read_record(data, start)
        if found is not None and end < found[0] <= start:
            raise DamagedFile(f"{path}: damaged at {end}, and the record at {start} knows better")
    fresh = path + ".cut"
    disk.delete(fresh)
    disk.append(fresh, data[:end])
    disk.sync(fresh)
    disk.replace(fresh, path)
    disk.sync("/")
    return Wal(path, end, end, is_named=True), bodies


def scan(data: bytes) -> tuple[list[bytes], int]:
    bodies: list[bytes] = []
    at = 0
    while (record := read_record(data, at)) is not None:
        bodies.append(record[1])
        at += 16 + len(record[1])
    return bodies, at


def read_record(data: bytes, start: int) -> tuple[int, bytes] | None:
    head = data[start : start + 16]
    if len(head) < 16:
        return None
    crc, length, forced = struct.unpack("<IIQ", head)
    rest = data[start + 4 : start + 16 + length]
    is_whole = len(rest) == length + 12 and zlib.crc32(rest) == crc
    return (forced, rest[12:]) if is_whole else None
