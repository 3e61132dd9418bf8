"""The door to a running cluster: other programs of this user ask its clients, look at its nodes, and break them.

Rule: a visitor can do what whoever holds the :class:`~distlab.live.run.Live` can do, and no more. He names a node and
one of the operations that its program handles; nothing that he sends is imported, run, or taken for a path.

Theory of operation. The door is a Unix socket in a folder that only this user may enter. A visitor sends frames, each
a length and one word in MessagePack, and gets one answer for each, in order; so one thread serves one visitor, and
waits where he waits. What is no such frame ends the visit, and nothing else. Who goes in the middle of an answer is
forgotten; what he asked for is still done.
"""

from __future__ import annotations

import contextlib
import socket
from collections import Counter
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from distlab.core.codec import MESSAGE_LIMIT, decoder, encode
from distlab.core.errors import DistlabError
from distlab.core.values import SECOND, Fail, Info, Ok, Operation, Outcome
from distlab.live.sockets import socket_folder

if TYPE_CHECKING:
    from distlab.live.run import Live

_LENGTH: Final = 4
PATIENCE: Final = 120 * SECOND
"""How long an operation may take before its visitor is told that nobody knows."""


class Ask(Struct, frozen=True, tag=True):
    """Have a client do something."""

    node: str
    operation: str
    """The operation's class."""
    fields: bytes
    """The operation, encoded."""


class Look(Struct, frozen=True, tag=True):
    """How is everybody?"""


class Crash(Struct, frozen=True, tag=True):
    """``kill -9`` a node; start it again after so many microseconds."""

    node: str
    down_for: int


class Did(Struct, frozen=True, tag=True):
    """Answer to :class:`Ask` and :class:`Crash`."""

    outcome: Ok | Fail | Info


class Seen(Struct, frozen=True, tag=True):
    """Answer to :class:`Look`: the nodes, and what those that answered in time say of themselves."""

    nodes: list[Seat]
    probes: dict[str, Any]


class Seat(Struct, frozen=True):
    """A node and its process."""

    name: str
    state: str
    """``up``, ``down``, ``starting``, ``paused`` or ``failed``."""
    pid: int | None
    life: int


class Refused(Struct, frozen=True, tag=True):
    """Answer to what makes no sense; the text says why."""

    why: str


Asked = Ask | Look | Crash
Answer = Did | Seen | Refused
_asked = msgspec.msgpack.Decoder(Asked)
_answer = msgspec.msgpack.Decoder(Answer)


class NoDoor(DistlabError):
    """There is nobody behind that door."""


class Strange(Exception):
    """These bytes are no frame."""


class Door:
    """Use it in a ``with`` statement, inside that of its ``live``. ``path`` is where visitors knock."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._closing = contextlib.ExitStack()
        self.path = self._closing.enter_context(socket_folder()) / "door"
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(self.path))
        self._socket.listen()
        self._visitors: set[socket.socket] = set()
        self.turned_away: Counter[str] = Counter()
        """Why visits were ended by us -> how many."""
        self._is_open = True
        Thread(target=self._attend, name="door", daemon=True).start()

    def __enter__(self) -> Door:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._is_open = False
        for each in (self._socket, *list(self._visitors)):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._closing.close()

    def _attend(self) -> None:
        while True:
            try:
                visitor, _ = self._socket.accept()
            except OSError:
                return
            self._visitors.add(visitor)
            Thread(target=self._serve, args=(visitor,), name="visitor", daemon=True).start()

    def _serve(self, visitor: socket.socket) -> None:
        try:
            while (frame := _read(visitor)) is not None:
                try:
                    word = _asked.decode(frame)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    raise Strange("not a word") from None
                try:
                    answer = self._answer(word)
                except DistlabError as error:
                    answer = Refused(str(error))
                _write(visitor, answer)
        except Strange as error:
            self.turned_away[str(error)] += 1
        except OSError:  # he has gone
            pass
        finally:
            self._visitors.discard(visitor)
            visitor.close()

    def _answer(self, word: Asked) -> Answer:
        match word:
            case Ask():
                return self._ask(word)
            case Crash(node, down_for):
                return self._crash(node, down_for)
            case Look():
                probes = {str(node): probe for node, probe in self._live.probes().items()}
                rows = self._live.rows()
                return Seen(
                    [Seat(r.address, r.state, r.pid, r.incarnation + 1) for r in rows], probes
                )

    def _ask(self, word: Ask) -> Answer:
        members = self._live.cluster.members
        program = members[word.node].program if word.node in members else None  # type: ignore[index]
        known = {
            cls.__name__: cls
            for cls in (program.handlers if program else ())
            if issubclass(cls, Operation)
        }
        if word.operation not in known:
            return Refused(f"{word.node} has no operation {word.operation}")
        try:
            operation = decoder(known[word.operation]).decode(word.fields)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Refused(f"{word.operation}: {error}")
        call = self._live.call(word.node, operation)
        self._live.wait(lambda: call.outcome is not None or not self._is_open, PATIENCE)
        if not self._is_open:
            raise OSError("the door is closed")
        return Did(call.outcome or Info("no answer"))

    def _crash(self, node: str, down_for: int) -> Answer:
        if node not in self._live.cluster.members or down_for < 0:
            return Refused(f"there is no node {node}")
        self._live.kill(node)
        self._live.start_after(node, down_for)
        return Did(Ok(None))


class Visit:
    """One program's way in. Raises :class:`NoDoor` where nobody answers, or the cluster has ended meanwhile."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise NoDoor(str(error)) from None

    def __enter__(self) -> Visit:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._socket.close()

    def ask(self, node: str, operation: Operation) -> Outcome:
        """Have ``node`` do it. Values in the outcome are plain: numbers, strings, bytes, lists."""
        answer = self._say(Ask(node, type(operation).__name__, encode(operation)))
        assert isinstance(answer, Did)
        return answer.outcome

    def look(self) -> Seen:
        """Everybody, and what they say of themselves, in plain values."""
        answer = self._say(Look())
        assert isinstance(answer, Seen)
        return answer

    def crash(self, node: str, down_for: int) -> None:
        """``kill -9``, and a new start after so many microseconds."""
        self._say(Crash(node, down_for))

    def _say(self, word: Asked) -> Answer:
        try:
            _write(self._socket, word)
            frame = _read(self._socket)
        except OSError as error:
            raise NoDoor(str(error)) from None
        if frame is None:
            raise NoDoor("the cluster has ended")
        answer: Answer = _answer.decode(frame)
        if isinstance(answer, Refused):
            raise DistlabError(answer.why)
        return answer


def _write(end: socket.socket, word: Struct) -> None:
    blob = msgspec.msgpack.encode(word)
    end.sendall(len(blob).to_bytes(_LENGTH, "little") + blob)


def _read(end: socket.socket) -> bytes | None:
    """The next frame; None where the other end has closed. Raises ``Strange``."""
    head = _exactly(end, _LENGTH)
    if not head:
        return None
    length = int.from_bytes(head, "little")
    if len(head) < _LENGTH or length > 2 * MESSAGE_LIMIT:
        raise Strange("not a frame")
    frame = _exactly(end, length)
    if len(frame) < length:
        raise Strange("cut off")
    return frame


def _exactly(end: socket.socket, size: int) -> bytes:
    """So many bytes; fewer where the other end has closed."""
    parts = []
    while size and (part := end.recv(min(size, 1 << 20))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
