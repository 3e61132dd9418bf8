"""Random streams that do not disturb each other.

Each link, node, disk and job draws from a stream of its own, named by what it belongs to, so that one more message here
does not change the weather there. No stream depends on PYTHONHASHSEED.
"""

from __future__ import annotations

import zlib
from collections import deque
from random import Random

from distlab.faults import FEW


def stream(seed: int, *names: object) -> Random:
    """The stream called ``names`` of the run with this seed: the same on every machine and in every process."""
    return Random(seed << 32 | zlib.crc32("/".join(map(str, names)).encode()))


class Steered(Random):
    """A stream whose draws among few values come out as a plan says, as long as it says something."""

    def __init__(self, stream: Random, draws: deque[int]) -> None:
        super().__init__(0)
        self._stream = stream
        self._draws = draws

    def _randbelow(self, n: int) -> int:
        if n <= FEW and self._draws:
            return min(self._draws.popleft(), n - 1)
        return self._stream.randrange(n)

    def random(self) -> float:
        return self._stream.random()

    def getrandbits(self, k: int, /) -> int:
        return self._randbelow(1 << k)

    def seed(self, *args: object, **kwargs: object) -> None:
        """The stream has its seed."""
