"""Events on file: each process writes its own as JSON lines, and :func:`merged` makes one trace of them.

A line is one :class:`~distlab.trace.Event`, written at once and whole, so that a ``kill -9`` takes at most the line
that was being written. All processes share one machine's steady clock, which orders what the wires order; where two
events fall into the same microsecond, an effect still comes after its cause.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

import msgspec

from distlab.live.portable import blob_to_plain, from_plain, to_plain
from distlab.trace import Event, Kind, Trace

_PROCESS_BITS = 32

LARGE = 64 * 1024
"""Messages of more bytes than this stand in the trace as :class:`Elided`: a trace is there to be read."""


class Elided(msgspec.Struct, frozen=True):
    """A message that was too large for the trace."""

    message: str
    """Its class."""
    size: int
    """Bytes, as it was encoded."""


def message_to_plain(path: str, blob: bytes | memoryview) -> Any:
    """What stands in the trace for a message whose class ``path`` names, where that is known."""
    if len(blob) > LARGE:
        return to_plain(Elided(path.rpartition(":")[2], len(blob)))
    return blob_to_plain(path, blob) if path else to_plain(blob)


class Line(msgspec.Struct, array_like=True):
    """An event as it stands in a file: what :func:`~distlab.live.portable.to_plain` made of it."""

    id: int
    time: int
    node: str
    incarnation: int
    kind: str
    cause: int
    peer: str
    what: Any


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Line)


class Recorder:
    """Writes the events of one process. ``process`` is its number, unique in the run; ``epoch`` the run's beginning."""

    def __init__(
        self,
        path: Path,
        process: int,
        node: str,
        incarnation: int,
        record: Iterable[str],
        epoch: int,
    ) -> None:
        self.record = frozenset(record)
        self.epoch = epoch
        """Nanoseconds on the machine's steady clock."""
        self._node = node
        self._incarnation = incarnation
        self._id = process << _PROCESS_BITS
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def close(self) -> None:
        """Write no more."""
        os.close(self._file)

    def now(self) -> int:
        """Microseconds since the run began."""
        return (time.monotonic_ns() - self.epoch) // 1000

    def next_id(self) -> int:
        """The id of an event, recorded or not."""
        self._id += 1
        return self._id

    def note(self, kind: str, what: Any = None, cause: int = 0, peer: str = "") -> int:
        """Write an event, if its kind is recorded; returns its id."""
        self._id = event = self._id + 1
        if kind in self.record:
            self._write(event, kind, to_plain(what), cause, peer)
        return event

    def note_message(
        self, kind: str, path: str, blob: bytes | memoryview, cause: int, peer: str
    ) -> int:
        """The same for a message that is at hand in encoded form; ``path`` names its class."""
        self._id = event = self._id + 1
        if kind in self.record:
            self._write(event, kind, message_to_plain(path, blob), cause, peer)
        return event

    def note_plain(
        self, kind: str, what: Any, cause: int, peer: str, node: str, incarnation: int
    ) -> None:
        """Write an event of another node, as the supervisor or the proxy sees it; ``what`` in plain form."""
        self._id += 1
        if kind in self.record:
            self._line(Line(self._id, self.now(), node, incarnation, kind, cause, peer, what))

    def note_drop(
        self, path: str, blob: bytes | memoryview, why: str, cause: int, sender: str, receiver: str
    ) -> None:
        """Write that a message is lost: on the receiver's side, as everywhere."""
        if Kind.DROP in self.record:
            what = {"$tuple": [message_to_plain(path, blob), why]}
            self.note_plain(Kind.DROP, what, cause, sender, receiver, 0)

    def _write(self, event: int, kind: str, what: Any, cause: int, peer: str) -> None:
        self._line(Line(event, self.now(), self._node, self._incarnation, kind, cause, peer, what))

    def _line(self, line: Line) -> None:
        os.write(self._file, _encode(line) + b"\n")


def process_number(process: int, job: int = 0) -> int:
    """The number of a node's process, or of one of its jobs' (from 1)."""
    return process << 16 | job % (1 << 16)


def merged(folder: Path) -> Trace:
    """One trace of all files in ``folder``: in order of time, causes first, numbered anew from 1."""
    streams = [list(_lines(path)) for path in sorted(folder.glob("*.jsonl"))]
    known = {line.id for stream in streams for line in stream}
    numbers: dict[int, int] = {}
    trace = Trace()
    for line in _in_order(streams, known):
        numbers[line.id] = number = len(numbers) + 1
        cause = numbers.get(line.cause, 0)
        trace.append(
            Event(number, line.time, line.node, line.incarnation, line.kind, cause, line.peer, from_plain(line.what))
        )  # fmt: skip
    return trace


def _lines(path: Path) -> Iterator[Line]:
    for text in path.read_bytes().splitlines():
        try:
            yield _decoder.decode(text)
        except msgspec.DecodeError:  # the line that a kill cut off
            return


def _in_order(streams: list[list[Line]], known: set[int]) -> Iterator[Line]:
    """Merge by time; a stream whose next event has a cause that is still to come waits for it."""
    ready: list[tuple[int, int, int]] = []
    waiting: dict[int, list[tuple[int, int]]] = defaultdict(list)
    """Cause -> (stream, index) of events that wait for it."""
    done: set[int] = set()

    def offer(stream: int, index: int) -> None:
        if index == len(streams[stream]):
            return
        line = streams[stream][index]
        if line.cause in known and line.cause not in done:
            waiting[line.cause].append((stream, index))
        else:
            heappush(ready, (line.time, stream, index))

    for stream in range(len(streams)):
        offer(stream, 0)
    while ready:
        _, stream, index = heappop(ready)
        line = streams[stream][index]
        yield line
        done.add(line.id)
        for waiter in waiting.pop(line.id, ()):
            offer(*waiter)
        offer(stream, index + 1)
