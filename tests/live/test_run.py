"""Clusters as processes: they talk, keep what they have on disk, and end when they are told to."""

import importlib
import os
from pathlib import Path

import pytest

from distlab.core import MS, SECOND, Fail, Info, Ok
from distlab.core.cluster import Cluster, Member
from distlab.core.errors import ScenarioError
from distlab.core.overlay import overlay
from distlab.live import Call, Live, ProgramError
from distlab.trace import EVERYTHING, Kind
from tests.live.helpers import COUNTER, ECHO, KV, STREAM, ask, restart
from tests.programs import counter, echo, kv, load, streamer, wrong


@pytest.mark.parametrize("bind", ["", "127.0.0.1"])
@pytest.mark.parametrize("proxied", [False, True])
def test_an_echo_comes_back(bind: str, proxied: bool) -> None:
    once = echo.ClientConfig(patience=20 * SECOND)
    patient = Cluster({"server": Member(echo.Server), "client": Member(echo.Client, once)})
    with Live(patient, bind=bind, proxied=proxied) as live:
        assert ask(live, "client", echo.Echo("hello")) == Ok("hello")
        assert live.probes() == {"server": 1, "client": None}
        assert live.tally == {}
        assert "[echo] up" in live.log("server")
    calls = [event.what for event in live.trace.of(Kind.CALL, Kind.RETURN)]
    assert calls == [(1, echo.Echo("hello")), (1, Ok("hello"))]


def test_the_trace_says_what_caused_what() -> None:
    with Live(ECHO, record=EVERYTHING) as live:
        ask(live, "client", echo.Echo("x"))
    events = live.trace.by_id()
    (back,) = live.trace.of(Kind.RETURN)
    story = []
    while back.cause:
        story.append((back.node, back.kind))
        back = events[back.cause]
    assert [*story, (back.node, back.kind)] == [
        ("client", Kind.RETURN),
        ("client", Kind.DELIVER),
        ("server", Kind.SEND),
        ("server", Kind.DELIVER),
        ("client", Kind.SEND),
        ("client", Kind.CALL),
    ]
    assert [event.time for event in live.trace.events] == sorted(e.time for e in live.trace.events)


@pytest.mark.parametrize("proxied", [False, True])
def test_a_message_of_16_mib_arrives(proxied: bool) -> None:
    text = "x" * (16 * 1024 * 1024 - 100)
    with Live(ECHO, proxied=proxied) as live:
        outcome = ask(live, "client", echo.Echo(text))
        assert isinstance(outcome, Ok)
        assert outcome.value == text


@pytest.mark.parametrize("proxied", [False, True])
def test_kill_9_takes_what_a_node_knew_and_leaves_what_it_wrote(proxied: bool) -> None:
    with Live(KV, proxied=proxied) as live:
        assert ask(live, "client", kv.Write("x", "1")) == Ok()
        restart(live, "store")
        assert ask(live, "client", kv.Read("x")) == Ok("1")
        assert live.incarnation("store") == 1
    starts = [(e.node, e.incarnation) for e in live.trace.of(Kind.START)]
    assert sorted(starts) == [("client", 0), ("store", 0), ("store", 1)]
    (crash,) = live.trace.of(Kind.CRASH)
    assert (crash.node, crash.incarnation) == ("store", 0)


def test_a_run_over_an_old_folder_finds_what_was_written_and_new_incarnations(
    tmp_path: Path,
) -> None:
    with Live(KV, folder=tmp_path) as live:
        ask(live, "client", kv.Write("x", "1"))
    with Live(KV, folder=tmp_path) as live:
        assert ask(live, "client", kv.Read("x")) == Ok("1")
        assert live.incarnation("store") == 1


