"""Part 4D as real processes: trips of four services, some of which fail on the way.

``make live LAB=4 PART=d``. The orchestrator dies twice, going forward and going back; one service dies when it has done
something and not said so, another one is stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

from distlab.core import MS
from distlab.grade.lab import Run
from distlab.grade.live import LiveStage
from distlab.grade.scenario import Scenario
from distlab.grade.solution import Solution
from grading.lab4_transactions.patterns import saga_world
from grading.lab4_transactions.patterns.live import Rounds, killed, live_stage, patient, stopped
from grading.lab4_transactions.patterns.saga_part import PART_D
from labs.lab4_transactions.saga import Book, Step
from labs.lab4_transactions.saga_service import Books

SAGAS: Final = 24
SHAPE: Final = {"moody": 1}
FAULTS: Final = (
    killed("orchestrator", "Do", 10, 500 * MS),
    killed("hotel", "Done", 5, 400 * MS),
    stopped("airline", "Done", 8, 800 * MS),
    killed("orchestrator", "Undo", 6, 500 * MS),
    killed("bank", "Undone", 2, 400 * MS),
)


def stage(solution: Solution, folder: Path | None, workspace: Path) -> LiveStage:
    """A client, an orchestrator, four services with moods."""
    cluster = saga_world.stage(solution, Scenario(shape=SHAPE)).cluster
    return live_stage(
        [
            f"a client books {SAGAS} trips of two to four steps; every third one fails on the way",
            "airline will be stopped (SIGSTOP); each service says NotNow once to everything",
        ],
        folder,
        patient(cluster, patience=700 * MS, retry=60 * MS),
        _rounds(),
        FAULTS,
        PART_D.promises,
        ("TX2-S8", "TX2-S9", "TX2-S10"),
        table=table,
        keep=keep,
        shape=SHAPE,
    )


def _rounds() -> Rounds:
    """Three trips at a time, two of them about one order. Behind the pivot nothing can fail."""
    random = Random(4)
    books: list[tuple[str, Book]] = []
    for number in range(SAGAS):
        services = random.sample(saga_world.SERVICES, random.randint(2, 4))
        pivot = random.choice([99, len(services) - 1])
        items = ["plenty"] * len(services)
        if number % 3 == 2:
            items[-1] = "unheard of"
        steps = tuple(Step(s, item, 1) for s, item in zip(services, items, strict=True))
        subject = f"order-{number // 3}" if number % 3 else f"order-{number // 3}-too"
        books.append(("client", Book(f"trip-{number}", subject, steps, pivot)))
    return [books[number : number + 3] for number in range(0, SAGAS, 3)]


def _counted(view: Books) -> tuple[int, int]:
    states = [deed.state for deed in view.deeds]
    return states.count("done"), states.count("undone")


def table(probes: Mapping[Any, Any]) -> Sequence[str]:
    """How many steps each service has done, and undone again."""
    rows = []
    for service, view in probes.items():
        if isinstance(view, Books):
            done, undone = _counted(view)
            rows.append(f"{service:<10}{done:>10}{undone:>10}")
    return ["", f"{'':<10}{'done':>10}{'undone':>10}", *rows] if rows else []


def keep(run: Run) -> list[str]:
    """What is done in the end, and what there should be: the steps of what was answered Ok."""
    there = sum(_counted(view)[0] for view in run.probes.values() if isinstance(view, Books))
    booked: list[Any] = [e.operation for e in run.history.of_type(Book) if e.is_ok]
    wanted = sum(len(book.steps) for book in booked)
    return [f"steps that are done: {there}; steps of the trips that were booked: {wanted}"]
