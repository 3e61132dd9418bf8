"""Part 2A in the simulator: a broker that crashes while clients append and read; random scenarios and schedules."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec

from distlab.check import Verdict, broken, kept
from distlab.core import MS, Address
from distlab.core.cluster import Cluster, Member
from distlab.faults import (
    AnyAction,
    At,
    Crash,
    FailSync,
    Fault,
    FillDisk,
    Noise,
    Plan,
    Rot,
    Survival,
    Trigger,
)
from distlab.faults.actions import FailRead
from distlab.grade.draw import (
    Swarm,
    crash,
    draw_noise,
    draw_plan,
    fail_sync,
    logarithmic,
    slow_disk,
)
from distlab.grade.lab import Directed, Run, Stage
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution
from distlab.trace import Kind
from grading.lab2_log.log.ledger import Ledger, Wrong
from grading.lab2_log.log.world import Client, ClientConfig
from labs.lab2_log.brokers import (
    ALL,
    Append,
    Drain,
    Fetch,
    ListOffsets,
    LogConfig,
    LookUp,
    Produce,
    Read,
    StorageConfig,
)

HORIZON = 600 * MS
OPERATIONS = (Append, Read, LookUp, Drain)


def log_config(shape: dict[str, Any]) -> LogConfig:
    """What ``shape["log"]`` says of the log."""
    return msgspec.convert({"type": "LogConfig", **shape.get("log", {})}, LogConfig)


def stage(solution: Solution, scenario: Scenario) -> Stage:
    """A broker and a client."""
    config = StorageConfig(log=log_config(scenario.shape))
    members = {
        "client": Member(Client, ClientConfig(("broker",)), "client"),
        "broker": Member(solution.module("storage").Storage, config, "broker"),
    }
    last = max((call.at for call in scenario.calls), default=0)
    return Stage(
        cluster=Cluster(members),
        operations=OPERATIONS,
        until=max(last, scenario.plan.heal_at or 0) + 2_000 * MS,
        settle=20 * MS,
        notes={},
    )


# -- judging ----------------------------------------------------------------------------------------------------------


class Books(msgspec.Struct):
    """What the ledger says of a run."""

    ledger: Ledger
    wrong: Wrong | None = None
    event: int = 0


def books(run: Run) -> Books:
    """The run, replayed before the ledger; once for all judges."""
    if "books" not in run.notes:
        run.notes["books"] = _books(run)
    found: Books = run.notes["books"]
    return found


def _books(run: Run) -> Books:
    ledger = Ledger(log_config(run.scenario.shape))
    for event in run.trace.events:
        if event.kind == Kind.FAULT and isinstance(event.what, Rot):
            ledger.rotten = True
        if event.kind == Kind.FAULT and isinstance(event.what, (FillDisk, FailSync, FailRead)):
            ledger.is_ill = True
        if event.node != "broker":
            continue
        try:
            match event.kind:
                case Kind.CRASH:
                    ledger.crash()
                case Kind.STOP:
                    ledger.kill()
                case Kind.DELIVER if isinstance(event.what, (Produce, Fetch, ListOffsets)):
                    ledger.asked(event.peer, event.what, event.time)
                case Kind.SEND:
                    ledger.answered(Address(event.peer), event.what, event.time)
        except Wrong as wrong:
            return Books(ledger, wrong, event.id)
    return Books(ledger)


def judge(code: str) -> Any:
    """The judge of one promise: the ledger's word, if it is about that promise."""

    def verdict(run: Run) -> Verdict:
        found = books(run)
        if found.wrong is not None and found.wrong.code == code:
            wrong = found.wrong
            return broken(wrong.reason, found.event, expected=wrong.expected, got=wrong.got)
        if code == "LOG-S3" and found.wrong is None:
            return _can_be_read(run)
        return kept()

    return verdict


def _can_be_read(run: Run) -> Verdict:
    """After the last start the log can be read: a broker that refuses to start has lost everything, too."""
    for entry in run.history.of_type(Drain):
        well_since = run.scenario.plan.heal_at or 0
        if entry.began > well_since + 50 * MS and not entry.is_ok:
            return broken(
                "all is well, and the log cannot be read",
                entry.call,
                expected="records",
                got=repr(entry.outcome),
            )
    return kept()


