"""Directed schedules of part 2A: one broker, its disk, and what befalls it."""

from __future__ import annotations

from typing import Any

from distlab.core import MS
from distlab.faults import (
    AnyAction,
    At,
    Crash,
    FailSync,
    FillDisk,
    Noise,
    Plan,
    Survival,
    Trigger,
)
from distlab.grade.lab import Directed
from distlab.grade.scenario import Call, Scenario
from labs.lab2_log.brokers import ALL


def append(at: int, n: int, acks: int = ALL, size: int = 0, **more: Any) -> Call:
    arguments = {"values": [f"v{n}" + "x" * size], "acks": acks, **more}
    return Call(at * MS, "client", "Append", arguments)


def drained(at: int) -> Call:
    return Call(at * MS, "client", "Drain")


def schedule(
    name: str,
    about: str,
    calls: tuple[Call, ...],
    *faults: tuple[Trigger, AnyAction],
    noise: Noise | None = None,
    heal_at: int | None = None,
    **log: Any,
) -> Directed:
    plan = Plan.of(*faults, heal_at=heal_at)
    return Directed(name, about, Scenario(calls, plan, noise or Noise(), {"log": log}))


def power_cut(
    at: int, after: int = 20, unsynced: Survival = Survival.NOTHING
) -> tuple[Trigger, AnyAction]:
    return At(at * MS), Crash("broker", after * MS, unsynced)


FEW = tuple(append(10 * n, n, size=40) for n in range(1, 9))
"""Eight batches, of about 115 bytes each."""

