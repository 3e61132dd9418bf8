"""The trace: tuples in, named events out."""

from distlab.core import Message
from distlab.trace import EVERYTHING, NOTICED, Event, Kind, Trace


class Put(Message, frozen=True):
    id: int
    data: bytes = b""


def trace() -> Trace:
    records = Trace()
    records.append((1, 0, "a", 0, Kind.START, 0, "", "store"))
    records.append((2, 5, "a", 0, Kind.SEND, 1, "b", Put(1, b"\xff")))
    return records


def test_events_are_named_as_they_come() -> None:
    records = trace()
    assert [event.kind for event in records.events] == ["start", "send"]
    records.append((4, 9, "b", 0, Kind.DELIVER, 2, "a", Put(1)))
    assert records.events[-1] == Event(4, 9, "b", 0, "deliver", 2, "a", Put(1))
    assert len(records) == 3
    assert [event.id for event in records.of("send", "deliver")] == [2, 4]
    assert records.by_id()[4].cause == 2


def test_what_a_sweep_records_is_part_of_everything() -> None:
    assert NOTICED < EVERYTHING
    assert {Kind.CALL, Kind.RETURN, Kind.CRASH, Kind.SYNCED, Kind.STORE, Kind.FAULT} <= NOTICED
