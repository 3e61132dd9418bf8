"""Processes that the supervisor starts: how they begin, stand still, and end.

Each child leads a process group of its own, so that a stop or a kill reaches all that it has started, and so that
Ctrl-C at a terminal reaches the supervisor alone. The child holds the other end of a channel, and so does all that it
forks: the channel's end of file says that everything is gone.
"""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from pathlib import Path

from distlab.live.control import Channel, Ended, FromChild, Word
from distlab.live.nursery import nursery


class Child:
    """One process, with all that it has started."""

    def __init__(self, errors: Path, lifeline: int) -> None:
        """Start it; what it writes to standard error, before it has a log, goes to ``errors``."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._nursery = nursery()
        with errors.open("ab") as file:
            self.pid = self._nursery.bear(theirs.fileno(), file.fileno(), lifeline)
        theirs.close()
        self.channel = Channel(ours, FromChild)
        self.ended: Ended | None = None
        """Its last words, where it had any."""
        self.is_killed = False
        """We have killed it."""
        self.is_paused = False
        self.paused_until = 0

    def say(self, word: Word) -> None:
        self.channel.say(word)

    def pause(self) -> None:
        """SIGSTOP to all of it."""
        self.is_paused = True
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.is_paused = False
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL to all of it; its channel ends when all are gone."""
        self.is_killed = True
        self._signal(signal.SIGKILL)

    def bury(self) -> int:
        """Its channel has ended: take leave of it; returns its exit code, negative for a signal."""
        self._signal(
            signal.SIGKILL
        )  # closing a channel is not dying, and nothing of it may live on
        self.channel.close()
        return self._nursery.bury(self.pid)

    def _signal(self, number: int) -> None:
        with suppress(
            ProcessLookupError, PermissionError
        ):  # macOS says the latter of a zombie's group
            os.killpg(self.pid, number)
