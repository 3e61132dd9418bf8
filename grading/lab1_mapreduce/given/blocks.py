"""How groups become bytes: the form of a sorted run, on disk and on the wire. Given.

A *group* is a key and the list of its values. A *run* is a file of groups in ascending order of their
keys, no key twice. It is written in blocks, each of them a length and one MessagePack value; a reader
holds one block at a time. Per-record work in Python is what a MapReduce in Python is slow by: blocks
are encoded and decoded as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct

from distlab.core import Disk

Group = tuple[bytes, list[Any]]
"""A key and its values. Values are what MessagePack knows: numbers, bytes, strings, lists of these."""

_LENGTH = 4


class Block(Struct, frozen=True, array_like=True):
    """Neighbouring groups of a run, by columns."""

    keys: list[bytes]
    values: list[list[Any]]


# Not distlab.core.codec: a block has no size limit, for one group may be as large as it likes.
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Block).decode


def write_run(disk: Disk, path: str, groups: Iterable[Group], block_size: int) -> Iterator[None]:
    """Append ``groups``, in the order given, to the run at ``path``, yielding after each block.

    Makes the file even where there are no groups. Blocks are about ``block_size`` bytes, if groups
    are much alike; no block holds less than one group.
    """
    groups = iter(groups)
    return _write_blocks(
        disk, path, lambda count: tuple(zip(*islice(groups, count), strict=True)), block_size
    )


def write_columns(
    disk: Disk, path: str, keys: list[bytes], values: list[list[Any]], block_size: int
) -> Iterator[None]:
    """Like ``write_run``, for groups that lie in two lists: that spares a step for each group."""
    at = 0

    def taken(count: int) -> tuple[Any, ...]:
        nonlocal at
        at += count
        return (keys[at - count : at], values[at - count : at]) if at - count < len(keys) else ()

    return _write_blocks(disk, path, taken, block_size)


def _write_blocks(
    disk: Disk, path: str, take: Callable[[int], tuple[Any, ...]], block_size: int
) -> Iterator[None]:
    """Append what ``take`` gives, so many groups at a time, by columns, until there are none."""
    disk.append(path, b"")
    count = 16
    while columns := take(count):
        body = _encode(columns)  # a Block: keys, values
        disk.append(path, len(body).to_bytes(_LENGTH, "little") + body)
        count = max(1, min(count * block_size // len(body), 4 * count))
        yield


def read_blocks(disk: Disk, path: str) -> Iterator[Block]:
    """The blocks of the run at ``path``, one at a time."""
    start, size = 0, disk.size(path)
    while start < size:
        length = int.from_bytes(disk.read(path, start, _LENGTH), "little")
        yield _decode(disk.read(path, start + _LENGTH, length))
        start += _LENGTH + length


def read_groups(disk: Disk, path: str) -> Iterator[Group]:
    """The groups of the run at ``path``, one after the other."""
    for block in read_blocks(disk, path):
        yield from zip(block.keys, block.values, strict=True)
