"""Directed schedules of part 1D: slow workers and killed ones, in a job of many tasks.

The first is free of faults, and small.
"""

from __future__ import annotations

from typing import Any

from distlab.core import MS, SECOND
from distlab.faults import AnyAction, At, Crash, Doing, Noise, Plan, SlowNode, Survival, Trigger
from distlab.grade.lab import Directed
from grading.lab1_mapreduce.scenarios import job

MANY = {"docs": [24] * 48, "text": 1, "workers": 9, "backups": True, "style": "census", "batch": 90}
TASKS = Noise(job_step=(4 * MS, 4 * MS))


def many(
    name: str, about: str, *faults: tuple[Trigger, AnyAction], reduces: int = 16, **shape: Any
) -> Directed:
    """A job of 64 tasks on nine workers."""
    scenario = job(
        {**MANY, **shape},
        plan=Plan.of(*faults),
        noise=TASKS,
        app="Census",
        reduces=reduces,
        split_size=100_000,
    )
    return Directed(name, about, scenario)


PART_D = (
    Directed(
        "all equally fast",
        "a whole job, with backups allowed",
        job(
            {"docs": [8, 8], "text": 1, "workers": 2, "backups": True},
            reduces=2,
            split_size=100_000,
        ),
    ),
    many("nine equally fast workers", "nobody is slow, so nothing is done twice", extra=0),
    many(
        "one worker is ten times slower",
        "the last task of each phase is on the slow machine",
        (At(0), SlowNode("worker-4", 60 * SECOND, cost=5 * MS, factor=10)),
        straggler=True,
        extra=3,
    ),
    many(
        "one worker becomes slow for the reduce phase",
        "reduce tasks straggle as well",
        (
            Doing("master-1", "send", "RunReduce", 1),
            SlowNode("worker-7", 60 * SECOND, cost=1 * MS, factor=10),
        ),
        straggler=True,
        extra=3,
    ),
    *(
        many(
            f"one worker in nine is killed {when}",
            "and started again at once, as in the paper's figure 3 (c)",
            (trigger, Crash("worker-2", 5 * MS, Survival.ALL)),
            kills=True,
        )
        for when, trigger in (
            ("in the map phase", At(300 * MS)),
            ("at the end of the map phase", Doing("master-1", "send", "RunMap", 45)),
            ("when reduce tasks begin", Doing("master-1", "send", "RunReduce", 1)),
            ("among the reduce tasks", Doing("master-1", "send", "RunReduce", 12)),
        )
    ),
    many(
        "two workers are slow, counters are counted",
        "backups complete twice and count once",
        (At(0), SlowNode("worker-1", 60 * SECOND, cost=5 * MS, factor=6)),
        (At(0), SlowNode("worker-2", 60 * SECOND, cost=5 * MS, factor=6)),
        docs=[20] * 12,
        workers=4,
    ),
)
