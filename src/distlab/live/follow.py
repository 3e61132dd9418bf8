"""A run's events while it goes on: what its processes have written since one last looked.

For screens that show how far a run has come. The order is that of the files, not that of causes: judges read
:func:`~distlab.live.recorder.merged` when all is over.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from distlab.live.portable import from_plain
from distlab.live.recorder import Line
from distlab.trace import Event

_decode = msgspec.json.Decoder(Line).decode
_AT_MOST = 16 << 20
"""Bytes of one file that are read at a time."""


class Follower:
    """Reads what is new in a run's folder of events."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}
        """Bytes of each file that were taken, up to a line's end."""

    def news(self) -> list[Line]:
        """The lines that were written since the last time, by time. A line that is being written waits."""
        lines: list[Line] = []
        for path in self._folder.glob("*.jsonl"):
            start = self._read.get(path, 0)
            with path.open("rb") as file:
                file.seek(start)
                text = file.read(_AT_MOST)
            end = text.rfind(b"\n") + 1
            self._read[path] = start + end
            lines += map(_decode, text[:end].splitlines())
        return sorted(lines, key=lambda line: line.time)


def as_event(line: Line) -> Event:
    """The event that a line stands for, numbered as its process numbered it."""
    return Event(
        line.id, line.time, line.node, line.incarnation, line.kind, line.cause, line.peer,
        from_plain(line.what),
    )  # fmt: skip
