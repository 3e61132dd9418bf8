"""Plans are values: they survive JSON, and nonsense is refused with its place."""

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distlab.core.errors import ScenarioError
from distlab.faults import (
    AnyAction,
    At,
    Crash,
    Delay,
    Doing,
    Drop,
    Fault,
    FillDisk,
    JumpClock,
    Noise,
    Nth,
    Pause,
    Plan,
    SlowDisk,
    Survival,
)
from distlab.faults.actions import MESSAGE_ACTIONS

NAMES = st.sampled_from(["a", "b", "@leader", "@worker:1"])
AMOUNTS = st.integers(1, 10**9)
FIELDS: dict[Any, st.SearchStrategy[Any]] = {
    str: NAMES,
    int: AMOUNTS,
    int | None: st.none() | AMOUNTS,
    Survival: st.sampled_from(Survival),
    tuple[int, ...]: st.lists(AMOUNTS, max_size=3).map(tuple),
    tuple[tuple[str, ...], ...]: st.lists(st.lists(NAMES, max_size=3).map(tuple), max_size=3).map(
        tuple
    ),
}


def values_of(cls: Any) -> st.SearchStrategy[Any]:
    """Any value of a class of data."""
    fields = msgspec.inspect.type_info(cls).fields  # type: ignore[union-attr]
    hints = {field.name: field for field in fields}
    import typing

    types = typing.get_type_hints(cls)
    return st.builds(cls, **{name: FIELDS[types[name]] for name in hints})


ACTIONS = get_args(AnyAction)
FAULTS = st.one_of(
    *(
        st.builds(
            Fault, values_of(Nth) if cls in MESSAGE_ACTIONS else values_of(At), values_of(cls)
        )
        for cls in ACTIONS
    ),
    st.builds(
        Fault,
        st.builds(
            Doing, NAMES, st.sampled_from(["start", "send", "sync", "job", "store", "finish"])
        ),
        values_of(Crash),
    ),
)


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(st.builds(Plan, st.lists(FAULTS, max_size=5).map(tuple), st.none() | AMOUNTS))
def test_a_plan_comes_back_from_json_as_it_was(plan: Plan) -> None:
    plan.check()
    assert Plan.from_json(plan.to_json()) == plan
    assert hash(plan) == hash(Plan.from_json(plan.to_json()))


@pytest.mark.parametrize(
    "plan",
    [
        Plan((Fault(At(1), Drop()),)),
        Plan((Fault(Nth("a", "b", 1), Crash("a")),)),
        Plan((Fault(Nth("a", "b", 0), Drop()),)),
        Plan((Fault(Doing("a", "sleep"), Crash("a")),)),
        Plan((Fault(Doing("a", "send", n=0), Crash("a")),)),
        Plan((Fault(At(-1), Crash("a")),)),
        Plan((Fault(At(1), Crash("a", restart_after=-1)),)),
        Plan((Fault(At(1), Pause("a", -1)),)),
        Plan((Fault(At(1), SlowDisk("a", 1, factor=0)),)),
        Plan((Fault(Nth("a", "b", 1), Delay(-1)),)),
        Plan((), heal_at=-1),
    ],
    ids=repr,
)
def test_what_no_world_could_carry_out_is_refused(plan: Plan) -> None:
    with pytest.raises(ScenarioError):
        plan.check()
    with pytest.raises(ScenarioError):
        Plan.from_json(plan.to_json())


def test_a_clock_may_jump_back() -> None:
    Plan((Fault(At(1), JumpClock("a", -5, drift=-3)), Fault(At(1), FillDisk("a", 0)))).check()


def test_text_that_is_no_plan_is_refused_with_the_place() -> None:
    with pytest.raises(ScenarioError, match=r"faults\[0\]"):
        Plan.from_json(
            '{"faults": [{"when": {"type": "At", "time": "soon"}, "do": {"type": "Drop"}}]}'
        )
    with pytest.raises(ScenarioError):
        Plan.from_json("not json")


@pytest.mark.parametrize(
    "fields",
    [
        {"delay": (2, 1)},
        {"delay": (-1, 1)},
        {"sync": (5, 4)},
        {"job_step": (1, 0)},
        {"loss": 1.5},
        {"duplicate": -0.1},
        {"straggle": 2.0},
    ],
    ids=repr,
)
def test_noise_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ScenarioError):
        Noise(**fields)
