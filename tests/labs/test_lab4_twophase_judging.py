"""The judgement of part 4A: its points, its schedules, its hints; and what its judges see in broken runs."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from distlab.grade.hints import load
from distlab.grade.lab import Lab
from distlab.grade.perform import perform
from distlab.grade.solution import load_lab, load_solution, root
from distlab.trace import EVERYTHING, Kind
from tests.labs.solutions import assert_done_alone


@pytest.fixture(scope="module")
def lab() -> Lab:
    return load_lab("lab4")


def test_points_are_those_of_the_curriculum(lab: Lab) -> None:
    assert [lab.part(code).points for code in "AB"] == [50, 25]


def test_directed_schedules_have_names_of_their_own(lab: Lab) -> None:
    names = [directed.name for part in lab.parts for directed in part.directed]
    assert len(set(names)) == len(names)


def test_drawn_scenarios_are_the_same_for_the_same_numbers(lab: Lab) -> None:
    for code in "AB":
        draw = lab.part(code).draw
        assert draw is not None
        assert draw(Random(5)) == draw(Random(5))
        assert draw(Random(5)) != draw(Random(6))


@pytest.mark.parametrize("name", ["reference", "alternative"])
def test_the_tour_of_crashes_covers_every_send_and_sync(lab: Lab, name: str) -> None:
    """The first transaction of the tour has no send and no sync before which nobody dies."""
    from grading.lab4_transactions.twophase.schedules import steps

    part = lab.part("A")
    tour = steps._tour().scenario
    run = perform(part, load_solution(lab, part, name), tour, record=EVERYTHING).run
    assert run is not None
    over = next(e.time for e in run.trace.of(Kind.RETURN)) + 50_000
    for node, points in steps.SENDS.items():
        sends = [e for e in run.trace.of(Kind.SEND) if e.node == node and e.time < over]
        assert len(sends) in points, node
    for node, points in steps.SYNCS.items():
        syncs = [e.what for e in run.trace.of(Kind.SYNC) if e.node == node and e.time < over]
        assert sum(map(len, syncs)) in points, node


def test_every_promise_has_three_hints_and_a_place_in_the_handout(lab: Lab) -> None:
    hints = load(root() / "grading" / lab.name / "hints.toml")
    handout = (root() / "docs" / "labs" / "lab4.md").read_text()
    headings = {
        line.lstrip("# ").lower().replace(" ", "-")
        for line in handout.splitlines()
        if line.startswith("##")
    }
    for promise in (*lab.part("A").promises, *lab.part("B").promises):
        assert len(hints[promise.code]) == 3, promise.code
        assert promise.page.partition("#")[2] in headings, promise.code
        assert f"**{promise.code}** ({promise.points})" in handout


@pytest.mark.parametrize(
    ("part", "modules"),
    [
        ("a", ("wal", "locks", "coordinator", "participant")),
        ("b", ("gateway", "sqlite_store", "deadlocks")),
    ],
)
def test_a_part_can_be_done_though_nothing_else_is(
    tmp_path: Path, part: str, modules: tuple[str, ...]
) -> None:
    assert_done_alone(tmp_path, "4", part, modules)
