"""Types as data: how the inside describes the fields of a class, and how the outside builds the same type.

A sketch is a name (``int``), or a list of a constructor and its parts (``["tuple", ["int", "str"], False]``). What has
no sketch is ``any``. No code runs to build a type, and what is built checks values as the original does, so that a
damaged message is found damaged on both sides alike.
"""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Callable
from typing import Any, Literal, NewType, Union
from weakref import WeakKeyDictionary

import msgspec
from msgspec import Struct

from distlab.core.values import Config, Job, Message, Operation, SessionMessage, Timer

_PLAIN: dict[Any, str] = {
    int: "int",
    str: "str",
    float: "float",
    bytes: "bytes",
    bool: "bool",
    None: "none",
    type(None): "none",
}
_BY_NAME: dict[str, Any] = {name: cls for cls, name in _PLAIN.items()} | {
    "none": None,
    "any": Any,
}
_ONE: dict[Any, str] = {list: "list", set: "set", frozenset: "frozenset"}
_ONE_BY_NAME = {name: cls for cls, name in _ONE.items()}

_BASES = (Message, SessionMessage, Timer, Job, Operation, Config, Struct)

_DEEPEST = 20


def sketch(annotation: Any, ref_of: Callable[[type], str]) -> Any:
    """The sketch of a type; ``ref_of`` names classes that cross, or says nothing."""
    if isinstance(annotation, NewType):
        annotation = annotation.__supertype__
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    origin, parts = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    if origin is typing.Annotated:
        return sketch(parts[0], ref_of)
    if origin in (Union, types.UnionType):
        return ["union", [sketch(part, ref_of) for part in parts]]
    if origin is Literal:
        return ["literal", list(parts)]
    if origin in _ONE:
        return [_ONE[origin], sketch(parts[0], ref_of) if parts else "any"]
    if origin is dict:
        return ["dict", *([sketch(part, ref_of) for part in parts] or ["any", "any"])]
    if origin is tuple:
        if not parts:
            return ["tuple", ["any"], True]
        is_open = parts[-1] is Ellipsis
        return ["tuple", [sketch(p, ref_of) for p in parts if p is not Ellipsis], is_open]
    if isinstance(origin, type) and issubclass(origin, Struct) and not parts:
        ref = ref_of(origin)
        return ["class", ref] if ref else "any"
    if isinstance(origin, type) and issubclass(origin, enum.Enum):
        return ["literal", [member.value for member in origin]]
    return "any"


def built(drawn: Any, class_of: Callable[[str], type], depth: int = 0) -> Any:
    """The type of a sketch. Raises ``ValueError`` or ``TypeError`` where it is none."""
    if depth > _DEEPEST:
        raise ValueError("a type without end")

    def part(inner: Any) -> Any:
        return built(inner, class_of, depth + 1)

    match drawn:
        case str() if drawn in _BY_NAME:
            return _BY_NAME[drawn]
        case ["union", [_, *_] as parts]:
            return Union[tuple(map(part, parts))]  # noqa: UP007 - the parts are known only now
        case ["literal", [_, *_] as values] if all(
            v is None or type(v) in (int, str) for v in values
        ):
            return Literal[tuple(values)]
        case [str() as name, inner] if name in _ONE_BY_NAME:
            return _ONE_BY_NAME[name][part(inner)]
        case ["dict", key, value]:
            return dict[part(key), part(value)]  # type: ignore[misc]
        case ["tuple", [_] as parts, True]:
            return tuple[part(parts[0]), ...]  # type: ignore[misc]
        case ["tuple", list() as parts, False]:
            return tuple[tuple(map(part, parts))]  # type: ignore[misc]
        case ["class", str() as ref]:
            return class_of(ref)
    raise ValueError(f"no sketch of a type: {str(drawn)[:100]}")


def is_exact(cls: type) -> bool:
    """Whether decoding an encoded value of this class gives back an equal one, if it fits its class at all.

    A field of any type, or of a base class, comes back as something else than it was; so does what stands in a list or
    a set, if somebody put a tuple or a list there.
    """
    exact = _EXACT.get(cls)
    if exact is None:
        fields: Any = msgspec.structs.fields(cls)
        exact = _EXACT[cls] = all(_is_exact(field.type, (cls,)) for field in fields)
    return exact


_EXACT: WeakKeyDictionary[type, bool] = WeakKeyDictionary()


def _is_exact(annotation: Any, within: tuple[type, ...]) -> bool:
    if isinstance(annotation, NewType):
        annotation = annotation.__supertype__
    if annotation in (int, str, bytes, bool, None, type(None)):
        return True
    origin, parts = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    if origin is Literal:
        return True
    if origin in (Union, types.UnionType, tuple):
        return bool(parts) and all(p is Ellipsis or _is_exact(p, within) for p in parts)
    if isinstance(origin, type) and issubclass(origin, Struct) and origin not in (*within, *_BASES):
        fields = msgspec.structs.fields(origin)
        return all(_is_exact(field.type, (*within, origin)) for field in fields)
    return False
