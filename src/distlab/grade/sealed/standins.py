"""What stands outside in place of the student's things: node classes, modules, functions, classes and their objects.

Rule: a stand-in decides nothing. It forwards, and hands back what it is told; all checking is the outside's
(:mod:`distlab.grade.sealed.outside`).
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, ClassVar

import msgspec

from distlab.core.codec import encode
from distlab.core.context import Context
from distlab.core.node import Node
from distlab.core.values import Address, Finished, Job, JobOutcome, Message
from distlab.grade.sealed import frames as fr
from distlab.grade.sealed.errors import IsolationBroken, crossed
from distlab.grade.sealed.outside import Outside

_encode = msgspec.msgpack.Encoder().encode


class StandIn(Node):
    """A node whose program runs inside. Subclasses are made for each of the student's node classes."""

    _outside: ClassVar[Outside]
    _ref: ClassVar[str]
    _number: ClassVar[int] = 0

    def attach(self, context: Context) -> None:
        super().attach(context)
        vars(self)["_outside"] = self._outside.for_life()
        vars(self)["_number"] = self._outside.actor(context)

    def on_start(self) -> None:
        context, outside = self._context, self._outside
        config = outside.values.packed(context.config)
        level = int(context.log.level(""))
        self._ask(fr.Start(self._number, self._ref, context.address, config, level))

    def on_connect(self, peer: Address) -> None:
        self._ask(fr.Handle(self._number, "on_connect", b"", peer))

    def on_disconnect(self, peer: Address) -> None:
        self._ask(fr.Handle(self._number, "on_disconnect", b"", peer))

    def on_sync_failed(self, path: str, error: str) -> None:
        self._ask(fr.Handle(self._number, "on_sync_failed", error.encode(), path))

    def probe(self) -> Any:
        return self._ask(fr.Probe(self._number))

    def state(self) -> dict[str, Any]:
        """Nothing: what the program declares, it declares inside, where it is checked."""
        return {}

    def _ask(self, request: fr.Request) -> Any:
        outside = self._outside
        outcome = outside.request(request, self._context)
        if isinstance(outcome, fr.Value) and outcome.value == b"\xc0":  # None, nearly always
            return None
        return outside.result(outcome)

    def _handle(self, name: str, value: Any, extra: Any = None) -> None:
        is_decoded = isinstance(value, Message)  # has been decoded, so it can be again
        blob = encode(value) if is_decoded else self._outside.crossing(value)
        self._ask(fr.Handle(self._number, name, blob, extra))

    def _handle_end(self, name: str, job: Job, outcome: JobOutcome) -> None:
        if isinstance(outcome, Finished):
            end = _encode((_encode(outcome.value), None, None))
        else:
            end = _encode((None, outcome.error, outcome.progress))
        self._ask(fr.Handle(self._number, name, self._outside.crossing(job), None, end))


def _forwarder(name: str, count: int, takes: type) -> Callable[..., None]:
    if issubclass(takes, Job):

        def handler(self: StandIn, value: Any, extra: Any) -> None:
            self._handle_end(name, value, extra)

    elif count == 2:

        def handler(self: StandIn, value: Any, extra: Any) -> None:
            self._handle(name, value, extra)

    elif count == 1:

        def handler(self: StandIn, value: Any) -> None:  # type: ignore[misc]
            self._handle(name, value)

    else:

        def handler(self: StandIn) -> None:  # type: ignore[misc]
            self._ask(fr.Handle(self._number, name, b"", None))

    handler.__name__ = name
    return handler


def node_class(outside: Outside, member: fr.NodeMember) -> type[StandIn]:
    """The stand-in for a node class, as it was described."""
    body: dict[str, Any] = {"__module__": member.ref.partition(":")[0], "__doc__": None}
    if member.config is not None:
        body["__annotations__"] = {"config": outside.classes.named(member.config)}
    kind: Any = type(StandIn)
    made: type[StandIn] = kind(_name(member.ref), (StandIn,), body)
    made._outside, made._ref = outside, member.ref
    handlers = {}
    for ref, name, count in member.handlers:
        if not (name.startswith("on_") and name.isidentifier() and 0 <= count <= 2):
            raise ValueError(f"{name[:100]!r} is no handler")
        takes = outside.classes.named(ref)
        handlers[takes] = (name, count)
        setattr(made, name, _forwarder(name, count, takes))
    made.handlers = made.own_handlers = handlers
    return made


