"""Frames over a stream socket: four bytes of length, then MessagePack. Both sides use it, in turn.

A frame may be as large as the largest message, which no packet socket carries. Since the two sides take turns, one
read nearly always brings one whole frame.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from distlab.grade.sealed.frames import FRAME_LIMIT, Frame

_LENGTH = struct.Struct("<I")
_PATIENCE = struct.pack("ll", 0, 50_000)
"""Seconds and microseconds that a call to the kernel may wait before the caller is told."""

_T = TypeVar("_T")


class Closed(Exception):
    """The other side has gone."""


class Nonsense(Exception):
    """What came is no frame."""


class Channel(Generic[_T]):
    """One end. ``waiting`` is called every 50 ms while the other side is silent, and may raise."""

    def __init__(
        self, sock: socket.socket, comes: Any, waiting: Callable[[], None] | None = None
    ) -> None:
        self._sock = sock
        self._encode = msgspec.msgpack.Encoder().encode
        self._decoder: msgspec.msgpack.Decoder[_T] = msgspec.msgpack.Decoder(comes)
        self._buffer = bytearray(1 << 16)
        self.waiting = waiting
        self.received = 0
        """Bytes so far."""
        if waiting is not None:
            for which in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                sock.setsockopt(socket.SOL_SOCKET, which, _PATIENCE)

    def send(self, frame: Frame) -> None:
        """Raises ``Closed``."""
        blob = self._encode(frame)
        rest = memoryview(_LENGTH.pack(len(blob)) + blob)
        while rest:
            try:
                rest = rest[self._sock.send(rest) :]
            except BlockingIOError:
                self._wait()
            except OSError:
                raise Closed from None

    def receive(self) -> _T:
        """The next frame. Raises ``Closed`` and ``Nonsense``."""
        got, size = 0, _LENGTH.size
        while got < size or size == _LENGTH.size:
            got += self._read(got)
            if got >= _LENGTH.size and size == _LENGTH.size:
                size += _LENGTH.unpack_from(self._buffer)[0]
                if size > FRAME_LIMIT or size == _LENGTH.size:
                    raise Nonsense(f"a frame of {size:,} bytes")
                if size > len(self._buffer):
                    self._buffer.extend(bytes(size - len(self._buffer)))
        if got > size:
            raise Nonsense("more than one frame at a time")
        self.received += size
        try:
            # A copy: a Raw field keeps what it was decoded from, and the buffer is used again.
            return self._decoder.decode(bytes(self._buffer[_LENGTH.size : size]))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Nonsense(str(error)) from None
        finally:
            if len(self._buffer) > 1 << 20:
                self._buffer = bytearray(1 << 16)

    def rest(self) -> list[_T]:
        """All the frames that come until the other side has gone, or ``waiting`` raises ``Closed``."""
        came = bytearray()
        with contextlib.suppress(Closed):
            while True:
                count = self._read(0)
                came += self._buffer[:count]
        frames = []
        with contextlib.suppress(struct.error, msgspec.DecodeError, UnicodeDecodeError):
            while came:
                end = _LENGTH.size + _LENGTH.unpack_from(came)[0]
                frames.append(self._decoder.decode(bytes(came[_LENGTH.size : end])))
                del came[:end]
        return frames

    def _read(self, at: int) -> int:
        while True:
            try:
                with memoryview(self._buffer) as view:
                    count = self._sock.recv_into(view[at:])
            except BlockingIOError:
                self._wait()
                continue
            except OSError:
                raise Closed from None
            if not count:
                raise Closed
            return count

    def _wait(self) -> None:
        if self.waiting is not None:
            self.waiting()
