"""Part 3A, a rule at a time: leases, one node alone, one master alone, the RM alone, the given scheduler."""

from __future__ import annotations

import pytest

from distlab.core import MS, Fail, Ok
from distlab.core import effects as fx
from distlab.core.solo import Solo
from tests.labs.lab3 import Modules, lab

__all__ = ["lab"]

KEY = b"key"


def sent(effects: list, name: str) -> list:
    return [
        e.message for e in effects if isinstance(e, fx.Sent) and type(e.message).__name__ == name
    ]


def rm(lab: Modules) -> Solo:
    return Solo(lab.manager.ResourceManager, lab.cluster.ManagerConfig(KEY), "rm")


def register(solo: Solo, lab: Modules, life: int = 1, memory: int = 4096) -> list:
    capacity = lab.scheduling.Resources(memory, 4)
    return solo.deliver(lab.cluster.RegisterNode(life, capacity, "rack", ""), "node-1")


def beat(solo: Solo, lab: Modules, number: int, running=(), completed=(), life: int = 1) -> list:
    return solo.deliver(lab.cluster.NodeHeartbeat(life, 1, number, running, completed), "node-1")


def wish(lab: Modules, number: int, count: int, **more) -> object:
    ask = lab.scheduling.Ask(lab.scheduling.Resources(1024, 1), count, **more)
    return lab.cluster.Allocate("app", 1, 1, number, (ask,), ())


def test_a_life_that_was_taken_for_dead_does_not_come_back(lab: Modules) -> None:
    solo = rm(lab)
    assert sent(register(solo, lab), "NodeRegistered")
    solo.advance(500 * MS)
    assert sent(beat(solo, lab, 1), "Resync")
    assert sent(register(solo, lab), "Resync")
    assert sent(register(solo, lab, life=2), "NodeRegistered")
    assert not sent(register(solo, lab, life=1), "NodeRegistered")


def test_what_ran_in_the_life_before_is_lost(lab: Modules) -> None:
    solo = rm(lab)
    register(solo, lab)
    solo.deliver(lab.cluster.RegisterMaster("app", "default"), "am")
    solo.deliver(wish(lab, 1, 1), "am")
    beat(solo, lab, 1)
    (told,) = sent(solo.deliver(wish(lab, 2, 0), "am"), "Allocated")
    (lease,) = told.grants
    register(solo, lab, life=2)
    (later,) = sent(solo.deliver(wish(lab, 3, 0), "am"), "Allocated")
    assert later.completed == (lab.cluster.Completed(lease.lease.container, lab.cluster.Exit.LOST),)


@pytest.mark.parametrize(
    ("more", "count", "code"),
    [
        ({"label": "gpu"}, 1, "UNKNOWN_LABEL"),
        ({}, -1, "BAD_RESOURCES"),
        ({"capability": (0, 0)}, 1, "BAD_RESOURCES"),
        ({"capability": (-1, 1)}, 1, "BAD_RESOURCES"),
        ({"capability": (8192, 1)}, 1, "TOO_LARGE"),
    ],
)
def test_an_ask_that_makes_no_sense_is_denied_and_the_others_stand(
    lab: Modules, more: dict, count: int, code: str
) -> None:
    solo = rm(lab)
    register(solo, lab)
    solo.deliver(lab.cluster.RegisterMaster("app", "default"), "am")
    size = lab.scheduling.Resources(*more.get("capability", (512, 1)))
    bad = lab.scheduling.Ask(size, count, label=more.get("label", ""))
    good = lab.scheduling.Ask(lab.scheduling.Resources(1024, 1), 1)
    (answer,) = sent(
        solo.deliver(lab.cluster.Allocate("app", 1, 1, 1, (bad, good), ()), "am"), "Allocated"
    )
    assert answer.denied == (lab.cluster.Denied(bad, code),)
    beat(solo, lab, 1)
    (answer,) = sent(solo.deliver(wish(lab, 2, 0), "am"), "Allocated")
    assert len(answer.grants) == 1


