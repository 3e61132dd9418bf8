"""One node's part of a world: everything that a crash takes and everything that it leaves, as one interned value.

Theory. A world is a few small numbers because each node's part of it is one number: the place of its *record* in a
table. Two records are one if their frozen contents are equal: declared state, timers that are set, files, and for a
client its operations. So equal records must act alike; :mod:`distlab.explore.transitions` checks that they do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

from msgspec import Struct

from distlab.core.errors import UndeclaredState
from distlab.core.files import Files
from distlab.core.node import Node
from distlab.core.state import copied, freeze
from distlab.core.values import Timer
from distlab.explore.chance import Unknown
from distlab.explore.errors import CannotExplore
from distlab.explore.handling import Entry

Timers = dict[Timer, tuple[float, float]]
"""Timers that are set -> least and greatest time they may take, in the order in which they were set."""


_NOTHING = Files().essence()


class Record:
    """A node as it stands between two handlers. Never changed."""

    __slots__ = (
        "calls_made",
        "files",
        "history",
        "key",
        "memo",
        "number",
        "problem",
        "seen",
        "state",
        "timers",
    )

    def __init__(
        self,
        state: dict[str, Any] | None,
        timers: Timers,
        files: Files | None,
        history: tuple[Entry, ...],
        calls_made: int,
        problem: str = "",
        *,
        ordered: bool,
    ) -> None:
        self.state = state
        """Declared state, name -> value; None while the node is down."""
        self.timers = timers
        essence = None if files is None else files.essence()
        if essence == _NOTHING:
            files = essence = None
        self.files = files
        """None where there is nothing on disk, and nothing that a crash could bring back."""
        self.history = history
        self.calls_made = calls_made
        """How many of the client's planned operations have begun."""
        self.problem = problem
        """What it raised, where it did; then it is down for good."""
        self.number = -1
        """Its place in its node's table."""
        self.memo: dict[Any, Any] = {}
        """Event -> what comes of it."""
        self.seen: Any = None
        """How predicates see it; made when one looks."""
        timers_key: Hashable
        if ordered:
            timers_key = tuple(timers.items())
        else:
            timers_key = frozenset(timers)
        self.key: Hashable = (
            None if state is None else frozen(state),
            timers_key,
            essence,
            tuple((t, freeze(o), None if r is None else freeze(r)) for t, o, r in history),
            calls_made,
            problem,
        )


def frozen(state: dict[str, Any]) -> tuple[Any, ...]:
    """The state as a hashable value, field by field."""
    return tuple((name, freeze(value, f"self.{name}")) for name, value in state.items())


def kept(node: Node) -> dict[str, Any]:
    """What the node remembers, as a copy of its own. Raises :class:`CannotExplore` naming what has no value."""
    program = type(node).__name__
    twin = {}
    try:
        for name, value in node.state().items():
            if found := _unknown_in(value, f"self.{name}"):
                path, number = found
                raise CannotExplore(
                    f"{program}: {path} holds {number.what}. The explorer does not know such a number: a program may "
                    "only wait that long"
                )
            before = freeze(value, f"self.{name}")
            twin[name] = copied(value)
            if before != freeze(twin[name], f"self.{name}"):
                raise CannotExplore(
                    f"{program}.{name} does not come back the same when it is copied: {value!r} became "
                    f"{twin[name]!r}. Keep plain values in a node: numbers, strings, lists, dicts, sets, Structs"
                )
    except UndeclaredState as error:
        raise CannotExplore(
            f"{program}: {error}. What the explorer cannot copy and compare, it cannot explore"
        ) from None
    return twin


def _unknown_in(value: Any, path: str) -> tuple[str, Unknown] | None:
    """A number that nobody knows, anywhere in ``value``, and where it is."""
    if isinstance(value, Unknown):
        return path, value
    parts: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, (list, tuple, deque)):
        parts = enumerate(value)
    elif isinstance(value, Struct):
        fields = ((name, getattr(value, name)) for name in value.__struct_fields__)
        return next(
            (hit for name, part in fields if (hit := _unknown_in(part, f"{path}.{name}"))), None
        )
    return next(
        (hit for key, part in parts if (hit := _unknown_in(part, f"{path}[{key!r}]"))), None
    )


def restored(program: type[Node], state: dict[str, Any]) -> Node:
    """A node that remembers this, and shares nothing with any other."""
    node = program()
    for name, value in state.items():
        setattr(node, name, copied(value))
    return node


# -- the same state in another order ----------------------------------------------------------------------------------


class _OrderedSet(set[Any]):
    """A set that is walked through in a known order; equal to the plain one."""

    reverse = False

    def __iter__(self) -> Iterator[Any]:
        return iter(sorted(super().__iter__(), key=repr, reverse=self.reverse))

    def pop(self) -> Any:
        first = next(iter(self))
        self.discard(first)
        return first


class _ReversedSet(_OrderedSet):
    reverse = True


class _OrderedFrozenSet(frozenset[Any]):
    reverse = False

    def __iter__(self) -> Iterator[Any]:
        return iter(sorted(super().__iter__(), key=repr, reverse=self.reverse))


class _ReversedFrozenSet(_OrderedFrozenSet):
    reverse = True


def sets_forwards(value: Any) -> Any:
    """``value`` with its sets in order."""
    return _walked(value, _OrderedSet, _OrderedFrozenSet, lambda items: items)


def sets_backwards(value: Any) -> Any:
    """``value`` with its sets in the opposite order."""
    return _walked(value, _ReversedSet, _ReversedFrozenSet, lambda items: items)


def dicts_backwards(value: Any) -> Any:
    """``value`` with its dicts filled in the opposite order."""
    return _walked(value, None, None, lambda items: items[::-1])


def _walked(
    value: Any,
    as_set: type[set[Any]] | None,
    as_frozen: type[frozenset[Any]] | None,
    order: Callable[[list[Any]], list[Any]],
) -> Any:
    """A copy of lists, dicts and sets, however deep, with sets and dicts put in order. Other values are left."""
    if type(value) is set and as_set is not None:
        return as_set(value)
    if type(value) is frozenset and as_frozen is not None:
        return as_frozen(value)
    if isinstance(value, dict):
        twin = value.copy()
        twin.clear()
        items = [(key, _walked(item, as_set, as_frozen, order)) for key, item in value.items()]
        twin.update(order(items))
        return twin
    if type(value) in (list, tuple):
        return type(value)(_walked(item, as_set, as_frozen, order) for item in value)
    return value


def has_order(value: Any, kind: type) -> bool:
    """Whether a set (or dict) with two members or more lies somewhere in ``value``."""
    if isinstance(value, kind) and len(value) > 1:  # type: ignore[arg-type]
        return True
    if isinstance(value, dict):
        return any(has_order(item, kind) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(has_order(item, kind) for item in value)
    return False
