"""A fault plan on real processes: every kind of fault strikes, and at the right moment."""

from pathlib import Path
from typing import Any

import pytest

from distlab.core import MS, SECOND, Address, Ok
from distlab.core.codec import encode
from distlab.core.errors import ScenarioError
from distlab.faults import (
    AnyAction,
    At,
    Clog,
    Crash,
    Cut,
    Delay,
    Doing,
    Drop,
    Duplicate,
    FailRead,
    FailSync,
    Fault,
    FillDisk,
    Flip,
    Hold,
    JumpClock,
    KillJob,
    Noise,
    Nth,
    Partition,
    Pause,
    Plan,
    Rot,
    SlowDisk,
    SlowNode,
    Survival,
    Trigger,
    Twin,
)
from distlab.live import Live, unsupported
from distlab.trace import EVERYTHING, Kind, Trace
from tests.live.helpers import COUNTER, ECHO, KV, STREAM, ask, eventually, processes
from tests.programs import clock, counter, echo, kv, streamer

MINUTE = 60 * SECOND


def plan(when: Trigger, do: AnyAction, heal_at: int | None = None) -> Plan:
    return Plan((Fault(when, do),), heal_at)


def sends(trace: Trace, node: str, message: type) -> list[Any]:
    return [e for e in trace.of(Kind.SEND) if e.node == node and isinstance(e.what, message)]


def drops(trace: Trace) -> list[tuple[str, str, Any, str]]:
    return [(e.peer, e.node, *e.what) for e in trace.of(Kind.DROP)]


# -- on the wire ------------------------------------------------------------------------------------------------------


def test_a_dropped_message_is_sent_again() -> None:
    with Live(ECHO, plan(Nth("client", "server", 1), Drop()), record=EVERYTHING) as live:
        assert ask(live, "client", echo.Echo("x")) == Ok("x")
        assert live.probes()["server"] == 1
        assert live.tally == {"drop": 2}, "the fault, and what it came to"
    assert len(sends(live.trace, "client", echo.Ping)) == 2
    assert drops(live.trace) == [("client", "server", echo.Ping(1, "x"), "drop")]


def test_a_duplicated_message_arrives_twice() -> None:
    with Live(ECHO, plan(Nth("client", "server", 1), Duplicate(after=1 * MS))) as live:
        assert ask(live, "client", echo.Echo("x")) == Ok("x")
        assert live.wait(lambda: live.probes()["server"] == 2)


def test_a_delayed_message_is_overtaken() -> None:
    both = Plan((Fault(Nth("client", "server", 1), Delay(200 * MS)),))
    with Live(ECHO, both, record=EVERYTHING) as live:
        first = live.call("client", echo.Echo("first"))
        second = live.call("client", echo.Echo("second"))
        assert live.wait(lambda: None not in (first.outcome, second.outcome))
        assert live.wait(lambda: live.probes()["server"] >= 3)
    texts = [e.what.text for e in live.trace.of(Kind.DELIVER) if e.node == "server"]
    assert texts[0] == "second"
    assert texts.count("first") >= 2, "the retry, and then the one that was delayed"


def test_a_flipped_bit_is_delivered_if_it_can_be_read_and_dropped_if_not() -> None:
    # {"type": "Ping", "number": 1, "text": "x"}: the last byte is the text, the first one says "map of 3"
    last = 8 * (len(encode(echo.Ping(1, "x"))) - 1)
    for bit, garbled in ((last, False), (0, True)):
        flip = plan(Nth("client", "server", 1), Flip(bit))
        with Live(ECHO, flip, record=EVERYTHING) as live:
            outcome = ask(live, "client", echo.Echo("x"))
            assert outcome == Ok("x" if garbled else "y")
            assert live.probes()["server"] == 1
            assert live.tally["garbled"] == garbled
            assert live.tally["flip"] == 1


