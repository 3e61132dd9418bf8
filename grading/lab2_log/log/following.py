"""Directed schedules of part 2B: one leader for ever, and one thing that goes wrong."""

from __future__ import annotations

from typing import Any

from distlab.core import MS
from distlab.faults import (
    AnyAction,
    At,
    Cut,
    Delay,
    Drop,
    Duplicate,
    Noise,
    Nth,
    Partition,
    Plan,
    Trigger,
)
from distlab.grade.lab import Directed
from distlab.grade.scenario import Call
from grading.lab2_log.log.replicas import append, drain, poll, scenario


def schedule(
    name: str,
    about: str,
    *calls: Call,
    faults: tuple[tuple[Trigger, AnyAction], ...] = (),
    noise: Noise | None = None,
    heal_at: int | None = None,
    **shape: Any,
) -> Directed:
    plan = Plan.of(*faults, heal_at=heal_at and heal_at * MS)
    return Directed(name, about, scenario(*calls, plan=plan, noise=noise, **shape))


def cut_off(at: int, broker: str, duration: int, *others: str) -> tuple[Trigger, AnyAction]:
    """The broker reaches none of the others."""
    return At(at * MS), Partition(((broker,), others), duration * MS)


def nth(source: str, to: str, message: str, n: int = 1) -> Trigger:
    return Nth(source, to, n, message)


THREE = (append(100, 1), append(120, 2), append(140, 3))
END = (append(1900, "last", timeout=400 * MS), drain(2560))

