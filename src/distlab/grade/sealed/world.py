"""The world as a node, or a job, sees it inside: every effect is noted, every question asked.

What the simulator would check of an effect at once is checked here at once, so that the exception comes in the line
that deserves it. What only the outside can know (is there a node of that name?) comes to light when the effect is
carried out. Nothing in this file decides anything: whoever tampers with it, tampers with what the outside checks again.
"""

from __future__ import annotations

from random import Random
from types import CodeType
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from distlab.core.codec import MESSAGE_LIMIT, encode
from distlab.core.disk import RecordFiles, checked_path
from distlab.core.errors import BadValue, StudentError, UnhandledValue
from distlab.core.log import Level, Log, LogLine
from distlab.core.node import Node
from distlab.core.values import (
    Address,
    Fail,
    Info,
    Job,
    Message,
    Ok,
    Operation,
    Outcome,
    SessionMessage,
    Ticket,
    Timer,
    Value,
)
from distlab.grade.sealed import frames as fr

if TYPE_CHECKING:
    from collections.abc import Callable

Line = tuple[CodeType, int, bool]
"""Where in the program: code, and the instruction in it."""


class Host(Protocol):
    """What the world needs of the process that it is in."""

    on: int
    """Whom the request under way acts as."""

    @property
    def packed(self) -> Callable[[Any], bytes]: ...

    def effect(self, effect: fr.Effect, size: int = 0) -> None: ...
    def ask(self, verb: str, arguments: Any) -> Any: ...
    def crossing(self, value: Any) -> tuple[str, bytes]: ...


class Scene:
    """What nodes and jobs have in common: a disk, the store, a log, a stream of chance."""

    def __init__(self, host: Host, on: int, address: str) -> None:
        self.host = host
        self.on = on
        self.address = Address(address)
        self.disk = _Disk(self)
        self.store = _Store(self)
        self.log: Log = _Log(self)
        self._random: Random | None = None

    @property
    def random(self) -> Random:
        if self._random is None:
            version, words, gauss = self.ask("random")
            self._random = Random()
            self._random.setstate((version, tuple(words), gauss))
        return self._random

    def ask(self, verb: str, *arguments: Any) -> Any:
        self._must_be_on()
        return self.host.ask(verb, arguments)

    def effect(self, effect: fr.Effect, size: int = 0) -> None:
        self._must_be_on()
        self.host.effect(effect, size)

    def _must_be_on(self) -> None:
        if self.host.on != self.on:
            raise StudentError(f"{self.address} acts while something else is being handled")


class NodeScene(Scene):
    """Implements :class:`~distlab.core.context.Context`."""

    def __init__(self, host: Host, on: int, address: str, config: Any, level: int) -> None:
        super().__init__(host, on, address)
        self.config = config
        self.log = _NodeLog(self, Level(level))
        self.disk = _NodeDisk(self)
        self.program: type[Node] = Node

    def send(self, to: Address, message: Message) -> None:
        if not isinstance(message, Message):
            raise BadValue(f"send takes a Message, not {message!r}")
        crossing = self.host.crossing(message)
        if isinstance(message, SessionMessage):
            self.ask("send", _text(to), *crossing)
        else:
            self.effect(fr.Send(_text(to), *crossing), len(crossing[1]))

    def connect(self, peer: Address) -> None:
        self.effect(fr.Connect(_text(peer)))

    def disconnect(self, peer: Address) -> None:
        self.effect(fr.Disconnect(_text(peer)))

    def set_timer(self, timer: Timer, after: int) -> None:
        name = self.program.__name__
        if not isinstance(timer, Timer) or type(timer) not in self.program.handlers:
            raise UnhandledValue(f"{name} sets {timer!r} as a timer but has no handler for it")
        if type(after) is not int or not 0 <= after < 1 << 62:
            raise BadValue(
                f"set_timer({timer!r}, {after!r}): a duration is a whole number of microseconds, 0 or more"
            )
        hash(timer)  # raises where it holds what can change
        crossing = self.host.crossing(timer)
        self.effect(fr.SetTimer(*crossing, after), len(crossing[1]))

    def cancel_timer(self, timer: Timer) -> None:
        if isinstance(timer, Timer):
            hash(timer)
            crossing = self.host.crossing(timer)
            self.effect(fr.CancelTimer(*crossing), len(crossing[1]))

    def run_job(self, job: Job) -> None:
        if not isinstance(job, Job) or type(job) not in self.program.handlers:
            raise UnhandledValue(
                f"{self.program.__name__} runs {job!r} as a job but has no handler for its end"
            )
        hash(job)
        crossing = self.host.crossing(job)
        self.effect(fr.RunJob(*crossing), len(crossing[1]))

    def cancel_job(self, job: Job) -> None:
        if isinstance(job, Job):
            hash(job)
            crossing = self.host.crossing(job)
            self.effect(fr.CancelJob(*crossing), len(crossing[1]))

    def begin(self, operation: Operation) -> Ticket:
        if not isinstance(operation, Operation):
            raise BadValue(f"begin takes an Operation, not {operation!r}")
        return Ticket(self.ask("begin", "", *self.host.crossing(operation)))

    def finish(self, ticket: Ticket, outcome: Outcome) -> None:
        if type(ticket) is not int or not 0 <= ticket < 1 << 62:
            raise BadValue(
                f"finish({ticket!r}, ...): this client has no open operation of that ticket"
            )
        if isinstance(outcome, Ok | Fail | Info):
            encode(outcome)
        packed = self.host.packed(outcome)
        self.effect(fr.Finish(ticket, packed), len(packed))

    def stop(self, reason: str) -> None:
        self.ask("stop", str(reason))

    def now(self) -> int:
        now: int = self.ask("now")
        return now

    def monotonic(self) -> int:
        now: int = self.ask("monotonic")
        return now


