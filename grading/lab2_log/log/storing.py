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
    FailSync,
    FillDisk,
    Rot,
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
from distlab.grade.lab import Run, Stage
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
    healed = run.scenario.plan.heal_at or 0
    kinds = (Kind.FAULT, Kind.CRASH, Kind.START)
    last = max((event.time for event in run.trace.events if event.kind in kinds), default=0)
    for entry in run.history.of_type(Drain):
        if entry.began > max(healed + 50 * MS, last) and not entry.is_ok:
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
