"""Reading a split: from a range of bytes to the lines that begin in it (part 1A).

A split cuts the input at any byte. The rule that gives each line to exactly one split: it belongs to
the one in which its *first* byte lies. So a split begins after the first line end at or behind the
byte before it, and ends likewise: both ends are the same question, asked of two places.
"""

from __future__ import annotations

from collections.abc import Iterator

from distlab.core import Store
from labs.lab1_mapreduce.protocol import Split

_LOOK_AHEAD = 4096


def line_start(store: Store, key: str, at: int, size: int) -> int:
    """Where the first line begins that begins at ``at`` or later; ``size`` (the object's) if none does."""
    # BEGIN SOLUTION 1A: find the first line end at or behind the byte before at
    if at == 0:
        return 0
    at -= 1
    while at < size:
        ahead = store.get(key, at, _LOOK_AHEAD)
        found = ahead.find(b"\n")
        if found >= 0:
            return at + found + 1
        at += len(ahead)
    return size
    # END SOLUTION


def batches(store: Store, split: Split, batch: int) -> Iterator[tuple[int, list[bytes]]]:
    """The lines of a split, without their line ends, some at a time: (number of the first, lines).

    Reads ``batch`` bytes at a time and holds little more. Only ``\\n`` ends a line; the last one of an
    object may lack it. An empty line is a line. Numbers count from 0 within the split.
    """
    # BEGIN SOLUTION 1A: read from the first line start of the range up to the first one behind it
    size = store.size(split.key)
    at = line_start(store, split.key, split.start, size)
    end = line_start(store, split.key, split.start + split.length, size)
    number, rest = 0, b""
    while at < end:
        block = store.get(split.key, at, min(batch, end - at))
        at += len(block)
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        if lines:
            yield number, lines
            number += len(lines)
    if rest:
        yield number, [rest]
    # END SOLUTION