class _Disk(RecordFiles):
    """A job's disk: every call is a question, also a sync, which may fail."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        data: bytes = self._scene.ask(
            "disk.read",
            _path(path),
            _number(start),
            None if length is None else _number(length),
        )
        return data

    def append(self, path: str, data: bytes | msgspec.Struct | Value) -> None:
        if isinstance(data, msgspec.Struct | Value):
            self._scene.ask("disk.append_record", _path(path), encode(data))
        else:
            super().append(path, data)

    def append_bytes(self, path: str, data: bytes) -> None:
        self._scene.ask("disk.append", _path(path), _small(data))

    def durable_size(self, path: str) -> int:
        size: int = self._scene.ask("disk.durable_size", _path(path))
        return size

    def truncate(self, path: str, size: int) -> None:
        self._scene.ask("disk.truncate", _path(path), _number(size))

    def replace(self, source: str, target: str) -> None:
        self._scene.ask("disk.replace", _path(source), _path(target))

    def delete(self, path: str) -> None:
        self._scene.effect(fr.Delete(_text(path)))

    def files(self, folder: str = "/") -> list[str]:
        names: list[str] = self._scene.ask("disk.files", _text(folder))
        return names

    def size(self, path: str) -> int:
        size: int = self._scene.ask("disk.size", _path(path))
        return size

    def exists(self, path: str) -> bool:
        return bool(self._scene.ask("disk.exists", _text(path)))

    def sync(self, *paths: str) -> None:
        self._scene.ask("disk.sync", *map(_text, paths))


class _NodeDisk(_Disk):
    """A node's: a sync does not block, so it need not be waited for here either."""

    def sync(self, *paths: str) -> None:
        self._scene.effect(fr.Sync(tuple(map(_text, paths))))


class _Store:
    """Every call is a question."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def put_if_absent(self, key: str, data: bytes) -> bool:
        return bool(self._scene.ask("store.put_if_absent", _text(key), _small(data)))

    def append(self, key: str, data: bytes) -> None:
        self._scene.ask("store.append", _text(key), _small(data))

    def rename(self, source: str, target: str) -> bool:
        return bool(self._scene.ask("store.rename", _text(source), _text(target)))

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        data: bytes = self._scene.ask(
            "store.get", _text(key), _number(start), None if length is None else _number(length)
        )
        return data

    def size(self, key: str) -> int:
        size: int = self._scene.ask("store.size", _text(key))
        return size

    def exists(self, key: str) -> bool:
        return bool(self._scene.ask("store.exists", _text(key)))

    def keys(self, prefix: str = "") -> list[str]:
        names: list[str] = self._scene.ask("store.keys", _text(prefix))
        return names

    def delete(self, key: str) -> None:
        self._scene.ask("store.delete", _text(key))


class _Log(Log):
    """A job's log is its node's: levels are looked up where that is."""

    def __init__(self, scene: Scene, level: Level = Level.DEBUG) -> None:
        super().__init__(self._note, level)
        self._scene = scene

    def set_level(self, subsystem: str, level: Level) -> None:
        super().set_level(subsystem, level)
        self._scene.effect(fr.SetLevel(_text(subsystem), int(level)))

    def level(self, subsystem: str) -> Level:
        return Level(self._scene.ask("level", _text(subsystem)))

    def is_on(self, subsystem: str, level: Level) -> bool:
        return level >= self.level(subsystem)

    def _note(self, line: LogLine) -> None:
        fields = self._scene.host.packed(line.fields)
        subsystem, text = _text(line.subsystem), str(line.text)
        noted = fr.Line(subsystem, int(line.level), text, fields)
        self._scene.effect(noted, len(text) + len(fields))


class _NodeLog(_Log):
    """A node's: nobody else changes its levels, so they are known here."""

    def level(self, subsystem: str) -> Level:
        return Log.level(self, subsystem)

    def is_on(self, subsystem: str, level: Level) -> bool:
        return Log.is_on(self, subsystem, level)


def _path(value: Any) -> str:
    """A name of a file; the outside says whether it is a good one."""
    return value if type(value) is str else checked_path(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a name must be a string, not {value!r}")
    return str(value)


def _number(value: Any) -> int:
    if not isinstance(value, int) or not -(1 << 62) < value < 1 << 62:
        raise TypeError(f"an offset or a length must be a whole number, not {value!r}")
    return int(value)


def _small(data: Any) -> bytes:
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"a bytes-like object is required, not {type(data).__name__!r}")
    if len(data) > 3 * MESSAGE_LIMIT:
        raise BadValue(f"{len(data):,} bytes at once; write them in parts")
    return bytes(data)
