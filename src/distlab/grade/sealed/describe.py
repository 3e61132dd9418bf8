"""The inside's view of the classes that cross: names them, introduces the student's own, describes modules."""

from __future__ import annotations

import enum
import importlib
import inspect
from collections.abc import Callable, Collection
from types import FunctionType, ModuleType
from typing import Any

import msgspec
from msgspec import NODEFAULT, Struct

from distlab.core.node import Node
from distlab.core.state import config_class
from distlab.core.values import Job
from distlab.grade.sealed import frames as fr
from distlab.grade.sealed.classes import CORE, KINDS
from distlab.grade.sealed.sketch import sketch
from distlab.grade.sealed.values import CannotCross

_encode = msgspec.msgpack.Encoder().encode


class Describer:
    """Names for classes, and what the outside must know of them."""

    packed: Callable[[Any], bytes]

    def __init__(self, given: Collection[str], effect: Callable[[fr.Effect], None]) -> None:
        self.given: Collection[str] = given
        self._effect = effect
        self._refs: dict[type, str] = {}
        self._classes: dict[str, type] = {}
        self._introducing: set[type] = set()

    def named(self, ref: str) -> Any:
        """The class or function of that name."""
        return self._classes.get(ref) or self.found(ref)

    def found(self, ref: str) -> Any:
        """What stands under that name in its module, or in a class of it."""
        module, _, path = ref.partition(":")
        *outer, name = path.split(".")
        owner: Any = self._classes.get(f"{module}:{'.'.join(outer)}")
        return getattr(importlib.import_module(module) if owner is None else owner, name)

    def ref(self, cls: type) -> str:
        """Name a class; introduce it first if it is the student's own and can cross."""
        ref = self._refs.get(cls)
        if ref is None:
            ref = f"{cls.__module__}:{cls.__qualname__.replace('<locals>', 'locals')}"
            while ref in self._classes:  # made in a function, perhaps once for each call
                ref += "_"
            if not issubclass(cls, (Struct, Node)) and not self._is_shared(cls):
                raise CannotCross(f"the class {cls.__name__}")
            self._refs[cls] = ref
            self._classes[ref] = cls
            if issubclass(cls, Struct) and not self._is_shared(cls):
                self._introduce(ref, cls)
        return ref

    def _is_shared(self, cls: type) -> bool:
        return cls.__module__ in self.given or cls.__module__ in CORE

    def _introduce(self, ref: str, cls: Any) -> None:
        config = cls.__struct_config__
        result = sketch(cls.Result, self._known) if issubclass(cls, Job) else "any"
        self._introducing.add(cls)
        self._effect(
            fr.Introduce(
                ref,
                next(kind for kind, base in KINDS.items() if issubclass(cls, base)),
                tuple(map(self._field, msgspec.structs.fields(cls))),
                config.tag,
                config.tag_field,
                config.array_like,
                config.omit_defaults,
                msgspec.Raw(_encode(result)),
            )
        )
        self._introducing.discard(cls)

    def _known(self, cls: type) -> str:
        """Its ref; nothing for a class that contains itself, which cannot be built from its parts."""
        return "" if cls in self._introducing else self.ref(cls)

    def _field(self, field: msgspec.structs.FieldInfo) -> fr.Field:
        default = None if field.default is NODEFAULT else self.packed(field.default)
        factory = getattr(field.default_factory, "__name__", "")
        return fr.Field(
            field.name,
            field.encode_name,
            msgspec.Raw(_encode(sketch(field.type, self._known))),
            default,
            factory if factory in ("list", "dict", "set") else "",
        )

    # -- modules ------------------------------------------------------------------------------------------------------

    def members(self, module: ModuleType) -> list[fr.Member]:
        """What a module holds, as far as it can be used from outside."""
        found = []
        for name, value in vars(module).items():
            if not name.startswith("_") and not isinstance(value, ModuleType):
                try:
                    found.append(self._member(f"{module.__name__}:{name}", name, value))
                except (CannotCross, TypeError, NameError):
                    continue  # nobody outside will miss it; if somebody does, the name is what is missing
        return found

    def _member(self, ref: str, name: str, value: Any) -> fr.Member:
        if isinstance(value, type):
            return self._class_member(name, value)
        if callable(value):
            return fr.FunctionMember(name, ref)
        return fr.ValueMember(name, self._value(value))

    def _value(self, value: Any) -> bytes:
        if isinstance(value, (str, bytes, int, float, tuple, list, dict, set, frozenset, Struct)):
            return self.packed(value)
        if value is None or (isinstance(value, enum.Enum) and self._is_shared(type(value))):
            return self.packed(value)
        raise CannotCross(type(value).__name__)

    def _class_member(self, name: str, cls: type) -> fr.Member:
        if issubclass(cls, Node):
            handlers = tuple((self.ref(taken), *how) for taken, how in cls.handlers.items())
            config = config_class(cls)
            shared = config is not None and self._is_shared(config)
            told = self.ref(config) if config is not None and shared else None
            return fr.NodeMember(name, self.ref(cls), handlers, told)
        if issubclass(cls, Struct) or self._is_shared(cls):
            return fr.StructMember(name, self.ref(cls))
        if not cls.__module__.startswith(("labs.", "grading.")):
            raise CannotCross(f"the class {cls.__name__}")
        ref = f"{cls.__module__}:{cls.__qualname__}"
        self._classes[ref] = cls
        base = next((base for base in cls.__mro__ if self._is_shared(base)), None)
        methods, statics, values = [], [], {}
        for attribute in dir(cls):
            if attribute.startswith("_"):
                continue
            raw = inspect.getattr_static(cls, attribute)
            if isinstance(raw, (classmethod, staticmethod)):
                statics.append(attribute)
            elif isinstance(raw, FunctionType):
                methods.append(attribute)
            elif not callable(raw) and not isinstance(raw, property):
                try:
                    self._value(raw)
                except CannotCross:
                    continue
                values[attribute] = raw
        return fr.ClassMember(
            name,
            ref,
            None if base is None else self.ref(base),
            tuple(methods),
            tuple(statics),
            self.packed(values),
        )
