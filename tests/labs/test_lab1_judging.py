"""The judgement of lab 1: it accepts what is right, however it is built, and meets the dangers that it names."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from distlab.grade.grading import Grading
from distlab.grade.guard import Stuck
from distlab.grade.lab import Lab, Mutant
from distlab.grade.perform import perform
from distlab.grade.solution import load_lab, load_solution, patch


@pytest.fixture(scope="module")
def lab() -> Lab:
    return load_lab("lab1")


# -- unusual, and right -----------------------------------------------------------------------------------------------


def only_workers_have_leases(base: Any) -> Any:
    """What a live worker was ordered, it does: no lease for an attempt."""

    class Master(base):  # type: ignore[misc]
        def renew(self, attempt: Any) -> None:
            pass

    return Master


def believes_only_reducers(base: Any) -> Any:
    """Map output is lost when somebody has missed it, and not before: a silent holder may be well."""

    def worker_died(table: Any, worker: Any) -> bool:
        for task in table.tasks:
            for attempt in [a for a, r in task.running.items() if r.worker == worker]:
                del task.running[attempt]
        return False

    return worker_died


def starts_with_an_empty_disk(base: Any) -> Any:
    """A worker that is started again keeps nothing, as on a machine that is given to somebody else meanwhile."""

    class Worker(base):  # type: ignore[misc]
        def on_start(self) -> None:
            for path in self.disk.files():
                if path != "incarnations":
                    self.disk.delete(path)
            super().on_start()

    return Worker


def looks_before_it_commits(base: Any) -> Any:
    """Does not ask for a name that it sees is taken: the store refuses hardly anybody."""
    from labs.lab1_mapreduce.protocol import part_key, private_key

    def commit(store: Any, attempt: Any) -> bool:
        if store.exists(part_key(attempt.job, attempt.task)):
            store.delete(private_key(attempt))
            return False
        return bool(base(store, attempt))

    return commit


def puts_it_there(base: Any) -> Any:
    """Puts the whole output under its final name, if that is free; no rename."""
    from labs.lab1_mapreduce.protocol import part_key, private_key

    def commit(store: Any, attempt: Any) -> bool:
        text = store.get(private_key(attempt))
        store.delete(private_key(attempt))
        return bool(store.put_if_absent(part_key(attempt.job, attempt.task), text))

    return commit


def asks_steadily(base: Any) -> Any:
    """Repeats requests for pieces at even intervals."""

    def wanted(shuffle: Any, fetches: int, piece: int, retry: int, now: int) -> Any:
        for source in shuffle.missing:
            source.wait = 0
        return base(shuffle, fetches, piece, 2 * retry, now)

    return wanted


def last_first(base: Any) -> Any:
    """Hands out the last idle task first."""

    def next_task(table: Any) -> Any:
        tasks = table.reduces if table.maps_are_over else table.maps
        return next((task for task in reversed(tasks) if task.is_idle), None)

    return next_task


def never_adopts(base: Any) -> Any:
    """After a restart, an attempt of its former life is abandoned and its task begun anew."""
    from labs.lab1_mapreduce.protocol import Heartbeat

    class Master(base):  # type: ignore[misc]
        def on_heartbeat(self, beat: Heartbeat, worker: Any) -> None:
            if beat.attempt is not None and beat.attempt.epoch != self.epoch:
                self.heard(worker)
                return
            super().on_heartbeat(beat, worker)

    return Master


RIGHT: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "only workers have leases": ("C", "master:Master", only_workers_have_leases),
    "believes only reducers": ("C", "recovery:worker_died", believes_only_reducers),
    "starts with an empty disk": ("C", "worker:Worker", starts_with_an_empty_disk),
    "looks before it commits": ("C", "commit:commit", looks_before_it_commits),
    "puts it there": ("C", "commit:commit", puts_it_there),
    "asks steadily": ("B", "shuffle:wanted", asks_steadily),
    "last task first": ("C", "scheduling:next_task", last_first),
    "never adopts": ("E", "master:Master", never_adopts),
}


SEEN_BY_SCHEDULES = ("MR-S2", "MR-S3")
"""Their dangers are met by schedules, not by chance: also where few random scenarios are tried."""


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_unusual_and_right_passes(lab: Lab, name: str) -> None:
    code, replaces, variant = RIGHT[name]
    part = lab.part(code)
    solution = load_solution(lab, part, "reference")
    module, _, attribute = replaces.partition(":")
    base = getattr(solution.module(module), attribute)
    patch(
        lab,
        Mutant(
            name=name,
            code="",
            part=code,
            replaces=replaces,
            by=variant(base),
            story="",
            source="",
            breaks="",
        ),
    )
    result = Grading(lab, part, solution, runs=30, keep=False).grade()
    broken = {p.code: p.broken.reason for p in result.promises if p.broken is not None}
    assert broken == {}
    unseen = {p.code: p.unseen for p in result.promises if p.code in SEEN_BY_SCHEDULES and p.unseen}
    assert unseen == {}


# -- the judges -------------------------------------------------------------------------------------------------------


def test_points_are_those_of_the_curriculum(lab: Lab) -> None:
    assert [part.points for part in lab.parts] == [25, 25, 45, 25, 30]


def test_directed_schedules_have_names_of_their_own(lab: Lab) -> None:
    for part in lab.parts:
        names = [directed.name for directed in part.directed]
        assert len(set(names)) == len(names)


def test_an_exam_says_shortly_what_it_expected_and_what_it_got(lab: Lab) -> None:
    part = lab.part("A")
    load_solution(lab, part, "reference")
    names = [mutant.name for mutant in lab.mutants() if mutant.part == "A"]
    broken = 0
    for name in names:
        solution = load_solution(lab, part, f"mutant:{name}")
        for exam in (exam for promise in part.promises for exam in promise.exams):
            assert f"{exam.module}.py" in {file.name for file in solution.folders[0].glob("*.py")}
            try:
                with solution.limited(0.5):
                    verdict = exam.check(solution)
            except Stuck:
                continue
            if verdict.is_broken:
                broken += 1
                assert verdict.expected, (name, exam.name)
                assert verdict.got, (name, exam.name)
                assert max(len(verdict.reason), len(verdict.expected), len(verdict.got)) < 240, name
    assert broken >= 10


def test_a_straggler_matters_without_backups(lab: Lab) -> None:
    part = lab.part("D")
    solution = load_solution(lab, part, "reference")
    (slow,) = [d for d in part.directed if d.name == "one worker is ten times slower"]
    run = perform(part, solution, slow.scenario).run
    assert run is not None
    assert run.notes["without backups"]() > 2 * run.notes["baseline"]


def test_drawn_scenarios_are_the_same_for_the_same_numbers(lab: Lab) -> None:
    for part in lab.parts:
        assert part.draw is not None
        assert part.draw(Random(5)) == part.draw(Random(5))
        assert part.draw(Random(5)) != part.draw(Random(6))


def test_every_promise_has_three_hints_and_a_place_in_the_handout(lab: Lab) -> None:
    from distlab.grade.hints import key_of, load
    from distlab.grade.solution import root

    hints = load(root() / "grading" / lab.name / "hints.toml")
    handout = (root() / "docs" / "labs" / "lab1.md").read_text()
    headings = {
        line.lstrip("# ").lower().replace(" ", "-")
        for line in handout.splitlines()
        if line.startswith("##")
    }
    for part in lab.parts:
        for promise in part.promises:
            assert len(hints[key_of(hints, promise.code, part.code)]) == 3
            assert promise.page.partition("#")[2] in headings
            assert f"**{promise.code}**" in handout