def test_a_cut_closes_one_way_and_a_partition_both() -> None:
    for action, heard in (
        (Cut("server", "client", MINUTE), True),
        (Partition((("client",), ("server",)), MINUTE), False),
    ):
        with Live(ECHO, plan(At(0), action), record=EVERYTHING) as live:
            call = live.call("client", echo.Echo("x"))
            assert live.wait(lambda: len(drops(live.trace)) >= 2)
            assert call.outcome is None
            assert (live.probes()["server"] > 0) == heard
        assert {why for *_, why in drops(live.trace)} == {"partition"}


def test_a_partition_ends_by_itself() -> None:
    split = Partition((("client",), ("server",)), 150 * MS)
    with Live(ECHO, plan(At(0), split)) as live:
        assert ask(live, "client", echo.Echo("x")) == Ok("x")
    (call, back) = live.trace.of(Kind.CALL, Kind.RETURN)
    assert back.time - call.time > 100 * MS


def test_a_clog_holds_back_and_loses_nothing() -> None:
    with Live(ECHO, plan(At(0), Clog("client", "server", 220 * MS)), record=EVERYTHING) as live:
        assert ask(live, "client", echo.Echo("x")) == Ok("x")
        asked = len(sends(live.trace, "client", echo.Ping))
        assert live.wait(lambda: live.probes()["server"] == asked)
    assert asked > 2
    assert drops(live.trace) == []


def test_noise_loses_messages_until_the_plan_heals() -> None:
    with Live(ECHO, Plan(heal_at=300 * MS), Noise(loss=1.0), record=EVERYTHING) as live:
        assert ask(live, "client", echo.Echo("x")) == Ok("x")
    (heal,) = live.trace.of(Kind.HEAL)
    assert drops(live.trace)
    assert all(e.time <= heal.time + 50 * MS for e in live.trace.of(Kind.DROP))


@pytest.mark.parametrize("noise", [Noise(loss=0.05, seed=1), Noise(delay=(0, 3 * MS), seed=2)])
def test_a_stream_in_a_session_is_whole_whatever_the_noise(noise: Noise) -> None:
    with Live(STREAM, noise=noise, proxied=True) as live:
        assert ask(live, "source", streamer.Stream(300)) == Ok(300)


def test_a_session_survives_a_short_cut() -> None:
    cut = plan(Doing("source", "send", "Item", 10), Cut("source", "sink", 200 * MS))
    with Live(STREAM, cut) as live:
        assert ask(live, "source", streamer.Stream(50)) == Ok(50)
    assert not list(live.trace.of(Kind.DISCONNECT))


# -- nodes ------------------------------------------------------------------------------------------------------------


def test_a_crash_between_write_and_sync_takes_the_acknowledgement_with_it() -> None:
    crash = plan(Doing("store", "sync", "wal"), Crash("store", restart_after=0))
    with Live(KV, crash, record=EVERYTHING) as live:
        assert ask(live, "client", kv.Write("x", "1")) == Ok()
        assert live.incarnation("store") == 1
    first = [e.kind for e in live.trace.events if e.node == "store" and e.incarnation == 0]
    assert first[:6] == [Kind.START, Kind.LOG, Kind.DELIVER, Kind.WRITE, Kind.FAULT, Kind.CRASH]
    assert set(first[6:]) <= {Kind.DROP}, "what was sent to it while it was down"
    assert [e.incarnation for e in sends(live.trace, "store", kv.Done)] == [1]


def test_what_waits_for_a_slow_sync_dies_with_the_node() -> None:
    slow = plan(At(0), SlowDisk("store", MINUTE, factor=3000))
    with Live(KV, slow, record=EVERYTHING) as live:
        call = live.call("client", kv.Write("x", "1"))
        assert live.wait(lambda: bool(list(live.trace.of(Kind.SYNC))))
        assert live.wait(lambda: len(sends(live.trace, "client", kv.Put)) > 2)
        live.kill("store")
        assert live.wait(lambda: not live.is_up("store"))
        assert call.outcome is None
    assert list(live.trace.of(Kind.SYNCED)) == sends(live.trace, "store", kv.Done) == []


def test_the_third_finish_of_a_client_is_its_last() -> None:
    with Live(ECHO, plan(Doing("client", "finish", n=3), Crash("client"))) as live:
        for text in "ab":
            assert ask(live, "client", echo.Echo(text)) == Ok(text)
        live.call("client", echo.Echo("c"))
        assert live.wait(lambda: not live.is_up("client"))
    assert len(list(live.trace.of(Kind.RETURN))) == 2


