"""A model of a file system that can crash: what is visible, what is durable, and what lies between.

Pure data: no clock, no randomness, no faults of its own. The simulator's disk puts time and faults round it, and
:class:`~distlab.core.solo.Solo` uses it as it is.

Theory of operation. A file has visible bytes, durable bytes, and the list of writes that turn the second into the
first. A sync takes a :class:`Mark` of that list and, when it completes, settles the writes before the mark; a crash
asks for each write that remains how many of its bytes reached the platter. Names work the same way with one difference:
changes of names are journalled by real file systems, so that a crash keeps a *prefix* of those that remain, never a
later one without an earlier one (cf. Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014, where this
holds for ext4 and btrfs but for renames over existing files, which we treat alike).
"""

from __future__ import annotations

from collections.abc import Callable

from distlab.core.disk import checked_path, folder_of
from distlab.core.errors import DiskFull, NoSuchFile

Keep = Callable[[int, bool], int]
"""Given the size of an unsynced write, and whether it is the last of its file: how much of it survives, 0 to size."""


class _File:
    __slots__ = ("durable", "pending", "visible")

    def __init__(self) -> None:
        self.visible = bytearray()
        self.durable = bytearray()
        self.pending: list[tuple[int, bytes | None]] = []
        """(offset, bytes written there), or (size, None) for a truncation."""

    def settle(self, count: int) -> None:
        for at, written in self.pending[:count]:
            _apply(self.durable, at, written)
        del self.pending[:count]


def _apply(content: bytearray, at: int, written: bytes | None) -> None:
    if written is None:
        del content[at:]
        return
    if len(content) < at:  # an earlier write was lost: a hole
        content.extend(bytes(at - len(content)))
    content[at : at + len(written)] = written


class Mark:
    """The point a sync reaches: everything written to these files and folders before it was taken."""

    __slots__ = ("files", "folders", "names")

    def __init__(self, files: list[tuple[_File, int]], folders: list[str], names: int) -> None:
        self.files = files
        self.folders = folders
        self.names = names


class Files:
    """The files of one node, over all its incarnations."""

    def __init__(self, capacity: int | None = None) -> None:
        self.capacity = capacity
        """Bytes that fit; None for no limit."""
        self._names: dict[str, _File] = {}
        self._durable_names: dict[str, _File] = {}
        self._name_changes: list[tuple[str, str | None, str | None, _File | None]] = []
        """(folder, name that goes, name that comes, its file), oldest first."""
        self._settled = 0
        """How many changes of names have left the list at its front; marks count from the beginning of time."""

    # -- what a node sees ---------------------------------------------------------------------------------------

    def append(self, path: str, data: bytes) -> None:
        if self.capacity is not None and self.used() + len(data) > self.capacity:
            raise DiskFull(f"no room for {len(data):,} bytes in {path}")
        file = self._names.get(path)
        if file is None:
            file = self._names[checked_path(path)] = _File()
            self._name_changes.append((folder_of(path), None, path, file))
        file.pending.append((len(file.visible), data))
        file.visible += data

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        content = self._file(path).visible
        return bytes(content[start:] if length is None else content[start : start + length])

    def truncate(self, path: str, size: int) -> None:
        file = self._file(path)
        if size < len(file.visible):
            del file.visible[size:]
            file.pending.append((size, None))

    def replace(self, source: str, target: str) -> None:
        file = self._file(source)
        if checked_path(target) == source:
            return
        del self._names[source]
        self._names[target] = file
        self._name_changes.append((folder_of(target), source, target, file))

    def delete(self, path: str) -> None:
        if path in self._names:
            del self._names[path]
            self._name_changes.append((folder_of(path), path, None, None))

    def files(self, folder: str = "/") -> list[str]:
        return sorted(
            self._names if folder == "/" else (p for p in self._names if p.startswith(folder))
        )

    def size(self, path: str) -> int:
        return len(self._file(path).visible)

    def exists(self, path: str) -> bool:
        return path in self._names

    def durable_size(self, path: str) -> int:
        """Bytes at the front of the file that no crash can take, its name aside."""
        file = self._names.get(path)
        if file is None:
            return 0
        first_pending = min((at for at, _ in file.pending), default=len(file.durable))
        return min(first_pending, len(file.durable))

    def used(self) -> int:
        """Bytes in all files."""
        return sum(len(file.visible) for file in self._names.values())

    # -- syncing ------------------------------------------------------------------------------------------------

    def mark(self, *paths: str) -> Mark:
        """What a sync of ``paths`` that starts now will make durable. Raises ``NoSuchFile``."""
        files = [self._file(path) for path in paths if not path.endswith("/")]
        folders = [path for path in paths if path.endswith("/")]
        return Mark(
            [(f, len(f.pending)) for f in files], folders, self._settled + len(self._name_changes)
        )

    def settle(self, mark: Mark) -> None:
        """The sync that took ``mark`` is done. Marks settle in the order in which they were taken."""
        for file, count in mark.files:
            file.settle(count)
        if mark.folders:
            before = self._name_changes[: mark.names - self._settled]
            after = self._name_changes[len(before) :]
            kept = []
            for change in before:
                if change[0] in mark.folders:
                    self._change_durable_name(change)
                else:
                    kept.append(change)
            self._settled += len(before) - len(kept)
            self._name_changes = kept + after

    def forsake(self, mark: Mark) -> None:
        """The sync that took ``mark`` failed: what it covered stays visible, but no later sync will save it.

        So it is on Linux, where pages that failed to be written are marked clean (Rebello et al., "Can Applications
        Recover from fsync Failures?", USENIX ATC 2020). Changes of names stay as they were.
        """
        for file, count in mark.files:
            del file.pending[:count]

    def unsynced(self) -> list[str]:
        """What a crash at this moment could take, for messages: files with unsynced bytes, names never synced."""
        bytes_at_risk = [path for path, file in self._names.items() if file.pending]
        names_at_risk = [come or go or "" for _, go, come, _ in self._name_changes]
        return sorted({*bytes_at_risk, *names_at_risk})

    # -- faults -------------------------------------------------------------------------------------------------

    def crash(self, keep_write: Keep, keep_names: Callable[[int], int]) -> int:
        """Lose what was not durable but for what the two say; returns how many unsynced bytes were lost."""
        survivors = keep_names(len(self._name_changes))
        for change in self._name_changes[:survivors]:
            self._change_durable_name(change)
        self._settled += len(self._name_changes)
        self._name_changes.clear()
        lost = 0
        for file in {
            id(f): f for f in [*self._names.values(), *self._durable_names.values()]
        }.values():
            for index, (at, written) in enumerate(file.pending, start=1):
                size = 1 if written is None else len(written)
                kept = keep_write(size, index == len(file.pending))
                lost += size - kept
                if kept:
                    _apply(file.durable, at, None if written is None else written[:kept])
            file.pending.clear()
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

    def _change_durable_name(
        self, change: tuple[str, str | None, str | None, _File | None]
    ) -> None:
        _, go, come, file = change
        if go is not None:
            self._durable_names.pop(go, None)
        if come is not None and file is not None:
            self._durable_names[come] = file
