"""The outside's view of the classes that cross: given ones are real, the student's own are mirrored.

A mirror is a frozen Struct with the same name, tag, fields and types. It looks, compares, hashes and encodes like the
original, and has nothing else of it. A mirrored job's ``run`` goes on inside.
"""

from __future__ import annotations

import importlib
import keyword
from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from distlab.core.codec import decoder, encode
from distlab.core.values import Config, Job, Message, Operation, SessionMessage, Timer
from distlab.grade.sealed.frames import Field, Introduce
from distlab.grade.sealed.sketch import built

KINDS: dict[str, type] = {
    "session": SessionMessage,
    "message": Message,
    "timer": Timer,
    "job": Job,
    "operation": Operation,
    "config": Config,
    "struct": Struct,
}
"""Narrower ones first."""

CORE = ("distlab.core.values", "distlab.core.log")
"""Modules of our own whose Structs and enumerations cross."""

_FACTORIES = {"list": list, "dict": dict, "set": set}
_MOST_CLASSES = 10_000


class Classes:
    """By ref."""

    def __init__(
        self,
        given: Collection[str],
        unpacked: Callable[[bytes], Any],
        run_inside: Callable[[str, Job, Any], Any],
    ) -> None:
        self._modules = frozenset((*given, *CORE))
        self._unpacked = unpacked
        self._run_inside = run_inside
        self._mirrors: dict[str, tuple[bytes, type]] = {}
        """With what they were made from."""
        self._refs: dict[type, str] = {}

    def named(self, ref: str) -> type:
        """Raises ``ValueError`` where no class of that name crosses."""
        if ref in self._mirrors:
            return self._mirrors[ref][1]
        module, _, name = ref.partition(":")
        if module not in self._modules or not name.isidentifier():
            raise ValueError(f"{ref[:100]} is no class that crosses")
        found = vars(importlib.import_module(module)).get(name)
        if not isinstance(found, type):
            raise ValueError(f"{ref[:100]} is no class")
        return found

    def ref(self, cls: type) -> str:
        """Raises ``ValueError``."""
        if cls not in self._refs:
            ref = f"{cls.__module__}:{cls.__qualname__}"
            if self.named(ref) is not cls:
                raise ValueError(f"{ref} is not the class of that name")
            self._refs[cls] = ref
        return self._refs[cls]

    def meet(self, introduced: Introduce) -> None:
        """Make a mirror. Raises ``ValueError`` or ``TypeError`` where the description makes no sense."""
        ref = introduced.ref
        made_from = msgspec.msgpack.encode(introduced)
        if ref in self._mirrors and self._mirrors[ref][0] == made_from:
            return  # the same program, in a new process
        module, _, name = ref.partition(":")
        if module in self._modules or len(self._mirrors) >= _MOST_CLASSES:
            raise ValueError(f"{ref} is not the program's to introduce")
        mirror = self._mirror(introduced, module, name.rpartition(".")[2])
        self._mirrors[ref] = made_from, mirror
        self._refs[mirror] = ref

    def _mirror(self, introduced: Introduce, module: str, name: str) -> type:
        namespace: dict[str, Any] = {}
        if introduced.kind == "job":
            run_inside, ref = self._run_inside, introduced.ref
            namespace["Result"] = self._type(introduced.result)
            namespace["run"] = lambda job, io: run_inside(ref, job, io)
        fields = [self._field(field, introduced.omits_defaults) for field in introduced.fields]
        return msgspec.defstruct(
            _checked(name),
            fields,
            bases=(KINDS[introduced.kind],),
            module=module,
            namespace=namespace,
            frozen=True,
            kw_only=_has_gaps(introduced.fields),
            tag=introduced.tag,
            tag_field=introduced.tag_field,
            array_like=introduced.is_array,
            omit_defaults=introduced.omits_defaults,
            rename={field.name: field.encode_name for field in introduced.fields},
        )

    def _field(self, field: Field, may_be_absent: bool) -> tuple[str, Any, Any]:
        name, its_type = _checked(field.name), self._type(field.sketch)
        if may_be_absent:
            return name, its_type | UnsetType, UNSET
        if field.factory:
            return name, its_type, msgspec.field(default_factory=_FACTORIES[field.factory])
        if field.default is not None:
            return name, its_type, msgspec.field(default=self._unpacked(field.default))
        return name, its_type, msgspec.field()

    def _type(self, sketch: msgspec.Raw) -> Any:
        return built(msgspec.msgpack.decode(sketch), self.named)

    def decoded(self, ref: str, blob: bytes, kind: type) -> Any:
        """The value that encodes to exactly these bytes. Raises ``ValueError`` or ``TypeError``.

        Like the original, it need not fit its class: who receives it will see. So what does not decode, or not to the
        same bytes (a whole number in a field of floats), is put together without its types.
        """
        cls = self.named(ref)
        if not issubclass(cls, kind) or not issubclass(cls, Struct):
            raise ValueError(f"{ref} is no {kind.__name__}")
        try:
            value = decoder(cls).decode(blob)
        except (msgspec.ValidationError, UnicodeDecodeError):
            return _untyped(cls, blob)
        return value if encode(value) == blob else _untyped(cls, blob)


def _has_gaps(fields: Sequence[Field]) -> bool:
    """Whether a field without a default follows one with: only names can tell them then."""
    has_default = [field.default is not None or bool(field.factory) for field in fields]
    return has_default != sorted(has_default)


def _untyped(cls: Any, blob: bytes) -> Any:
    parts = msgspec.msgpack.decode(blob)
    config = cls.__struct_config__
    if config.array_like:
        parts = dict(
            zip(cls.__struct_encode_fields__, parts[config.tag is not None :], strict=True)
        )
    names = dict(zip(cls.__struct_encode_fields__, cls.__struct_fields__, strict=True))
    value = cls(**{names[key]: part for key, part in parts.items() if key in names})
    if encode(value) != blob:
        raise ValueError(f"these bytes are no {cls.__name__}")
    return value


def _checked(name: str) -> str:
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("__"):
        raise ValueError(f"{name[:100]!r} is no name")
    return name