def lost_something(run: Run) -> bool:
    """A crash took records that nobody had promised."""
    return books(run).ledger.lost > 0


def read_after_crash(run: Run) -> bool:
    found = books(run).ledger
    return found.crashes > 0 and found.reads > 0


# -- drawing ----------------------------------------------------------------------------------------------------------


def fill_disk(random: Random, swarm: Swarm) -> AnyAction:
    return FillDisk("broker", logarithmic(random, 5 * MS, 200 * MS))


def fail_read(random: Random, swarm: Swarm) -> AnyAction:
    return FailRead("broker")


LOGS: tuple[dict[str, Any], ...] = (
    {"segment_bytes": 300, "index_interval": 100},
    {"segment_bytes": 700, "index_interval": 200},
    {"segment_bytes": 5000, "index_interval": 200},
    {"segment_bytes": 300, "index_interval": 100, "retention_bytes": 1200},
    {"segment_bytes": 400, "index_interval": 100, "compact": True, "delete_retention": 200 * MS},
)


def draw(random: Random) -> Scenario:
    """Appends of all kinds, reads anywhere, a disk that misbehaves, crashes; at the end all is read."""
    log = random.choice(LOGS)
    calls = []
    horizon = HORIZON
    for n in range(int(logarithmic(random, 6, 40))):
        at = random.randrange(5 * MS, horizon)
        if random.random() < 0.7:
            count = random.choice([1, 1, 2, 4])
            arguments: dict[str, Any] = {
                "values": [f"{n}.{i}" + "x" * random.choice([0, 20, 90]) for i in range(count)],
                "acks": random.choice([ALL, ALL, 1, 0]),
            }
            if "compact" in log:
                arguments["keys"] = [f"k{random.randrange(4)}" for _ in range(count)]
                if random.random() < 0.2:
                    arguments["values"][0] = ""
            if random.random() < 0.08:
                arguments["damage"] = random.randrange(5000)
            calls.append(Call(at, "client", "Append", arguments))
        elif random.random() < 0.7:
            calls.append(Call(at, "client", "Read", {"offset": random.randrange(40)}))
        else:
            calls.append(Call(at, "client", "LookUp", {"timestamp": random.randrange(horizon)}))
    calls.sort(key=lambda call: call.at)
    heal = horizon + 20 * MS
    calls.append(Call(heal + 60 * MS, "client", "Append", {"values": ["last"], "keys": ["last"]}))
    calls.append(Call(heal + 90 * MS, "client", "Drain"))
    around = Swarm(
        nodes=["client", "broker"],
        targets=["broker"],
        kinds=[crash, crash, crash, fail_sync, slow_disk, fill_disk, fail_read],
        horizon=horizon,
        most=6,
        outage=(5 * MS, 150 * MS),
        losses=(0.0, 0.0, 0.1),
        duplicates=(0.0,),
    )
    plan = msgspec.structs.replace(draw_plan(random, around), heal_at=heal)
    return Scenario(tuple(calls), plan, draw_noise(random, around), {"log": log})


def simpler(scenario: Scenario) -> Iterator[Scenario]:
    """A plain log, and batches of one record."""
    for n, call in enumerate(scenario.calls):
        values = call.arguments.get("values", ())
        if len(values) > 1:
            arguments = {
                **call.arguments,
                "values": values[:1],
                "keys": call.arguments.get("keys", [])[:1],
            }
            smaller = msgspec.structs.replace(call, arguments=arguments)
            yield msgspec.structs.replace(
                scenario, calls=(*scenario.calls[:n], smaller, *scenario.calls[n + 1 :])
            )


# -- schedules --------------------------------------------------------------------------------------------------------


def append(at: int, n: int, acks: int = ALL, size: int = 0, **more: Any) -> Call:
    return Call(
        at * MS, "client", "Append", {"values": [f"v{n}" + "x" * size], "acks": acks, **more}
    )


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
    plan = Plan(tuple(Fault(when, do) for when, do in faults), heal_at)
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
    schedule(
        "damaged on the way",
        "a batch that does not fit its CRC is refused, and takes no offset",
        (append(10, 1), append(20, 2, damage=900), append(30, 3), drained(80)),
    ),
)
