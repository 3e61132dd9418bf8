"""Directed schedules of part 1E: masters that die or stand still, records that kill, rows dealt twice.

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
    Drop,
    Duplicate,
    KillJob,
    Noise,
    Pause,
    Plan,
    Survival,
    Trigger,
)
from distlab.grade.lab import Directed
from grading.lab1_mapreduce.scenarios import job
from grading.lab1_mapreduce.schedules.common import WORDS, nth

POISON = ["UE9JU09O"]
"""``inputs.POISON``, as JSON writes bytes."""

ROWS = {"docs": [40, 30, 50], "text": 1, "style": "rows", "workers": 3}
FRAGILE = {"docs": [12, 9], "text": 1, "workers": 2, "poison": [[0, 5]]}


def hard(
    name: str,
    about: str,
    shape: dict[str, Any],
    *faults: tuple[Trigger, AnyAction],
    noise: Noise | None = None,
    heal_at: int | None = None,
    **spec: Any,
) -> Directed:
    spec = {"reduces": 3, "split_size": 100_000, **spec}
    return Directed(
        name, about, job(shape, plan=Plan.of(*faults, heal_at=heal_at), noise=noise, **spec)
    )


def fragile(name: str, about: str, *faults: tuple[Trigger, AnyAction], **shape: Any) -> Directed:
    return hard(name, about, {**FRAGILE, **shape}, *faults, app="Fragile", params=POISON, reduces=2)


AWAKE = 1_800 * MS
"""All masters that stood still are awake by then; the run goes on until then, and some more."""

PART_E = (
    Directed(
        "all is well",
        "a whole job, with a master that keeps checkpoints",
        job({"docs": [8, 8], "text": 1, "workers": 2}, reduces=2, split_size=100_000),
    ),
    *(
        hard(
            f"the master stands still {when}",
            "the client turns to a second one; both come to the end",
            {**WORDS, "masters": 2},
            (trigger, Pause("master-1", duration)),
            heal_at=AWAKE,
        )
        for when, trigger, duration in (
            ("in the map phase", At(20 * MS), 650 * MS),
            ("before the first reduce task", Doing("master-1", "send", "RunReduce", 1), 600 * MS),
            ("in the reduce phase", Doing("master-1", "send", "RunReduce", 3), 560 * MS),
            ("when it could end the job", Doing("master-1", "store", "out/job/_OUTCOME"), 900 * MS),
        )
    ),
    *(
        hard(
            f"the master stands still when the last report is on its way ({app}, {workers} workers)",
            "its successor ends the job; then it wakes, and hears that all is done",
            {**WORDS, "style": style, "masters": 2, "workers": workers},
            (Doing("worker-1", "send", "ReduceDone", 1), Pause("master-1", 1_200 * MS)),
            heal_at=AWAKE,
            app=app,
            reduces=workers,
        )
        for app, style in (("Census", "census"), ("WordCount", "words"))
        for workers in (1, 2)
    ),
    *(
        hard(
            f"two masters, {steps} ms a step, one stands still at {at // MS} ms",
            "both are at it to the end",
            {**WORDS, "masters": 2, "workers": 4},
            (At(at), Pause("master-1", duration)),
            noise=Noise(job_step=(steps * MS, steps * MS)),
            heal_at=AWAKE,
        )
        for steps in (10, 25)
        for at, duration in ((30 * MS, 700 * MS), (150 * MS, 800 * MS))
    ),
    *(
        hard(
            f"the master dies before {what} ({n}, {unsynced.value} kept)",
            "it comes back, and knows what it has noted",
            WORDS,
            (Doing("master-1", verb, what, n), Crash("master-1", 20 * MS, unsynced)),
        )
        for verb, what, n, unsynced in (
            ("send", "Working", 1, Survival.NOTHING),
            ("send", "Noted", 2, Survival.SOME),
            ("send", "Noted", 3, Survival.NOTHING),
            ("send", "RunReduce", 1, Survival.NOTHING),
            ("send", "Noted", 6, Survival.NOTHING),
            ("sync", "checkpoints/", 3, Survival.TORN),
            ("store", "out/job/_OUTCOME", 1, Survival.NOTHING),
            ("store", "out/job/_OUTCOME", 1, Survival.ALL),
            ("send", "JobOver", 1, Survival.NOTHING),
        )
    ),
    *(
        hard(
            f"the master dies after {n} acceptances",
            "what it noted just now is on its disk",
            WORDS,
            (Doing("worker-1", "send", "Ask", n), Crash("master-1", 20 * MS, Survival.NOTHING)),
            noise=Noise(delay=(1 * MS, 1 * MS), job_step=(5 * MS, 5 * MS)),
        )
        for n in (2, 3)
    ),
    hard(
        "the answer is lost, and the client asks again",
        "a job that is over is not run again",
        WORDS,
        (nth("master-1", "client", "JobOver"), Drop()),
    ),
    hard(
        "the master dies when the job is over",
        "the client has not heard, and asks its successor",
        WORDS,
        (nth("master-1", "client", "JobOver"), Drop()),
        (Doing("master-1", "send", "JobOver"), Crash("master-1", 10 * MS, Survival.NOTHING)),
    ),
    fragile("one poison record", "the task dies until the record is found and left out"),
    fragile(
        "two poison records in one split", "each is found in its turn", poison=[[0, 2], [0, 7]]
    ),
    fragile("poison in the first and last record", "numbers count from 0", poison=[[0, 0], [1, 8]]),
    *(
        fragile(
            f"a careful attempt is killed at {at} ms on {worker}",
            "its record is not to blame: it died once, of something else",
            (At(at * MS), KillJob(worker)),
            (At((at + 3) * MS), KillJob(worker)),
        )
        for at in (16, 20, 24, 28)
        for worker in ("worker-1", "worker-2")
    ),
    fragile(
        "jobs are killed while they write",
        "records are not to blame for what happens behind them",
        *((Doing("worker-1", "sync", "job/", n), KillJob("worker-1")) for n in (1, 2, 3)),
        poison=[],
        docs=[6],
        workers=1,
    ),
    *(
        fragile(
            f"a death at {at} ms is reported twice",
            "one death, one blame",
            *(
                (nth(worker, "master-1", "AttemptFailed", n), Duplicate(4 * MS))
                for worker in ("worker-1", "worker-2")
                for n in (1, 2, 3)
            ),
            (At(at * MS), KillJob("worker-1")),
            (At(at * MS), KillJob("worker-2")),
        )
        for at in (24, 28, 32)
    ),
    *(
        hard(
            f"rows are dealt again ({n} reduce tasks ordered, {batch} bytes a batch)",
            "some reducers have the first hand, some the second",
            {**ROWS, "workers": 2, "piece": 40, "batch": batch},
            (Doing("master-1", "send", "RunReduce", n), Crash("worker-1")),
            app="Repartition",
            reduces=4,
        )
        for n, batch in ((2, 60), (3, 60), (3, 20), (4, 5000))
    ),
)
