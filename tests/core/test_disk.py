"""Records: read back whole, cut where torn, refused where damaged."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distlab.core import DamagedFile, Message, Node
from distlab.core.disk import checked_path, folder_of, frame, unframe
from distlab.core.errors import BadPath, BadValue
from distlab.core.files import Files
from distlab.core.solo import Solo

LAWS = settings(max_examples=150, deadline=None, database=None, derandomize=True)


class Put(Message, frozen=True):
    id: int
    text: str = ""


class Delete(Message, frozen=True):
    id: int


def written(*sizes: int, synced: int = 0) -> bytes:
    """A file of records; the first ``synced`` were durable when the next was written."""
    data = b""
    durable = 0
    for n, size in enumerate(sizes):
        if n == synced:
            durable = len(data)
        data += frame(Put(n, "x" * size), durable)
    return data


def ids(bodies: list[bytes]) -> list[int]:
    import msgspec

    return [msgspec.msgpack.decode(body)["id"] for body in bodies]


def test_records_are_read_back() -> None:
    data = written(0, 5, 300)
    bodies, end = unframe(data)
    assert ids(bodies) == [0, 1, 2]
    assert end == len(data)


@LAWS
@given(st.lists(st.integers(0, 40), min_size=1, max_size=4), st.integers(0, 4), st.data())
def test_a_tail_torn_at_any_byte_is_cut(sizes: list[int], synced: int, data: Any) -> None:
    whole = written(*sizes, synced=synced)
    cut = data.draw(st.integers(0, len(whole)))
    bodies, end = unframe(whole[:cut])
    assert end <= cut
    assert ids(bodies) == list(range(len(bodies)))
    assert len(frame(Put(len(bodies), "x" * [*sizes, 0][len(bodies)]))) + end > cut


def test_a_tail_torn_at_every_byte_is_cut() -> None:
    first, whole = len(written(7)), written(7, 9)
    for cut in range(len(whole)):
        bodies, end = unframe(whole[:cut])
        assert (len(bodies), end) == ((1, first) if cut >= first else (0, 0))


def test_every_flipped_bit_of_a_record_that_a_later_one_vouches_for_is_damage() -> None:
    vouched = len(written(4, 6))
    whole = written(4, 6, 5, synced=2)
    for bit in range(8 * vouched):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DamagedFile):
            unframe(bytes(damaged))


def test_a_flipped_bit_that_nobody_vouches_for_is_a_torn_tail() -> None:
    whole = written(4, 6, 5, synced=9)
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        bodies, _ = unframe(bytes(damaged))
        assert ids(bodies) == list(range(len(bodies)))
        assert len(bodies) < 3


def test_unsynced_writes_that_survive_without_their_predecessors_are_no_damage() -> None:
    first = written(4)
    lost = bytes(len(frame(Put(1))))
    assert ids(unframe(first + lost + frame(Put(2), durable=len(first)))[0]) == [0]


def test_records_copied_to_another_file_can_be_read_there() -> None:
    whole = written(4, 6, 5, synced=1)
    tail = whole[len(written(4)) :]
    assert ids(unframe(tail)[0]) == [1, 2]


class Keeper(Node):
    pass


def test_recovering_cuts_the_torn_tail_off_the_file() -> None:
    disk = Solo(Keeper).disk
    disk.append("wal", Put(1))
    whole = disk.size("wal")
    disk.append("wal", frame(Put(2))[:-1])
    assert disk.recover("wal", Put) == [Put(1)]
    assert disk.size("wal") == whole
    disk.append("wal", Put(3))
    assert disk.recover("wal", Put) == [Put(1), Put(3)]


def test_a_file_that_is_not_there_holds_no_records() -> None:
    assert Solo(Keeper).disk.recover("wal", Put) == []


def test_records_of_a_union_come_back_as_what_they_were() -> None:
    disk = Solo(Keeper).disk
    for record in (Put(1), Delete(1)):
        disk.append("wal", record)
    assert disk.recover("wal", Put | Delete) == [Put(1), Delete(1)]
    with pytest.raises(BadValue):
        disk.recover("wal", Put)


def test_a_record_says_how_much_was_durable_before_it() -> None:
    disk = Solo(Keeper).disk
    disk.append("wal", Put(1))
    disk.sync("wal")
    disk.append("wal", Put(2))
    data = bytearray(disk.read("wal"))
    data[20] ^= 1
    with pytest.raises(DamagedFile):
        unframe(bytes(data))


def test_only_bytes_and_records_are_appended() -> None:
    with pytest.raises(BadValue):
        Solo(Keeper).disk.append("wal", "text")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "path",
    ["", "/", "/etc/passwd", "../up", "a/../../b", "a/", "a//b", "./a", "a/./b", ".", "a\0b", 7],
)
def test_a_file_has_one_name_inside_its_nodes_folder(path: Any) -> None:
    with pytest.raises(BadPath):
        checked_path(path)
    with pytest.raises(BadPath):
        Files().append(path, b"")


def test_the_folder_of_a_file_is_spelled_as_sync_spells_it() -> None:
    assert folder_of("wal") == "/"
    assert folder_of("logs/2026/1") == "logs/2026/"
