"""Fault plans: triggers, roles, what is applied, and healing."""

import pytest

from distlab.core import MS, SECOND, Address
from distlab.core.errors import ScenarioError
from distlab.faults import (
    At,
    Clog,
    Crash,
    Cut,
    Delay,
    Doing,
    Drop,
    Fault,
    JumpClock,
    Nth,
    Partition,
    Pause,
    Twin,
)
from tests.sim.puppets import Note, events, heard, play, stage


def tell(n: int, to: str = "b"):
    return lambda me: me.send(to, Note(n))


@pytest.mark.parametrize(
    "fault",
    [
        Fault(At(0), Crash("z")),
        Fault(At(0), Cut("a", "z", 1)),
        Fault(At(0), Clog("z", "*", 1)),
        Fault(At(0), Partition((("a",), ("z",)), 1)),
        Fault(Doing("z", "send"), Crash("a")),
        Fault(Nth("z", "a", 1), Drop()),
        Fault(Nth("a", "@nobody", 1), Drop()),
        Fault(Nth("a", "b", 1), Crash("a")),
        Fault(At(0), Drop()),
        Fault(At(0), Pause("a", -1)),
        Fault(Nth("a", "b", 1), Delay(-1)),
    ],
    ids=repr,
)
def test_a_plan_that_cannot_be_carried_out_is_refused_before_the_run(fault: Fault) -> None:
    with pytest.raises(ScenarioError):
        stage(faults=[fault])


def test_a_role_is_whoever_has_it_when_the_fault_strikes() -> None:
    leaders = {0: "a", 1: "b"}
    sim = play(
        faults=[Fault(At(5 * MS), Crash("@leader")), Fault(At(15 * MS), Crash("@leader"))],
        roles=lambda sim, role: [Address(leaders[sim.time // (10 * MS)])],
    )
    assert [fault.do for fault in sim.injector.applied] == [Crash("a"), Crash("b")]


def test_a_role_can_be_counted() -> None:
    sim = play(
        nodes="abc",
        faults=[Fault(At(5 * MS), Crash("@puppet:2")), Fault(At(6 * MS), Crash("@puppet:3"))],
    )
    assert [fault.do for fault in sim.injector.applied] == [Crash("c")], "there is no fourth"
    assert sim.tally["crash"] == 1


def test_a_fault_waits_for_the_nth_doing_of_a_role() -> None:
    sim = play(
        (0, "a", tell(1)),
        (1 * MS, "b", tell(2, to="a")),
        (2 * MS, "a", tell(3)),
        faults=[Fault(Doing("@boss", "send", "Note", 2), Crash("@boss"))],
        roles=lambda sim, role: [Address("a")],
    )
    assert [m.n for _, _, m in heard(sim, "b")] == [1]
    assert [m.n for _, _, m in heard(sim, "a")] == []
    assert [e.time for e in events(sim, "crash", "a")] == [2 * MS]


def test_two_faults_can_wait_for_the_same_doing() -> None:
    sim = play(
        (0, "a", tell(1)),
        (50 * MS, "a", tell(2)),
        faults=[
            Fault(Doing("a", "send"), Cut("a", "b", 10 * MS)),
            Fault(Doing("a", "send"), JumpClock("a", 5)),
        ],
    )
    assert [m.n for _, _, m in heard(sim, "b")] == [2]
    assert len(sim.injector.applied) == 2


def test_a_crash_with_a_restart_starts_the_node_after_that_time() -> None:
    sim = play(faults=[Fault(At(10 * MS), Crash("a", restart_after=30 * MS))])
    assert [e.time for e in events(sim, "start", "a")] == [0, 40 * MS]


def test_a_node_that_crashed_for_good_starts_when_the_plan_heals() -> None:
    sim = play(faults=[Fault(At(10 * MS), Crash("a"))], heal_at=50 * MS)
    assert [e.time for e in events(sim, "start", "a")] == [0, 50 * MS]


def test_the_restart_of_one_crash_does_not_undo_the_next() -> None:
    sim = play(
        faults=[
            Fault(At(10 * MS), Crash("a", restart_after=100 * MS)),
            Fault(At(60 * MS), Crash("a")),
        ],
        heal_at=50 * MS,
    )
    assert [e.time for e in events(sim, "start", "a")] == [0, 50 * MS]


def test_a_crash_of_what_is_down_does_nothing() -> None:
    sim = play(faults=[Fault(At(10 * MS), Crash("a")), Fault(At(20 * MS), Crash("a"))])
    assert len(events(sim, "crash", "a")) == 1


def test_a_node_that_stopped_itself_starts_when_the_plan_heals() -> None:
    sim = play((5 * MS, "a", lambda me: me.stop("tired")), heal_at=50 * MS)
    assert [e.time for e in events(sim, "start", "a")] == [0, 50 * MS]


def test_faults_that_wait_for_a_doing_are_off_once_healed() -> None:
    sim = play(
        (60 * MS, "a", tell(1)),
        faults=[Fault(Doing("a", "send"), Crash("a"))],
        heal_at=50 * MS,
    )
    assert [m.n for _, _, m in heard(sim, "b")] == [1]


def test_every_fault_is_in_the_trace_and_the_tally() -> None:
    sim = play(
        (5 * MS, "a", tell(1)),
        faults=[Fault(Nth("a", "b", 1), Drop()), Fault(At(9 * MS), Twin("a", SECOND))],
        heal_at=20 * MS,
    )
    assert [(e.node, e.what) for e in events(sim, "fault")] == [
        ("a", Drop()),
        ("a", Twin("a", SECOND)),
    ]
    assert [e.time for e in events(sim, "heal")] == [20 * MS]
    assert sim.tally["twin"] == 1


def test_a_twin_of_what_is_down_does_nothing() -> None:
    sim = play(faults=[Fault(At(10 * MS), Crash("a")), Fault(At(20 * MS), Twin("a", 5 * MS))])
    assert len(events(sim, "start", "a")) == 1


def test_a_fault_at_time_zero_strikes_what_has_started() -> None:
    sim = play(faults=[Fault(At(0), Crash("a"))])
    assert Address("a") not in sim.up
