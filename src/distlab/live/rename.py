"""Rename, but never over what is there: the one atomic step that the shared store rests on.

``renameat2`` with RENAME_NOREPLACE (Linux), ``renamex_np`` with RENAME_EXCL (macOS). Where the file system knows
neither, a hard link and an unlink: as exclusive, but a kill between the two leaves both names, so a caller that finds
its source under both finishes what was begun.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from typing import Final

_AT_FDCWD: Final = -2 if sys.platform == "darwin" else -100
_RENAME_NOREPLACE: Final = 1
_RENAME_EXCL: Final = 4
_UNKNOWN: Final = frozenset((errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP))


def _system_call() -> Callable[[bytes, bytes], int] | None:
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "renameat2"):
        return lambda old, new: libc.renameat2(_AT_FDCWD, old, _AT_FDCWD, new, _RENAME_NOREPLACE)
    if hasattr(libc, "renamex_np"):
        return lambda old, new: libc.renamex_np(old, new, _RENAME_EXCL)
    return None


_rename = _system_call()


def rename_if_absent(source: str, target: str) -> bool:
    """Give ``source`` the name ``target``, unless something has it; whether that was done."""
    if _rename is not None:
        if _rename(os.fsencode(source), os.fsencode(target)) == 0:
            return True
        code = ctypes.get_errno()
        if code == errno.EEXIST:
            return False
        if code not in _UNKNOWN:
            raise OSError(code, os.strerror(code), source)
    return link_if_absent(source, target)


def link_if_absent(source: str, target: str) -> bool:
    """The same by way of a hard link."""
    try:
        os.link(source, target)
    except FileExistsError:
        if not os.path.samefile(source, target):
            return False
    os.unlink(source)
    return True
