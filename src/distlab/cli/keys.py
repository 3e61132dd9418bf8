"""Single keys from the terminal, without Enter; the terminal is as it was afterwards, whatever happens."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from typing import Any


class Keys:
    """Within: keys come one by one and are not echoed. Ctrl-C still interrupts."""

    def __init__(self) -> None:
        self._before: list[Any] | None = None
        self._descriptor = sys.stdin.fileno() if sys.stdin.isatty() else -1

    def __enter__(self) -> Keys:
        if self._descriptor >= 0:
            self._before = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def wait(self, seconds: float | None = None) -> str:
        """The next key; empty at the end of input, or if none came in time."""
        if self._descriptor < 0:
            if seconds:
                select.select([], [], [], seconds)
            return ""
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return ""
        key = os.read(self._descriptor, 16)
        return key.decode(errors="replace")[:1]