def test_an_acknowledgement_leaves_only_after_the_sync_before_it() -> None:
    with Live(KV, record=EVERYTHING) as live:
        calls = [live.call("client", kv.Write(f"k{i}", "v")) for i in range(100)]
        assert live.wait(lambda: all(call.outcome == Ok() for call in calls))
    synced: set[int] = set()
    asked: dict[int, int] = {}
    acknowledged = 0
    for event in live.trace.events:
        if event.kind == Kind.SYNC:
            asked[event.cause] = event.id  # by the delivery of the put
        elif event.kind == Kind.SYNCED:
            synced.add(event.cause)
        elif event.kind == Kind.SEND and isinstance(event.what, kv.Done) and event.cause in asked:
            assert asked[event.cause] in synced
            acknowledged += 1
    assert acknowledged == 100


def test_a_paused_node_answers_late_and_not_at_all_meanwhile() -> None:
    with Live(ECHO) as live:
        ask(live, "client", echo.Echo("warm"))
        live.pause("server", 300 * MS)
        call = live.call("client", echo.Echo("late"))
        assert not live.wait(lambda: call.outcome is not None, 150 * MS)
        assert live.wait(lambda: call.outcome == Ok("late"))
        assert live.incarnation("server") == 0


def test_a_client_that_dies_leaves_its_operation_unknown_and_one_that_is_down_has_not_begun() -> (
    None
):
    with Live(ECHO) as live:
        live.kill("server")
        assert live.wait(lambda: not live.is_up("server"))
        call = live.call("client", echo.Echo("x"))
        live.run_for(20 * MS)
        live.kill("client")
        assert live.wait(lambda: isinstance(call.outcome, Info))
        assert isinstance(ask(live, "client", echo.Echo("y")), Fail)
    assert [event.what for event in live.trace.of(Kind.CALL, Kind.RETURN)] == [(1, echo.Echo("x"))]


def test_large_datagrams_to_a_peer_that_stands_still_are_lost_beyond_a_certain_weight() -> None:
    players = {name: Member(load.Player, load.PeerConfig(peer)) for name, peer in ("ab", "ba")}
    with Live(Cluster(players)) as live:
        assert ask(live, "a", load.Flood(8, 1 << 20, 8)) is not None
        live.pause("b", 60 * SECOND)
        live.call("a", load.Flood(400, 1 << 20, 400))
        assert live.wait(lambda: live.probes(100 * MS) != {} and live.tally["queue full"] > 300)
        status = Path(f"/proc/{live.pid('a')}/status")
        if status.exists():
            (memory,) = [line for line in status.read_text().splitlines() if "VmRSS" in line]
            assert int(memory.split()[1]) < 200_000, "64 MiB under way, and a Python process"


# -- sessions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("proxied", [False, True])
def test_a_stream_arrives_whole_and_in_order_though_the_window_fills(proxied: bool) -> None:
    with Live(STREAM, proxied=proxied) as live:
        assert ask(live, "source", streamer.Stream(5000)) == Ok(5000)
        assert live.probes()["source"] > 0, "5,000 messages were never more than the window ahead"


def test_a_peer_that_stands_still_fills_the_window_and_loses_nothing() -> None:
    with Live(STREAM) as live:
        ask(live, "source", streamer.Stream(1))
        live.pause("sink", 300 * MS)
        call = live.call("source", streamer.Stream(3000, 1000))
        assert not live.wait(lambda: call.outcome is not None, 150 * MS)
        assert live.wait(lambda: call.outcome == Ok(3000))
        assert live.probes()["source"] > 50, "it tried every millisecond"


@pytest.mark.parametrize("proxied", [False, True])
def test_a_session_ends_when_the_peer_dies(proxied: bool) -> None:
    with Live(STREAM, proxied=proxied) as live:
        ask(live, "source", streamer.Stream(1))
        live.pause("sink", 60 * SECOND)
        call = live.call("source", streamer.Stream(100_000))
        live.wait(lambda: live.probes(100 * MS).get("source", 0) > 0)
        live.kill("sink")
        assert live.wait(lambda: isinstance(call.outcome, Fail))
        assert "disconnected" in str(call.outcome)
        live.start("sink")
        assert live.wait(lambda: live.is_up("sink"))
        assert ask(live, "source", streamer.Stream(10)) == Ok(10)
    ends = [e.peer for e in live.trace.of(Kind.DISCONNECT) if e.node == "source"]
    assert ends == ["sink"]


