"""Values between processes, with their classes: plain JSON that says which class each part is of.

For what is seldom and must come back exactly as it was: operations and outcomes, probes, log lines, events of a trace.
(Messages take the faster way of :mod:`distlab.core.codec`.) Classes travel by name, ``module:Class``, and are imported
where they arrive; nothing is ever unpickled.
"""

from __future__ import annotations

import importlib
from base64 import b64decode, b64encode
from enum import Enum
from functools import lru_cache
from typing import Any

import msgspec

from distlab.core.codec import decoder
from distlab.core.errors import BadValue, ScenarioError

_SAFE_INTEGER = 1 << 63


def class_path(cls: type) -> str:
    """``module:Class``. Raises ``ScenarioError`` for a class that another process could not import."""
    if cls.__module__ == "__main__" or "<locals>" in cls.__qualname__:
        raise ScenarioError(
            f"{cls.__qualname__} stands in {cls.__module__}, where another process cannot find it; "
            "put it at the top of a module of its own"
        )
    return f"{cls.__module__}:{cls.__qualname__}"


@lru_cache(maxsize=4096)
def found(path: str) -> Any:
    """What ``module:Class`` names. Raises ``ScenarioError``."""
    module, _, name = path.partition(":")
    try:
        value: Any = importlib.import_module(module)
        for part in name.split("."):
            value = getattr(value, part)
    except (ImportError, AttributeError) as error:
        raise ScenarioError(f"cannot find {path}: {error}") from error
    return value


def to_plain(value: Any) -> Any:
    """``value`` in terms of what JSON has words for; :func:`from_plain` brings it back."""
    if value is None or (isinstance(value, (bool, str)) and not isinstance(value, Enum)):
        return value
    if type(value) is int:
        return value if -_SAFE_INTEGER <= value < _SAFE_INTEGER else {"$int": str(value)}
    if type(value) is float:
        return value if value - value == 0 else {"$float": repr(value)}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bytes": b64encode(value).decode()}
    if isinstance(value, Enum):
        return {"$enum": class_path(type(value)), "name": value.name}
    if isinstance(value, msgspec.Struct):
        fields = {name: to_plain(getattr(value, name)) for name in value.__struct_fields__}
        return {"$": class_path(type(value)), "of": fields}
    if hasattr(type(value), "__dataclass_fields__"):
        fields = {name: to_plain(getattr(value, name)) for name in value.__dataclass_fields__}
        return {"$": class_path(type(value)), "of": fields}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {
            "$": class_path(type(value)),
            "of": {n: to_plain(getattr(value, n)) for n in value._fields},
        }
    if isinstance(value, dict):
        if all(type(key) is str and key[:1] != "$" for key in value):
            return {key: to_plain(item) for key, item in value.items()}
        return {"$dict": [[to_plain(key), to_plain(item)] for key, item in value.items()]}
    if isinstance(value, list):
        return [to_plain(item) for item in value]
    for name, cls in _SEQUENCES.items():
        if type(value) is cls:
            return {name: [to_plain(item) for item in value]}
    if isinstance(value, type):
        return {"$class": class_path(value)}
    raise BadValue(f"a {type(value).__name__} cannot cross to another process: {value!r}")


_SEQUENCES: dict[str, Any] = {"$tuple": tuple, "$set": set, "$frozenset": frozenset}


def from_plain(plain: Any) -> Any:
    """The value that :func:`to_plain` took apart. Raises ``ScenarioError`` for a class that cannot be found."""
    if isinstance(plain, list):
        return [from_plain(item) for item in plain]
    if not isinstance(plain, dict):
        return plain
    match plain:
        case {"$": path, "of": fields}:
            return found(path)(**{name: from_plain(item) for name, item in fields.items()})
        case {"$blob": path, "bytes": text}:
            blob = b64decode(text)
            try:
                return decoder(found(path)).decode(blob)
            except (msgspec.DecodeError, UnicodeDecodeError):  # a bit of it was flipped
                return blob
        case {"$bytes": text}:
            return b64decode(text)
        case {"$enum": path, "name": name}:
            return found(path)[name]
        case {"$int": text}:
            return int(text)
        case {"$float": text}:
            return float(text)
        case {"$dict": items}:
            return {from_plain(key): from_plain(item) for key, item in items}
        case {"$class": path}:
            return found(path)
    for name, cls in _SEQUENCES.items():
        if name in plain:
            return cls(from_plain(item) for item in plain[name])
    return {name: from_plain(item) for name, item in plain.items()}


def blob_to_plain(path: str, blob: bytes | memoryview) -> Any:
    """A message that is encoded already, without taking it apart."""
    return {"$blob": path, "bytes": b64encode(blob).decode()}


def to_json(value: Any) -> bytes:
    """``value`` as JSON with its classes."""
    return msgspec.json.encode(to_plain(value))


def from_json(text: bytes) -> Any:
    """The value that :func:`to_json` wrote."""
    return from_plain(msgspec.json.decode(text))
