"""What this machine can do by itself, and how a node's process uses it."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from importlib import import_module
from typing import Final

from distlab.core.hardware import offered

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_HELD: Final = 64 << 20


def offer() -> None:
    """Offer to programs what is installed (:mod:`distlab.core.hardware`): ``crc32c`` by the wheel of that name."""
    with suppress(ImportError):
        offered["crc32c"] = import_module("crc32c").crc32c


def hold_memory() -> None:
    """Have the allocator keep up to 64 MiB that were freed, for the next message.

    By default glibc gives large blocks back at once and takes them anew, page by page, each of which the kernel fills
    with zeros: for a stream of messages of 4 MiB that costs more than all else that is done with them.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):  # musl has none
            libc.mallopt(_MMAP_THRESHOLD, _HELD // 2)
            libc.mallopt(_TRIM_THRESHOLD, _HELD)