def test_a_role_stands_for_who_has_it_as_the_nodes_say() -> None:
    def roles(world: Any, role: str) -> list[Address]:
        assert role == "talkative"
        return [address for address, said in world.probes().items() if said]

    crash = plan(Doing("@talkative", "send", "Pong"), Crash("@talkative", restart_after=0))
    with Live(ECHO, crash, roles=roles) as live:
        assert ask(live, "client", echo.Echo("x")) == Ok("x")
        assert live.incarnation("server") == 1
        assert live.incarnation("client") == 0
    (fault,) = live.trace.of(Kind.FAULT)
    assert (fault.node, fault.what) == ("server", Crash("server", restart_after=0))


def test_a_role_stands_for_who_has_it_in_the_cluster() -> None:
    with Live(ECHO, plan(At(10 * MS), Crash("@server:0", restart_after=10 * MS))) as live:
        assert live.wait(lambda: live.incarnation("server") == 1 and live.is_up("server"))
        assert ask(live, "client", echo.Echo("x")) == Ok("x")


def test_a_zombie_wakes_and_acts_on_what_it_believes() -> None:
    """While the first incarnation stands still a second one takes its place; then the first one speaks again."""
    faults = Plan(
        (
            Fault(Doing("store", "send", "Done"), Pause("store", 1000 * MS)),
            Fault(Doing("client", "send", "Put", n=5), Twin("store", MINUTE)),
        )
    )
    with Live(KV, faults, record=EVERYTHING) as live:
        call = live.call("client", kv.Write("x", "1"))
        assert live.wait(lambda: call.outcome == Ok())
        assert live.incarnation("store") == 1
        assert live.wait(
            lambda: len({e.incarnation for e in sends(live.trace, "store", kv.Done)}) == 2
        )
    by_time = [e.incarnation for e in sends(live.trace, "store", kv.Done)]
    assert by_time[0] == 1, "the new one answers"
    assert 0 in by_time, "and the zombie, later, what it was about to say"


def test_a_twin_is_killed_in_the_end() -> None:
    with Live(ECHO, plan(At(50 * MS), Twin("server", 500 * MS))) as live:
        first = live.pid("server")
        assert first is not None
        assert live.wait(lambda: live.incarnation("server") == 1 and live.is_up("server"))
        assert live.pid("server") != first
        assert processes(first)
        assert eventually(lambda: not processes(first))
        assert ask(live, "client", echo.Echo("x")) == Ok("x")


def test_healing_wakes_starts_and_mends_everything() -> None:
    faults = Plan(
        (
            Fault(At(0), Crash("server")),
            Fault(At(0), Pause("client", MINUTE)),
            Fault(At(0), Partition((("client",), ("server",)), MINUTE)),
            Fault(At(0), SlowNode("client", MINUTE, cost=SECOND)),
        ),
        heal_at=200 * MS,
    )
    with Live(ECHO, faults) as live:
        assert live.wait(lambda: live.incarnation("server") == 1 and live.is_up("server"))
        assert ask(live, "client", echo.Echo("x"), 3 * SECOND) == Ok("x")
    kinds = [event.kind for event in live.trace.events]
    assert kinds.index(Kind.CRASH) < kinds.index(Kind.HEAL)


def test_a_slow_node_takes_its_time() -> None:
    with Live(ECHO, plan(At(0), SlowNode("server", MINUTE, cost=100 * MS))) as live:
        assert ask(live, "client", echo.Echo("x")) == Ok("x")
        assert ask(live, "client", echo.Echo("y")) == Ok("y")
    first, _, _, last = live.trace.of(Kind.CALL, Kind.RETURN)
    assert last.time - first.time > 100 * MS


def test_a_job_can_be_killed() -> None:
    with Live(COUNTER, plan(At(300 * MS), KillJob("counter"))) as live:
        outcome = ask(live, "counter", counter.Begin())
        assert "killed by signal 9" in str(outcome)
        assert int(str(outcome).split(" at ")[1].split("'")[0]) > 1000, "how far it got"


