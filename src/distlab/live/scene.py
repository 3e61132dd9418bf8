"""What a node's process and its jobs' processes share: folders, a log that people can read, a random stream.

Folder of a run::

    store/                      the shared store
    nodes/<address>/disk/       what the node calls its disk
    nodes/<address>/log         its log, and what it printed, over all incarnations
    events/                     event files, one per process (distlab.live.recorder)
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

from distlab.core.log import Log, LogLine
from distlab.live.recorder import Recorder
from distlab.trace import Kind


def stream(seed: int, *names: object) -> Random:
    """The random stream called ``names`` of the run with this seed, as in every world."""
    return Random(seed << 32 | zlib.crc32("/".join(map(str, names)).encode()))


def log_to(path: Path, recorder: Recorder, cause: Callable[[], int]) -> Log:
    """A log that writes to the file and to the trace; ``cause`` says which event is being handled."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def write(line: LogLine) -> None:
        text = f"{recorder.now() / 1e6:10.6f} {line.level.name:<7} {line}\n"
        os.write(file, text.encode(errors="replace"))
        recorder.note(Kind.LOG, line, cause())

    return Log(write)


class Prints(io.TextIOBase):
    """Where ``print`` goes: into the log, line by line."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._line = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._log.info("print", line)
        return len(text)
