"""Reads submissions: a folder each, or an archive as ``make submit`` makes it. Files come out as data, nothing else.

Theory of operation. An archive is hostile until it is read: names climb out of their folder, links point elsewhere, a
few bytes unfold into gigabytes. So nothing is ever extracted: entries are read one by one into memory, in a budget that
counts what comes out and not what the headers claim. What is no plain file with a plain name below ``labs/`` is left
out, and the report says so. A submission that is too large altogether is refused.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Protocol

from msgspec import Struct

LARGEST = 5 << 20
"""Bytes of one file: as ``make submit`` has it."""

LARGEST_IN_ALL = 64 << 20
"""Bytes that an archive may unfold into, with what is left out."""

MOST_FILES = 2000

ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")
SUFFIXES = (".py", ".txt", ".md", ".json", ".toml", ".csv")
"""Of files that a lab may hold. Compiled ones are not among them."""

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. +-]{0,99}")
_LAB = re.compile(r"lab\d+_\w+", re.ASCII)


class Refused(Exception):
    """There is nothing here that could be graded; the text says why."""


class Submission(Struct, frozen=True):
    """One student's work."""

    name: str
    """As the folder or archive is called, which somebody chose who may not be trusted."""
    files: dict[str, bytes]
    """Path below ``labs/``, with slashes: ``lab0_rpc/framing.py``."""
    left_out: tuple[str, ...] = ()
    """What was not taken, and why."""
    refused: str = ""
    """Why nothing was taken, if that is so."""

    @property
    def digest(self) -> str:
        """Equal for equal work."""
        total = hashlib.sha256()
        for path in sorted(self.files):
            for piece in (path.encode(), self.files[path]):
                total.update(len(piece).to_bytes(8, "little") + piece)
        return total.hexdigest()

    @property
    def slug(self) -> str:
        """A name for files and addresses: different names have different ones, on every file system."""
        plain = re.sub(r"[^A-Za-z0-9_-]+", "-", self.name).strip("-")[:60]
        if plain and plain == self.name == plain.lower():
            return plain
        mark = hashlib.sha256(self.name.encode(errors="surrogatepass")).hexdigest()[:8]
        return f"{plain}-{mark}".lstrip("-").lower()


def read_all(folder: Path) -> list[Submission]:
    """Every submission in the folder, by name. Raises ``OSError`` where the folder cannot be read."""
    found: dict[str, Submission] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "__")) or path.is_symlink():
            continue
        if path.is_dir() or path.name.lower().endswith(ARCHIVES):
            submission = read(path)
            if submission.name in found:  # alice.zip beside alice/
                submission = Submission(
                    path.name, submission.files, submission.left_out, submission.refused
                )
            found[submission.name] = submission
    return [found[name] for name in sorted(found)]


