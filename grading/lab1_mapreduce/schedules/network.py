"""Directed schedules of part 1B: one message each that is lost, repeated or late.

The first is free of faults, and small.
"""

from __future__ import annotations

from typing import Any

from distlab.core import MS
from distlab.faults import AnyAction, Drop, Duplicate, Noise, Plan, Trigger
from distlab.grade.lab import Directed
from grading.lab1_mapreduce.scenarios import job
from grading.lab1_mapreduce.schedules.common import nth

QUIET = {"lease": False, "docs": [12, 9, 14], "text": 1, "style": "census", "workers": 2}


def census(**shape: Any) -> dict[str, Any]:
    return {**QUIET, **shape}


def net(
    name: str,
    about: str,
    *faults: tuple[Trigger, AnyAction],
    noise: Noise | None = None,
    **shape: Any,
) -> Directed:
    """A Census job with message faults."""
    scenario = job(
        census(**shape),
        plan=Plan.of(*faults),
        noise=noise,
        app="Census",
        reduces=2,
        split_size=100_000,
    )
    return Directed(name, about, scenario)


PART_B = (
    Directed(
        "one worker, all is well",
        "a whole job",
        job({"lease": False, "docs": [8], "text": 1, "workers": 1}, reduces=1, split_size=100_000),
    ),
    net(
        "three workers, all is well",
        "the barrier: reduce tasks wait for the slowest map task",
        workers=3,
        docs=[40, 3, 3],
    ),
    *(
        net(
            f"{message} is lost", "whoever waits must ask again", (nth(source, to, message), Drop())
        )
        for source, to, message in (
            ("worker-1", "master-1", "Ask"),
            ("master-1", "worker-1", "RunMap"),
            ("master-1", "worker-2", "RunReduce"),
            ("worker-1", "master-1", "MapDone"),
            ("worker-2", "master-1", "ReduceDone"),
            ("master-1", "worker-1", "Noted"),
            ("worker-1", "worker-2", "Fetch"),
            ("worker-2", "worker-1", "Piece"),
            ("master-1", "client", "JobOver"),
        )
    ),
    net(
        "Idle is lost",
        "whoever waits must ask again",
        (nth("master-1", "worker-2", "Idle"), Drop()),
        docs=[12],
    ),
    *(
        net(
            f"{message} from {source} comes twice, after {after // MS} ms",
            "an echo changes nothing",
            (nth(source, to, message, n), Duplicate(after)),
        )
        for source, to, message, n, after in (
            ("worker-1", "master-1", "Ask", 1, 1 * MS),
            ("worker-1", "master-1", "Ask", 1, 60 * MS),
            ("master-1", "worker-1", "RunMap", 1, 100 * MS),
            ("worker-1", "master-1", "MapDone", 1, 5 * MS),
            ("worker-2", "master-1", "MapDone", 1, 40 * MS),
            ("master-1", "worker-2", "Noted", 1, 30 * MS),
            ("worker-2", "worker-1", "Piece", 1, 0),
            ("worker-1", "worker-2", "Piece", 1, 0),
        )
    ),
    net(
        "small pieces, all late",
        "pieces are asked for again while they are under way, and come twice",
        noise=Noise(delay=(15 * MS, 30 * MS)),
        piece=20,
    ),
    net(
        "pieces are lost and repeated",
        "a copy grows only at its end",
        noise=Noise(seed=3, loss=0.2, duplicate=0.4, delay=(1 * MS, 20 * MS)),
        piece=20,
    ),
    net(
        "one long task, and many who wait for it",
        "whoever has nothing to do rests",
        docs=[150],
        workers=4,
        batch=30,
    ),
    *(
        Directed(
            f"an echo of another partition's piece, after {late} ms",
            "a piece belongs to one output, one partition, one place",
            job(
                {"lease": False, "docs": [9, 8], "text": 1, "workers": 2, "piece": 1000},
                plan=Plan.of(
                    (nth("worker-1", "worker-2", "Piece"), Duplicate(late * MS)),
                    (nth("worker-2", "worker-1", "Piece"), Duplicate(late * MS)),
                    # The next reduce task's own answers come later than the echo.
                    (nth("worker-1", "worker-2", "Piece", 2), Drop()),
                    (nth("worker-2", "worker-1", "Piece", 2), Drop()),
                ),
                reduces=4,
                split_size=100_000,
            ),
        )
        for late in (8, 12, 16, 24)
    ),
    net(
        "many holders", "pieces of many outputs, few at a time", docs=[3] * 12, workers=4, piece=20
    ),
    *(
        net(
            f"an Ask comes once more after {late} ms",
            "an old request asks for nothing, and takes nothing away",
            (nth("worker-1", "master-1", "Ask", 1), Duplicate(late * MS)),
            noise=Noise(job_step=(8 * MS, 8 * MS)),
            docs=[5] * 8,
        )
        for late in (50, 80, 110, 140)
    ),
)
