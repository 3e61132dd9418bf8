"""Traces as files: JSON lines, one event each, with a first line that says what the file is.

What is read back is plain: messages are objects with a ``type``. All views take such traces; judges do not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from distlab.core.errors import ScenarioError
from distlab.trace.event import Event, Trace
from distlab.trace.words import plain

FORMAT = 1


class Head(Struct, frozen=True):
    """The first line of a trace file."""

    trace: int = FORMAT
    """Version of the format."""
    nodes: tuple[str, ...] = ()
    """All nodes, in the cluster's order: also those that nothing happened to."""
    evidence: tuple[int, ...] = ()
    """Events that show what went wrong; the last is the decisive one."""
    about: dict[str, Any] = {}
    """Whatever else whoever wrote it wants to remember."""


class _Line(Struct):
    id: int
    time: int
    node: str
    incarnation: int
    kind: str
    cause: int
    peer: str
    what: Any


def lines(events: Iterable[Event], head: Head | None = None) -> Iterator[bytes]:
    """The lines of the file, without their ends."""
    if head is not None:
        yield msgspec.json.encode(head)
    for event in events:
        yield msgspec.json.encode(event._asdict() | {"what": plain(event.what)})


def write(
    trace: Trace,
    path: Path,
    *,
    nodes: Sequence[str] = (),
    evidence: Sequence[int] = (),
    **about: Any,
) -> Path:
    """Write a trace, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = Head(nodes=tuple(nodes), evidence=tuple(evidence), about=about)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(b"".join(line + b"\n" for line in lines(trace.events, head)))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def read(text: bytes, name: str = "trace") -> tuple[Trace, Head]:
    """What was written. Raises ``ScenarioError`` naming the line that is not what it should be."""
    head, records = Head(), []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            if number == 1 and b'"trace"' in line[:12]:
                head = msgspec.json.decode(line, type=Head)
            else:
                records.append(msgspec.structs.astuple(msgspec.json.decode(line, type=_Line)))
        except msgspec.DecodeError as error:
            raise ScenarioError(f"{name}, line {number}: not an event: {error}") from None
    if head.trace != FORMAT:
        raise ScenarioError(f"{name} has format {head.trace}; this release reads {FORMAT}")
    return Trace(records), head
