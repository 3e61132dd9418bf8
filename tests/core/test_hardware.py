"""What the machine computes takes over from what a program wrote, where both agree and a world offers it."""

from collections.abc import Iterator

import pytest

from distlab.core import hardware
from distlab.core.hardware import in_hardware, samples


@pytest.fixture
def offered() -> Iterator[dict[str, hardware.Checksum]]:
    hardware.offered["sum"] = sum
    yield hardware.offered
    del hardware.offered["sum"]


def adder(calls: list[int]) -> hardware.Checksum:
    @in_hardware("sum")
    def add(data: bytes) -> int:
        calls.append(len(data))
        total = 0
        for byte in data:
            total += byte
        return total

    return add


def test_nothing_is_offered_unless_a_world_does() -> None:
    calls: list[int] = []
    assert adder(calls)(b"ab") == 195
    assert adder(calls)(b"ab") == 195
    assert calls == [2, 2]


def test_the_machine_takes_over_once_both_agree(offered: object) -> None:
    calls: list[int] = []
    add = adder(calls)
    assert add(b"abc") == 294
    assert add(b"abcd") == 394
    assert calls == [len(sample) for sample in samples()]


def test_what_was_written_stays_where_they_differ(offered: object) -> None:
    @in_hardware("sum")
    def off_by_one_in_the_end(data: bytes) -> int:
        return sum(data) + (len(data) > 4000)

    assert off_by_one_in_the_end(bytes(5000)) == 1


def test_an_exception_is_the_programs_own(offered: object) -> None:
    @in_hardware("sum")
    def to_do(data: bytes) -> int:
        raise NotImplementedError("2A: write it")

    with pytest.raises(NotImplementedError, match="2A"):
        to_do(b"")
