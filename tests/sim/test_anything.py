"""Laws that hold whatever happens: a program that does everything, under every fault there is."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from distlab.core.disk import unframe
from distlab.core.values import Address
from distlab.faults import FailSync, Flip, Rot, Twin
from distlab.trace import Event
from tests.sim.busy import Busy, Fact, busy_run

SEEDS = range(60)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def runs() -> list[Any]:
    """Some runs, each with its trace."""
    return [busy_run(seed) for seed in SEEDS]


def test_the_runs_meet_every_fault_there_is(runs: list[Any]) -> None:
    met = {name for sim in runs for name in sim.tally}
    kinds = "drop delay duplicate flip crash twin pause slownode killjob jumpclock slowdisk failsync failread filldisk"
    effects = "rot partition cut clog loss straggler down disconnected"
    outcomes = "job killed,sync failed,disk full,bit rot,unsynced bytes lost,garbled"
    assert {*kinds.split(), *effects.split(), *outcomes.split(",")} <= met


def test_causes_come_before_their_effects(runs: list[Any]) -> None:
    for sim in runs:
        events = sim.trace.by_id()
        for event in events.values():
            if event.cause:
                cause = events[event.cause]
                assert cause.id < event.id
                assert cause.time <= event.time


def test_events_stand_in_order_of_time(runs: list[Any]) -> None:
    for sim in runs:
        moments = [(event.time, event.id) for event in sim.trace.events]
        assert moments == sorted(moments)
        assert len({event.id for event in sim.trace.events}) == len(moments)


def test_a_delivery_repeats_what_its_send_said_and_comes_later(runs: list[Any]) -> None:
    for sim in runs:
        if sim.tally["flip"]:
            continue
        events = sim.trace.by_id()
        for event in sim.trace.of("deliver"):
            sent = events[event.cause]
            assert (sent.kind, sent.node, sent.peer) == ("send", event.peer, event.node)
            assert sent.what == event.what
            assert sent.time < event.time


def test_nothing_happens_to_an_incarnation_before_its_start_or_after_its_end(
    runs: list[Any],
) -> None:
    of_world = ("drop", "fault", "heal")
    for sim in runs:
        begun: set[tuple[str, int]] = set()
        ended: set[tuple[str, int]] = set()
        for event in sim.trace.events:
            who = (event.node, event.incarnation)
            if event.kind in of_world:
                continue
            if event.kind == "start":
                assert who not in begun
                begun.add(who)
            assert who in begun, event
            assert who not in ended, event
            if event.kind in ("crash", "stop"):
                ended.add(who)


def test_an_operation_returns_at_most_once_and_to_who_was_asked(runs: list[Any]) -> None:
    for sim in runs:
        called: dict[int, Event] = {}
        for event in sim.trace.of("call", "return"):
            ticket = event.what[0]
            if event.kind == "call":
                called[ticket] = event
            else:
                call = called.pop(ticket)
                assert (call.node, call.incarnation) == (event.node, event.incarnation)


def test_a_sync_is_done_or_has_failed_once_and_in_order(runs: list[Any]) -> None:
    for sim in runs:
        ends = [e.cause for e in sim.trace.of("synced", "sync_failed")]
        assert len(ends) == len(set(ends))


def test_sessions_lose_repeat_and_reorder_nothing(runs: list[Any]) -> None:
    for sim in runs:
        for process in sim.up.values():
            node = process.node
            assert isinstance(node, Busy)
            assert node.trouble == []


def test_the_news_of_sessions_alternate(runs: list[Any]) -> None:
    for sim in runs:
        is_open: dict[tuple[str, int, str], bool] = {}
        for event in sim.trace.of("connect", "disconnect"):
            key = (event.node, event.incarnation, event.peer)
            if event.kind == "connect":
                assert not is_open.get(key), event
            is_open[key] = event.kind == "connect"


def test_what_was_told_is_durable() -> None:
    """Each fact was synced before it was sent, so no crash may have taken it."""
    told = 0
    for seed in SEEDS:
        sim = busy_run(seed, without=(Rot, FailSync, Twin, Flip))
        for device in sim.devices.values():
            device.files.crash(lambda size, last: 0, lambda count: 0)
        for event in sim.trace.of("send"):
            if isinstance(event.what, Fact) and event.what.n:
                told += 1
                wal = sim.devices[Address(event.node)].files.read("wal")
                kept = [
                    body
                    for body in unframe(wal)[0]
                    if body.endswith(b"\xa1n" + _packed(event.what.n))
                ]
                assert kept, event
    assert told > 100


def _packed(n: int) -> bytes:
    import msgspec

    return msgspec.msgpack.encode(n)


def test_two_runs_are_the_same_event_for_event() -> None:
    for seed in range(10):
        first, second = busy_run(seed), busy_run(seed)
        assert first.trace.events == second.trace.events
        assert first.digest == second.digest


def test_runs_are_the_same_in_every_process_under_every_hash_seed_however_recorded() -> None:
    printed = set()
    for hash_seed in ("0", "1", "4711"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.sim.busy", *map(str, range(8))],
            capture_output=True,
            check=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            text=True,
        )
        printed.add(done.stdout)
    assert len(printed) == 1
    for line in printed.pop().splitlines():
        recorded, unrecorded = line.split()
        assert recorded == unrecorded
