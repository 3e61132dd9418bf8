"""Directed schedules of part 1C: deaths, pauses and twins at the moments at which they hurt.

The first is free of faults, and small.
"""

from __future__ import annotations

from typing import Any

from distlab.core import MS
from distlab.faults import (
    AnyAction,
    At,
    Crash,
    Doing,
    Duplicate,
    KillJob,
    Noise,
    Pause,
    Plan,
    Survival,
    Trigger,
    Twin,
)
from distlab.grade.lab import Directed
from grading.lab1_mapreduce.scenarios import job
from grading.lab1_mapreduce.schedules.common import AMPLE, SLOW_STEPS, WORDS, nth


def death(
    name: str,
    about: str,
    *faults: tuple[Trigger, AnyAction],
    noise: Noise | None = None,
    app: str = "WordCount",
    heal_at: int | None = None,
    reduces: int = 3,
    **shape: Any,
) -> Directed:
    """A job with node faults; WordCount is judged by its bytes, Census by what was consumed."""
    style = {"Census": "census", "WordCount": "words"}[app]
    whole = {**WORDS, "style": style, **shape}
    scenario = job(
        whole,
        plan=Plan.of(*faults, heal_at=heal_at),
        noise=noise,
        app=app,
        reduces=reduces,
        split_size=100_000,
    )
    return Directed(name, about, scenario)


PART_C = (
    Directed(
        "all is well",
        "a whole job, with leases",
        job({**AMPLE, "docs": [6], "text": 1, "workers": 2}, reduces=1, split_size=100_000),
    ),
    death(
        "long tasks, all is well", "a lease is renewed as long as somebody works", noise=SLOW_STEPS
    ),
    *(
        death(
            f"the holder of map output dies for ever ({app}, {n})",
            "what lay on its disk must be made again, though all workers wait for it",
            (Doing("master-1", "send", "RunReduce", n), Crash("worker-1")),
            app=app,
        )
        for app in ("WordCount", "Census")
        for n in (1, 2)
    ),
    death(
        "the holder dies, and all others are reducers",
        "a reducer that waits for a map task must not keep the slot that it needs",
        (Doing("master-1", "send", "RunReduce", 2), Crash("worker-3")),
        reduces=2,
        workers=3,
    ),
    *(
        death(
            f"power fails at the holder ({unsynced.value} kept, seed {seed})",
            "only what was synced is there when it comes back: in files of many blocks, blocks may be missing",
            (Doing("master-1", "send", "RunReduce"), Crash("worker-1", 5 * MS, unsynced)),
            workers=2,
            docs=[25, 20, 22, 24],
            memory=300,
            noise=Noise(seed=seed),
        )
        for unsynced, seed in (
            (Survival.NOTHING, 0),
            (Survival.TORN, 0),
            *((Survival.SOME, seed) for seed in range(6)),
        )
    ),
    *(
        death(
            f"a worker stands still before {what}",
            "it wakes as a zombie: its task was given to another one long ago",
            (Doing("worker-1", verb, what), Pause("worker-1", 600 * MS)),
            app=app,
            noise=Noise(delay=(10 * MS, 10 * MS)),
        )
        for verb, what, app in (
            ("job", "MapAttempt", "Census"),
            ("job", "ReduceAttempt", "WordCount"),
            ("store", "private/", "WordCount"),
            ("store", "out/", "WordCount"),
            ("send", "MapDone", "Census"),
            ("send", "ReduceDone", "WordCount"),
        )
    ),
    death(
        "two attempts write side by side",
        "a zombie and its successor, step by step",
        (At(60 * MS), Pause("worker-1", 230 * MS)),
        (At(60 * MS), Pause("worker-2", 230 * MS)),
        noise=Noise(job_step=(12 * MS, 12 * MS)),
        batch=30,
    ),
    *(
        death(
            f"a worker runs twice from {what} on, {noise.job_step[0] // MS} ms a step",
            "two processes, one disk, one name",
            (Doing("worker-1", verb, what), Twin("worker-1", 400 * MS)),
            app=app,
            noise=noise,
        )
        for verb, what, app, noise in (
            ("job", "MapAttempt", "Census", Noise()),
            ("job", "ReduceAttempt", "WordCount", Noise()),
            ("job", "ReduceAttempt", "WordCount", SLOW_STEPS),
        )
    ),
    *(
        death(
            f"a worker dies before {what}",
            "what was not said was not heard",
            (Doing("worker-1", verb, what), Crash("worker-1", 30 * MS, Survival.SOME)),
        )
        for verb, what in (
            ("send", "MapDone"),
            ("sync", "job/"),
            ("store", "private/"),
            ("store", "out/"),
            ("send", "ReduceDone"),
        )
    ),
    death(
        "a worker dies when some outputs are committed",
        "committed outputs stay; what the others need is made again",
        (Doing("master-1", "send", "RunReduce", 4), Crash("worker-1")),
        (Doing("worker-2", "send", "ReduceDone", 1), Crash("worker-1")),
        reduces=6,
        noise=Noise(job_step=(8 * MS, 8 * MS)),
    ),
    death(
        "a job outlives the leases of what is done",
        "a lease that runs out behind a completed task means nothing",
        noise=Noise(job_step=(15 * MS, 15 * MS)),
        reduces=8,
        workers=2,
    ),
    death(
        "all workers stand still",
        "everybody was dead once; everybody gets work again",
        *((At(40 * MS), Pause(f"worker-{n}", 400 * MS)) for n in (1, 2, 3)),
    ),
    death(
        "an old report comes late",
        "the first completion counts, also when another one is heard of later",
        (Doing("worker-1", "send", "MapDone"), Pause("worker-1", 450 * MS)),
        noise=Noise(job_step=(15 * MS, 15 * MS)),
        app="Census",
        reduces=4,
    ),
    *(
        death(
            f"an old report comes when its output is made again ({late} ms late)",
            "it is of what was lost: it neither counts, nor ends the attempt that is under way",
            (Doing("master-1", "send", "RunReduce"), Crash("worker-1")),
            (nth("worker-1", "master-1", "MapDone"), Duplicate(late * MS)),
            noise=Noise(job_step=(30 * MS, 30 * MS)),
        )
        for late in (475, 525, 575)
    ),
    death(
        "every worker is restarted",
        "a worker's wishes in its second life are later than those in its first",
        (At(30 * MS), Crash("worker-1", 5 * MS)),
        (At(40 * MS), Crash("worker-2", 5 * MS)),
        workers=2,
        noise=Noise(job_step=(5 * MS, 5 * MS)),
    ),
    death(
        "jobs are killed",
        "an attempt that died is tried again",
        (At(20 * MS), KillJob("worker-1")),
        (At(60 * MS), KillJob("worker-2")),
    ),
)
