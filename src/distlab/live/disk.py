"""A node's files, on a real file system, below a folder of its own; both its handlers and its jobs use them.

Theory of operation. Names are relative paths below the folder, so what a node wrote is there for the next incarnation,
and for ``ls``. A file is opened once and kept open. Where another process of the same node (its jobs) may replace or
delete it meanwhile, the disk is *shared*, and each use compares the open file with what the name stands for now.

A write either happens whole or raises: what a full disk took of it is cut off again. ``DiskFull`` stands for ENOSPC,
EDQUOT and EFBIG (a limit on the size of files), ``DiskError`` for all else that the system says.

A sync covers what its :class:`Mark` saw: an open file and its size, so that renaming the file meanwhile does no harm.
Who waits for it differs (a job does, a handler does not), so it is left to whoever owns the disk: :class:`Owner`.
"""

from __future__ import annotations

import errno
import os
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from distlab.core.disk import RecordFiles, checked_path
from distlab.core.errors import BadPath, DiskError, DiskFull, DistlabError, NoSuchFile

_KEPT_OPEN: Final = 64
_FULL: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_NO_NAME: Final = frozenset((errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EEXIST))


class Mark(NamedTuple):
    """What one sync has to make durable: a file as it is now, or the names in a folder."""

    path: str
    file: int
    """A descriptor of its own, to be closed by :func:`make_durable`."""
    inode: int
    size: int


class Owner(Protocol):
    """Whoever uses the disk: a node by its handlers, or a job. What comes before an access may raise what is
    planned."""

    def before_read(self, path: str) -> None: ...
    def before_append(self, path: str) -> None: ...
    def before_sync(self, path: str) -> None: ...

    def wrote(self, verb: str, path: str, size: int) -> None:
        """A file was changed."""

    def sync(self, paths: tuple[str, ...], marks: list[Mark]) -> None:
        """See to it that these become durable, and are closed."""


class LiveDisk(RecordFiles):
    """The files below ``folder``, at most ``capacity`` bytes of them; ``shared``: other processes use them, too."""

    def __init__(
        self, folder: Path, owner: Owner, capacity: int | None = None, *, shared: bool = True
    ) -> None:
        self._root = str(folder)
        self._shared = shared
        self._owner = owner
        self._capacity = capacity
        self._open: OrderedDict[str, int] = OrderedDict()
        self._durable: dict[str, tuple[int, int]] = {}
        """Path -> (inode, bytes at its front that were synced by this process)."""
        os.makedirs(folder, exist_ok=True)

    # -- reading --------------------------------------------------------------------------------------------------

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        self._owner.before_read(path)
        try:
            file = self._file(path)
            if length is None:
                length = max(0, os.fstat(file).st_size - start)
            return _read(file, start, length)
        except OSError as error:
            raise _in_our_words(path, error) from None

    def files(self, folder: str = "/") -> list[str]:
        found: list[str] = []
        for parent, _, names in os.walk(os.path.join(self._root, folder.strip("/"))):
            prefix = os.path.relpath(parent, self._root)
            found += [name if prefix == "." else f"{prefix}/{name}" for name in names]
        return sorted(found)

    def size(self, path: str) -> int:
        try:
            return os.stat(self._path(path)).st_size
        except OSError as error:
            raise _in_our_words(path, error) from None

    def exists(self, path: str) -> bool:
        return os.path.isfile(self._path(path))

    def durable_size(self, path: str) -> int:
        inode, durable = self._durable.get(path, (0, 0))
        if durable:
            with suppress(OSError):
                status = os.fstat(self._file(path))
                if status.st_ino == inode:
                    return min(durable, status.st_size)
        return 0

    # -- writing --------------------------------------------------------------------------------------------------

    def append_bytes(self, path: str, data: bytes) -> None:
        self._owner.before_append(path)
        if self._capacity is not None and self._used() + len(data) > self._capacity:
            raise DiskFull(f"no room for {len(data):,} bytes in {path}")
        try:
            _append_whole(self._file(path, os.O_CREAT), data)
        except OSError as error:
            raise _in_our_words(path, error) from None
        self._owner.wrote("append", path, len(data))

    def truncate(self, path: str, size: int) -> None:
        try:
            file = self._file(path)
            if size < os.fstat(file).st_size:
                os.ftruncate(file, size)
        except OSError as error:
            raise _in_our_words(path, error) from None
        if path in self._durable:
            inode, durable = self._durable[path]
            self._durable[path] = (inode, min(durable, size))
        self._owner.wrote("truncate", path, size)

    def replace(self, source: str, target: str) -> None:
        old, new = self._path(source), self._path(target)
        try:
            os.stat(old)
            if old == new:
                return
            os.makedirs(os.path.dirname(new), exist_ok=True)
            os.replace(old, new)
        except OSError as error:
            raise _in_our_words(source, error) from None
        self._forget(source)
        self._forget(target)
        if source in self._durable:
            self._durable[target] = self._durable.pop(source)
        self._owner.wrote("replace", target, 0)

    def delete(self, path: str) -> None:
        try:
            os.unlink(self._path(path))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise _in_our_words(path, error) from None
        self._forget(path)
        self._durable.pop(path, None)
        self._owner.wrote("delete", path, 0)

    def recover(self, path: str, record: Any) -> list[Any]:
        """What is recovered is durable from now on: an earlier process may have left it unsynced."""
        records = super().recover(path, record)
        if records:
            marks: list[Mark] = []
            self._mark(path, marks)
            if not make_durable(marks):
                self.synced(marks)
        return records

    # -- syncing --------------------------------------------------------------------------------------------------

    def sync(self, *paths: str) -> None:
        for path in paths:
            self._owner.before_sync(path)
        marks: list[Mark] = []
        for path in paths:
            try:
                self._mark(path, marks)
            except OSError as error:
                close(marks)
                raise _in_our_words(path, error) from None
        self._owner.sync(paths, marks)

    def synced(self, marks: list[Mark]) -> None:
        """These have become durable."""
        for mark in marks:
            if not mark.path.endswith("/"):
                inode, durable = self._durable.get(mark.path, (mark.inode, 0))
                if inode != mark.inode:
                    durable = 0
                self._durable[mark.path] = (mark.inode, max(durable, mark.size))

    def _mark(self, path: str, marks: list[Mark]) -> None:
        if not path.endswith("/"):
            file = self._file(path)
            status = os.fstat(file)
            marks.append(Mark(path, os.dup(file), status.st_ino, status.st_size))
            return
        # The name of a folder stands in the folder above it, which nobody syncs on purpose. One that never had a
        # file is not there; programs do not make folders, so they need not know.
        folder = path.strip("/")
        while True:
            with suppress(FileNotFoundError):
                file = os.open(os.path.join(self._root, folder), os.O_RDONLY | os.O_CLOEXEC)
                marks.append(Mark(folder + "/", file, os.fstat(file).st_ino, 0))
            if not folder:
                return
            folder = folder.rpartition("/")[0]

    # -- within ---------------------------------------------------------------------------------------------------

    def _path(self, path: str) -> str:
        return f"{self._root}/{checked_path(path)}"

    def _file(self, path: str, flags: int = 0) -> int:
        """The open file that the name stands for now."""
        file = self._open.get(path)
        if file is not None:
            self._open.move_to_end(path)
            if not self._shared:
                return file
            with suppress(FileNotFoundError):
                there, here = os.stat(f"{self._root}/{path}"), os.fstat(file)
                if there.st_ino == here.st_ino and there.st_dev == here.st_dev:
                    return file
            self._forget(path)
        file = _open(self._path(path), os.O_RDWR | os.O_APPEND | flags)
        self._open[path] = file
        if len(self._open) > _KEPT_OPEN:
            os.close(self._open.popitem(last=False)[1])
        return file

    def _forget(self, path: str) -> None:
        if (file := self._open.pop(path, None)) is not None:
            os.close(file)

    def _used(self) -> int:
        return sum(os.stat(f"{self._root}/{path}").st_size for path in self.files())