def test_a_life_has_a_number_that_no_crash_takes_back(lab: Modules) -> None:
    solo = Solo(lab.node_manager.NodeManager, lab.cluster.NodeConfig("rm", KEY), "node-1")
    lives = [life.life for life in sent(solo.effects, "RegisterNode")]
    for _ in range(3):
        solo.crash()
        lives += [life.life for life in sent(solo.start(), "RegisterNode")]
    assert lives == sorted(set(lives))


def master(lab: Modules) -> Solo:
    return Solo(lab.master.ApplicationMaster, lab.cluster.MasterConfig("rm"), "am-1")


def run_app(lab: Modules, solo: Solo, *names: str) -> list:
    spec = lab.cluster.AppSpec("app", tuple(lab.cluster.Task(name) for name in names))
    solo.call(lab.cluster.RunApp(spec))
    solo.advance(25 * MS)
    solo.deliver(lab.cluster.MasterRegistered("app", 1, 1), "rm")
    solo.advance(25 * MS)
    return sent(solo.effects, "Allocate")


def test_a_wish_is_repeated_word_for_word_until_it_is_answered(lab: Modules) -> None:
    solo = master(lab)
    run_app(lab, solo, "t1", "t2")
    solo.advance(100 * MS)
    wishes = sent(solo.effects, "Allocate")
    assert len(wishes) > 3
    assert set(wishes) == {wishes[0]}
    solo.deliver(lab.cluster.Allocated("app", 1, 1, (), (), ()), "rm")
    assert sent(solo.advance(25 * MS), "Allocate")[0].number == 2


def test_an_application_that_is_denied_for_good_is_given_up(lab: Modules) -> None:
    solo = master(lab)
    first = run_app(lab, solo, "t1")[0]
    denied = lab.cluster.Denied(first.asks[0], "UNKNOWN_LABEL")
    solo.deliver(lab.cluster.Allocated("app", 1, 1, (), (), (denied,)), "rm")
    solo.advance(25 * MS)
    assert sent(solo.effects, "FinishMaster")
    done = solo.deliver(lab.cluster.MasterFinished("app"), "rm")
    assert [e.outcome for e in done if isinstance(e, fx.Done)] == [Fail("UNKNOWN_LABEL")]


def test_an_application_without_tasks_is_over_at_once(lab: Modules) -> None:
    solo = master(lab)
    run_app(lab, solo)
    done = solo.deliver(lab.cluster.MasterFinished("app"), "rm")
    assert [e.outcome for e in done if isinstance(e, fx.Done)] == [Ok(0)]


# -- the given scheduler ----------------------------------------------------------------------------


def test_fifo_serves_the_first_application_first_and_local_asks_before_others(lab: Modules) -> None:
    s = lab.scheduling
    fifo = lab.fifo.FifoScheduler()
    fifo.add_node(s.NodeView("n1", s.Resources(3072, 3)))
    fifo.add_app("a", "default")
    fifo.add_app("b", "default")
    one = s.Resources(1024, 1)
    fifo.ask("b", [s.Ask(one, 5)])
    fifo.ask("a", [s.Ask(one, 1, location="n2"), s.Ask(one, 1)])
    granted = fifo.allocate("n1", 0)
    assert [(g.app, g.ask.location) for g in granted] == [("a", "*"), ("a", "n2"), ("b", "*")]
    assert fifo.allocate("n1", 0) == []
    fifo.release("a", granted[0].container)
    assert [g.app for g in fifo.allocate("n1", 0)] == ["b"]


def test_fifo_keeps_to_a_place_that_is_not_relaxed(lab: Modules) -> None:
    s = lab.scheduling
    fifo = lab.fifo.FifoScheduler(first=100)
    for name in ("n1", "n2"):
        fifo.add_node(s.NodeView(name, s.Resources(4096, 4), rack=f"rack of {name}"))
    fifo.add_app("a", "default")
    fifo.ask("a", [s.Ask(s.Resources(1, 1), 1, location="rack of n2", relax=False)])
    assert fifo.allocate("n1", 0) == []
    (grant,) = fifo.allocate("n2", 0)
    assert (grant.container, grant.ask.count) == (100, 1)
    with pytest.raises(s.Refused, match="DUPLICATE"):
        fifo.recover(grant)
