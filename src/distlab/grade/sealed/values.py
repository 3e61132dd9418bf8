"""Values that cross one by one: arguments, results, probes, outcomes, fields of log lines.

Theory of operation. Messages, timers and jobs travel as the bytes that the world would encode anyway. Everything else
is *packed*, so that it comes out as what it was, where plain MessagePack would make a list of a tuple: scalars stand
for themselves, all else is a list of a letter and its contents. What is unpacked consists of built-in values, of
Structs and enumerations that both sides know, and of what the side's own hooks make of its letters (a handle, a
capability). A member of an enumeration that is one side's own crosses as its value.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
from msgspec import Struct

PACKED_LIMIT = 8 << 20
"""Bytes of a value that comes from the inside: one byte may unfold into a list of sixty."""

_SCALARS = (bool, float, str, bytes)
_PLAIN: tuple[Any, ...] = (str, bytes, int, float)
_SEQUENCES: dict[str, Any] = {"l": list, "t": tuple, "s": set, "f": frozenset}

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class CannotCross(TypeError):
    """There is no way to take this to the other side."""


class Values:
    """One side's way of packing and unpacking."""

    def __init__(
        self,
        ref_of: Callable[[type], str],
        class_of: Callable[[str], type],
        give: Callable[[Any], Any],
        take: Callable[[str, Any], Any],
        *,
        is_strict: bool,
    ) -> None:
        self._ref_of = ref_of
        self._class_of = class_of
        self._give = give
        """Makes a list of what nothing else knows how to pack. Raises ``CannotCross``."""
        self._take = take
        """The other way, given the letter and what follows it."""
        self._is_strict = is_strict
        """Whether Structs must fit their classes."""

    def packed(self, value: Any) -> bytes:
        """Raises ``CannotCross``."""
        try:
            return _encode(self._tree(value))
        except RecursionError:
            raise CannotCross("a value that contains itself cannot cross") from None

    def unpacked(self, blob: bytes) -> Any:
        """Raises ``ValueError`` where these bytes are no packed value."""
        if self._is_strict and len(blob) > PACKED_LIMIT:
            raise ValueError(f"{len(blob):,} bytes at once")
        try:
            return self._value(_decode(blob))
        except (msgspec.MsgspecError, TypeError, RecursionError, OverflowError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from None

    def _tree(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind in _SCALARS:
            return value
        if kind is int:
            return value if -(1 << 63) <= value < 1 << 64 else ["i", hex(value)]
        if isinstance(value, Struct):
            parts = [self._tree(getattr(value, name)) for name in value.__struct_fields__]
            return ["S", self._ref_of(kind), parts]
        if isinstance(value, enum.Enum):
            try:
                return ["e", self._ref_of(kind), value.name]
            except CannotCross:  # only one side knows this enumeration
                return self._tree(value.value)
        if isinstance(value, dict):
            return ["d", [[self._tree(k), self._tree(v)] for k, v in value.items()]]
        for letter, made in _SEQUENCES.items():
            if isinstance(value, made):
                return [letter, [self._tree(item) for item in value]]
        if isinstance(value, deque):
            return ["l", [self._tree(item) for item in value]]
        if isinstance(value, (bytearray, memoryview)):
            return bytes(value)
        for plain in _PLAIN:
            if isinstance(value, plain):  # of a class of its own
                return self._tree(plain(value))
        if isinstance(value, Random):
            return ["r", *self._tree(value.getstate())[1]]
        return self._give(value)

    def _value(self, tree: Any) -> Any:
        if not isinstance(tree, list):
            if isinstance(tree, (dict, msgspec.msgpack.Ext)):
                raise ValueError("not packed")
            return tree
        match tree:
            case [str() as letter, list() as items] if letter in _SEQUENCES:
                return _SEQUENCES[letter](map(self._value, items))
            case ["S", str() as ref, list() as parts]:
                return self._struct(self._class_of(ref), [self._value(part) for part in parts])
            case ["d", list() as pairs]:
                return {self._value(key): self._value(value) for key, value in pairs}
            case ["i", str() as digits] if len(digits) < 100_000:
                return int(digits, 16)
            case ["e", str() as ref, str() as name]:
                return _member(self._class_of(ref), name)
            case ["r", int() as version, ["t", list() as words], gauss]:
                random = Random()
                random.setstate((version, tuple(words), gauss))
                return random
            case [str() as letter, *rest]:
                return self._take(letter, rest)
        raise ValueError("not packed")

    def _struct(self, cls: type, parts: list[Any]) -> Any:
        if not issubclass(cls, Struct) or len(parts) != len(cls.__struct_fields__):
            raise ValueError(f"not a {cls.__name__}")
        value = cls(**dict(zip(cls.__struct_fields__, parts, strict=True)))
        if self._is_strict:
            msgspec.msgpack.decode(_encode(value), type=cls)
        return value


def _member(cls: type, name: str) -> Any:
    if not issubclass(cls, enum.Enum) or name not in cls.__members__:
        raise ValueError(f"no {name} in {cls.__name__}")
    return cls[name]