DIRECTED = (
    schedule(
        "all is well",
        "append, read, look up",
        (*FEW, Call(120 * MS, "client", "Read", {"offset": 0})),
        segment_bytes=300,
    ),
    schedule(
        "all is well, and all is read",
        "through all segments",
        (*FEW, drained(120)),
        segment_bytes=300,
    ),
    schedule(
        "power fails after an answer",
        "what was said to be on disk is on disk",
        (*FEW, drained(200)),
        power_cut(100),
    ),
    schedule(
        "power fails after a roll",
        "a file whose name is not on disk is gone, bytes and all",
        (*FEW, drained(200)),
        power_cut(85),
        segment_bytes=250,
    ),
    *(
        schedule(
            f"a torn tail, seed {seed}",
            "a batch of the right length with the wrong bytes is no batch",
            (
                append(10, 1),
                *(append(11, n, acks=1, size=700) for n in (2, 3, 4)),
                append(60, 5, acks=1),
                drained(120),
            ),
            (At(13 * MS), Crash("broker", 20 * MS, Survival.SOME)),
            noise=Noise(seed=seed),
            segment_bytes=5000,
        )
        for seed in range(6)
    ),
    *(
        schedule(
            f"torn, cut, and torn again, seed {seed}",
            "a cut that is not on disk is undone by the next crash, and old batches rise from the dead",
            (
                append(10, 1),
                *(append(11, n, acks=1, size=20) for n in range(2, 7)),
                *(append(45, n, acks=1, size=20) for n in range(7, 9)),
                append(90, 9, acks=1),
                drained(120),
            ),
            (At(13 * MS), Crash("broker", 20 * MS, Survival.SOME)),
            (At(47 * MS), Crash("broker", 20 * MS, Survival.SOME)),
            noise=Noise(seed=seed),
            segment_bytes=5000,
        )
        for seed in range(8)
    ),
    schedule(
        "a sync fails, then power does",
        "a second sync that succeeds proves nothing (fsyncgate)",
        (append(10, 1), append(30, 2), append(40, 3), drained(200)),
        (At(25 * MS), FailSync("broker")),
        power_cut(100),
        heal_at=150 * MS,
    ),
    schedule(
        "the disk is full for a while",
        "a batch is appended as a whole, or not at all",
        (*FEW, drained(250)),
        (At(35 * MS), FillDisk("broker", 30 * MS)),
        heal_at=180 * MS,
        segment_bytes=250,
    ),
    *(
        schedule(
            f"power fails at sync {n} while old segments go",
            "the log does not begin earlier after a crash than before it",
            (
                *(append(10 * k, k, size=80) for k in range(1, 19)),
                *(Call((200 + 4 * k) * MS, "client", "Read", {"offset": 0}) for k in range(6)),
                drained(320),
            ),
            (At((200 + 3 * n) * MS), Crash("broker", 20 * MS, Survival.NOTHING)),
            segment_bytes=300,
            retention_bytes=700,
        )
        for n in range(1, 6)
    ),
    *(
        schedule(
            f"power fails {n} ms after housekeeping began, {unsynced.value} survives",
            "while a segment is cleaned, the old one or the new one is there, whole",
            (
                *(
                    append(5 * k, k, size=40, keys=["k" if k % 2 else f"u{k}"])
                    for k in range(1, 16)
                ),
                drained(260),
            ),
            (At((100 + n) * MS), Crash("broker", 20 * MS, unsynced)),
            segment_bytes=300,
            compact=True,
        )
        for n in (1, 3, 5, 9)
        for unsynced in (Survival.NOTHING, Survival.SOME)
    ),
    *(
        schedule(
            f"old segments go, and the power with them, {n}",
            "what is gone does not come back",
            (
                *(append(10 * k, k, size=80) for k in range(1, 10)),
                Call(304 * MS, "client", "Read", {"offset": 0}),
                Call(404 * MS, "client", "Read", {"offset": 0}),
                drained(450),
            ),
            (At((310 + n) * MS), Crash("broker", 20 * MS, Survival.NOTHING)),
            segment_bytes=300,
            retention_time=250 * MS,
        )
        for n in (0, 100)
    ),
    *(
        schedule(
            f"the newest value was never on disk, {n}",
            "the cleaner looks below the active segment only",
            (
                *(append(8 * k, k, size=60, keys=[f"k{k}"]) for k in range(1, 9)),
                append(80, 9, keys=["other"]),
                append(90 + n, 10, acks=1, keys=["k2"]),
                append(150, 11, keys=["last"]),
                drained(200),
            ),
            (At((104 + n) * MS), Crash("broker", 20 * MS, Survival.NOTHING)),
            segment_bytes=400,
            compact=True,
        )
        for n in (2, 5, 7)
    ),
    *(
        schedule(
            f"power fails {n} ms after housekeeping began, and tears a batch",
            "a recovery point vouches for what is on disk already",
            (
                append(10, 1),
                append(90, 2, acks=1),
                append(95, 3, acks=1),
                append(160, 4, acks=1),
                drained(200),
            ),
            power_cut(100 + n, 20, Survival.TORN),
        )
        for n in range(1, 7)
    ),
    *(
        schedule(
            f"power fails while old values go, {n} ms, seed {seed}",
            "the new segment is on disk before it takes the old one's place, and so is what it relies on",
            (
                *(append(10 * n, n, size=300, keys=[key]) for n, key in enumerate("kakcd", 1)),
                append(95, 6, acks=1, keys=["a"]),
                append(150, 7, keys=["last"]),
                drained(200),
            ),
            power_cut(100 + n, 20, Survival.SOME),
            noise=Noise(seed=seed),
            compact=True,
        )
        for n in (3, 4)
        for seed in range(8)
    ),
    schedule(
        "an old tombstone is the last record, and the broker starts again",
        "an offset that was used is not used again",
        (
            append(10, 1, keys=["a"]),
            append(20, 2, values=[""], keys=["k"]),
            append(400, 3, keys=["b"]),
            drained(450),
        ),
        power_cut(350),
        compact=True,
        delete_retention=100 * MS,
    ),
    schedule(
        "damaged on the way",
        "a batch that does not fit its CRC is refused, and takes no offset",
        (append(10, 1), append(20, 2, damage=900), append(30, 3), drained(80)),
    ),
)