# -- disks and clocks -------------------------------------------------------------------------------------------------


def test_a_failed_sync_stops_the_node_and_nothing_behind_it_leaves() -> None:
    with Live(KV, plan(At(0), FailSync("store"), heal_at=300 * MS), record=EVERYTHING) as live:
        assert ask(live, "client", kv.Write("x", "1")) == Ok()
    (failed,) = live.trace.of(Kind.SYNC_FAILED)
    (stop,) = live.trace.of(Kind.STOP)
    assert failed.what == ("wal", "/")
    assert stop.what == "sync of wal, / failed: the device reports an error"
    assert all(e.incarnation == 1 for e in sends(live.trace, "store", kv.Done))


def test_a_full_disk_stops_a_node_that_does_not_care(tmp_path: Path) -> None:
    with Live(KV, plan(At(0), FillDisk("store", MINUTE), heal_at=200 * MS)) as live:
        assert ask(live, "client", kv.Write("x", "1")) == Ok()
    (stop,) = live.trace.of(Kind.STOP)
    assert stop.what.startswith("DiskFull: ")
    assert live.failures == []


def test_a_disk_that_cannot_be_read_stops_a_node_that_recovers() -> None:
    faults = Plan(
        (
            Fault(Doing("store", "send", "Done"), Crash("store", restart_after=0)),
            Fault(Doing("store", "start", n=2), FailRead("store")),
        ),
        heal_at=400 * MS,
    )
    with Live(KV, faults) as live:
        assert ask(live, "client", kv.Write("x", "1")) == Ok()
        assert live.incarnation("store") == 2
    (stop,) = live.trace.of(Kind.STOP)
    assert stop.what == "DiskError: cannot read wal"


def test_a_bit_that_rots_at_rest_is_found_at_the_next_start() -> None:
    faults = Plan(
        (
            Fault(Doing("client", "finish", n=2), Crash("store")),
            Fault(Doing("client", "finish", n=2), Rot("store", file=0, bit=8 * 20)),
        )
    )
    with Live(KV, faults) as live:
        for key in "xy":
            assert ask(live, "client", kv.Write(key, "1")) == Ok()
        assert live.wait(lambda: not live.is_up("store"))
        live.start("store")
        assert live.wait(lambda: bool(list(live.trace.of(Kind.STOP))))
    (stop,) = live.trace.of(Kind.STOP)
    assert stop.what.startswith("DamagedFile: wal: the record at byte 0 was durable once")


def test_a_clock_jumps_and_the_steady_one_does_not() -> None:
    with Live(clock.CLUSTER, plan(At(0), JumpClock("clock", by=3600 * SECOND))) as live:
        before = ask(live, "other", clock.Look())
        outcome = ask(live, "clock", clock.Look())
        assert isinstance(before, Ok)
        assert isinstance(outcome, Ok)
        assert 3599 * SECOND < outcome.value[0] - before.value[0] < 3601 * SECOND
        assert 0 <= outcome.value[1] - before.value[1] < 5 * SECOND


# -- what cannot be had -----------------------------------------------------------------------------------------------


def test_a_plan_that_no_operating_system_can_carry_out_is_refused() -> None:
    lossy = plan(At(0), Crash("store", unsynced=Survival.NOTHING))
    assert unsupported(lossy) == [
        "store cannot lose what it wrote and did not sync (nothing): the operating system keeps it"
    ]
    assert unsupported(plan(At(0), Crash("store"))) == []
    assert unsupported(plan(At(0), Hold())) == [
        "Hold: only the simulator can choose every message and timer one by one"
    ]
    with pytest.raises(ScenarioError):
        Live(KV, lossy)


@pytest.mark.parametrize(
    "action", [Crash("nobody"), Cut("client", "nobody", 1), Partition((("nobody",),), 1)]
)
def test_a_plan_that_names_nobody_is_refused(action: AnyAction) -> None:
    with pytest.raises(ScenarioError, match="nobody"), Live(ECHO, plan(At(0), action)):
        pass
