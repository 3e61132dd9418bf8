"""Part 3E1, a rule at a time: epochs, a node that follows, a master that follows, an RM that recovers."""

from __future__ import annotations

from distlab.core import MS, Address
from distlab.core import effects as fx
from distlab.core.objects import Objects
from distlab.core.solo import Solo
from tests.labs.lab3 import Modules, lab_e1

__all__ = ["lab_e1"]

KEY = b"key"


def sent(effects: list, name: str) -> list:
    return [
        e.message for e in effects if isinstance(e, fx.Sent) and type(e.message).__name__ == name
    ]


def test_each_epoch_has_one_claimant(lab_e1: Modules) -> None:
    store = Objects()
    leadership = lab_e1.leadership
    assert leadership.newest(store) == 0
    assert [leadership.claim(store, Address(rm)) for rm in ("a", "b", "a")] == [1, 2, 3]
    assert leadership.newest(store) == 3
    assert store.get(lab_e1.failover.epoch_key(2)) == b"b"


def test_what_is_left_is_who_was_let_in_and_who_is_over(lab_e1: Modules) -> None:
    store, inheritance = Objects(), lab_e1.inheritance
    record = lab_e1.failover.AppRecord("app", "default", 1, "am-1")
    inheritance.let_in(store, record)
    inheritance.let_in(store, record)
    inheritance.end(store, "app")
    assert inheritance.applications(store) == [record]
    assert inheritance.ended(store) == {"app"}


class Rig:
    """An RM over a store, and what one node and one master say to it."""

    def __init__(self, lab: Modules, store: Objects) -> None:
        self.lab = lab
        self.solo = Solo(lab.manager.ResourceManager, lab.cluster.ManagerConfig(KEY), store=store)
        self.beats = 0

    def node(self, epoch: int, *running: object) -> list:
        capacity = self.lab.scheduling.Resources(2048, 2)
        word = self.lab.cluster.RegisterNode(1, capacity, "rack", "", epoch, running)
        return self.solo.deliver(word, "node-1")

    def beat(self, epoch: int, running: tuple = (), completed: tuple = ()) -> list:
        self.beats += 1
        word = self.lab.cluster.NodeHeartbeat(1, epoch, self.beats, running, completed)
        return self.solo.deliver(word, "node-1")

    def master(self, epoch: int, *holding: int) -> list:
        word = self.lab.cluster.RegisterMaster("app", "default", 1, epoch, holding)
        return self.solo.deliver(word, "am-1")

    def wish(self, epoch: int, number: int, count: int) -> object:
        small = self.lab.scheduling.Resources(1024, 1)
        asks = (self.lab.scheduling.Ask(small, count),) if count else ()
        word = self.lab.cluster.Allocate("app", 1, epoch, number, asks, ())
        return sent(self.solo.deliver(word, "am-1"), "Allocated")


def granted(lab: Modules, store: Objects) -> list:
    """Two leases of the first RM."""
    rig = Rig(lab, store)
    rig.node(0)
    rig.master(0)
    rig.wish(1, 1, 2)
    rig.beat(1)
    return list(rig.wish(1, 2, 0)[0].grants)


def test_what_node_and_master_know_goes_on_and_counts(lab_e1: Modules) -> None:
    store = Objects()
    leases = granted(lab_e1, store)
    numbers = tuple(signed.lease.container for signed in leases)
    rig = Rig(lab_e1, store)
    assert sent(rig.node(1, *leases), "Resync")[0].epoch == 2
    assert sent(rig.node(2, *leases), "NodeRegistered")
    assert sent(rig.master(1, *numbers), "MasterUnknown")
    assert sent(rig.master(2, *numbers), "MasterRegistered")
    rig.wish(2, 1, 5)
    rig.solo.advance(100 * MS)
    (answer,) = sent(rig.beat(2, numbers), "NodeAnswer")
    assert answer.kill == answer.void == ()
    rig.solo.advance(80 * MS)
    rig.beat(2, numbers)
    assert rig.wish(2, 2, 5)[0].grants == ()
    rig.beat(2, numbers[1:], (lab_e1.cluster.Completed(numbers[0], lab_e1.cluster.Exit.DONE),))
    (told,) = rig.wish(2, 3, 5)
    assert [each.exit for each in told.completed] == ["done"]
    assert [signed.lease.epoch for signed in told.grants] == [2]


def test_what_only_the_node_knows_is_killed_when_the_master_has_spoken(lab_e1: Modules) -> None:
    store = Objects()
    leases = granted(lab_e1, store)
    numbers = tuple(signed.lease.container for signed in leases)
    rig = Rig(lab_e1, store)
    rig.node(2, *leases)
    assert sent(rig.beat(2, numbers), "NodeAnswer")[0].kill == ()
    rig.master(2, numbers[0])
    assert sent(rig.beat(2, numbers), "NodeAnswer")[0].kill == numbers[1:]


def test_what_only_the_master_knows_is_lost_when_time_is_over(lab_e1: Modules) -> None:
    store = Objects()
    numbers = tuple(signed.lease.container for signed in granted(lab_e1, store))
    rig = Rig(lab_e1, store)
    rig.node(2)
    rig.master(2, *numbers)
    assert rig.wish(2, 1, 0)[0].completed == ()
    rig.solo.advance(100 * MS)
    rig.beat(2)
    rig.solo.advance(100 * MS)
    assert [each.exit for each in rig.wish(2, 2, 0)[0].completed] == ["lost", "lost"]


def test_an_rm_that_was_replaced_confirms_nothing(lab_e1: Modules) -> None:
    store = Objects()
    rig = Rig(lab_e1, store)
    rig.master(0)
    lab_e1.leadership.claim(store, Address("rm-2"))
    assert not sent(
        rig.solo.deliver(lab_e1.cluster.FinishMaster("app", 1), "am-1"), "MasterFinished"
    )


def test_a_node_follows_a_new_rm_and_loses_nothing(lab_e1: Modules) -> None:
    c = lab_e1.cluster
    config = c.NodeConfig("rm", KEY, standby=("rm-2",))
    solo = Solo(lab_e1.node_manager.NodeManager, config, "node-1")
    life = sent(solo.effects, "RegisterNode")[0].life
    solo.deliver(c.NodeRegistered(life, 1), "rm")
    small = lab_e1.scheduling.Resources(1024, 1)
    made = [
        lab_e1.leases.sign(KEY, c.Lease(n, "app", 1, "node-1", life, small, "", 10_000 * MS, 1))
        for n in (1, 2)
    ]
    solo.deliver(c.StartContainer(made[0], c.Task("t1")), "am-1")
    solo.deliver(c.Resync(life, 2, 1), "rm-2")
    solo.deliver(c.Resync(life, 2, 1), "rm-2")
    solo.advance(25 * MS)
    last = sent(solo.effects, "RegisterNode")[-1]
    assert (last.life, last.epoch, last.running) == (life, 2, (made[0],))
    assert len(solo.jobs) == 1
    (no,) = sent(solo.deliver(c.StartContainer(made[1], c.Task("t2")), "am-1"), "StartRefused")
    assert no.code == "OLD_EPOCH"
    assert sent(solo.deliver(c.StartContainer(made[0], c.Task("t1")), "am-1"), "Started")
