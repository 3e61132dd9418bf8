"""A model of a file system that can crash: what is visible, what is durable, and what lies between.

Pure data: no clock, no randomness, no faults of its own. The simulator's disk puts time and faults round it, and
:class:`~distlab.core.solo.Solo` uses it as it is.

Theory of operation. A file has visible bytes, durable bytes, and the list of writes that turn the second into the
first. A sync takes a :class:`Mark` of that list and, when it completes, settles the writes before the mark; a crash
asks for each write that remains how many of its bytes reached the platter. A mark that is taken and not settled is a
fence: what came after it has not begun to reach the device, and a crash takes all of it. Names work the same way with
one difference: changes of names are journalled by real file systems, so that a crash keeps a *prefix* of those that
remain, never a later one without an earlier one (cf. Pillai et al., "All File Systems Are Not Created Equal", OSDI
2014, where this holds for ext4 and btrfs but for renames over existing files, which we treat alike).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable

from distlab.core.disk import RecordFiles, checked_path, folder_of
from distlab.core.errors import BadPath, DiskFull, NoSuchFile

Keep = Callable[[int, bool], int]
"""Given the size of an unsynced write, and whether it is the last of its file: how much of it survives, 0 to size."""


_Write = tuple[int, int, bytes | None]
"""(number, offset, bytes written there), or (number, size, None) for a truncation."""


class _File:
    __slots__ = ("durable", "pending", "settled", "unsafe_from", "visible")

    def __init__(self) -> None:
        self.visible = bytearray()
        self.durable = bytearray()
        self.pending: list[_Write] = []
        self.settled = 0
        """How many writes have left the list at its front; marks count from the beginning of time."""
        self.unsafe_from: int | None = None
        """The lowest offset that a pending write touches; None: there is none."""

    def write(self, number: int, at: int, written: bytes | None) -> None:
        """Change what is visible, and remember to change what is durable."""
        self.pending.append((number, at, written))
        self.unsafe_from = at if self.unsafe_from is None else min(self.unsafe_from, at)
        if written is None:
            del self.visible[at:]
        else:
            self.visible += written

    def reach(self) -> int:
        """How many writes there have ever been: what a mark that is taken now covers."""
        return self.settled + len(self.pending)

    def take(self, reach: int) -> list[_Write]:
        """The writes up to ``reach`` that are still pending; they are no longer."""
        count = max(0, reach - self.settled)
        if count == len(self.pending):
            taken, self.pending, self.unsafe_from = self.pending, [], None
        else:
            taken, self.pending = self.pending[:count], self.pending[count:]
            self.unsafe_from = min(at for _, at, _ in self.pending)
        self.settled += count
        return taken

    def settle(self, reach: int) -> None:
        for _, at, written in self.take(reach):
            _apply(self.durable, at, written)


def _apply(content: bytearray, at: int, written: bytes | None) -> None:
    if written is None:
        del content[at:]
        return
    if len(content) < at:  # an earlier write was lost: a hole
        content.extend(bytes(at - len(content)))
    content[at : at + len(written)] = written


_NameChange = tuple[int, str, str | None, str | None, _File | None]
"""(number, folder, name that goes, name that comes, its file)."""


class Mark:
    """The point a sync reaches: everything written to these files and folders before it was taken."""

    __slots__ = ("files", "folders", "number")

    def __init__(self, files: list[tuple[_File, int]], folders: list[str], number: int) -> None:
        self.files = files
        self.folders = folders
        self.number = number
        """The number of the first change that it does not cover."""


class Files:
    """The files of one node, over all its incarnations."""

    def __init__(self, capacity: int | None = None) -> None:
        self.capacity = capacity
        """Bytes that fit; None for no limit."""
        self._names: dict[str, _File] = {}
        self._durable_names: dict[str, _File] = {}
        self._name_changes: list[_NameChange] = []
        """Those that are not durable, oldest first."""
        self._number = 0
        """Of the next change, of bytes or of names."""
        self._fences: list[Mark] = []
        """Marks taken and not yet settled."""

    # -- what a node sees ---------------------------------------------------------------------------------------

    def append(self, path: str, data: bytes) -> None:
        if self.capacity is not None and self.used() + len(data) > self.capacity:
            raise DiskFull(f"no room for {len(data):,} bytes in {path}")
        file = self._names.get(path)
        if file is None:
            file = self._names[checked_path(path)] = _File()
            self._rename(folder_of(path), None, path, file)
        file.write(self._next(), len(file.visible), data)

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        content = self._file(path).visible
        return bytes(content[start:] if length is None else content[start : start + length])

    def truncate(self, path: str, size: int) -> None:
        file = self._file(path)
        if size < len(file.visible):
            file.write(self._next(), size, None)

    def replace(self, source: str, target: str) -> None:
        file = self._file(source)
        if checked_path(target) == source:
            return
        del self._names[source]
        self._names[target] = file
        self._rename(folder_of(target), source, target, file)

    def delete(self, path: str) -> None:
        if path in self._names:
            del self._names[path]
            self._rename(folder_of(path), path, None, None)

    def files(self, folder: str = "/") -> list[str]:
        below = "" if folder == "/" else folder.rstrip("/") + "/"
        return sorted(path for path in self._names if path.startswith(below))

    def size(self, path: str) -> int:
        return len(self._file(path).visible)

    def exists(self, path: str) -> bool:
        return path in self._names

    def durable_size(self, path: str) -> int:
        """Bytes at the front of the file that no crash can take, its name aside."""
        file = self._names.get(path)
        if file is None:
            return 0
        safe = len(file.durable)
        return safe if file.unsafe_from is None else min(file.unsafe_from, safe)

    def used(self) -> int:
        """Bytes in all files."""
        return sum(len(file.visible) for file in self._names.values())

    # -- syncing ------------------------------------------------------------------------------------------------

    def mark(self, *paths: str) -> Mark:
        """What a sync of ``paths`` that starts now will make durable. Raises ``NoSuchFile``."""
        if not paths:
            raise BadPath(
                "sync takes the names of the files and folders that it is to make durable"
            )
        files, folders = [], []
        for path in paths:
            if path == "/" or (path.endswith("/") and checked_path(path[:-1])):
                folders.append(path)
            else:
                file = self._file(path)
                files.append((file, file.reach()))
        mark = Mark(files, folders, self._number)
        self._fences.append(mark)
        return mark

    def settle(self, mark: Mark) -> None:
        """The sync that took ``mark`` is done."""
        self._drop_fence(mark)
        for file, reach in mark.files:
            file.settle(reach)
        if mark.folders and self._name_changes:
            self._settle_names(mark.folders, mark.number)

    def _settle_names(self, folders: list[str], before: int) -> None:
        """Make the changes in these folders durable, and those that they build on, in whatever folder they are.

        A rename from one folder to another must not become durable without the making of what it renames: no crash
        leaves a file under two names.
        """
        settling: list[_NameChange] = []
        waiting: list[_NameChange] = []
        touched: set[str | None] = set()
        for change in reversed(self._name_changes):
            number, folder, go, come, _ = change
            if number < before and (folder in folders or go in touched or come in touched):
                settling.append(change)
                touched |= {go, come} - {None}
            else:
                waiting.append(change)
        for change in reversed(settling):
            self._change_durable_name(change)
        self._name_changes = waiting[::-1]

    def forsake(self, mark: Mark) -> None:
        """The sync that took ``mark`` failed: what it covered stays visible, but no later sync will save it.

        So it is on Linux, where pages that failed to be written are marked clean (Rebello et al., "Can Applications
        Recover from fsync Failures?", USENIX ATC 2020). Changes of names stay as they were.
        """
        self._drop_fence(mark)
        for file, reach in mark.files:
            file.take(reach)

    def unsynced(self) -> list[str]:
        """What a crash at this moment could take, for messages: files with unsynced bytes, names never synced."""
        bytes_at_risk = [path for path, file in self._names.items() if file.pending]
        names_at_risk = [come or go or "" for _, _, go, come, _ in self._name_changes]
        return sorted({*bytes_at_risk, *names_at_risk})

    def essence(self) -> Hashable:
        """A value that is equal for files that look and crash alike, however they came about."""
        known = [*self._names.values(), *self._durable_names.values()]
        known += [file for *_, file in self._name_changes if file is not None]
        place = {id(file): n for n, file in enumerate({id(file): file for file in known}.values())}
        files = {id(file): file for file in known}.values()
        return (
            tuple((name, place[id(file)]) for name, file in self._names.items()),
            tuple((name, place[id(file)]) for name, file in self._durable_names.items()),
            tuple((*change[1:4], place.get(id(change[4]))) for change in self._name_changes),
            tuple((bytes(f.visible), bytes(f.durable), *(w[1:] for w in f.pending)) for f in files),
        )

    def rewritten(self, change: Callable[[bytes], bytes]) -> Files:
        """A copy in which ``change`` was done to every piece of contents; it must not change their lengths."""
        twin = copy.deepcopy(self)
        known = [*twin._names.values(), *twin._durable_names.values()]
        known += [file for *_, file in twin._name_changes if file is not None]
        for file in {id(file): file for file in known}.values():
            file.visible = bytearray(change(bytes(file.visible)))
            file.durable = bytearray(change(bytes(file.durable)))
            file.pending = [
                (number, at, None if written is None else change(written))
                for number, at, written in file.pending
            ]
        return twin

    # -- faults -------------------------------------------------------------------------------------------------

    def crash(
        self, keep_write: Keep, keep_names: Callable[[int], int], *, fenced: bool = True
    ) -> int:
        """Lose what was not durable but for what the two say; returns how many unsynced bytes and names were lost.

        What came after a sync that is still under way is lost whatever they say, unless ``fenced`` is False: when the
        process dies and the machine does not.
        """
        fence = min((mark.number for mark in self._fences), default=self._number)
        fence = fence if fenced else self._number
        self._fences.clear()
        before_fence = sum(change[0] < fence for change in self._name_changes)
        survivors = keep_names(before_fence)
        for change in self._name_changes[:survivors]:
            self._change_durable_name(change)
        lost = len(self._name_changes) - survivors
        self._name_changes.clear()
        for file in {
            id(f): f for f in [*self._names.values(), *self._durable_names.values()]
        }.values():
            writes = file.take(file.reach())
            for index, (number, at, written) in enumerate(writes, start=1):
                size = 1 if written is None else len(written)
                kept = keep_write(size, index == len(writes)) if number < fence else 0
                lost += size - kept
                if kept:
                    _apply(file.durable, at, None if written is None else written[:kept])
            file.visible = bytearray(file.durable)
        self._names = dict(self._durable_names)
        return lost

    def flip(self, path: str, bit: int) -> None:
        """Rot: one bit of the file, at rest, becomes the other. Nothing happens to an empty file."""
        file = self._file(path)
        for content in (file.visible, file.durable):
            if bit // 8 < len(content):
                content[bit // 8] ^= 1 << bit % 8

    # -- within -------------------------------------------------------------------------------------------------

    def _file(self, path: str) -> _File:
        file = self._names.get(path)
        if file is None:
            raise NoSuchFile(f"there is no file {checked_path(path)!r}")
        return file

    def _rename(self, folder: str, go: str | None, come: str | None, file: _File | None) -> None:
        self._name_changes.append((self._next(), folder, go, come, file))

    def _next(self) -> int:
        self._number += 1
        return self._number - 1

    def _drop_fence(self, mark: Mark) -> None:
        if mark in self._fences:
            self._fences.remove(mark)

    def _change_durable_name(self, change: _NameChange) -> None:
        _, _, go, come, file = change
        if go is not None:
            self._durable_names.pop(go, None)
        if come is not None and file is not None:
            self._durable_names[come] = file


class FilesDisk(RecordFiles):
    """A node's disk over :class:`Files`, as far as nothing changes: what a world adds, it adds in a subclass."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        return self._files.read(path, start, length)

    def files(self, folder: str = "/") -> list[str]:
        return self._files.files(folder)

    def size(self, path: str) -> int:
        return self._files.size(path)

    def exists(self, path: str) -> bool:
        return self._files.exists(path)

    def durable_size(self, path: str) -> int:
        return self._files.durable_size(path)
