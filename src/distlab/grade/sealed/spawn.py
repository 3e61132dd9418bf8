"""How the inside is started, and how it is watched and ended.

It is a child with no keyboard, no output, an environment of a few variables, and nothing inherited but its socket. It
locks itself in before it meets the submission (:mod:`distlab.grade.sealed.confine`). Its process number is taken from
the socket, where it is right in any namespace.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import distlab
from distlab.core.errors import ScenarioError
from distlab.grade.sealed.channel import Closed
from distlab.grade.sealed.confine import PROCESSOR_LIMIT
from distlab.grade.solution import root

STARTING_LIMIT = 30.0
"""Seconds until the inside must have said its first word: no student code has run by then."""

LAST_MOMENT = 0.5
"""Seconds between the end of its socket and its own."""

_CREDENTIALS = struct.Struct("3i")


def spawn_child(command: Sequence[str], inherited: socket.socket) -> subprocess.Popen[bytes]:
    """Start ``command`` with this end of the socket, and nothing else of ours."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[inherited.fileno()],
        env={
            "PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED", "0"),
            "PYTHONPATH": str(Path(distlab.__file__).parents[1]),
            "DISTLAB_ROOT": str(root()),
        },
    )


class Nursery:
    """A process that has started and met no submission: it forks, which is many times quicker than to start."""

    def __init__(self) -> None:
        self._sock, theirs = socket.socketpair()
        with theirs:
            self._process = spawn_child([*_command(theirs), "nursery"], theirs)

    def fork(self, theirs: socket.socket) -> None:
        """A process with that end of a socket."""
        socket.send_fds(self._sock, [b"."], [theirs.fileno()])

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._sock.close()


def _command(inherited: socket.socket) -> list[str]:
    return [sys.executable, "-P", "-m", "distlab.grade.sealed.inside", str(inherited.fileno())]


class Child:
    """The process that the inside runs in: of its own, or forked in a nursery."""

    def __init__(self, nursery: Nursery | None = None) -> None:
        if not sys.platform.startswith("linux"):
            raise ScenarioError("sealed grading needs Linux")
        self.socket, theirs = socket.socketpair()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._process: subprocess.Popen[bytes] | None = None
        with theirs:
            if nursery is None:
                self._process = spawn_child(_command(theirs), theirs)
            else:
                nursery.fork(theirs)
        self._number = self._greeted()
        self._handle = os.pidfd_open(self._number)
        self._is_killed = False

    def _greeted(self) -> int:
        """The process number of who holds the other end, as the kernel sees it from here."""
        self.socket.settimeout(STARTING_LIMIT)
        try:
            greeting, extra, _, _ = self.socket.recvmsg(1, socket.CMSG_SPACE(_CREDENTIALS.size))
        except OSError:
            greeting, extra = b"", []
        if not greeting or not extra:
            if self._process is not None:
                self._process.kill()
            raise Closed
        self.socket.settimeout(None)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
        return int(_CREDENTIALS.unpack(extra[0][2])[0])

    def processor_seconds(self) -> float:
        """What it has burnt so far. Raises ``Closed`` where it has ended."""
        # Linux: the clock of a process is named by its number (clock_getcpuclockid(3)).
        try:
            return time.clock_gettime((~self._number << 3) | 2)
        except OSError:
            raise Closed from None

    def is_waiting(self) -> bool:
        """Whether it waits for something, and not only for its turn on a busy machine."""
        try:
            stat = Path(f"/proc/{self._number}/stat").read_text()
        except OSError:
            return True
        return stat.rpartition(")")[2].split()[0] != "R"

    def ask_where_it_stands(self) -> None:
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(self._handle, signal.SIGVTALRM)

    def how_it_ended(self) -> str:
        """In a few words, once nothing more comes from it."""
        if self._process is None:
            return "a life by itself"
        try:
            code = self._process.wait(LAST_MOMENT)
        except subprocess.TimeoutExpired:
            return "it closed its end"
        match -code:
            case signal.SIGXCPU:
                return f"it used more than {PROCESSOR_LIMIT} s of processor time"
            case int(number) if number > 0:
                return f"signal {signal.Signals(number).name}"
        return f"exit code {code}"

    def kill(self) -> None:
        if self._is_killed:
            return
        self._is_killed = True
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        os.close(self._handle)
        self.socket.close()
