"""Directed schedules of lab 1: one known danger each. The first of each part is free of faults, and small."""

from __future__ import annotations

from typing import Any

from distlab.core import MS, SECOND
from distlab.faults import (
    AnyAction,
    At,
    Crash,
    Doing,
    Drop,
    Duplicate,
    Fault,
    KillJob,
    Noise,
    Nth,
    Pause,
    Plan,
    SlowNode,
    Survival,
    Trigger,
    Twin,
)
from distlab.grade.lab import Directed
from grading.lab1_mapreduce.scenarios import job

POISON = ["UE9JU09O"]
"""``inputs.POISON``, as JSON writes bytes."""


def plan(*faults: tuple[Trigger, AnyAction], heal_at: int | None = None) -> Plan:
    return Plan(tuple(Fault(when, do) for when, do in faults), heal_at)


# -- 1A: texts and sizes ----------------------------------------------------------------------------------------------

AMPLE: dict[str, Any] = {
    "workers": 1,
    "batch": 5000,
    "memory": 100_000,
    "ways": 8,
    "piece": 100_000,
}

PART_A = (
    Directed(
        "a few words, read at once",
        "one small document, one output, memory enough",
        job({**AMPLE, "docs": [6], "text": 1}, reduces=1, split_size=100_000),
    ),
    Directed(
        "many outputs",
        "every key has its place",
        job({**AMPLE, "docs": [30, 30], "text": 2}, reduces=5, split_size=100_000),
    ),
    Directed(
        "splits that cut lines",
        "a line belongs to the split in which it begins",
        job({**AMPLE, "docs": [40], "text": 3}, app="Sort", reduces=1, split_size=37),
    ),
    Directed(
        "little memory",
        "what does not fit is spilled, and the runs are merged",
        job(
            {**AMPLE, "docs": [60], "text": 4, "memory": 400, "ways": 2, "batch": 50},
            reduces=2,
            split_size=100_000,
        ),
    ),
    Directed(
        "odd lines",
        "only a line feed ends a line; empty lines count; the last line may lack its end",
        job(
            {**AMPLE, "docs": [40, 1], "text": 5, "style": "odd"},
            app="Sort",
            reduces=2,
            split_size=150,
        ),
    ),
    Directed(
        "outputs without keys",
        "an output may be empty, and is there",
        job({**AMPLE, "docs": [1], "text": 6}, reduces=5, split_size=100_000),
    ),
    Directed(
        "means",
        "a mean of means is no mean",
        job(
            {**AMPLE, "docs": [50, 50], "text": 7, "style": "stations", "memory": 300, "batch": 40},
            app="Mean",
            reduces=2,
            split_size=250,
        ),
    ),
)

# -- 1B: the network --------------------------------------------------------------------------------------------------

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
        plan=plan(*faults),
        noise=noise,
        app="Census",
        reduces=2,
        split_size=100_000,
    )
    return Directed(name, about, scenario)


def nth(source: str, to: str, message: str, n: int = 1) -> Nth:
    return Nth(source, to, n, message)


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
                plan=plan(
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

# -- 1C: deaths -------------------------------------------------------------------------------------------------------

WORDS = {"docs": [14, 9, 12, 11], "text": 1, "workers": 3}


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
        plan=plan(*faults, heal_at=heal_at),
        noise=noise,
        app=app,
        reduces=reduces,
        split_size=100_000,
    )
    return Directed(name, about, scenario)


SLOW_STEPS = Noise(job_step=(20 * MS, 20 * MS))
"""Tasks that last longer than a lease."""

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

# -- 1D: slow and killed workers --------------------------------------------------------------------------------------

MANY = {"docs": [24] * 48, "text": 1, "workers": 9, "backups": True, "style": "census", "batch": 90}
TASKS = Noise(job_step=(4 * MS, 4 * MS))


def many(
    name: str, about: str, *faults: tuple[Trigger, AnyAction], reduces: int = 16, **shape: Any
) -> Directed:
    """A job of 64 tasks on nine workers."""
    scenario = job(
        {**MANY, **shape},
        plan=plan(*faults),
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

# -- 1E: masters, poison, rows ----------------------------------------------------------------------------------------

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
        name, about, job(shape, plan=plan(*faults, heal_at=heal_at), noise=noise, **spec)
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
