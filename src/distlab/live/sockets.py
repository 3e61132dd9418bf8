"""Folders for Unix sockets: with short names, for this user only, and gone when whoever made them is.

Theory of operation. The name of a Unix socket has about a hundred bytes, so its folder stands right in the system's
folder for temporary files. Whoever ends in good order removes it. Who is killed (-9) cannot; so a folder holds a file
that its maker keeps locked, and the lock goes with the maker, whatever ends it. Who makes the next folder removes those
that nobody holds any more. The file gets its name when it is locked already, and what has no such file is left alone:
so nobody takes a folder away that has just been made, or that is not ours.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PREFIX: Final = "dl"
_LOCK: Final = "held"


@contextmanager
def socket_folder() -> Iterator[Path]:
    """A new folder, which only this user may enter, until the end of the ``with`` statement."""
    sweep()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    held = os.open(folder / f"{_LOCK}.new", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        (folder / f"{_LOCK}.new").rename(folder / _LOCK)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def sweep() -> None:
    """Remove folders of this user whose makers are gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if folder.stat().st_uid == os.getuid() and not _is_held(folder / _LOCK):
                shutil.rmtree(folder, ignore_errors=True)


def _is_held(lock: Path) -> bool:
    """Whether somebody has it locked. Raises ``OSError`` where there is no such file."""
    file = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False