class Remote:
    """An object that stays inside: its methods are called there, its attributes read there."""

    _handle: int
    _outside: Outside

    def __init__(self, outside: Outside, handle: int) -> None:
        vars(self).update(_outside=outside, _handle=handle)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._outside.get(self._handle, name)

    def __call__(self, *arguments: Any, **by_name: Any) -> Any:
        """A method that was read as an attribute, or whatever else can be called there."""
        return self._outside.call(self._handle, "__call__", arguments, by_name)


def function(outside: Outside, ref: str) -> Callable[..., Any]:
    """The stand-in for a function, or for a method that needs no object."""

    def stand_in(*arguments: Any, **by_name: Any) -> Any:
        return outside.call(0, ref, arguments, by_name)

    stand_in.__name__ = _name(ref)
    return stand_in


def _method(name: str) -> Callable[..., Any]:
    def stand_in(self: Remote, *arguments: Any, **by_name: Any) -> Any:
        return self._outside.call(self._handle, name, arguments, by_name)

    stand_in.__name__ = name
    return stand_in


def remote_class(outside: Outside, member: fr.ClassMember) -> type:
    """The stand-in for a class: its objects are made inside. It inherits from the given class that the original does.

    Only by name: none of that class's own code runs on what stands for a student's object.
    """
    base: type = object if member.base is None else outside.classes.named(member.base)
    values = outside.values.unpacked(member.values)
    if not isinstance(values, dict):
        raise ValueError("attributes of a class that are none")
    body: dict[str, Any] = {str(name): value for name, value in values.items()}
    body |= {name: _method(name) for name in member.methods}
    body |= {
        name: staticmethod(function(outside, f"{member.ref}.{name}")) for name in member.statics
    }
    body = {name: value for name, value in body.items() if not name.startswith("_")}

    def new(cls: type, *arguments: Any, **by_name: Any) -> Any:
        made = outside.call(0, member.ref, arguments, by_name)
        if not isinstance(made, Remote):
            raise IsolationBroken(f"isolation: {member.name} made no object")
        stand_in: Any = object.__new__(cls)
        vars(stand_in).update(_outside=outside, _handle=made._handle)
        return stand_in

    body |= {
        "__new__": new,
        "__init__": lambda self, *arguments, **by_name: None,
        "__module__": member.ref.partition(":")[0],
    }
    return type(_name(member.ref), (Remote, base) if base is not object else (Remote,), body)


class StandInModule(ModuleType):
    """A module of the student's, described by the inside when it is first imported."""

    def __getattr__(self, name: str) -> Any:
        text = f"module {self.__name__!r} has no attribute {name!r} that can be used from outside"
        raise crossed("AttributeError", text)

    def fill(self, outside: Outside) -> None:
        """Import it inside. Raises whatever the student's code raises."""
        outcome = outside.request(fr.Import(self.__name__))
        if not isinstance(outcome, fr.Value):
            outside.result(outcome)
            return
        try:
            for member in msgspec.msgpack.decode(outcome.value, type=list[fr.Member]):
                if not member.name.startswith("_"):
                    setattr(self, member.name, self._stand_in(outside, member))
        except (ValueError, TypeError, KeyError, RecursionError, msgspec.MsgspecError) as error:
            raise IsolationBroken(f"isolation: {self.__name__} is no module: {error}") from None

    @staticmethod
    def _stand_in(outside: Outside, member: fr.Member) -> Any:
        match member:
            case fr.NodeMember():
                return node_class(outside, member)
            case fr.StructMember(_, ref):
                return outside.classes.named(ref)
            case fr.FunctionMember(_, ref):
                return function(outside, ref)
            case fr.ClassMember():
                return remote_class(outside, member)
            case fr.ValueMember(_, value):
                return outside.values.unpacked(value)


def _name(ref: str) -> str:
    return ref.partition(":")[2].rpartition(".")[2]
