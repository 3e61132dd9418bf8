"""Functions that processors have built in: what a program wrote out may give way to the machine's own.

Rule: nothing gives way where programs are judged. A world offers what the machine can do (the live one does, where the
wheel for it is installed); the simulator, the explorer and the graders offer nothing, so there every call runs what
was written.

Theory of operation. CRC-32C is one instruction on x86-64 and ARMv8, and gigabytes a second; a table in Python does
eight megabytes. So a program that moves real data wants the instruction, and a student is to write the table. Before
the first call both are tried on samples: the machine's own takes over where it says the same on all of them, else what
was written stays, right or wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

Checksum = Callable[[bytes], int]

offered: dict[str, Checksum] = {}
"""Name -> what this machine can do, for programs that are imported from now on."""


def in_hardware(name: str) -> Callable[[Checksum], Checksum]:
    """A decorator: the function below is what processors call ``name``."""

    def decorate(written: Checksum) -> Checksum:
        return _Agreed(written, offered[name]) if name in offered else written

    return decorate


class _Agreed:
    """One of two functions, chosen at the first call."""

    def __init__(self, written: Checksum, machines: Checksum) -> None:
        self._written = written
        self._machines = machines
        self._chosen: Checksum | None = None

    def __call__(self, data: bytes) -> int:
        if self._chosen is None:
            agree = all(self._written(each) == self._machines(each) for each in samples())
            self._chosen = self._machines if agree else self._written
        return self._chosen(data)


def samples() -> Iterator[bytes]:
    """What both are tried on: RFC 3720's vectors, and random bytes of lengths about every power of two up to 4096."""
    yield from (b"123456789", bytes(32), b"\xff" * 32, bytes(range(32)), bytes(reversed(range(32))))
    random = Random(0)
    for power in range(13):
        for length in (2**power - 1, 2**power, 2**power + 1):
            yield random.randbytes(length)
