"""The shared store as a folder that all processes of the run see; atomic, also under ``kill -9``.

Theory of operation. An object is a file whose name is its quoted key. It is made under a name that no key can have,
and gets its own by a rename that refuses to replace (:mod:`distlab.live.rename`). So of two callers one wins, and no
reader ever sees half of an object that was put. Bytes are synced before they get their name, and the name after that.
What is appended is safe from the death of its writer at once, and from that of the machine when it is renamed.

*Mounts* show files of the machine under keys, to read only: a corpus need not be copied into the store to be its input.
``{"input/": Path("corpus")}`` shows every file below that folder, ``{"input/a": Path("a.txt")}`` one file.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from distlab.core.errors import BadPath, NoSuchFile, StoreUnavailable
from distlab.live.rename import rename_if_absent

_HIDDEN: Final = "~"
"""What the names of drafts begin with. No key's does: see :data:`_FIRST`."""
_FIRST: Final = {".": "%2E", "~": "%7E"}
"""How these are quoted at the front of a name, where the file system or we mean something by them."""
_KEPT_OPEN: Final = 32


class FolderStore:
    """Implements :class:`~distlab.core.Store`. ``before`` and ``after`` are called round every change."""

    def __init__(
        self,
        folder: Path,
        mounts: Mapping[str, Path] | None = None,
        before: Callable[[str], None] = lambda key: None,
        after: Callable[[str, str, bool], None] = lambda verb, key, result: None,
    ) -> None:
        self._folder = str(folder)
        self._mounts = dict(mounts or {})
        self._before = before
        self._after = after
        self._temporary = 0
        self._open: OrderedDict[str, int] = OrderedDict()
        os.makedirs(folder, exist_ok=True)

    # -- reading --------------------------------------------------------------------------------------------------

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        with _translated(key):
            file = self._file(key)
            if length is None:
                length = max(0, os.fstat(file).st_size - start)
            parts = []
            while length > 0 and (part := os.pread(file, length, start)):
                parts.append(part)
                start, length = start + len(part), length - len(part)
            return parts[0] if len(parts) == 1 else b"".join(parts)

    def size(self, key: str) -> int:
        with _translated(key):
            return os.stat(self._readable(key)).st_size

    def exists(self, key: str) -> bool:
        return os.path.isfile(self._readable(key))

    def keys(self, prefix: str = "") -> list[str]:
        with _translated(prefix):
            names = [unquote(name) for name in os.listdir(self._folder) if name[0] != _HIDDEN]
        names += self._mounted()
        return sorted(name for name in names if name.startswith(prefix))

    # -- writing --------------------------------------------------------------------------------------------------

    def put_if_absent(self, key: str, data: bytes) -> bool:
        path = self._writable(key)
        self._before(key)
        with _translated(key):
            self._temporary += 1
            draft = f"{self._folder}/{_HIDDEN}{os.getpid()}.{self._temporary}"
            file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
            try:
                _write_whole(file, data)
                os.fsync(file)
            finally:
                os.close(file)
            made = rename_if_absent(draft, path)
            if made:
                self._sync_names()
            else:
                os.unlink(draft)
        self._after("put_if_absent", key, made)
        return made

    def append(self, key: str, data: bytes) -> None:
        path = self._writable(key)
        self._before(key)
        with _translated(key):
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            try:
                _write_whole(file, data)
            finally:
                os.close(file)
        self._after("append", key, True)

    def rename(self, source: str, target: str) -> bool:
        old, new = self._writable(source), self._writable(target)
        self._before(target)
        with _translated(source):
            file = os.open(old, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(file)
            finally:
                os.close(file)
            done = rename_if_absent(old, new)
            if done:
                self._sync_names()
        self._after("rename", target, done)
        return done

    def delete(self, key: str) -> None:
        path = self._writable(key)
        self._before(key)
        with _translated(key), suppress(FileNotFoundError):
            os.unlink(path)
            self._sync_names()
        self._after("delete", key, True)

    # -- within ---------------------------------------------------------------------------------------------------

    def _path(self, key: str) -> str:
        if not key:
            raise BadPath("a key is a string that is not empty")
        name = quote(key, safe=" +,=@()")
        if len(name) > 255:
            raise BadPath(f"the key {key[:40]!r}... is too long for this store")
        return f"{self._folder}/{_FIRST.get(name[0], name[0]) + name[1:]}"

    def _writable(self, key: str) -> str:
        if any(key == at or (at.endswith("/") and key.startswith(at)) for at in self._mounts):
            raise BadPath(f"{key!r} is mounted from elsewhere, to read only")
        return self._path(key)

    def _readable(self, key: str) -> str:
        for at, path in self._mounts.items():
            if key == at:
                return str(path)
            if at.endswith("/") and key.startswith(at):
                rest = key[len(at) :]
                if ".." in rest.split("/"):
                    raise BadPath(f"{key!r} leaves the folder it is mounted from")
                return str(path / rest)
        return self._path(key)

    def _mounted(self) -> Iterator[str]:
        for at, path in self._mounts.items():
            if at.endswith("/"):
                yield from (at + str(f.relative_to(path)) for f in path.rglob("*") if f.is_file())
            elif path.is_file():
                yield at

    def _file(self, key: str) -> int:
        """The open object, to read from; one that was renamed or made anew meanwhile is opened again."""
        path = self._readable(key)
        if (file := self._open.get(key)) is not None:
            self._open.move_to_end(key)
            there, here = os.stat(path), os.fstat(file)
            if there.st_ino == here.st_ino and there.st_dev == here.st_dev:
                return file
            os.close(self._open.pop(key))
        file = self._open[key] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        if len(self._open) > _KEPT_OPEN:
            os.close(self._open.popitem(last=False)[1])
        return file

    def _sync_names(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _write_whole(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


@contextmanager
def _translated(key: str) -> Iterator[None]:
    """The system's errors in our words."""
    try:
        yield
    except FileNotFoundError:
        raise NoSuchFile(f"the store has no object {key!r}") from None
    except OSError as error:
        raise StoreUnavailable(f"{key}: {error.strerror}") from None
