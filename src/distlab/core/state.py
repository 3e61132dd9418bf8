"""Declared state: what a node remembers between handlers, as a value that can be frozen, hashed, copied and compared.

A node declares each thing it remembers by an annotation in its class body, and gives it its first value in
``on_start``. What is declared can be shown beside a trace, compared from step to step, and explored exhaustively; what
is hidden elsewhere makes a program that cannot be replayed. So an undeclared attribute is an error.
"""

from __future__ import annotations

import copy
import dataclasses
import sys
from collections import deque
from enum import Enum
from functools import lru_cache
from typing import Any, ClassVar, get_origin

import msgspec

from distlab.core.errors import HandlerMistake, UndeclaredState

_PLAIN = (int, float, str, bytes, bool, type(None), Enum, frozenset)


def declared_fields(cls: type) -> tuple[str, ...]:
    """Names of the state that ``cls`` and its bases declare, in order; not ``config``, which never changes."""
    names: dict[str, None] = {}
    for base in reversed(cls.__mro__):
        for name, annotation in vars(base).get("__annotations__", {}).items():
            if (
                name != "config"
                and not name.startswith("__")
                and not _is_class_variable(annotation)
            ):
                names[name] = None
    return tuple(names)


def _is_class_variable(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return annotation.startswith(("ClassVar", "typing.ClassVar"))
    return annotation is ClassVar or get_origin(annotation) is ClassVar


@lru_cache(maxsize=1024)
def config_class(cls: type) -> type | None:
    """The class that ``config`` is annotated with; None where it may be anything."""
    for base in cls.__mro__:
        annotation = vars(base).get("__annotations__", {}).get("config")
        if annotation is not None:
            if isinstance(annotation, str):
                annotation = vars(sys.modules[base.__module__]).get(annotation)
            return annotation if isinstance(annotation, type) and annotation is not Any else None
    return None


def check_class_body(cls: type) -> None:
    """Refuse ``seen = {}`` in a class body, declared or not: all nodes of the class, and all restarts, would share it.

    What can be changed cannot be hashed. Tables are allowed: a ``ClassVar``, or a name in capitals.
    """
    annotations = vars(cls).get("__annotations__", {})
    for name, value in vars(cls).items():
        if name.startswith("__") or name.isupper() or _is_class_variable(annotations.get(name)):
            continue
        if not _is_hashable(value):
            raise HandlerMistake(
                f"{cls.__name__}.{name} = {value!r} in the class body would be shared by all nodes and survive "
                f"crashes; declare '{name}: {type(value).__name__}' there and assign it in on_start"
            )


def state_of(node: Any, fields: tuple[str, ...]) -> dict[str, Any]:
    """The declared state as it is: name -> live value; what has not been assigned yet is left out."""
    return {name: getattr(node, name) for name in fields if hasattr(node, name)}


def check_declared(node: Any, fields: tuple[str, ...]) -> None:
    """Raise ``UndeclaredState`` for an attribute that the class body does not declare."""
    for name in vars(node):
        if name not in fields and name not in ("config", "_context"):
            cls = type(node).__name__
            raise UndeclaredState(
                f"{cls} keeps something in self.{name}, which its class body does not declare; "
                f"add '{name}: <type>' to the body of {cls}"
            )


def freeze(value: Any, path: str = "state") -> Any:
    """A hashable value, equal for equal contents whatever the order in which dicts and sets were filled.

    Raises ``UndeclaredState`` naming the path of a part that has no value semantics (an open file, a lambda).
    """
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, dict):
        return (
            "dict",
            frozenset((freeze(k, path), freeze(v, f"{path}[{k!r}]")) for k, v in value.items()),
        )
    for kind in (list, tuple, deque):  # not equal to each other, as in Python
        if isinstance(value, kind):
            items = tuple(freeze(item, f"{path}[{i}]") for i, item in enumerate(value))
            return (kind.__name__, items)
    if isinstance(value, set):
        return ("set", frozenset(freeze(item, path) for item in value))
    if isinstance(value, bytearray):
        return bytes(value)
    if (parts := _parts(value)) is not None:
        return (
            type(value).__name__,
            tuple((name, freeze(part, f"{path}.{name}")) for name, part in parts),
        )
    raise UndeclaredState(
        f"{path} holds a {type(value).__name__}, which cannot be compared or copied by value; "
        "keep numbers, strings, bytes, lists, dicts, sets, Structs or dataclasses in a node"
    )


def copied(value: Any) -> Any:
    """A copy that shares nothing mutable with ``value``. For values that :func:`freeze` accepts."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, dict):
        twin = value.copy()  # keeps the class, and a defaultdict's factory
        twin.clear()
        twin.update((key, copied(item)) for key, item in value.items())
        return twin
    if isinstance(value, deque):
        return deque(map(copied, value), value.maxlen)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(copied, value))
    if isinstance(value, (list, tuple, set)):
        return type(value)(map(copied, value))
    if isinstance(value, bytearray):
        return bytearray(value)
    if isinstance(value, msgspec.Struct) and value.__struct_config__.frozen and _is_hashable(value):
        return value
    if isinstance(value, msgspec.Struct):
        return type(value)(**{name: copied(part) for name, part in _parts(value) or ()})
    if (parts := _parts(value)) is not None:
        twin = copy.copy(value)
        for name, part in parts:
            object.__setattr__(twin, name, copied(part))  # also where the dataclass is frozen
        return twin
    raise UndeclaredState(f"a {type(value).__name__} cannot be copied by value")


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _parts(value: Any) -> list[tuple[str, Any]] | None:
    """Fields of a Struct or dataclass."""
    if isinstance(value, msgspec.Struct):
        return [(name, getattr(value, name)) for name in value.__struct_fields__]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    return None
