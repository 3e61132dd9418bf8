"""The structured log of a node: what a person reads at 2 am, and what the trace shows beside the events.

A line has a subsystem ("rpc", "election"), a level, a text and fields; give it ``request=...`` wherever a request is
known, and the lines of one request can be found across all nodes. Levels are per subsystem and can be changed while
the node runs: one global level is either too quiet to help or too loud to read.

Nothing is formatted until somebody looks, and a line below its level costs one dictionary look-up.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from msgspec import Struct


class Level(IntEnum):
    """How much a line matters; the numbers are those of Python's logging."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


class LogLine(Struct, frozen=True):
    """One line, as the trace keeps it."""

    subsystem: str
    level: Level
    text: str
    fields: dict[str, Any]

    def __str__(self) -> str:
        fields = "".join(f" {name}={value!r}" for name, value in self.fields.items())
        return f"[{self.subsystem}] {self.text}{fields}"


class Log:
    """Writes lines to wherever the world keeps them. ``self.log`` in a node, ``io.log`` in a job."""

    def __init__(self, write: Callable[[LogLine], None], level: Level = Level.INFO) -> None:
        self._write = write
        self._default = level
        self._levels: dict[str, Level] = {}

    def set_level(self, subsystem: str, level: Level) -> None:
        """From now on, ``subsystem`` writes lines of this level and above. Others stay as they are."""
        self._levels[subsystem] = Level(level)

    def level(self, subsystem: str) -> Level:
        """The level in force for ``subsystem``."""
        return self._levels.get(subsystem, self._default)

    def is_on(self, subsystem: str, level: Level) -> bool:
        """Whether such a line would be written: ask before computing something dear to log."""
        return level >= self._levels.get(subsystem, self._default)

    def debug(self, subsystem: str, text: str, **fields: Any) -> None:
        if self.is_on(subsystem, Level.DEBUG):
            self._write(LogLine(subsystem, Level.DEBUG, text, fields))

    def info(self, subsystem: str, text: str, **fields: Any) -> None:
        if self.is_on(subsystem, Level.INFO):
            self._write(LogLine(subsystem, Level.INFO, text, fields))

    def warning(self, subsystem: str, text: str, **fields: Any) -> None:
        if self.is_on(subsystem, Level.WARNING):
            self._write(LogLine(subsystem, Level.WARNING, text, fields))

    def error(self, subsystem: str, text: str, **fields: Any) -> None:
        if self.is_on(subsystem, Level.ERROR):
            self._write(LogLine(subsystem, Level.ERROR, text, fields))
