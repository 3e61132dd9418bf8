"""Part 2E: what is decided, what a leader wants, controllers alone and in company; both solutions."""

import pytest

from distlab.check.verdict import Finding as Answer
from distlab.core import MS, Address, Ok
from distlab.core import effects as fx
from distlab.core.solo import Solo
from distlab.explore import Finding, explore
from distlab.faults import At, Crash, Fault, Plan
from distlab.grade.exhaustive import search
from distlab.grade.perform import perform
from distlab.grade.scenario import Scenario
from distlab.grade.sealed.solution import load_sealed
from distlab.grade.solution import load_lab
from grading.lab2_log.control import exams, model, scene
from grading.lab2_log.control.drawing import ending
from grading.lab2_log.log.replicas import append
from tests.labs.lab2 import Modules, broker, sent, state
from tests.labs.lab2 import lab as lab  # a fixture
from tests.labs.lab2 import reference as reference

EXAMS = [exam for of_promise in exams.EXAMS.values() for exam in of_promise]


@pytest.mark.parametrize("exam", EXAMS, ids=lambda exam: exam.name)
def test_both_solutions_pass_the_exams(lab: Modules, exam: object) -> None:
    assert exam.check(lab.solution).is_kept


def controller(lab: Modules, *, unclean: bool = False) -> Solo:
    """A quorum of one: it leads, once its time is up, and is active."""
    config = lab.metadata.ControllerConfig(
        members=(Address("k1"),),
        replicas={"orders-0": ("b1", "b2", "b3")},
        rules=lab.metadata.Rules(2, unclean),
    )
    solo = Solo(lab.controller.Controller, config, "k1")
    loop(solo, solo.advance(500 * MS))
    return solo


def loop(solo: Solo, effects: list) -> list:
    """Hand the node what it says to itself; all effects."""
    found = list(effects)
    waiting = [e.message for e in effects if isinstance(e, fx.Sent) and e.to == "k1"]
    while waiting:
        new = solo.deliver(waiting.pop(0), "k1")
        found += new
        waiting += [e.message for e in new if isinstance(e, fx.Sent) and e.to == "k1"]
    return found


def alive(lab: Modules, solo: Solo, name: str, life: int = 1, previous: int = 0) -> list:
    return loop(solo, solo.deliver(lab.brokers.Alive(life, previous), name))


class TestController:
    def test_it_elects_the_first_that_lives(self, lab: Modules) -> None:
        solo = controller(lab)
        assert solo.node.probe().is_active
        told = sent(alive(lab, solo, "b2"), lab.brokers.LeaderAndIsr)
        assert {news.state.leader for news in told} == {"b2"}

    def test_silence_is_a_reason(self, lab: Modules) -> None:
        solo = controller(lab)
        for name in ("b1", "b2", "b3"):
            alive(lab, solo, name)
        for _ in range(10):
            loop(solo, solo.advance(50 * MS))
            alive(lab, solo, "b2")
            alive(lab, solo, "b3")
        state = solo.node.probe().cluster.partitions["orders-0"]
        assert (state.leader, state.isr, state.elr) == ("b2", ("b2", "b3"), ())

    def test_a_leader_is_answered_when_it_is_decided(self, lab: Modules) -> None:
        solo = controller(lab)
        for name in ("b1", "b2", "b3"):
            alive(lab, solo, name)
        now = solo.node.probe().cluster.partitions["orders-0"]
        request = lab.brokers.AlterPartition(
            7, "orders-0", now.leader_epoch, ("b1", "b2"), now.version
        )
        answers = sent(loop(solo, solo.deliver(request, "b1")), lab.brokers.PartitionAltered)
        assert [(a.id, a.state.isr) for a in answers] == [(7, ("b1", "b2"))]
        again = sent(loop(solo, solo.deliver(request, "b1")), lab.brokers.PartitionAltered)
        assert again[-1].state == answers[-1].state

    def test_what_is_decided_outlives_a_crash(self, lab: Modules) -> None:
        solo = controller(lab)
        alive(lab, solo, "b1")
        before = solo.node.probe().cluster
        solo.crash()
        loop(solo, solo.start())
        while not solo.node.probe().is_active:
            loop(solo, solo.advance(20 * MS))
        assert solo.node.probe().cluster == before
        assert solo.node.probe().epoch > 1

    def test_the_preferred_one(self, lab: Modules) -> None:
        solo = controller(lab)
        for name in ("b2", "b1", "b3"):
            alive(lab, solo, name)
        _, effects = solo.call(lab.metadata.ElectPreferred("orders-0"))
        done = [e for e in loop(solo, effects) if isinstance(e, fx.Done)]
        assert [e.outcome for e in done] == [Ok("b1")]

    def test_whoever_does_not_lead_the_quorum_says_nothing(self, lab: Modules) -> None:
        members = tuple(map(Address, ("k1", "k2", "k3")))
        config = lab.metadata.ControllerConfig(members=members, replicas={"orders-0": ("b1",)})
        solo = Solo(lab.controller.Controller, config, "k1")
        effects = solo.deliver(lab.brokers.Alive(1), "b1")
        request = lab.brokers.AlterPartition(1, "orders-0", 0, ("b1",), 0)
        effects += solo.deliver(request, "b1")
        assert not [e for e in effects if isinstance(e, fx.Sent) and e.to == "b1"]


