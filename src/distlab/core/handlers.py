"""Which handler takes which value: worked out once, when a node class is made, so that mistakes show at once.

A handler's first parameter says by its annotation what it takes, and its name must be that class's name in snake case.
A misspelt ``on_mesage`` would otherwise simply never be called, and no type checker can see that.

The rules, for a class ``FooBar`` of each kind:

=============  ========================================  ===============================================
kind           handler                                   may leave out
=============  ========================================  ===============================================
``Message``    ``on_foo_bar(self, m: FooBar, sender)``   ``sender``
``Timer``      ``on_foo_bar(self, t: FooBar)``           the timer, if the class stands in reach by name
``Job``        ``on_foo_bar(self, j: FooBar, outcome)``
``Operation``  ``on_foo_bar(self, o: FooBar, ticket)``
=============  ========================================  ===============================================
"""

from __future__ import annotations

import difflib
import inspect
import re
import typing
from collections.abc import Callable, Mapping
from typing import Any

from distlab.core.errors import HandlerMistake
from distlab.core.values import Job, Message, Operation, Timer

LIFECYCLE: Mapping[str, int] = {
    "on_start": 0,
    "on_connect": 1,
    "on_disconnect": 1,
    "on_sync_failed": 2,
}
"""Handlers with fixed names, and how many arguments each takes beside ``self``."""

_KINDS = {Message: 2, Timer: 1, Job: 2, Operation: 2}

Handlers = dict[type, tuple[str, int]]
"""Value class -> (method name, number of arguments it takes: the value, and what comes with it)."""


class HandlerNamespace(dict[str, Any]):
    """The body of a node class while it is being read: refuses a second handler of the same name.

    Python would silently keep the last one.
    """

    def __setitem__(self, name: str, value: Any) -> None:
        if name.startswith("on_") and name in self and inspect.isfunction(value):
            raise HandlerMistake(
                f"{name} is defined twice in this class; Python would drop the first one in silence"
            )
        super().__setitem__(name, value)


def handlers_of(cls: type, scope: Mapping[str, Any]) -> Handlers:
    """The handlers that ``cls`` itself defines. ``scope`` is where its class statement stands, for local names."""
    handlers: Handlers = {}
    for name, function in vars(cls).items():
        if not name.startswith("on_"):
            continue
        if not inspect.isfunction(function):
            raise HandlerMistake(
                f"{cls.__name__}.{name} must be an ordinary method, not a {type(function).__name__}"
            )
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise HandlerMistake(
                f"{cls.__name__}.{name} must not be async or contain yield: calling it would only make an object. "
                "Handlers run to their end; set a timer to go on later"
            )
        if name in LIFECYCLE:
            _check_lifecycle(cls, name, function)
            continue
        value_class = _value_class(cls, name, function, scope)
        handlers[value_class] = (name, _arity(cls, name, function, value_class))
    return handlers


def all_handlers(cls: type, scope: Mapping[str, Any]) -> tuple[Handlers, Handlers]:
    """What ``cls`` itself handles, and what it handles with all it inherits, from nodes and from plain classes.

    A method that a subclass overrides counts once, as the subclass has it.
    """
    own = handlers_of(cls, scope)
    by_method: dict[str, tuple[type, int]] = {}
    for base in reversed(cls.__mro__):
        defined = own if base is cls else vars(base).get("own_handlers")
        for value_class, (name, count) in (
            handlers_of(base, scope) if defined is None else defined
        ).items():
            by_method[name] = (value_class, count)
    return own, {value_class: (name, count) for name, (value_class, count) in by_method.items()}


def snake(name: str) -> str:
    """``AppendEntries`` -> ``append_entries``; runs of capitals stay together (``HTTPGet`` -> ``http_get``)."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _check_lifecycle(cls: type, name: str, function: Callable[..., Any]) -> None:
    takes = len(inspect.signature(function).parameters) - 1
    if takes != LIFECYCLE[name]:
        raise HandlerMistake(
            f"{cls.__name__}.{name} takes {LIFECYCLE[name]} argument(s) beside self, not {takes}"
        )


def _value_class(
    cls: type, name: str, function: Callable[..., Any], scope: Mapping[str, Any]
) -> type:
    where = f"{cls.__name__}.{name}"
    parameters = list(inspect.signature(function).parameters)[1:]
    known = _classes_in_reach(function, scope)
    if not parameters:
        if (found := known.get(name)) is not None and issubclass(found, Timer):
            return found
        raise HandlerMistake(
            f"{where} handles nothing: no Timer of that name is in reach.{_suggestion(name, known)}"
        )
    try:
        hints = typing.get_type_hints(function, localns=dict(scope))
    except NameError as error:
        raise HandlerMistake(
            f"{where}: {error}. Define or import the class above the node."
        ) from None
    value_class = hints.get(parameters[0])
    if not (isinstance(value_class, type) and issubclass(value_class, tuple(_KINDS))):
        raise HandlerMistake(
            f"{where}: annotate '{parameters[0]}' with the Message, Timer, Job or Operation it takes."
            f"{_suggestion(name, known)}"
        )
    expected = "on_" + snake(value_class.__name__)
    if name != expected:
        raise HandlerMistake(
            f"{where} takes a {value_class.__name__}, so its name must be {expected}"
        )
    return value_class


def _arity(cls: type, name: str, function: Callable[..., Any], value_class: type) -> int:
    signature = inspect.signature(function)
    takes = len(signature.parameters) - 1
    if any(
        p.kind not in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        for p in signature.parameters.values()
    ):
        raise HandlerMistake(f"{cls.__name__}.{name} takes plain positional arguments only")
    most = next(count for kind, count in _KINDS.items() if issubclass(value_class, kind))
    least = 0 if issubclass(value_class, Timer) else 1 if issubclass(value_class, Message) else most
    if not least <= takes <= most:
        raise HandlerMistake(
            f"{cls.__name__}.{name}{signature} should take {most} argument(s) beside self"
        )
    return takes


def _classes_in_reach(function: Callable[..., Any], scope: Mapping[str, Any]) -> dict[str, type]:
    """Handler name -> value class, for every value class that the node's module or surrounding scope can name."""
    names = {**getattr(function, "__globals__", {}), **scope}
    return {
        "on_" + snake(value.__name__): value
        for value in names.values()
        if isinstance(value, type) and issubclass(value, tuple(_KINDS)) and value not in _KINDS
    }


def _suggestion(name: str, known: Mapping[str, type]) -> str:
    close = [n for n in difflib.get_close_matches(name, [*known, *LIFECYCLE], n=1) if n != name]
    return f" Did you mean {close[0]}?" if close else ""
