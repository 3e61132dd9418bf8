"""How values become bytes: MessagePack by msgspec, at send and at every file, in every world.

Encoding at send and decoding at delivery proves that a message can cross a real wire, and makes aliasing between nodes
impossible. No clock, no randomness, no pickle.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from distlab.core.errors import BadValue
from distlab.core.values import Value

MESSAGE_LIMIT = 16 * 1024 * 1024
"""The largest message, in encoded bytes. Larger things go as several messages, or through the store."""

_encoder = msgspec.msgpack.Encoder()
_encode = _encoder.encode


def encode(value: msgspec.Struct | Value) -> bytes:
    """``value`` in MessagePack. Raises ``BadValue`` for what cannot cross a wire, or is larger than the limit."""
    try:
        blob = _encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise BadValue(
            f"{type(value).__name__} cannot be sent: {error}. Fields hold numbers, strings, bytes, tuples, Structs."
        ) from None
    if len(blob) > MESSAGE_LIMIT:
        raise BadValue(
            f"{type(value).__name__} is {len(blob):,} bytes; a message has at most {MESSAGE_LIMIT:,}. Send it in parts."
        )
    return blob


def decoder(cls: Any) -> msgspec.msgpack.Decoder[Any]:
    """The decoder for one class; ``decode`` raises ``msgspec.ValidationError`` or ``DecodeError``."""
    return _decoders(cls)


_decoders: Callable[[Any], msgspec.msgpack.Decoder[Any]] = lru_cache(maxsize=1024)(
    msgspec.msgpack.Decoder
)


def crossed(value: Any, cls: Any) -> Any:
    """``value`` as it looks after crossing a process boundary as a ``cls``: what a job's result becomes."""
    try:
        return decoder(cls).decode(_encode(value))
    except (
        TypeError,
        ValueError,
        OverflowError,
        RecursionError,
    ) as error:  # msgspec's own errors are ValueErrors
        raise BadValue(f"{value!r} cannot cross to another process as {cls}: {error}") from None
