"""The node's side of its jobs: starts them through the host, hears from them, ends them.

What a job's process and its host do stands in :mod:`distlab.live.jobhost`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Container, Iterator
from typing import Any

import msgspec
import zmq

from distlab.core.codec import decoder, encode
from distlab.core.errors import BadValue
from distlab.core.values import Failed, Finished, Job, JobOutcome
from distlab.live.jobhost import (
    ABOUT,
    BLAME,
    ENDED,
    FAILED,
    KILL,
    NO_PROGRESS,
    PACKET,
    REQUEST,
    RESULT,
    SLOTS,
    START,
    Assignment,
    Board,
    receive,
)
from distlab.live.portable import class_path


class JobBlamed(Exception):
    """A job ended by an error of the program."""

    def __init__(self, error: str, reason: str, report: str) -> None:
        super().__init__(reason)
        self.error = error
        self.report = report


class Running:
    """A job that runs, or has ended and was not yet buried."""

    def __init__(self, job: Job, slot: int, started: int, link: socket.socket) -> None:
        self.job = job
        self.slot = slot
        self.started = started
        """Id of the event that started it."""
        self.link = link
        self.outcome: JobOutcome | None = None
        self.is_over = False
        """It will say no more."""
        self._incoming = bytearray()

    def hear(self) -> Iterator[tuple[bytes, bytes]]:
        """Read once; yield every whole packet. Sets ``is_over`` at end of file."""
        part = self.link.recv(1 << 20)
        self.is_over = not part
        self._incoming += part
        while len(self._incoming) >= PACKET.size:
            kind, size = PACKET.unpack_from(self._incoming)
            end = PACKET.size + size
            if len(self._incoming) < end:
                return
            packet = bytes(self._incoming[PACKET.size : end])
            del self._incoming[:end]
            yield kind, packet


class Jobs:
    """All jobs of one incarnation of a node."""

    def __init__(
        self,
        host: socket.socket,
        board: Board,
        poller: zmq.Poller,
        ended: Callable[[Running, JobOutcome], None],
        about: Callable[[Running, str, str], None],
    ) -> None:
        self._host = host
        self._board = board
        self._poller = poller
        """Where our sockets are to be looked at."""
        self._ended = ended
        self._about = about
        self._free = list(range(SLOTS - 1, -1, -1))
        self._running: dict[Job, Running] = {}
        self._slots: dict[int, Running] = {}
        """Slot -> its job, until its process has been buried."""
        self._number = 0
        poller.register(host.fileno(), zmq.POLLIN)

    def __len__(self) -> int:
        return len(self._running)

    def __contains__(self, job: Job) -> bool:
        return job in self._running

    def start(self, job: Job, started: int, epoch: int, watched: list[tuple[str, str]]) -> None:
        """Start a job that is not running."""
        if not self._free:
            raise BadValue(f"a node may have {SLOTS:,} jobs at a time, not more")
        self._number += 1
        assignment = Assignment(
            class_path(type(job)), encode(job), self._number, started, epoch, watched
        )
        request = msgspec.msgpack.encode(assignment)
        slot = self._free.pop()
        self._board.note(slot, NO_PROGRESS)
        ours, theirs = socket.socketpair()
        head = REQUEST.pack(START, slot, len(request))
        socket.send_fds(self._host, [head], [theirs.fileno()])
        self._host.sendall(request)
        theirs.close()
        self._running[job] = self._slots[slot] = Running(job, slot, started, ours)
        self._poller.register(ours.fileno(), zmq.POLLIN)

    def cancel(self, job: Job) -> None:
        """Kill a job, if it runs; when this returns it does nothing more. Nobody is told."""
        running = self._running.pop(job, None)
        if running is not None:
            self._hang_up(running)
            self._kill(running)
            while running.slot in self._slots:
                self._bury()

    def kill_oldest(self) -> None:
        """A fault: the node is told, as of any job that is killed."""
        for running in list(self._running.values())[:1]:
            self._kill(running)

    def listen(self, ready: Container[object]) -> None:
        """Read from whoever has something to say. Raises ``JobBlamed``."""
        for running in list(self._slots.values()):
            if not running.is_over and running.link.fileno() in ready:
                self._hear(running)
        if self._host.fileno() in ready:
            self._bury()

    def _hear(self, running: Running) -> None:
        for kind, packet in running.hear():
            if kind == ABOUT:
                verb, what = msgspec.msgpack.decode(packet, type=tuple[str, str])
                self._about(running, verb, what)
            elif kind == RESULT:
                running.outcome = Finished(_result(running.job, packet))
            elif kind == FAILED:
                running.outcome = Failed(packet.decode(), self._board.progress(running.slot))
            elif kind == BLAME:
                raise JobBlamed(*msgspec.msgpack.decode(packet, type=tuple[str, str, str]))
        if running.is_over:
            self._hang_up(running)

    def proceed(self, slot: int) -> None:
        """A job may do what it asked about."""
        if (running := self._slots.get(slot)) is not None and not running.is_over:
            running.link.send(b"!")

    def _bury(self) -> None:
        """The host has buried a job: tell how it ended, unless it was cancelled."""
        slot, status = ENDED.unpack(receive(self._host, ENDED.size))
        running = self._slots[slot]
        while not running.is_over:  # what it said last
            self._hear(running)
        del self._slots[slot]
        progress = self._board.progress(slot)
        self._free.append(slot)
        if self._running.get(running.job) is running:
            del self._running[running.job]
            code = os.waitstatus_to_exitcode(status)
            how = f"killed by signal {-code}" if code < 0 else f"its process ended with code {code}"
            self._ended(running, running.outcome or Failed(how, progress))

    def _hang_up(self, running: Running) -> None:
        self._poller.unregister(running.link.fileno())
        running.link.close()
        running.is_over = True

    def _kill(self, running: Running) -> None:
        self._host.sendall(REQUEST.pack(KILL, running.slot, 0))


def _result(job: Job, packet: bytes) -> Any:
    try:
        return decoder(type(job).Result).decode(packet)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadValue(f"{job!r} returned what is no {type(job).Result}: {error}") from None
