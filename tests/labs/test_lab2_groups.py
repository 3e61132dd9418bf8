"""Part 2G: assignors, a coordinator on the bench, and a judgement that accepts what is right, however it is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from distlab.core import MS
from distlab.grade.grading import Grading
from distlab.grade.lab import Lab, Mutant
from distlab.grade.solution import Solution, load_lab, load_solution, patch

SOLUTIONS = ("reference", "alternative")


@pytest.fixture(scope="module")
def lab() -> Lab:
    return load_lab("lab2")


@pytest.fixture(params=SOLUTIONS)
def solution(request: pytest.FixtureRequest, lab: Lab) -> Solution:
    """Every test runs on both solutions: what it claims must not depend on how they are built."""
    return load_solution(lab, lab.part("G2"), request.param)


def groups(solution: Solution) -> Any:
    return solution.module("groups")


# -- assignors --------------------------------------------------------------------------------------------------------


def member(solution: Solution, name: str, topics: str, owned: str = "", generation: int = 1) -> Any:
    g = groups(solution)
    parts = tuple(g.TopicPartition(o[0], int(o[1:])) for o in owned.split())
    return g.Subscription(name, tuple(topics.split()), parts, generation if owned else -1)


def shares(solution: Solution, name: str, members: list[Any], **sizes: int) -> dict[str, str]:
    answer = solution.module("assignors").assign(name, members, sizes)
    return {m: " ".join(f"{p.topic}{p.number}" for p in parts) for m, parts in answer.items()}


class TestAssignors:
    def test_range_gives_equal_numbers_to_one_member(self, solution: Solution) -> None:
        two = [member(solution, m, "a b") for m in ("x", "y")]
        assert shares(solution, "range", two, a=2, b=2) == {"x": "a0 b0", "y": "a1 b1"}

    def test_round_robin_goes_on_with_the_next_topic(self, solution: Solution) -> None:
        two = [member(solution, m, "a b") for m in ("x", "y")]
        assert shares(solution, "roundrobin", two, a=1, b=2) == {"x": "a0 b1", "y": "b0"}

    def test_sticky_keeps_what_a_newcomer_does_not_need(self, solution: Solution) -> None:
        three = [
            member(solution, "x", "a", "a0 a1 a2"),
            member(solution, "y", "a", "a3 a4 a5"),
            member(solution, "z", "a"),
        ]
        found = shares(solution, "sticky", three, a=6)
        assert set(found["x"].split()) < {"a0", "a1", "a2"}
        assert set(found["y"].split()) < {"a3", "a4", "a5"}

    def test_cooperative_gives_it_to_nobody_first(self, solution: Solution) -> None:
        two = [member(solution, "x", "a", "a0 a1 a2 a3"), member(solution, "y", "a")]
        first = shares(solution, "cooperative-sticky", two, a=4)
        assert len(first["x"].split()) == 2
        assert first["y"] == ""

    def test_nobody_is_given_a_topic_that_does_not_exist(self, solution: Solution) -> None:
        for name in ("range", "roundrobin", "sticky", "cooperative-sticky"):
            assert shares(solution, name, [member(solution, "x", "gone")]) == {"x": ""}


# -- a coordinator on the bench ---------------------------------------------------------------------------------------


def bench(solution: Solution, *arguments: Any, **more: Any) -> Any:
    from grading.lab2_log.groups.bench import Bench

    return Bench(solution, *arguments, **more)


def state(b: Any, g: Any) -> str:
    number = b.id("tool")
    b.tell("tool", g.DescribeGroup(number, "g"))
    found: str = b.heard("tool", g.GroupDescribed, number)[-1].state
    return found


class TestCoordinator:
    def test_states_of_a_life(self, solution: Solution) -> None:
        g, b = groups(solution), bench(solution)
        seen = [state(b, g)]
        b.join("a-1")
        seen.append(state(b, g))
        b.pass_time(60 * MS)
        seen.append(state(b, g))
        b.sync("a-1", b.joined("a-1").generation, {"a-1": []})
        b.pass_time(20 * MS)
        seen.append(state(b, g))
        b.tell("a-1", g.LeaveGroup(b.id("a-1"), "g", "a-1"))
        b.pass_time(20 * MS)
        seen.append(state(b, g))
        assert seen == [
            "Dead",
            "PreparingRebalance",
            "CompletingRebalance",
            "Stable",
            "Empty",
        ]

    def test_only_the_leader_is_told_of_all(self, solution: Solution) -> None:
        b = bench(solution)
        b.gather("a-1", "b-1")
        told = {name: len(b.joined(name).members) for name in ("a-1", "b-1")}
        assert sorted(told.values()) == [0, 2]
        assert told[b.joined("a-1").leader] == 2

    def test_another_assignor_is_refused(self, solution: Solution) -> None:
        b = bench(solution)
        b.gather("a-1")
        b.join("b-1", assignor="sticky")
        assert b.joined("b-1").error == groups(solution).INCONSISTENT_PROTOCOL

    def test_who_does_not_coordinate_says_so(self, solution: Solution) -> None:
        g, b = groups(solution), bench(solution)
        b.gather("a-1")
        b.tell("log", solution.module("group_log").Lead(2, "k2"))
        assert b.beat("a-1", 0) == g.NOT_COORDINATOR
        b.tell("a-1", g.FindCoordinator(99, "g"))
        assert b.heard("a-1", g.CoordinatorFound, 99)[-1].coordinator == "k2"

    def test_a_commit_is_a_sign_of_life(self, solution: Solution) -> None:
        b = bench(solution)
        generation = b.gather("a-1")
        for n in range(8):
            b.pass_time(60 * MS)
            b.commit("a-1", generation, n)
        assert not b.beat("a-1", generation)

    def test_a_tool_sets_offsets_of_an_empty_group(self, solution: Solution) -> None:
        b = bench(solution)
        b.commit("", -1, 7)
        assert b.committed() == 7
        b.commit("", -1, 3)
        assert b.committed() == 3


# -- unusual, and right -----------------------------------------------------------------------------------------------

Variant = Callable[[Any], Any]


def leads_with_the_last(base: Any) -> Any:
    class Unusual(base):  # type: ignore[misc]
        """Whoever joined last leads the group."""

        def complete(self, group: Any) -> None:
            if group.members:
                group.leader = list(group.members)[-1]
            super().complete(group)

    return Unusual


def is_patient(base: Any) -> Any:
    class Unusual(base):  # type: ignore[misc]
        """Gives members half a heartbeat more."""

        def hear(self, group: Any, member: Any) -> None:
            member.session_timeout += 20 * MS
            super().hear(group, member)
            member.session_timeout -= 20 * MS

    return Unusual


def commits_at_every_poll(base: Any) -> Any:
    class Unusual(base):  # type: ignore[misc]
        """Commits whenever the program waits for more."""

        def serve(self) -> None:
            if self.polling is not None:
                self.commit()
            super().serve()

    return Unusual


def fetches_only_in_a_poll(base: Any) -> Any:
    class Unusual(base):  # type: ignore[misc]
        """Fetches nothing while the program works."""

        def fetch(self) -> None:
            if self.polling is not None:
                super().fetch()

    return Unusual


def comes_back_as_somebody_else(base: Any) -> Any:
    class Unusual(base):  # type: ignore[misc]
        """Takes another name when it has lost its place."""

        def lose_place(self) -> None:
            super().lose_place()
            self.name = f"{self.address}-{self.random.getrandbits(32):08x}"

    return Unusual


def one_partition_at_a_time(base: Any) -> Any:
    def hand_out(places: Any, allowed: Any, most: int) -> Any:
        """A poll brings records of one partition only."""
        for part in sorted(allowed):
            if records := base(places, (part,), most):
                return records
        return ()

    return hand_out


VARIANTS: list[tuple[str, str, Variant]] = [
    ("G2", "coordinator:Coordinator", leads_with_the_last),
    ("G2", "coordinator:Coordinator", is_patient),
    ("G3", "member:Member", commits_at_every_poll),
    ("G3", "member:Member", fetches_only_in_a_poll),
    ("G3", "member:Member", comes_back_as_somebody_else),
    ("G3", "places:hand_out", one_partition_at_a_time),
]


@pytest.mark.parametrize(("part", "replaces", "variant"), VARIANTS)
def test_unusual_and_right(lab: Lab, part: str, replaces: str, variant: Variant) -> None:
    solution = load_solution(lab, lab.part(part), "reference")
    module, _, name = replaces.partition(":")
    unusual = variant(getattr(solution.module(module), name))
    patch(
        lab,
        Mutant(
            name="unusual", code="", part=part, replaces=replaces, by=unusual, story="", source="",
            breaks="",
        ),
    )  # fmt: skip
    result = Grading(lab, lab.part(part), solution, keep=False, runs=6).grade()
    wrong = [(p.code, p.broken) for p in result.promises if p.broken is not None]
    assert not wrong
