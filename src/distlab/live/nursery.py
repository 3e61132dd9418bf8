"""Where the processes of runs are born: one small process, kept warm, that forks them.

Theory of operation. To start Python and import ZeroMQ, msgspec and this package costs a tenth of a second of processor
time; to fork a process that has done so, a few milliseconds. So whoever starts runs starts a nursery once, and all
children of all its runs are forked there. The nursery never opens a socket of ZeroMQ and has one thread, or it could
not fork. It dies with the process that started it, and every child dies with the nursery.

The nursery does what it is asked, one thing at a time: ``BEAR`` forks a child and answers its process number; ``BURY``
waits for the end of a child that has been killed or is about to end, and answers how it ended.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from struct import Struct as Layout
from typing import Final, NoReturn

import distlab
from distlab.core.errors import HarnessBug
from distlab.live.lifeline import tie_to_parent

_SOURCE = str(Path(distlab.__file__).parents[1])

_BEAR: Final = 1
_BURY: Final = 2
_REQUEST = Layout("<Bi")
_ANSWER = Layout("<i")


class Nursery:
    """The way to the nursery of this process; safe for threads."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._lock = threading.Lock()
        self._started = threading.Event()
        # The kernel ties a child to the thread that started it: this one lives as long as the process does.
        threading.Thread(target=self._keep, name="nursery", daemon=True).start()
        self._started.wait()

    def _keep(self) -> None:
        ours, theirs = socket.socketpair()
        held, lifeline = os.pipe()
        program = (
            f"import sys; sys.path.insert(0, {_SOURCE!r}); from distlab.live.nursery import serve; "
            f"serve({os.getpid()}, {theirs.fileno()}, {held})"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(), held),
            process_group=0,
        )
        theirs.close()
        os.close(held)
        self._lifeline = lifeline
        self._socket = ours
        atexit.register(self.close)
        self._started.set()
        threading.Event().wait()

    def bear(self, channel: int, errors: int, lifeline: int) -> int:
        """Fork a child that inherits these three descriptors; returns its process number, and its group's."""
        return self._ask(_REQUEST.pack(_BEAR, 0), [channel, errors, lifeline])

    def bury(self, child: int) -> int:
        """How a child ended: its exit code, negative for a signal. It must be about to."""
        return self._ask(_REQUEST.pack(_BURY, child), [])

    def close(self) -> None:
        """Let the nursery end, and wait until it has."""
        self._socket.close()
        os.close(self._lifeline)
        self._process.wait()

    def _ask(self, request: bytes, descriptors: list[int]) -> int:
        with self._lock:
            try:
                socket.send_fds(self._socket, [request], descriptors)
                answer = self._socket.recv(_ANSWER.size)
            except OSError as error:
                raise HarnessBug(f"the nursery of processes is gone: {error}") from None
        if len(answer) < _ANSWER.size:
            raise HarnessBug("the nursery of processes is gone")
        return int(_ANSWER.unpack(answer)[0])


_nursery: Nursery | None = None
_making = threading.Lock()


def nursery() -> Nursery:
    """The nursery of this process; started when it is first needed."""
    global _nursery  # noqa: PLW0603 - one for all runs is the point
    with _making:
        if _nursery is None or _nursery.owner != os.getpid():
            _nursery = Nursery()
        return _nursery


# -- in the nursery ----------------------------------------------------------------------------------------------------


def serve(parent: int, fileno: int, lifeline: int) -> NoReturn:
    """Be a nursery."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started the runs
    tie_to_parent(parent, lifeline)
    import gc

    import distlab.live.node

    gc.collect()
    gc.freeze()
    asked = socket.socket(fileno=fileno)
    me = os.getpid()
    while True:
        request, descriptors, _, _ = socket.recv_fds(asked, _REQUEST.size, 3)
        if not request:
            os._exit(0)
        verb, child = _REQUEST.unpack(request)
        if verb == _BURY:
            asked.sendall(_ANSWER.pack(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
            continue
        child = os.fork()
        if child == 0:
            try:
                asked.close()
                channel, errors, line = descriptors
                os.setpgid(0, 0)
                tie_to_parent(me, line)
                os.dup2(errors, 1)
                os.dup2(errors, 2)
                distlab.live.node.main(channel)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        os.setpgid(child, child)  # both sides: whoever comes first
        for descriptor in descriptors:
            os.close(descriptor)
        asked.sendall(_ANSWER.pack(child))
