"""Random streams that do not disturb each other.

Each link, node, disk and job draws from a stream of its own, named by what it belongs to, so that one more message here
does not change the weather there. No stream depends on PYTHONHASHSEED.
"""

from __future__ import annotations

import zlib
from random import Random


def stream(seed: int, *names: object) -> Random:
    """The stream called ``names`` of the run with this seed: the same on every machine and in every process."""
    return Random(seed << 32 | zlib.crc32("/".join(map(str, names)).encode()))
