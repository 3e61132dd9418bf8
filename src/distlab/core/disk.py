"""A node's own files: what survives a crash, and what does not.

Names are relative, with ``/`` between folders; folders need not be made. Bytes and names become durable separately, as
on any POSIX file system:

* ``sync("wal")`` makes the *bytes* of a file durable;
* ``sync("/")`` makes the *names* in the top folder durable (``sync("logs/")`` those in ``logs``): files made, replaced
  or deleted there since. A file whose name was never synced may be gone after a crash, bytes and all.

Until its sync has completed, a write may after a crash be kept, lost, or torn (a prefix of it kept), each write by
itself, in any order. A sync is also a fence: nothing that the node does to its files after it reaches the device
before the sync is done. So ``append("new"), sync("new"), replace("new", "old"), sync("/")`` leaves, whenever a crash
comes, the old contents or the new ones whole. Reads see everything written so far, synced or not.

A file holds bytes. ``append`` also takes a Struct and frames it as a *record*; :meth:`Disk.recover` reads records back.
A record is ``length, checksum, durable, body``. The middle field says how many bytes of the file were known to be
durable when the record was written. It is what tells a torn tail from damage: unsynced writes may be kept in any
order, so a bad record with good ones behind it proves nothing, unless one of those says that the bad one's bytes had
been durable already. A torn tail is cut off; damage is an error, for cutting there would throw away synced data.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from pathlib import PurePosixPath
from struct import Struct as Layout
from typing import Any, Protocol

import msgspec

from distlab.core.codec import decoder, encode
from distlab.core.errors import BadPath, BadValue, DamagedFile, NoSuchFile
from distlab.core.values import Value

_HEADER = Layout(
    "<IIQ"
)  # length of the body; CRC-32 (zlib's, the one at hand at full speed) of what follows; durable
_CHECKED_FROM = 8


class Disk(Protocol):
    """The files of one node. Any method may raise :class:`~distlab.core.errors.DiskError`."""

    def append(self, path: str, data: bytes | msgspec.Struct | Value) -> None:
        """Add bytes, or one framed record, at the end; makes the file. May raise ``DiskFull`` (nothing is kept)."""

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        """The bytes from ``start``, at most ``length`` of them. Raises ``NoSuchFile``."""
        ...

    def recover(self, path: str, record: Any) -> list[Any]:
        """Every whole record, of class or union ``record``; none if there is no file. Call it in ``on_start``.

        A torn tail is *cut off the file*, so that the next append follows the last whole record. What is left is
        durable, as is whatever else a node finds at its start. Raises ``DamagedFile`` where synced bytes have
        changed, and ``BadValue`` where a record is of another class: name them all (``Put | Delete``).
        """
        ...

    def sync(self, *paths: str) -> None:
        """Make files (``"wal"``) and folders' names (``"/"``, ``"logs/"``) durable. Raises ``NoSuchFile`` for a file.

        A folder that never had a file may be synced, too: there is nothing to do.

        In a handler this does not block: it *orders*. Whatever the node sends or finishes afterwards, in this or any
        later handler, leaves only once the sync is done. If it fails, what waits behind it is discarded and
        ``on_sync_failed`` is called. In a job it blocks, and raises ``DiskError`` when it fails.
        """

    def truncate(self, path: str, size: int) -> None:
        """Cut the file to ``size`` bytes. Raises ``NoSuchFile``."""

    def replace(self, source: str, target: str) -> None:
        """Give file ``source`` the name ``target``, atomically, in place of what was there. Raises ``NoSuchFile``."""

    def delete(self, path: str) -> None:
        """Remove the file, if it is there."""

    def files(self, folder: str = "/") -> list[str]:
        """The names of all files below ``folder``, in order."""
        ...

    def size(self, path: str) -> int:
        """Bytes in the file. Raises ``NoSuchFile``."""
        ...

    def exists(self, path: str) -> bool: ...


class RecordFiles(ABC):
    """Records in terms of bytes: the worlds' disks inherit it, so that all write and read records alike."""

    @abstractmethod
    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes: ...

    @abstractmethod
    def truncate(self, path: str, size: int) -> None: ...

    @abstractmethod
    def append_bytes(self, path: str, data: bytes) -> None: ...

    @abstractmethod
    def durable_size(self, path: str) -> int:
        """How many bytes at the front of the file a crash can no longer take; 0 if that is not known."""

    def append(self, path: str, data: bytes | msgspec.Struct | Value) -> None:
        if isinstance(data, msgspec.Struct | Value):
            data = frame(data, self.durable_size(path))
        elif not isinstance(data, (bytes, bytearray, memoryview)):
            raise BadValue(
                f"append({path!r}, ...) takes bytes or a Struct, not {type(data).__name__}"
            )
        self.append_bytes(path, bytes(data))

    def recover(self, path: str, record: Any) -> list[Any]:
        try:
            data = self.read(path)
        except NoSuchFile:
            return []
        bodies, end = unframe(data, path)
        if end < len(data):
            self.truncate(path, end)
        decode = decoder(record).decode
        try:
            return [decode(body) for body in bodies]
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise BadValue(f"{path} holds a record that is not {record}: {error}") from None


def frame(record: msgspec.Struct | Value, durable: int = 0) -> bytes:
    """A record as it stands in a file of which ``durable`` bytes are known to be safe."""
    body = encode(record)
    checked = durable.to_bytes(8, "little") + body
    return _HEADER.pack(len(body), zlib.crc32(checked), durable) + body


def unframe(data: bytes, path: str = "file") -> tuple[list[bytes], int]:
    """The bodies of the whole records at the front of ``data``, and where they end. May raise ``DamagedFile``."""
    bodies: list[bytes] = []
    at = 0
    while (body := _record_at(data, at)) is not None:
        bodies.append(body)
        at += _HEADER.size + len(body)
    # Whole records behind the bad one, wherever they start: its length field may be what is bad. A mark cannot reach
    # beyond the record that bears it; testing that first spares a checksum at most of the places we try.
    for start in range(at + 1, len(data) - _HEADER.size):
        if at < _HEADER.unpack_from(data, start)[2] <= start and _record_at(data, start):
            raise DamagedFile(
                f"{path}: the record at byte {at} was durable once, and is no longer what was written"
            )
    return bodies, at


def _record_at(data: bytes, at: int) -> bytes | None:
    """Body of the record at ``at``, if a whole one stands there."""
    if len(data) - at < _HEADER.size:
        return None
    length, checksum, _ = _HEADER.unpack_from(data, at)
    end = at + _HEADER.size + length
    if end > len(data) or zlib.crc32(data[at + _CHECKED_FROM : end]) != checksum:
        return None
    return data[at + _HEADER.size : end]


def checked_path(path: str) -> str:
    """``path`` itself if it names a file inside the node's folder; raises ``BadPath``."""
    if not isinstance(path, str):
        raise BadPath(f"a file name must be a string, not {path!r}")
    pure = PurePosixPath(path)
    # Only one spelling of each name: "a//b" and "./a" are refused with the rest.
    if str(pure) != path or path == "." or pure.is_absolute() or ".." in pure.parts or "\0" in path:
        raise BadPath(
            f"{path!r} is not a file name: use relative names such as 'wal' or 'logs/0001'"
        )
    return path


def folder_of(path: str) -> str:
    """The folder a file's name lives in, as ``sync`` spells it: ``"wal"`` -> ``"/"``, ``"logs/1"`` -> ``"logs/"``."""
    head, slash, _ = path.rpartition("/")
    return head + "/" if slash else "/"
