"""Event files, the one trace that is made of them, and the values that travel in it."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distlab.core import Fail, Info, Level, Ok
from distlab.core.errors import BadValue, ScenarioError
from distlab.core.log import LogLine
from distlab.faults import Crash, Partition
from distlab.live.portable import blob_to_plain, from_json, from_plain, to_json, to_plain
from distlab.live.recorder import Recorder, merged
from distlab.trace import EVERYTHING, NOTICED, Kind
from tests.programs.echo import Ping


@dataclass(frozen=True)
class Point:
    """Something that is no Struct."""

    x: int
    where: tuple[str, ...]


class Place(NamedTuple):
    """Nor this."""

    name: str


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.sampled_from([Level.INFO, Ping, Place("$"), Point(1, ("a",)), Ping(3, "$x"), Crash("n")])
)
hashable = st.integers() | st.text() | st.binary() | st.tuples(st.integers(), st.text())
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(hashable, inner, max_size=4)
        | st.sets(hashable, max_size=4)
        | st.frozensets(hashable, max_size=4)
        | inner.map(Ok)
        | st.text().map(Fail)
        | st.text().map(Info)
    ),
    max_leaves=12,
)


@given(values)
def test_any_value_comes_back_as_it_was(value: Any) -> None:
    again = from_json(to_json(value))
    assert again == value
    assert type(again) is type(value)


def test_a_value_without_value_semantics_is_refused() -> None:
    with pytest.raises(BadValue):
        to_json(Ok(object()))


def test_a_class_that_another_process_cannot_find_is_refused() -> None:
    class Hidden(Ping, frozen=True):
        """Inside a function."""

    with pytest.raises(ScenarioError):
        to_json(Hidden(1))


def test_a_message_that_is_none_any_more_comes_back_as_its_bytes() -> None:
    assert from_plain(blob_to_plain("tests.programs.echo:Ping", b"\xc1rot")) == b"\xc1rot"


def recorder(
    folder: Path, name: str, process: int, record: frozenset[str] = EVERYTHING
) -> Recorder:
    return Recorder(folder / f"{name}.jsonl", process << 16, name, 0, record, time.monotonic_ns())


def test_a_cause_comes_before_its_effect_in_the_same_microsecond(tmp_path: Path) -> None:
    # "a" sorts first, so equal times alone would put its effects before their causes
    epoch = (
        time.monotonic_ns() + 10**12
    )  # far in the future: all times are negative, and rounded alike
    early = recorder(tmp_path, "a", 1)
    late = recorder(tmp_path, "b", 2)
    early.epoch = late.epoch = epoch
    send = late.next_id() + 1
    deliver = early.note(Kind.DELIVER, None, send, "b")
    assert late.note(Kind.SEND, None, 0, "a") == send
    late.note(Kind.DELIVER, None, deliver, "a")
    kinds = [(event.node, event.kind) for event in merged(tmp_path).events]
    assert kinds == [("b", Kind.SEND), ("a", Kind.DELIVER), ("b", Kind.DELIVER)]


def test_ids_rise_and_causes_point_back(tmp_path: Path) -> None:
    one = recorder(tmp_path, "a", 1)
    two = recorder(tmp_path, "b", 2)
    for _ in range(5):
        sent = one.note(Kind.SEND, Ping(1), 0, "b")
        two.note(Kind.DELIVER, Ping(1), sent, "a")
    events = merged(tmp_path).events
    assert [event.id for event in events] == list(range(1, 11))
    for event in events:
        if event.kind == Kind.DELIVER:
            assert events[event.cause - 1].kind == Kind.SEND


def test_a_cause_that_was_not_recorded_is_none(tmp_path: Path) -> None:
    one = recorder(tmp_path, "a", 1, NOTICED)
    sent = one.note(Kind.SEND, Ping(1), 0, "b")
    one.note(Kind.CRASH, "why", sent)
    (event,) = merged(tmp_path).events
    assert (event.kind, event.cause) == (Kind.CRASH, 0)


def test_the_line_that_a_kill_cut_off_is_left_out(tmp_path: Path) -> None:
    one = recorder(tmp_path, "a", 1)
    one.note(Kind.START, "x")
    one.note(Kind.LOG, LogLine("s", Level.INFO, "t", {"n": (1, b"2")}))
    path = tmp_path / "a.jsonl"
    whole = merged(tmp_path).events
    path.write_bytes(path.read_bytes() + b'[99,1,"a",0,"st')
    assert merged(tmp_path).events == whole
    assert whole[1].what.fields == {"n": (1, b"2")}


def test_faults_come_back_as_they_were(tmp_path: Path) -> None:
    action = Partition((("a", "b"), ("c",)), 5)
    recorder(tmp_path, "s", 0).note_plain(Kind.FAULT, to_plain(action), 0, "", "n", 3)
    (event,) = merged(tmp_path).events
    assert (event.node, event.incarnation, event.what) == ("n", 3, action)
