"""Replays: what is said of a fault that struck nothing, and what a neighbour is. The outcomes: tests/cli."""

import msgspec
import pytest

from distlab.core import MS
from distlab.faults import At, Crash, Doing, Drop, Fault, Noise, Nth, Plan
from distlab.grade.replay import SHIFT, neighbour, ordinal, trigger_words
from distlab.grade.scenario import Call, Scenario
from distlab.sim import stream

SCENARIO = Scenario(
    calls=(Call(0, "c", "Put", {"x": 1}), Call(90 * MS, "c", "Get")),
    plan=Plan(
        (Fault(At(50 * MS), Crash("n1")), Fault(Nth("c", "n1", 3), Drop())), heal_at=500 * MS
    ),
    noise=Noise(seed=4),
)


def test_a_neighbour_differs_only_in_when_things_happen() -> None:
    for number in range(50):
        other = neighbour(SCENARIO, stream(1, "neighbour", number))
        assert other != SCENARIO
        for one, moved in zip(SCENARIO.calls, other.calls, strict=True):
            assert abs(one.at - moved.at) <= SHIFT
            assert moved.at >= 0
            assert msgspec.structs.replace(moved, at=one.at) == one
        assert [fault.do for fault in other.plan.faults] == [
            fault.do for fault in SCENARIO.plan.faults
        ]
        assert other.plan.faults[1] == SCENARIO.plan.faults[1]
        assert other.plan.heal_at == SCENARIO.plan.heal_at
        other.plan.check()


def test_the_same_number_gives_the_same_neighbour() -> None:
    first, second = (neighbour(SCENARIO, stream(1, "neighbour", 7)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(At(1500), Crash("a")), "Crash, at 1.5 ms"),
        (Fault(Nth("a", "b", 3, "Write"), Drop()), "Drop, at the 3rd Write from a to b"),
        (Fault(Nth("a", "b", 11), Drop()), "Drop, at the 11th message from a to b"),
        (
            Fault(Doing("@leader", "sync", "wal", 2), Crash("@leader")),
            "Crash, when @leader does its 2nd sync wal",
        ),
    ],
)
def test_a_trigger_is_told_in_words(fault: Fault, words: str) -> None:
    assert trigger_words(fault) == words


def test_ordinals_are_english() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th",
    ]  # fmt: skip