def read(path: Path) -> Submission:
    """The submission in a folder or an archive. What is wrong with it, it says itself."""
    name = path.name
    if path.is_dir():
        entries: Iterator[_Entry] = _in_folder(path)
    elif name.lower().endswith(".zip"):
        entries, name = _in_zip(path), name[:-4]
    else:
        entries = _in_tar(path)
        name = next(name[: -len(end)] for end in ARCHIVES if name.lower().endswith(end))
    name = name.encode(errors="replace").decode()
    files: dict[str, bytes] = {}
    left_out: list[str] = []
    try:
        _take(entries, files, left_out)
    except Refused as error:
        return Submission(name, {}, refused=str(error))
    except (
        OSError, EOFError, ValueError, RuntimeError, NotImplementedError,
        tarfile.TarError, zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        return Submission(name, {}, refused=f"it cannot be read: {type(error).__name__}: {error}")
    if not files:
        return Submission(name, {}, tuple(left_out), "it has no files below labs/")
    return Submission(name, files, tuple(left_out))


class _Entry(Struct, frozen=True):
    """Something in a submission."""

    path: str
    content: bytes | None
    wrong: str = ""
    """Why it has no content."""


def _take(entries: Iterable[_Entry], files: dict[str, bytes], left_out: list[str]) -> None:
    """Sort the entries. Raises :class:`Refused`."""
    for count, entry in enumerate(entries):
        if count >= MOST_FILES:
            raise Refused(f"it has more than {MOST_FILES} files")
        place, wrong = _place(entry.path)
        if place is None and not wrong:
            continue  # not of a lab, and nothing wrong with it
        wrong = wrong or entry.wrong
        if not wrong and place in files:
            wrong = "its name comes twice; the first is taken"
        if wrong:
            left_out.append(f"{shown(entry.path)}: {wrong}")
        elif place is not None and entry.content is not None:
            files[place] = entry.content


def _place(path: str) -> tuple[str | None, str]:
    """Where below ``labs/`` a file belongs, and what is wrong with its name. Neither: it is none of a lab's files."""
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or ".." in parts or "\0" in path:
        return None, "its name leads out of its folder"
    parts = [part for part in parts if part not in ("", ".")]
    # labs/lab0_rpc/x.py, or below one folder more, as archives of repositories have it; or lab0_rpc/x.py.
    for depth in (1, 2, 0):
        if len(parts) > depth + 1 and _LAB.fullmatch(parts[depth]):
            if depth and parts[depth - 1] != "labs":
                continue
            inner = parts[depth:]
            if "__pycache__" in inner or inner[-1].startswith("."):
                return None, ""
            if not all(_PLAIN.fullmatch(part) for part in inner):
                return None, "its name is not plain"
            if not inner[-1].endswith(SUFFIXES):
                return None, f"no file of a lab ends so: {', '.join(SUFFIXES)} do"
            return "/".join(inner), ""
    return None, ""


def shown(path: str) -> str:
    """A name that somebody chose, fit to be printed."""
    return ascii(path)[1:-1][:200]


# -- where entries come from ------------------------------------------------------------------------------------------


def _in_folder(folder: Path) -> Iterator[_Entry]:
    total = 0
    waiting = [folder]
    while waiting:
        for path in sorted(waiting.pop().iterdir()):
            name = path.relative_to(folder).as_posix()
            if path.is_symlink():
                yield _Entry(name, None, "it is a link")
            elif path.is_dir():
                if path.name not in ("__pycache__", ".git", ".distlab", ".venv"):
                    waiting.append(path)
            elif not path.is_file():
                yield _Entry(name, None, "it is no plain file")
            elif path.stat().st_size > LARGEST:
                yield _Entry(name, None, "it is too large")
            else:
                content = path.read_bytes()
                total += len(content)
                _must_fit(total)
                yield _Entry(name, content)


def _in_zip(path: Path) -> Iterator[_Entry]:
    total = 0
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            kind = entry.external_attr >> 28  # of Unix, where it was made there
            if kind not in (0, 8):
                yield _Entry(
                    entry.filename, None, "it is a link" if kind == 10 else "it is no plain file"
                )
                continue
            with archive.open(entry) as file:
                content = _read(file)
            total += len(content)
            _must_fit(total)
            yield _entry(entry.filename, content)


def _in_tar(path: Path) -> Iterator[_Entry]:
    with path.open("rb") as raw:
        is_packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        bounded = _Bounded(gzip.GzipFile(fileobj=raw) if is_packed else raw)
        # As a stream: what a header claims is never skipped to, and costs what it unfolds into.
        with tarfile.open(fileobj=bounded, mode="r|") as archive:  # type: ignore[call-overload]
            for member in archive:
                if member.isdir():
                    continue
                if member.issym() or member.islnk():
                    yield _Entry(member.name, None, "it is a link")
                elif not member.isreg() or member.issparse():
                    yield _Entry(member.name, None, "it is no plain file")
                elif member.size > LARGEST:
                    yield _Entry(member.name, None, "it is too large")
                else:
                    file = archive.extractfile(member)
                    assert file is not None
                    yield _entry(member.name, _read(file))


def _entry(name: str, content: bytes) -> _Entry:
    return (
        _Entry(name, None, "it is too large") if len(content) > LARGEST else _Entry(name, content)
    )


def _read(file: IO[bytes]) -> bytes:
    """All of it, or enough to see that it is too much."""
    return file.read(LARGEST + 1)


def _must_fit(total: int) -> None:
    if total > LARGEST_IN_ALL:
        raise Refused(f"it unfolds into more than {LARGEST_IN_ALL >> 20} MB")


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _Bounded:
    """A stream that ends in :class:`Refused` where it has given too much."""

    def __init__(self, file: _Readable) -> None:
        self._file = file
        self._given = 0

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size if size >= 0 else LARGEST_IN_ALL + 1)
        self._given += len(piece)
        _must_fit(self._given)
        return piece