def test_to_a_node_that_is_down_there_is_no_session() -> None:
    with Live(STREAM) as live:
        live.kill("sink")
        assert live.wait(lambda: not live.is_up("sink"))
        assert ask(live, "source", streamer.Stream(10)) == Fail("disconnected after 0")


# -- errors -----------------------------------------------------------------------------------------------------------


def test_a_handler_that_raises_ends_its_process_with_a_report_of_the_programs_own_lines() -> None:
    cluster = Cluster({"wrong": Member(wrong.Wrong)})
    with Live(cluster) as live, pytest.raises(ProgramError) as caught:
        ask(live, "wrong", wrong.Divide(0))
    failure = caught.value.failure
    assert (failure.address, failure.error) == ("wrong", "ZeroDivisionError")
    lines = failure.report.splitlines()
    assert lines[0] == "ZeroDivisionError: integer division or modulo by zero"
    assert lines[1] == "  while handling Divide(by=0)"
    assert lines[2].startswith("  tests/programs/wrong.py:")
    assert lines[2].endswith("in on_divide")
    assert lines[3].strip() == "self.finish(ticket, Ok(1 // divide.by))"
    assert len(lines) == 4
    (crash,) = live.trace.of(Kind.CRASH)
    assert crash.what == failure.report


def test_a_run_can_go_on_after_an_error_of_one_program() -> None:
    cluster = Cluster({"wrong": Member(wrong.Wrong), "other": Member(wrong.Wrong)})
    with Live(cluster, keep_going=True) as live:
        assert isinstance(ask(live, "wrong", wrong.Divide(0)), Info)
        assert ask(live, "other", wrong.Divide(1)) == Ok(1)
        assert [failure.address for failure in live.failures] == ["wrong"]


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        (wrong.SendToNobody(), "BadValue"),
        (wrong.SendUnhandled(), "UnhandledValue"),
        (wrong.SendMisfit(), "BadValue"),
        (wrong.Hide(), "UndeclaredState"),
        (wrong.FailInJob(), "NotImplementedError"),
        (wrong.Leave(), "SystemExit"),
        (echo.Echo("x"), "ScenarioError"),
    ],
)
def test_mistakes_of_a_program_are_told_by_name(operation: object, error: str) -> None:
    cluster = Cluster({"wrong": Member(wrong.Wrong)})
    with Live(cluster) as live, pytest.raises(ProgramError) as caught:
        ask(live, "wrong", operation)  # type: ignore[arg-type]
    assert caught.value.failure.error == error


def test_a_process_that_dies_by_itself_is_told() -> None:
    cluster = Cluster({"wrong": Member(wrong.Wrong)})
    with Live(cluster) as live, pytest.raises(ProgramError, match="signal 11"):
        ask(live, "wrong", wrong.Crash())


def test_a_program_that_stops_is_no_error_and_stays_down() -> None:
    cluster = Cluster({"wrong": Member(wrong.Wrong)})
    with Live(cluster) as live:
        live.call("wrong", wrong.Stop("enough"))
        assert live.wait(lambda: not live.is_up("wrong"))
    (stop,) = live.trace.of(Kind.STOP)
    assert stop.what == "enough"
    assert live.failures == []


def test_a_program_that_another_process_cannot_find_is_refused() -> None:
    class Local(echo.Server):
        """Inside a function."""

    with pytest.raises(ScenarioError, match="module of its own"):
        Live(Cluster({"x": Member(Local)}))


def test_what_a_program_prints_goes_to_its_log() -> None:
    cluster = Cluster({"wrong": Member(wrong.Wrong)})
    with Live(cluster) as live:
        assert ask(live, "wrong", wrong.Divide(1)) == Ok(1)
        assert "[print] dividing by 1" in live.log("wrong")


# -- the shared store -------------------------------------------------------------------------------------------------


