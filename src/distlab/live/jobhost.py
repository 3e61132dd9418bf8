"""The process that jobs are forked from, and what a job does in its own.

Theory of operation. A process that has ZeroMQ's threads must not fork, and starting Python anew costs 70 ms. So each
node whose program has jobs forks a *host* before it opens its first socket. The host has the program imported, no
threads, and nothing to do; at the node's word it forks a job in about a millisecond. It also is the one who kills a
job, since only a parent can be sure that a process number still means the process it knew.

A job talks to its node over a link of its own: what it is about to do where that is watched, and at last its result.
How far it got stands on the *board*, memory that node, host and jobs share, so that it is known however the job dies.
"""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import select
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from struct import Struct as Layout
from typing import Any, Final, NoReturn

import msgspec

from distlab.core.codec import decoder
from distlab.core.errors import BadValue, DiskError
from distlab.core.values import Address, Job, Steps
from distlab.live.blame import NOT_A_JOBS_FAILURE, headline, report
from distlab.live.control import BeNode
from distlab.live.disk import LiveDisk, Mark, make_durable
from distlab.live.lifeline import tie_to_parent
from distlab.live.portable import found
from distlab.live.recorder import Recorder, process_number
from distlab.live.scene import Prints, log_to, stream
from distlab.live.store import FolderStore
from distlab.trace import Kind

SLOTS: Final = 4096
"""Jobs that one node may have running."""

NO_PROGRESS: Final = -(1 << 63)
_WORD = Layout("<q")

START: Final = 1
KILL: Final = 2
REQUEST = Layout("<BII")
"""To the host: verb, slot, size of the :class:`Assignment` that follows; a link comes with ``START``."""
ENDED = Layout("<Ii")
"""From the host: slot, status as ``waitpid`` gives it."""

ABOUT: Final = b"a"
RESULT: Final = b"r"
FAILED: Final = b"f"
BLAME: Final = b"b"
PACKET = Layout("<cQ")
"""From a job: what it is, and the size of what follows. To a job: one byte, go on."""


class Assignment(msgspec.Struct, frozen=True):
    """What a new job is told."""

    path: str
    """Its class."""
    job: bytes
    number: int
    """Counts the jobs of this incarnation, from 1."""
    started: int
    """Id of the event that started it."""
    epoch: int
    watched: list[tuple[str, str]]


class Board:
    """Shared memory: how slow jobs are to be, and how far each got."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _WORD.size * (SLOTS + 1))
        self.slow_down(1)

    def slow_down(self, factor: int) -> None:
        """Jobs are to take so many times as long."""
        _WORD.pack_into(self._memory, 0, factor)

    def factor(self) -> int:
        return int(_WORD.unpack_from(self._memory, 0)[0])

    def note(self, slot: int, progress: int) -> None:
        _WORD.pack_into(self._memory, _WORD.size * (slot + 1), progress)

    def progress(self, slot: int) -> int | None:
        value = int(_WORD.unpack_from(self._memory, _WORD.size * (slot + 1))[0])
        return None if value == NO_PROGRESS else value


def start_host(who: BeNode, board: Board) -> socket.socket:
    """Fork the host; returns the node's end of the socket between them."""
    ours, theirs = socket.socketpair()
    held, lifeline = os.pipe()
    node = os.getpid()
    if os.fork() == 0:
        try:
            os.close(lifeline)
            ours.close()
            tie_to_parent(node, held)
            _Host(who, board, theirs).serve()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    theirs.close()
    os.close(held)  # the other end stays open as long as this process lives
    return ours


class _Host:
    def __init__(self, who: BeNode, board: Board, node: socket.socket) -> None:
        self._who = who
        self._board = board
        self._node = node
        self._running: dict[int, int] = {}
        """Process number -> slot."""
        self._held, self._lifeline = os.pipe()

    def serve(self) -> None:
        """Start and kill jobs until the node is gone."""
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        sources: list[Any] = [self._node, woken]
        while True:
            ready, _, _ = select.select(sources, [], [])
            if woken in ready:
                os.read(woken, 4096)
                self._reap()
            if self._node in ready:
                head, links, _, _ = socket.recv_fds(self._node, REQUEST.size, 1)
                if not head:
                    return
                verb, slot, size = REQUEST.unpack(
                    head + receive(self._node, REQUEST.size - len(head))
                )
                if verb == KILL:
                    self._kill(slot)
                else:
                    self._start(slot, receive(self._node, size), links[0])

    def _kill(self, slot: int) -> None:
        for process, its_slot in self._running.items():
            if its_slot == slot:
                os.kill(process, signal.SIGKILL)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self._node.sendall(ENDED.pack(self._running.pop(ended[0]), ended[1]))

    def _start(self, slot: int, request: bytes, link: int) -> None:
        host = os.getpid()
        process = os.fork()
        if process:
            os.close(link)
            self._running[process] = slot
            return
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(self._lifeline)
            tie_to_parent(host, self._held)
            self._node.close()
            assignment = msgspec.msgpack.decode(request, type=Assignment)
            _Work(self._who, assignment, socket.socket(fileno=link), self._board, slot).run()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)


