"""Values cross as bytes: what arrives equals what left, and what cannot cross is refused where it is sent."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distlab.core import Message
from distlab.core.codec import MESSAGE_LIMIT, crossed, decoder, encode
from distlab.core.errors import BadValue

LAWS = settings(max_examples=200, deadline=None, database=None, derandomize=True)


class Entry(Message, frozen=True):
    term: int
    text: str


class Append(Message, frozen=True):
    entries: tuple[Entry, ...]
    leader: str | None
    blob: bytes = b""
    commits: dict[str, int] = {}  # noqa: RUF012
    voters: frozenset[int] = frozenset()


ENTRIES = st.builds(Entry, st.integers(-(2**63), 2**64 - 1), st.text(max_size=5))
APPENDS = st.builds(
    Append,
    st.lists(ENTRIES, max_size=3).map(tuple),
    st.none() | st.text(max_size=3),
    st.binary(max_size=9),
    st.dictionaries(st.text(max_size=2), st.integers(0, 9), max_size=3),
    st.frozensets(st.integers(0, 9), max_size=3),
)


@LAWS
@given(APPENDS)
def test_what_arrives_equals_what_left(message: Append) -> None:
    assert decoder(Append).decode(encode(message)) == message


@LAWS
@given(st.binary(max_size=40))
def test_hostile_bytes_make_a_message_or_an_error_that_is_known(blob: bytes) -> None:
    try:
        message = decoder(Append).decode(blob)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    assert isinstance(message, Append)


@LAWS
@given(APPENDS, st.integers(0, 10_000))
def test_a_flipped_bit_makes_a_message_or_an_error_that_is_known(message: Append, bit: int) -> None:
    blob = bytearray(encode(message))
    bit %= 8 * len(blob)
    blob[bit // 8] ^= 1 << bit % 8
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        assert isinstance(decoder(Append).decode(bytes(blob)), Append)


@pytest.mark.parametrize(
    "value", [object(), lambda: None, 2**70, 1j], ids=["object", "function", "2**70", "1j"]
)
def test_what_cannot_cross_a_wire_is_refused(value: Any) -> None:
    with pytest.raises(BadValue, match="Entry cannot be sent"):
        encode(Entry(value, ""))


def test_a_value_without_end_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(BadValue):
        encode(Entry(endless, ""))  # type: ignore[arg-type]


def test_a_message_has_a_size_limit() -> None:
    with pytest.raises(BadValue, match="in parts"):
        encode(Append((), None, bytes(MESSAGE_LIMIT)))


def test_a_result_looks_as_it_does_on_the_other_side() -> None:
    assert crossed((1, [2, {"a": (3,)}]), Any) == [1, [2, {"a": [3]}]]
    assert crossed(Entry(1, "x"), Entry) == Entry(1, "x")
    assert crossed((Entry(1, "x"),), tuple[Entry, ...]) == (Entry(1, "x"),)
    with pytest.raises(BadValue):
        crossed("text", Entry)
    with pytest.raises(BadValue):
        crossed(object(), Any)
