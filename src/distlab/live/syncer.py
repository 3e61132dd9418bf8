"""Makes files durable beside the handlers: one thread, many syncs to one fsync.

Theory of operation. What the handlers of one turn of the loop ask for is one group, and so is what is asked for while
the thread is at work; a group costs one fsync for each file in it, however many handlers asked (group commit). Syncs
complete in the order in which they were asked for. The node's loop is woken through a pipe and takes what is complete
with :meth:`Syncer.completed`.

The only thread in a node beside ZeroMQ's own, and the only one that waits for the disk.
"""

from __future__ import annotations

import os
import time
from collections import deque
from contextlib import suppress
from threading import Condition, Thread
from typing import NamedTuple

from distlab.live.disk import Mark, close, make_durable


class Request(NamedTuple):
    """One ``disk.sync``."""

    number: int
    """Rises from 1."""
    paths: tuple[str, ...]
    marks: list[Mark]
    event: int
    """The id under which the trace knows it."""


class Completed(NamedTuple):
    """How it went."""

    request: Request
    error: str
    """What the system said; empty where it worked."""


class Syncer:
    """The thread and its queue."""

    def __init__(self) -> None:
        self.factor = 1
        """A slow disk: every group takes so many times as long."""
        self.failing = 0
        """So many of the next syncs fail, whatever the system says."""
        self._changed = Condition()
        self._waiting: list[Request] = []
        self._completed: deque[Completed] = deque()
        self._is_closed = False
        """The group that waits may begin."""
        self._busy = False
        self._asked = 0
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        Thread(target=self._work, name="sync", daemon=True).start()

    def fileno(self) -> int:
        """Readable when something is complete."""
        return self._woken

    def ask(self, paths: tuple[str, ...], marks: list[Mark], event: int) -> int:
        """One more sync for the next group; returns its number."""
        with self._changed:
            self._asked += 1
            self._waiting.append(Request(self._asked, paths, marks, event))
            return self._asked

    def begin(self) -> None:
        """Nobody asks for more now: let the next group begin, at once or behind the one that is under way."""
        if self._waiting:
            with self._changed:
                self._is_closed = True
                self._changed.notify_all()

    @property
    def is_busy(self) -> bool:
        """Whether a group is under way."""
        return self._busy

    def completed(self) -> list[Completed]:
        """All that completed since the last time, in order."""
        with suppress(BlockingIOError):
            os.read(self._woken, 1024)
        with self._changed:
            done = list(self._completed)
            self._completed.clear()
        return done

    def wait(self) -> None:
        """Return when nothing is under way, nor asked for."""
        self.begin()
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._busy)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed)
                group, self._waiting, self._is_closed = self._waiting, [], False
                self._busy = True
            began = time.monotonic()
            done = self._carry_out(group)
            if self.factor > 1:
                time.sleep((time.monotonic() - began) * (self.factor - 1))
            with self._changed:
                self._busy = False
                first = not self._completed
                self._completed += done
                self._changed.notify_all()
            if first:
                os.write(self._wake, b"!")

    def _carry_out(self, group: list[Request]) -> list[Completed]:
        errors: dict[int, str] = {}
        for request in group[: self.failing]:
            errors[request.number] = "the device reports an error"
            close(request.marks)
        self.failing -= len(errors)
        sound = group[len(errors) :]
        failed = make_durable([mark for request in sound for mark in request.marks])
        for request in sound:
            for mark in request.marks:
                if mark.inode in failed:
                    errors[request.number] = failed[mark.inode]
        return [Completed(request, errors.get(request.number, "")) for request in group]
