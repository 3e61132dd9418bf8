"""Parts 3B to 3D: both solutions against the papers' numbers, and the vectors against wrong rules."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distlab.grade.hints import key_of, load
from distlab.grade.lab import Part
from distlab.grade.solution import Solution, load_lab, load_solution, root
from grading.lab3_scheduler.allocation.fairness import VECTORS, refusal
from grading.lab3_scheduler.allocation.rounds import fits

LAB = load_lab("3")
PARTS = [part for part in LAB.parts if part.code in ("B", "C", "D")]


@pytest.fixture(params=["reference", "alternative"])
def solution(request: pytest.FixtureRequest) -> Solution:
    """Every test runs on both solutions: what it claims must not depend on how they are built."""
    return load_solution(LAB, PARTS[0], request.param)


@pytest.fixture
def reference() -> Solution:
    """For what only ours promises."""
    return load_solution(LAB, PARTS[0], "reference")


# -- the vectors are worth having -------------------------------------------------------------------------------------

Pair = tuple[int, int]
RULES: dict[str, Callable[[Pair, Pair], Any]] = {
    "sum of shares": lambda used, total: Fraction(used[0], total[0]) + Fraction(used[1], total[1]),
    "memory": lambda used, total: used[0],
    "processors": lambda used, total: used[1],
    "smaller share": lambda used, total: min(
        Fraction(u, t) for u, t in zip(used, total, strict=True)
    ),
    "raw units": lambda used, total: max(used),
}


def share_out(
    total: Pair, needs: dict[str, Pair], rule: Callable[[Pair, Pair], Any], order: str
) -> Pair:
    """How many containers A and B get under a rule, where ties go by order."""
    got = {"A": 0, "B": 0}
    able = list(order)

    def used(name: str) -> Pair:
        memory, vcores = needs[name]
        return got[name] * memory, got[name] * vcores

    while able:
        name = min(able, key=lambda n: (rule(used(n), total), order.index(n)))
        got[name] += 1
        if any(used("A")[d] + used("B")[d] > total[d] for d in (0, 1)):
            got[name] -= 1
            able.remove(name)
    return got["A"], got["B"]


@pytest.mark.parametrize(("total", "needs", "right"), VECTORS[-2:])
def test_under_each_wrong_rule_the_vectors_have_another_answer(
    total: Pair, needs: Any, right: Pair
) -> None:
    answers = {
        name: {share_out(total, needs, rule, o) for o in ("AB", "BA")}
        for name, rule in RULES.items()
    }
    assert all(right not in found for found in answers.values())
    assert len(set(map(frozenset, answers.values()))) == len(RULES)


def test_the_papers_own_vector_does_not_tell_them_apart() -> None:
    total, needs, right = VECTORS[0]
    assert all(
        right in {share_out(total, needs, rule, o) for o in ("AB", "BA")} for rule in RULES.values()
    )


# -- a scheduler ------------------------------------------------------------------------------------------------------


def scheduler(solution: Solution, *queues: Any) -> Any:
    return solution.module("fair").FairScheduler(*([queues] if queues else []))


def test_numbers_go_on_above_what_was_reported(solution: Solution) -> None:
    given = solution.module("scheduling")
    fair = scheduler(solution)
    fair.add_node(given.NodeView("n", given.Resources(10, 10)))
    fair.add_app("a", "default")
    ask = given.Ask(given.Resources(1, 1))
    fair.recover(given.Grant(41, "a", "n", ask))
    fair.ask("a", [ask])
    assert [grant.container for grant in fair.allocate("n", 0)] == [42]
    assert refusal(fair.recover, given.Grant(42, "a", "n", ask)) == given.DUPLICATE


def test_a_share_is_one_of_the_nodes_of_today(solution: Solution) -> None:
    given = solution.module("scheduling")
    fair = scheduler(solution)
    for app in ("memory", "vcores"):
        fair.add_app(app, "default")
    fair.add_node(given.NodeView("old", given.Resources(20, 10)))
    fair.ask("memory", [given.Ask(given.Resources(8, 1))])  # 8/20
    fair.ask("vcores", [given.Ask(given.Resources(1, 3))])  # 3/10
    fair.allocate("old", 0)
    fair.add_node(given.NodeView("new", given.Resources(80, 1)))  # now 8/100 and 3/11
    one = given.Ask(given.Resources(1, 1), priority=1)
    fair.ask("memory", [one])
    fair.ask("vcores", [one])
    assert [grant.app for grant in fair.allocate("new", 0)] == ["memory"]


def test_who_was_passed_over_keeps_his_turn(solution: Solution) -> None:
    given = solution.module("scheduling")
    fair = scheduler(solution)
    for name, size in (("small", 2), ("large", 9)):
        fair.add_node(given.NodeView(name, given.Resources(size, size)))
        fair.add_app(name, "default")
    fair.ask("large", [given.Ask(given.Resources(8, 8))])
    fair.ask("small", [given.Ask(given.Resources(1, 1), 5)])
    assert [grant.app for grant in fair.allocate("small", 0)] == ["small", "small"]
    assert [grant.app for grant in fair.allocate("large", 0)] == ["large", "small"]


# -- plans ------------------------------------------------------------------------------------------------------------


def full_house(solution: Solution, now: int, **changes: Any) -> Any:
    """Red has eight containers of 1 on a node of 8, and is owed 4; blue is owed 4, and waits for one of 4."""
    r, one = solution.module("reclaiming"), solution.module("scheduling").Resources
    parts = {
        "queues": (r.Owner("red", one(4, 4), one(8, 8)), r.Owner("blue", one(4, 4))),
        "nodes": (r.Room("n", one(0, 0)),),
        "running": tuple(r.Running(k, "red", "n", one(1, 1), True) for k in range(8)),
        "wishes": (r.Wish("a", "blue", one(4, 4), 1),),
    }
    return r.View(now, one(8, 8), **{**parts, **changes})


def test_who_is_needed_is_warned_and_ends_a_grace_later(solution: Solution) -> None:
    reclaimer = solution.module("reclaim").Reclaimer()
    grace = solution.module("reclaiming").GRACE
    first = reclaimer.plan(full_house(solution, 0))
    assert len(first.claims) == 1
    assert len(first.claims[0].victims) == 4
    assert not first.kills
    assert not reclaimer.plan(full_house(solution, grace - 1)).kills
    last = reclaimer.plan(full_house(solution, grace))
    assert sorted(last.kills) == sorted(first.claims[0].victims)
    assert last.claims == first.claims


def test_a_warning_is_over_with_the_wish(solution: Solution) -> None:
    reclaimer = solution.module("reclaim").Reclaimer()
    grace = solution.module("reclaiming").GRACE
    reclaimer.plan(full_house(solution, 0))
    assert not reclaimer.plan(full_house(solution, grace // 2, wishes=())).claims
    assert not reclaimer.plan(full_house(solution, grace)).kills


# -- places -----------------------------------------------------------------------------------------------------------


def sizes(solution: Solution, *pairs: Pair) -> list[Any]:
    return [solution.module("scheduling").Resources(*pair) for pair in pairs]


@given(
    members=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=5),
    rooms=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=4),
)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_gang_is_assigned_exactly_if_it_fits(
    solution: Solution, members: list[Pair], rooms: list[Pair]
) -> None:
    given_ = solution.module("scheduling")
    free = {f"n{k}": room for k, room in enumerate(sizes(solution, *rooms))}
    asks = [given_.Ask(size) for size in sizes(solution, *members)]
    places = solution.module("gangs").assign(asks, free)
    assert (places is not None) == fits([ask.capability for ask in asks], free)
    for ask, node in zip(asks, places or [], strict=bool(places)):
        free[node] = free[node].minus(ask.capability)
        assert given_.NOTHING.fits(free[node])


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5), st.integers(0, 5)), max_size=40))
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_node_is_found_exactly_if_one_has_room(
    solution: Solution, changes: list[tuple[int, int, int]]
) -> None:
    order, rooms = solution.module("order").NodeOrder(), {}
    for node, memory, vcores in changes:
        name = f"n{node}"
        if memory or vcores:
            rooms[name] = sizes(solution, (memory, vcores))[0]
            order.put(name, rooms[name])
        else:
            rooms.pop(name, None)
            order.drop(name)
    for need in sizes(solution, (1, 1), (3, 2), (5, 5), (0, 4)):
        for from_the_end in (False, True):
            found = order.first(need, from_the_end)
            assert bool(found) == any(need.fits(room) for room in rooms.values())
            assert not found or need.fits(rooms[found])


def test_the_first_node_is_found_from_either_end(reference: Solution) -> None:
    order, one = reference.module("order").NodeOrder(), reference.module("scheduling").Resources
    for k in range(11):
        order.put(f"n{k}", one(k % 4, 4 - k % 4))
    assert order.first(one(2, 2)) == "n2"
    assert order.first(one(2, 2), from_the_end=True) == "n10"
    assert order.first(one(3, 3)) == ""


# -- the handout ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.code)
def test_every_promise_has_three_hints_and_a_place_in_the_handout(part: Part) -> None:
    hints = load(root() / "grading" / LAB.name / "hints.toml")
    handout = (root() / "docs" / "labs" / "lab3-allocation.md").read_text()
    headings = {
        line.lstrip("# ").lower().replace(" ", "-")
        for line in handout.splitlines()
        if line.startswith("###")
    }
    for promise in part.promises:
        assert len(hints[key_of(hints, promise.code, part.code)]) == 3
        assert promise.page.partition("#")[2] in headings
        assert f"**{promise.code}** ({promise.points}): {promise.title}." in handout


def test_the_parts_are_worth_what_the_curriculum_says() -> None:
    assert {part.code: part.points for part in PARTS} == {"B": 35, "C": 35, "D": 30}
