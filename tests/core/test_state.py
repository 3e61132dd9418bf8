"""Declared state: what may be kept, and the laws of freezing and copying it."""

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from distlab.core import Node
from distlab.core.errors import HandlerMistake, UndeclaredState
from distlab.core.solo import Solo
from distlab.core.state import copied, freeze

LAWS = settings(max_examples=150, deadline=None, database=None, derandomize=True)


class Colour(Enum):
    RED = 1


class Frozen(Struct, frozen=True):
    n: int


class Entry(Struct):
    term: int
    values: list[Any]


@dataclass
class Progress:
    at: int
    seen: set[int]
    twice: int = field(init=False)
    kind: ClassVar[str] = "progress"

    def __post_init__(self) -> None:
        self.twice = 2 * self.at


@dataclass(frozen=True)
class Held:
    items: list[int]


class Point(NamedTuple):
    x: int
    y: list[int]


PLAIN = st.one_of(
    st.integers(),
    st.booleans(),
    st.none(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.just(Colour.RED),
)
KEYS = st.one_of(st.integers(0, 5), st.text(max_size=2), st.builds(Frozen, st.integers(0, 3)))
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(KEYS, inner, max_size=3),
        st.sets(KEYS, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.lists(inner, max_size=3).map(lambda items: deque(items, maxlen=5)),
        st.builds(Entry, st.integers(), st.lists(inner, max_size=2)),
        st.builds(Progress, st.integers(), st.sets(st.integers(), max_size=2)),
        st.builds(Held, st.lists(st.integers(), max_size=2)),
        st.builds(Point, st.integers(), st.lists(st.integers(), max_size=2)),
    ),
    max_leaves=8,
)


def mutable_parts(value: Any) -> list[Any]:
    """Everything in ``value`` that can change."""
    match value:
        case dict():
            return [value, *(part for item in value.values() for part in mutable_parts(item))]
        case list() | deque():
            return [value, *(part for item in value for part in mutable_parts(item))]
        case set() | bytearray():
            return [value]
        case Point() | tuple():
            return [part for item in value for part in mutable_parts(item)]
        case Entry():
            return [value, *mutable_parts(value.values)]
        case Progress():
            return [value, value.seen]
        case Held():
            return [value.items]
    return []


@LAWS
@given(VALUES)
def test_a_copy_equals_what_it_copies_and_has_its_class(value: Any) -> None:
    twin = copied(value)
    assert twin == value
    assert type(twin) is type(value)
    assert freeze(twin) == freeze(value)


@LAWS
@given(VALUES)
def test_a_copy_shares_nothing_that_can_change(value: Any) -> None:
    ours = {id(part) for part in mutable_parts(value)}
    assert not any(id(part) in ours for part in mutable_parts(copied(value)))


@LAWS
@given(VALUES, VALUES)
def test_frozen_values_are_equal_when_values_are(left: Any, right: Any) -> None:
    assert hash(freeze(left)) == hash(freeze(copied(left)))
    if type(left) is type(right) and left == right:
        assert freeze(left) == freeze(right)
    if freeze(left) == freeze(right) and type(left) is type(right):
        assert left == right


@LAWS
@given(st.dictionaries(KEYS, PLAIN, min_size=2), st.randoms(use_true_random=False))
def test_freezing_does_not_depend_on_the_order_of_filling(
    value: dict[Any, Any], random: Any
) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert freeze(dict(items)) == freeze(value)
    assert freeze(set(value)) == freeze({key for key, _ in items})


def test_a_copy_keeps_factories_counts_and_limits() -> None:
    assert copied(defaultdict(list, a=[1]))["new"] == []
    assert type(copied(Counter("aab"))) is Counter
    assert copied(deque([1], maxlen=2)).maxlen == 2


def test_what_has_no_value_is_refused_with_its_path() -> None:
    with pytest.raises(UndeclaredState, match=r"state\['log'\]\[1\]"):
        freeze({"log": [1, object()]})
    with pytest.raises(UndeclaredState):
        copied([lambda: None])
    with pytest.raises(UndeclaredState):
        freeze(memoryview(b"x"))


class Keeps(Node):
    term: int
    entries: list[int]
    limit: int = 3

    def on_start(self) -> None:
        self.term = 1
        self.entries = []


def test_state_is_what_is_declared() -> None:
    assert Solo(Keeps).node.state() == {"term": 1, "entries": [], "limit": 3}


def test_what_is_not_declared_is_refused() -> None:
    class Hides(Keeps):
        def on_start(self) -> None:
            super().on_start()
            self.votes = 0

    with pytest.raises(UndeclaredState, match=r"self\.votes"):
        Solo(Hides)


@pytest.mark.parametrize("name", ["log", "disk", "send", "now", "state"])
def test_state_may_not_hide_what_every_node_has(name: str) -> None:
    with pytest.raises(HandlerMistake, match=name):
        type(Node)("Raft", (Node,), {"__annotations__": {name: list}})


def test_a_subclass_adds_to_the_state_of_its_base() -> None:
    class More(Keeps):
        votes: set[str]

    assert More.state_fields == ("term", "entries", "limit", "votes")


@pytest.mark.parametrize(
    "default", [[], {}, set(), deque(), Counter(), Entry(1, []), Progress(1, set())]
)
def test_a_default_that_can_change_is_refused_declared_or_not(default: Any) -> None:
    with pytest.raises(HandlerMistake, match="shared by all nodes"):
        type(Node)("Declared", (Node,), {"seen": default, "__annotations__": {"seen": Any}})
    with pytest.raises(HandlerMistake, match="shared by all nodes"):
        type(Node)("Undeclared", (Node,), {"seen": default})


def test_tables_and_constants_in_a_class_body_are_allowed() -> None:
    class Fine(Node):
        WEIGHTS = {"a": 1}  # noqa: RUF012
        table: ClassVar[dict[str, int]] = {"a": 1}
        limit = 3
        first: tuple[int, ...] = ()

        @property
        def double(self) -> int:
            return 2

    assert Fine.state_fields == ("first",)


def test_a_node_shows_its_state() -> None:
    assert repr(Solo(Keeps).node) == "Keeps(term=1, entries=[], limit=3)"
