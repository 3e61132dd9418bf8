"""The generator of scenarios, drawn by a seed and drawn by Hypothesis."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from distlab.core import MS, SECOND
from distlab.faults import Plan
from distlab.grade import draw
from distlab.grade.scenario import Call, Scenario
from distlab.grade.strategy import plans, scenarios

SWARM = draw.Swarm(
    nodes=("a", "b", "c"),
    targets=("a", "@leader"),
    kinds=(draw.crash, draw.pause, draw.partition, draw.one_way_cut, draw.jump_clock, draw.twin),
    horizon=3 * SECOND,
    most=10,
)


def base(random: Random) -> Scenario:
    calls = (Call(random.randrange(1000) * MS, "a", "Put", {"id": 1}),)
    return Scenario(calls, noise=draw.draw_noise(random, SWARM))


@given(plans(SWARM))
def test_every_plan_that_hypothesis_draws_is_one_that_a_world_can_carry_out(plan: Plan) -> None:
    plan.check()
    assert len(plan.faults) <= SWARM.most
    assert Plan.from_json(plan.to_json()) == plan


@given(st.integers(0, 2**32))
def test_every_plan_drawn_from_a_seed_is_one_that_a_world_can_carry_out(seed: int) -> None:
    plan = draw.draw_plan(Random(seed), SWARM)
    plan.check()
    assert plan == draw.draw_plan(Random(seed), SWARM)
    assert plan.heal_at == SWARM.horizon


@settings(max_examples=30)
@given(scenarios(base, SWARM))
def test_a_scenario_survives_its_file(scenario: Scenario) -> None:
    assert Scenario.from_json(scenario.to_json()) == scenario


def test_hypothesis_shrinks_a_plan_to_the_one_fault_that_matters() -> None:
    from hypothesis import find

    smallest = find(
        plans(SWARM),
        lambda plan: any("Twin" in repr(fault) for fault in plan.faults),
        settings=settings(max_examples=2000, derandomize=True, database=None, deadline=None),
    )
    assert len(smallest.faults) <= 2


def test_a_sweep_meets_every_kind_and_every_intensity() -> None:
    drawn = [draw.draw_plan(Random(seed), SWARM).faults for seed in range(300)]
    kinds = {type(fault.do).__name__ for faults in drawn for fault in faults}
    assert kinds == {"Crash", "Pause", "Partition", "Cut", "JumpClock", "Twin"}
    assert {1, SWARM.most} <= {len(faults) for faults in drawn}