def test_what_the_cluster_brings_is_in_the_store_and_mounts_are_seen(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("alpha")
    cluster = Cluster({"counter": Member(counter.Counter)}, store={"given": b"1"})
    with Live(cluster, mounts={"input/": tmp_path}) as live:
        assert ask(live, "counter", counter.Add(10)) == Ok(counter.Sum(10, 45))
        assert dict(live.store) == {"given": b"1", "input/a.txt": b"alpha", "sum/10": b"45"}
    (put,) = live.trace.of(Kind.STORE)
    assert put.what == ("put_if_absent", "sum/10", True)


def test_status_shows_who_is_up() -> None:
    screens: list[str] = []
    with Live(COUNTER, status=screens.append) as live:
        assert live.wait(lambda: bool(screens))
        pid = live.pid("counter")
        assert str(pid) in live.status()
        assert os.getpgid(pid or 0) == pid
    assert "counter" in screens[0]
    assert " up " in screens[0]


def test_a_solution_is_found_through_its_overlay_where_given_files_lie_on_top(
    tmp_path: Path,
) -> None:
    given, solution = tmp_path / "given", tmp_path / "solution"
    for folder, name, text in (
        (given, "protocol", "from tests.programs.echo import Echo, Ping\n"),
        (solution, "protocol", "raise RuntimeError('the changed copy of a given file')\n"),
        (
            solution,
            "answer",
            "from distlab.core import Node, Ok\n"
            "from labs.lab99_overlaid.mark import MARK\n"
            "from labs.lab99_overlaid.protocol import Echo\n"
            "class Answer(Node):\n"
            "    def on_echo(self, echo: Echo, ticket):\n"
            "        self.finish(ticket, Ok(echo.text.upper() + MARK))\n",
        ),
    ):
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(text)
    pinned = tmp_path / "elsewhere.py"
    pinned.write_text("MARK = '!'\n")
    overlay("labs.lab99_overlaid", [given, solution], pins={"mark": pinned})
    program = importlib.import_module("labs.lab99_overlaid.answer").Answer
    with Live(Cluster({"node": Member(program)})) as live:
        assert ask(live, "node", echo.Echo("found")) == Ok("FOUND!")


def test_an_error_at_the_start_is_told() -> None:
    with pytest.raises(ProgramError) as caught, Live(Cluster({"late": Member(wrong.Late)})) as live:
        live.run_for(5 * SECOND)
    assert "while handling its start" in caught.value.failure.report


def test_messages_to_a_node_that_is_down_are_lost_and_the_trace_says_so() -> None:
    with Live(ECHO, record=EVERYTHING) as live:
        live.kill("server")
        assert live.wait(lambda: not live.is_up("server"))
        live.call("client", echo.Echo("x"))
        assert live.wait(lambda: bool(list(live.trace.of(Kind.DROP))))
    drop = next(live.trace.of(Kind.DROP))
    assert (drop.node, drop.peer, drop.what) == ("server", "client", (echo.Ping(1, "x"), "down"))
    assert live.trace.by_id()[drop.cause].kind == Kind.SEND


def test_a_large_message_is_left_out_of_the_trace() -> None:
    with Live(ECHO, record=EVERYTHING) as live:
        ask(live, "client", echo.Echo("x" * 100_000))
    what = [event.what for event in live.trace.of(Kind.SEND, Kind.DELIVER)]
    assert [type(w).__name__ for w in what] == ["Elided"] * 4
    assert what[0].message == "Ping"
    assert what[0].size > 100_000


def test_no_acknowledged_write_is_lost_however_often_the_store_is_killed() -> None:
    with Live(KV) as live:
        calls: dict[str, Call] = {}

        def acknowledged() -> set[str]:
            return {key for key, call in calls.items() if call.outcome == Ok()}

        def unknown() -> int:
            return len(calls) - len(acknowledged())

        while live.incarnation("store") < 6:
            calls |= {
                key: live.call("client", kv.Write(key, "v"))
                for key in map(str, range(len(calls), len(calls) + 20))
            }
            assert live.wait(lambda: unknown() < 10)
            restart(live, "store")
        assert live.wait(lambda: all(call.outcome is not None for call in calls.values()))
        assert acknowledged() <= set(live.probes()["store"])
        assert len(acknowledged()) > 60