PART_B = (
    schedule("alone", "a leader without followers", *THREE, poll(200), brokers=1, min_insync=1),
    schedule("all is well", "appended, fetched, committed, read", *THREE, poll(200)),
    schedule("all is well, for a while", "and the end of it", *THREE, *END),
    schedule(
        "acks 0, 1 and all",
        "three answers, at three moments",
        append(100, 1, 0),
        append(120, 2, 1),
        append(140, 3),
        append(160, 4, 0),
        append(162, 5, 1),
        append(164, 6),
        poll(250),
        *END,
    ),
    schedule(
        "one follower is cut off",
        "it falls out of the ISR, and the others go on without it; then it comes back",
        append(100, 1),
        append(200, 2, timeout=800 * MS),
        append(700, 3),
        poll(750),
        *END,
        faults=(cut_off(150, "b3", 700, "b1", "b2"),),
        heal_at=900,
    ),
    schedule(
        "all followers are cut off",
        "with too few in sync nothing is committed",
        append(100, 1),
        append(160, 2, 1),
        append(165, 3, timeout=700 * MS),
        append(600, 4),
        append(610, 5, 1),
        *(poll(600 + 50 * n, min_bytes=0, max_wait=0) for n in range(6)),
        *END,
        faults=(cut_off(150, "b1", 750, "b2", "b3"),),
        heal_at=900,
    ),
    *(
        schedule(
            f"the ISR shrinks while a batch waits, {n}"
            + (", all must have it" if min_insync == 3 else ""),
            "min.insync counts when the batch is committed, not when it is appended",
            append(100, 1),
            append(150 + n, 2, timeout=1000 * MS),
            poll(600, min_bytes=0, max_wait=0),
            poll(680, min_bytes=0, max_wait=0),
            *END,
            faults=(
                (At(140 * MS), Cut("b2", "b1", 800 * MS)),
                (At(140 * MS), Cut("b3", "b1", 800 * MS)),
            ),
            heal_at=940,
            min_insync=min_insync,
        )
        for n, min_insync in ((0, 2), (8, 2), (0, 3))
    ),
    *(
        schedule(
            f"{message} from {source} to {to} is lost ({n})",
            "whoever waits must ask again",
            *THREE,
            append(300, 4),
            *END,
            faults=((nth(source, to, message, n), Drop()),),
        )
        for source, to, message, n in (
            ("b2", "b1", "Fetch", 1),
            ("b2", "b1", "Fetch", 4),
            ("b1", "b2", "Fetched", 1),
            ("b1", "b2", "Fetched", 3),
            ("b1", "b3", "Fetched", 4),
            ("controller", "b1", "LeaderAndIsr", 1),
            ("controller", "b2", "LeaderAndIsr", 1),
        )
    ),
    *(
        schedule(
            f"{message} from {source} comes again after {late} ms ({n})",
            "an echo appends nothing, and takes nothing back",
            *(append(100 + 12 * k, k) for k in range(8)),
            *END,
            faults=((nth(source, to, message, n), Duplicate(late * MS)),),
        )
        for source, to, message in (("b2", "b1", "Fetch"), ("b1", "b2", "Fetched"))
        for n, late in ((2, 30), (3, 3), (4, 20), (5, 60))
    ),
    schedule(
        "a follower that may be in the ISR",
        "the leader has asked for it, and does not hear the answer: it counts",
        append(100, 1),
        append(300, 2, timeout=100 * MS),
        *(append(700 + 12 * n, f"late {n}", timeout=150 * MS) for n in range(8)),
        *END,
        faults=(
            cut_off(150, "b3", 430, "b1", "b2"),
            (At(575 * MS), Cut("controller", "b1", 400 * MS)),
            cut_off(690, "b3", 280, "b1", "b2"),
        ),
        heal_at=980,
    ),
    schedule(
        "many echoes",
        "a follower has one question under way, whatever comes",
        *(append(100 + 12 * k, k) for k in range(3)),
        *END,
        faults=tuple((nth("b1", "b2", "Fetched", n), Duplicate(5 * n * MS)) for n in range(5, 12)),
    ),
    *(
        schedule(
            f"Fetch {n} of b2 is overtaken",
            "what a follower once had on disk, it has",
            *(append(100 + 12 * k, k) for k in range(8)),
            *END,
            faults=((nth("b2", "b1", "Fetch", n), Delay(150 * MS)),),
            brokers=2,
        )
        for n in (3, 4, 5)
    ),
    schedule(
        "a consumer waits",
        "it is answered when something comes",
        poll(100, max_wait=900 * MS),
        append(300, 1),
        *END,
    ),
    schedule(
        "a consumer waits for nothing",
        "it is answered when its time is up, and not before",
        poll(100, max_wait=200 * MS),
        poll(500, max_wait=100 * MS),
        *END,
    ),
    schedule(
        "a consumer waits for much",
        "less than it wants is no answer, before its time is up",
        *(append(100 + 30 * n, n, values=[f"{n}" + "x" * 60]) for n in range(12)),
        poll(120, min_bytes=400, max_wait=900 * MS),
        poll(300, min_bytes=100_000, max_wait=100 * MS),
        *END,
    ),
    schedule(
        "a consumer waits for what is not committed",
        "it is answered when the followers have it",
        append(190, 1, 1),
        poll(200, max_wait=900 * MS),
        *END,
        faults=((At(150 * MS), Cut("b1", "b3", 300 * MS)),),
        heal_at=450,
    ),
    schedule(
        "consumers see what is committed only",
        "a record that one replica has may be gone tomorrow",
        append(180, 1, 1),
        append(185, 2, 1),
        *(poll(190 + 15 * n, min_bytes=0, max_wait=0) for n in range(8)),
        *END,
        faults=((At(150 * MS), Cut("b1", "b3", 200 * MS)),),
        heal_at=350,
    ),
    schedule(
        "a burst, and batches larger than a fetch",
        "one batch comes in any case",
        *(
            append(100 + n % 3, n, values=[f"{n}" + "x" * (1500 if n % 4 == 0 else 50)])
            for n in range(12)
        ),
        poll(300),
        *END,
        log={"segment_bytes": 600, "index_interval": 100},
    ),
    schedule(
        "one of two",
        "with min.insync of 1 a leader goes on alone, once the ISR says so",
        append(100, 1),
        append(160, 2, timeout=800 * MS),
        append(700, 3),
        poll(750),
        *END,
        faults=(cut_off(150, "b2", 700, "b1"),),
        heal_at=900,
        brokers=2,
        min_insync=1,
    ),
)