class _Work:
    """One job in its process: the :class:`~distlab.core.context.JobContext` it is given, and its disk's owner."""

    def __init__(
        self, who: BeNode, assignment: Assignment, link: socket.socket, board: Board, slot: int
    ) -> None:
        self.address = Address(who.address)
        self._job: Job = decoder(found(assignment.path)).decode(assignment.job)
        self._started = assignment.started
        self._watched = assignment.watched
        self._link = link
        self._board = board
        self._slot = slot
        self._recorder = Recorder(
            Path(who.events) / f"{who.address}.{who.incarnation}.{assignment.number}.jsonl",
            process_number(who.process, assignment.number),
            who.address,
            who.incarnation,
            who.record,
            assignment.epoch,
        )
        folder = Path(who.folder)
        self.log = log_to(folder / "log", self._recorder, lambda: self._started)
        self.disk = LiveDisk(folder / "disk", self, who.capacity)
        mounts = {at: Path(path) for at, path in who.mounts.items()}
        self.store = FolderStore(Path(who.store), mounts, self._before_store, self._stored)
        self.random = stream(who.seed, "job", who.address, who.incarnation, self._job)

    def run(self) -> NoReturn:
        """Do the job, and tell the node how it went."""
        gc.freeze()  # what the node had imported is nobody's garbage
        gc.set_threshold(
            100_000, 50, 100
        )  # a job holds a million small objects: a fifth of its time
        sys.stdout = Prints(self.log)
        try:
            value = self._drive(self._job.run(self))
        except (*NOT_A_JOBS_FAILURE, SystemExit) as error:
            self._blame(error)
        except Exception as error:
            self._tell(FAILED, headline(error).encode())
        else:
            try:
                self._tell(RESULT, msgspec.msgpack.encode(value))
            except (TypeError, ValueError, OverflowError, RecursionError) as error:
                self._blame(BadValue(f"{value!r} cannot cross to another process: {error}"))
        os._exit(0)

    def _drive(self, steps: Steps) -> Any:
        board, slot = self._board, self._slot
        while True:
            factor = board.factor()
            began = time.process_time() if factor > 1 else 0.0
            try:
                reported = next(steps)
            except StopIteration as end:
                return end.value
            if reported is not None:
                board.note(slot, reported)
            if factor > 1:
                time.sleep((time.process_time() - began) * (factor - 1))

    def _blame(self, error: BaseException) -> None:
        text = report(error, f"{self._job!r}")
        self._tell(BLAME, msgspec.msgpack.encode((type(error).__name__, headline(error), text)))

    def _tell(self, kind: bytes, what: bytes) -> None:
        self._link.sendall(PACKET.pack(kind, len(what)))
        self._link.sendall(what)

    def _about_to(self, verb: str, what: str) -> None:
        if any(v == verb and what.startswith(prefix) for v, prefix in self._watched):
            self._tell(ABOUT, msgspec.msgpack.encode((verb, what)))
            receive(self._link, 1)

    # -- Owner of a disk, and of a view of the store -----------------------------------------------------------------

    def before_read(self, path: str) -> None:
        """Nothing is planned against a job's reads."""

    def before_append(self, path: str) -> None:
        """Nor against its appends."""

    def before_sync(self, path: str) -> None:
        self._about_to("sync", path)

    def wrote(self, verb: str, path: str, size: int) -> None:
        self._recorder.note(Kind.WRITE, (verb, path, size), self._started)

    def sync(self, paths: tuple[str, ...], marks: list[Mark]) -> None:
        asked = self._recorder.note(Kind.SYNC, paths, self._started)
        failed = make_durable(marks)
        self._recorder.note(Kind.SYNC_FAILED if failed else Kind.SYNCED, paths, asked)
        if failed:
            raise DiskError(f"sync of {', '.join(paths)} failed: {', '.join(failed.values())}")
        self.disk.synced(marks)

    def _before_store(self, key: str) -> None:
        self._about_to("store", key)

    def _stored(self, verb: str, key: str, result: bool) -> None:
        self._recorder.note(Kind.STORE, (verb, key, result), self._started)


def receive(end: socket.socket, size: int) -> bytes:
    """Exactly ``size`` bytes. Ends the process where the other end is gone."""
    parts = bytearray()
    while len(parts) < size:
        part = end.recv(size - len(parts))
        if not part:
            os._exit(1)
        parts += part
    return bytes(parts)