def make_durable(marks: list[Mark]) -> dict[int, str]:
    """Sync and close these, each file once; returns what the system said of those that failed, by inode."""
    errors: dict[int, str] = {}
    for inode, mark in {mark.inode: mark for mark in marks}.items():
        try:
            os.fsync(mark.file)
        except OSError as error:
            errors[inode] = error.strerror or str(error)
    close(marks)
    return errors


def close(marks: list[Mark]) -> None:
    """Let go of these."""
    for mark in marks:
        os.close(mark.file)


def _open(path: str, flags: int) -> int:
    """Open a file; make the folders it stands in, where it may be made itself."""
    try:
        return os.open(path, flags | os.O_CLOEXEC, 0o644)
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return os.open(path, flags | os.O_CLOEXEC, 0o644)


def _append_whole(file: int, data: bytes) -> None:
    written = 0
    try:
        written = os.write(file, data)
        while written < len(data):
            written += os.write(file, memoryview(data)[written:])
    except OSError:
        if written:
            os.ftruncate(file, os.fstat(file).st_size - written)
        raise


def _read(file: int, start: int, length: int) -> bytes:
    read = os.pread(file, length, start)
    if len(read) in (0, length):
        return read
    parts = [read]
    while read:  # more than the system gives at once, or the end of the file
        start, length = start + len(read), length - len(read)
        read = os.pread(file, length, start)
        parts.append(read)
    return b"".join(parts)


def _in_our_words(path: str, error: OSError) -> DistlabError:
    """The system's error as one that programs know."""
    if isinstance(error, FileNotFoundError):
        return NoSuchFile(f"there is no file {path!r}")
    if error.errno in _FULL:
        return DiskFull(f"no room in {path}: {error.strerror}")
    if error.errno in _NO_NAME:
        return BadPath(f"{path!r} cannot be a file here: {error.strerror}")
    return DiskError(f"{path}: {error.strerror}")