class TestBroker:
    def test_a_clean_end_is_remembered_once(self, lab: Modules) -> None:
        solo = broker(lab)
        first = sent(solo.advance(50 * MS), lab.brokers.Alive)[0]
        solo.call(lab.brokers.ShutDown())
        solo.crash()
        second = sent([*solo.start(), *solo.advance(50 * MS)], lab.brokers.Alive)[0]
        assert second.previous == first.life
        solo.crash()
        third = sent([*solo.start(), *solo.advance(50 * MS)], lab.brokers.Alive)[0]
        assert third.previous == 0

    def test_it_asks_for_the_same_until_it_is_settled(self, lab: Modules) -> None:
        solo = broker(lab, lag_time=100 * MS)
        solo.deliver(state(lab, "b1", 0, ("b1", "b2", "b3"), 0), "controller")
        asked = sent(solo.advance(400 * MS), lab.brokers.AlterPartition)
        assert len(asked) > 2
        assert {(a.isr, a.version) for a in asked} == {(("b1",), 0)}
        told = state(lab, "b1", 0, ("b1", "b2", "b3"), 0).state
        solo.deliver(lab.brokers.PartitionAltered(asked[-1].id, told), "controller")
        assert sent(solo.advance(60 * MS), lab.brokers.AlterPartition)
        later = state(lab, "b1", 0, ("b1",), 1).state
        solo.deliver(lab.brokers.PartitionAltered(asked[-1].id, later), "controller")
        assert not sent(solo.advance(200 * MS), lab.brokers.AlterPartition)


class TestModel:
    """The small world, and the depth at which each bug of AsyncIsr shows."""

    def search(self, lab: Modules) -> object:
        return explore(model.scope(model.stage(lab.solution, Scenario()).cluster), budget=60_000)

    def test_both_solutions_are_searched_whole(self, lab: Modules) -> None:
        result = self.search(lab)
        assert result.is_proof, result

    @pytest.mark.parametrize(
        ("module", "name", "rule", "depth"),
        [
            ("insync", "wanted_isr", "anybody comes", 7),
            ("insync", "proposal_now", "changes its mind", 8),
            ("insync", "proposal_after", "any answer settles", 8),
            ("decisions", "altered", "no compare", 8),
        ],
    )
    def test_bugs_are_found(
        self, reference: Modules, monkeypatch, module: str, name: str, rule: str, depth: int
    ) -> None:
        load_lab("2").mutants()
        from grading.lab2_log.control.mutants import asking, ruling

        wrong = {
            "anybody comes": asking.anybody_comes,
            "changes its mind": asking.changes_its_mind,
            "any answer settles": asking.any_answer_settles,
            "no compare": ruling.no_compare,
        }[rule]
        monkeypatch.setattr(getattr(reference, module), name, wrong)
        result = self.search(reference)
        assert (result.finding, len(result.trace)) == (Finding.VIOLATED, depth)


def test_the_model_is_searched_sealed_too() -> None:
    lab = load_lab("2")
    solution = load_sealed(lab, lab.part("E"), "reference")
    try:
        assert search(lab.part("E"), solution, model.SMALL).answer is Answer.KEPT
    finally:
        solution.close()


def test_a_cluster_loses_its_controller_and_its_leader(lab: Modules) -> None:
    part = load_lab("2").part("E")
    plan = Plan((Fault(At(800 * MS), Crash("@active")), Fault(At(820 * MS), Crash("b1"))))
    scenario = Scenario(
        (append(600, 1), *ending(820 * MS)), plan, shape={"well_from": 820, "rest": 700}
    )
    run = perform(part, lab.solution, scenario).run
    assert run is not None
    state = scene.newest(run.probes.values())
    assert (state.leader, state.isr) == ("b2", ("b2", "b3"))
    active = [a for a, p in run.probes.items() if getattr(p, "is_active", False)]
    assert len(active) == 1
