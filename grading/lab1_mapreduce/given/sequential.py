"""A job, run by one program with one dictionary: what every output is compared with. Given.

The semantics of MapReduce in the presence of failures is that of this file (§3.3). It is slow, holds
everything in memory, and is right: the dumb twin of all that you write in this lab.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable
from random import Random

from distlab.core import Store
from labs.lab1_mapreduce.apps import App, find
from labs.lab1_mapreduce.blocks import Group
from labs.lab1_mapreduce.protocol import JobSpec


def run_sequentially(
    store: Store, spec: JobSpec, poison: Callable[[bytes], bool] = lambda line: False
) -> tuple[list[bytes], dict[str, int]]:
    """What each of the R outputs shall hold, and the counters. ``poison`` says which lines to skip.

    Not for programs that are not deterministic, nor for those that spread their rows.
    """
    app = find(spec.app)(spec.params or find(spec.app).prepare(store, spec), Random(0))
    counted: Counter[str] = Counter(records=0, skipped=0)
    values: dict[bytes, list[object]] = {}
    for source in spec.inputs:
        for line in lines_of(store.get(source)):
            counted["skipped" if poison(line) else "records"] += 1
            if not poison(line):
                for key, value in app.map_batch([line], source):
                    values.setdefault(key, []).append(value)
    parts = partitions(app, sorted(values), spec.reduces)
    outputs = [reduced(app, [(key, values[key]) for key in part]) for part in parts]
    counted.update(app.counters)
    return outputs, dict(counted)


def lines_of(text: bytes) -> list[bytes]:
    """The records of an input: what stands between line ends, the last of which may be missing."""
    lines = text.split(b"\n")
    return lines[:-1] if not lines[-1] else lines


def partitions(app: App, keys: list[bytes], parts: int) -> list[list[bytes]]:
    """Where each key goes: by the program's own rule, or by CRC-32 (zlib's) modulo R."""
    own = app.partitions(keys, parts)
    if own is not None:
        return own
    return [[key for key in keys if zlib.crc32(key) % parts == part] for part in range(parts)]


def reduced(app: App, groups: list[Group]) -> bytes:
    """One output: lines, each with its line end."""
    return b"".join(line + b"\n" for line in app.reduce_batch(groups))
