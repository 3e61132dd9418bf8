"""What this machine can do by itself, offered to the programs that run on it (:mod:`distlab.core.hardware`)."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module

from distlab.core.hardware import offered


def offer() -> None:
    """Offer what is installed: ``crc32c`` by the wheel of that name."""
    with suppress(ImportError):
        offered["crc32c"] = import_module("crc32c").crc32c
