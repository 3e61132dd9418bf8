"""Questions: what the inside may ask in mid-handler, with the types of its arguments, and who answers.

A table, read by the outside alone. ``io`` is the context of the node, or the job's, that the current request acts as.
Whatever an answer raises goes back in and is raised there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from distlab.core.disk import frame

_Answer = Callable[..., Any]


def _append_record(io: Any, path: str, record: bytes) -> None:
    """A record is framed here, since its frame says how much of the file was durable."""
    io.disk.append(path, frame(msgspec.Raw(record), io.disk.durable_size(path)))  # type: ignore[arg-type]


def _store(name: str) -> _Answer:
    return lambda io, *arguments: getattr(io.store, name)(*arguments)


def _disk(name: str) -> _Answer:
    return lambda io, *arguments: getattr(io.disk, name)(*arguments)


_TABLE: dict[str, tuple[Any, _Answer]] = {
    "disk.read": (tuple[str, int, int | None], _disk("read")),
    "disk.append": (tuple[str, bytes], _disk("append")),
    "disk.append_record": (tuple[str, bytes], _append_record),
    "disk.durable_size": (tuple[str], _disk("durable_size")),
    "disk.truncate": (tuple[str, int], _disk("truncate")),
    "disk.replace": (tuple[str, str], _disk("replace")),
    "disk.files": (tuple[str], _disk("files")),
    "disk.size": (tuple[str], _disk("size")),
    "disk.exists": (tuple[str], _disk("exists")),
    "disk.sync": (tuple[str, ...], _disk("sync")),
    "store.put_if_absent": (tuple[str, bytes], _store("put_if_absent")),
    "store.append": (tuple[str, bytes], _store("append")),
    "store.rename": (tuple[str, str], _store("rename")),
    "store.get": (tuple[str, int, int | None], _store("get")),
    "store.size": (tuple[str], _store("size")),
    "store.exists": (tuple[str], _store("exists")),
    "store.keys": (tuple[str], _store("keys")),
    "store.delete": (tuple[str], _store("delete")),
    "now": (tuple[()], lambda io: io.now()),
    "monotonic": (tuple[()], lambda io: io.monotonic()),
    "stop": (tuple[str], lambda io, reason: io.stop(reason)),
    "level": (tuple[str], lambda io, subsystem: int(io.log.level(subsystem))),
    "random": (tuple[()], lambda io: io.random.getstate()),
    "flush": (tuple[()], lambda io: None),
}

_DECODERS = {
    verb: (msgspec.msgpack.Decoder(types).decode, answer)
    for verb, (types, answer) in _TABLE.items()
}


def answer_to(verb: str, arguments: msgspec.Raw, io: Any) -> Any:
    """Raises ``KeyError`` and ``msgspec.DecodeError`` where this is no question."""
    decode, answer = _DECODERS[verb]
    return answer(io, *decode(arguments))


def is_question(verb: str, arguments: msgspec.Raw) -> bool:
    """Whether the table has such a question."""
    try:
        decode, _ = _DECODERS[verb]
        decode(arguments)
    except (KeyError, msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True
