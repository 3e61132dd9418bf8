"""Sessions: in order, none missing, and an end that each side hears of once."""

from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distlab.core import (
    MS,
    SECOND,
    Address,
    Message,
    NotConnected,
    SessionFull,
)
from distlab.core.errors import BadValue
from distlab.faults import (
    At,
    Clog,
    Crash,
    Cut,
    Delay,
    Doing,
    Drop,
    Duplicate,
    FailSync,
    Fault,
    Flip,
    Noise,
    Nth,
    Partition,
    Pause,
    SlowNode,
    Twin,
)
from distlab.sim import ProgramError
from distlab.sim.sessions import SILENCE, WINDOW
from tests.sim.puppets import Line, Note, Puppet, Stubborn, both, dropped, events, heard, play, seen


class Other(Message, frozen=True):
    pass


def connect(peer: str = "b") -> Any:
    return lambda me: me.connect(peer)


def disconnect(peer: str = "b") -> Any:
    return lambda me: me.disconnect(peer)


def stream(*numbers: int, to: str = "b") -> Any:
    return lambda me: [me.send(to, Line(n)) for n in numbers] and None


def numbers(sim: Any, address: str = "b") -> list[int]:
    return [line.n for _, _, line in heard(sim, address)]


def changes(sim: Any, address: str) -> list[str]:
    """Connects and disconnects that the node was told of, in all its lives."""
    sign = {"connect": "+", "disconnect": "-"}
    return [
        sign[e.kind] + e.peer for e in sim.trace.of("connect", "disconnect") if e.node == address
    ]


def test_both_sides_are_told_of_a_session() -> None:
    sim = play((0, "a", connect()))
    assert (changes(sim, "a"), changes(sim, "b")) == (["+b"], ["+a"])
    assert [e.time for e in events(sim, "connect")] == [2 * MS] * 2


def test_both_may_ask_at_once_and_get_one_session() -> None:
    sim = play((0, "a", connect()), (0, "b", connect("a")), (1 * MS, "a", connect()))
    assert (changes(sim, "a"), changes(sim, "b")) == (["+b"], ["+a"])


def test_to_ask_for_a_session_that_is_open_does_nothing() -> None:
    sim = play((0, "a", connect()), (10 * MS, "a", connect()), (10 * MS, "b", connect("a")))
    assert (changes(sim, "a"), changes(sim, "b")) == (["+b"], ["+a"])


def test_a_peer_that_is_down_refuses() -> None:
    sim = play((5 * MS, "a", connect()), faults=[Fault(At(0), Crash("b"))])
    assert changes(sim, "a") == ["-b"]


def test_a_peer_out_of_reach_is_given_up() -> None:
    sim = play(
        (5 * MS, "a", connect()),
        faults=[Fault(At(0), Cut("b", "a", 60 * SECOND))],
        until=60 * SECOND,
    )
    assert changes(sim, "a") == ["-b"]
    assert SILENCE <= events(sim, "disconnect")[0].time <= SILENCE + SECOND


def test_a_session_with_nobody_or_oneself_is_a_mistake() -> None:
    for peer in ("z", "a"):
        with pytest.raises(ProgramError) as caught:
            play((0, "a", connect(peer)))
        assert isinstance(caught.value.__cause__, BadValue)


def test_a_session_message_without_a_session_is_a_mistake() -> None:
    with pytest.raises(ProgramError) as caught:
        play((0, "a", connect()), (1 * MS, "a", stream(1)))  # asked for, not open
    assert isinstance(caught.value.__cause__, NotConnected)


def test_messages_arrive_in_order_and_do_not_wait_for_each_other() -> None:
    sim = play((0, "a", connect()), (10 * MS, "a", stream(*range(100))))
    assert numbers(sim) == list(range(100))
    assert {t for t, _, _ in heard(sim, "b")} == {11 * MS}


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    loss=st.sampled_from([0.0, 0.2, 0.6]),
    faults=st.lists(
        st.one_of(
            st.builds(Cut, st.sampled_from("ab"), st.sampled_from("ab"), st.integers(0, 900 * MS)),
            st.builds(Clog, st.just("a"), st.just("b"), st.integers(0, 900 * MS)),
            st.builds(Pause, st.sampled_from("ab"), st.integers(0, 500 * MS)),
            st.builds(SlowNode, st.just("b"), st.integers(0, 500 * MS)),
            st.just(Partition((("a",), ("b",)), 300 * MS)),
        ),
        max_size=6,
    ),
    times=st.lists(st.integers(0, 1 * SECOND), min_size=6, max_size=6),
)
def test_nothing_is_lost_repeated_or_overtaken_whatever_the_network_does(
    seed: int, loss: float, faults: list[Any], times: list[int]
) -> None:
    calls = [(100 * MS + n * 20 * MS, "a", stream(2 * n, 2 * n + 1)) for n in range(30)]
    back = [(110 * MS + n * 30 * MS, "b", stream(n, to="a")) for n in range(20)]
    sim = play(
        (0, "a", connect()),
        *calls,
        *back,
        faults=[Fault(At(99 * MS + t), f) for t, f in zip(times, faults, strict=False)],
        noise=Noise(seed=seed, loss=loss, duplicate=0.1, straggle=0.1, delay=(1 * MS, 20 * MS)),
        until=9 * SECOND,
    )
    assert numbers(sim) == list(range(60))
    assert numbers(sim, "a") == list(range(20))
    assert changes(sim, "a") == ["+b"]


def test_a_peer_that_is_too_slow_fills_the_window_and_drains_it() -> None:
    def push(me: Any) -> int:
        for n in range(WINDOW + 5):
            try:
                me.send("b", Line(n))
            except SessionFull:
                return n
        return -1

    sim = play(
        (0, "a", connect()),
        (10 * MS, "a", push),
        (800 * MS, "a", lambda me: me.send("b", Line(-1))),
        faults=[Fault(At(5 * MS), Pause("b", 500 * MS))],
    )
    assert events(sim, "return")[1].what[1].value == WINDOW
    assert numbers(sim) == [*range(WINDOW), -1]


def test_what_waits_for_a_sync_counts_in_the_window() -> None:
    def push(me: Any) -> None:
        me.disk.append("wal", b"x")
        me.disk.sync("wal", "/")
        for n in range(WINDOW):
            me.send("b", Line(n))
        with pytest.raises(SessionFull):
            me.send("b", Line(-1))

    assert numbers(play((0, "a", connect()), (10 * MS, "a", push))) == list(range(WINDOW))


@pytest.mark.parametrize(
    ("fate", "took"),
    [(Drop(), 51 * MS), (Flip(3), 51 * MS), (Delay(7 * MS), 8 * MS), (Duplicate(3), 1 * MS)],
)
def test_planned_message_faults_show_as_delay(fate: Any, took: int) -> None:
    sim = play(
        (0, "a", connect()),
        (10 * MS, "a", stream(1, 2)),
        faults=[Fault(Nth("a", "b", 1, "Line"), fate)],
    )
    assert [(t - 10 * MS, line.n) for t, _, line in heard(sim, "b")] == [(took, 1), (took, 2)]
    assert sim.tally[type(fate).__name__.lower()] == 1


def test_a_disconnect_is_told_once_to_both() -> None:
    sim = play((0, "a", connect()), (10 * MS, "a", disconnect()), (10_500, "b", disconnect("a")))
    assert (changes(sim, "a"), changes(sim, "b")) == (["+b", "-b"], ["+a", "-a"])


def test_what_is_sent_before_the_news_of_the_end_is_lost_and_no_mistake() -> None:
    sim = play((0, "a", connect()), (10 * MS, "a", disconnect()), (10_500, "b", stream(1, to="a")))
    assert dropped(sim) == ["disconnected"]
    assert numbers(sim, "a") == []


def test_a_disconnect_while_the_session_is_only_asked_for_ends_that() -> None:
    sim = play((0, "a", connect()), (1 * MS, "a", disconnect()), (20 * MS, "a", connect()))
    assert changes(sim, "a") == ["-b", "+b"]
    assert changes(sim, "b") == ["+a"]


def test_the_crash_of_a_peer_is_told_once_and_loses_only_a_tail() -> None:
    sim = play(
        (0, "a", connect()),
        (10 * MS, "a", stream(*range(5))),
        (20 * MS, "a", stream(5, 6)),
        faults=[Fault(At(20 * MS + 500), Crash("a", restart_after=100 * MS))],
    )
    assert changes(sim, "b") == ["+a", "-a"]
    assert numbers(sim) == list(range(5))


def test_nothing_arrives_after_the_end() -> None:
    sim = play(
        (0, "a", connect()),
        (10 * MS, "a", both(stream(1, 2, 3), disconnect())),
        faults=[Fault(At(9 * MS), Pause("b", 30 * MS))],
    )
    story = [
        e.kind for e in sim.trace.events if e.node == "b" and e.kind in ("deliver", "disconnect")
    ]
    assert story in (["disconnect"], ["deliver"] * 3 + ["disconnect"])


def test_a_crash_behind_a_partition_is_found_out_by_the_silence() -> None:
    sim = play(
        (0, "a", connect()),
        faults=[
            Fault(At(10 * MS), Partition((("a",), ("b",)), 60 * SECOND)),
            Fault(At(20 * MS), Crash("a")),
        ],
        until=30 * SECOND,
    )
    assert events(sim, "disconnect", "b")[0].time >= SILENCE


def test_a_session_belongs_to_one_incarnation() -> None:
    sim = play(
        (0, "a", connect()),
        (50 * MS, "b", stream(1, to="a")),
        (70 * MS, "a", connect()),
        (90 * MS, "b", stream(2, to="a")),
        faults=[Fault(At(50_500), Crash("a", restart_after=1 * MS))],
    )
    assert changes(sim, "b") == ["+a", "-a", "+a"]
    assert [e.incarnation for e in events(sim, "deliver", "a")] == [1]
    assert numbers(sim, "a") == [2]


def test_the_end_of_the_last_session_is_told_before_the_next_begins() -> None:
    for seed in range(40):
        sim = play(
            (0, "a", connect()),
            (100 * MS, "a", disconnect()),
            (100 * MS, "a", connect()),
            (101 * MS, "a", connect()),
            (130 * MS, "b", connect("a")),
            noise=Noise(seed=seed, delay=(1 * MS, 40 * MS)),
        )
        for node, peer in ("ab", "ba"):
            story = changes(sim, node)
            assert all(len(list(run)) == 1 for _, run in groupby(story)), story
            assert story[0] == f"+{peer}"


def test_a_twin_takes_over_the_session_only_by_asking() -> None:
    sim = play(
        (0, "a", connect()),
        (30 * MS, "b", stream(1, to="a")),
        (40 * MS, "a", connect()),
        (60 * MS, "b", stream(2, to="a")),
        faults=[Fault(At(20 * MS), Twin("a", 500 * MS))],
    )
    assert [e.incarnation for e in events(sim, "deliver", "a")] == [0, 1]
    assert changes(sim, "b") == ["+a", "-a", "+a"]
    assert [
        (e.kind, e.incarnation) for e in sim.trace.of("connect", "disconnect") if e.node == "a"
    ] == [
        ("connect", 0),
        ("disconnect", 0),
        ("connect", 1),
    ]


def test_a_crash_in_mid_delivery_ends_the_session_cleanly() -> None:
    sim = play(
        (0, "a", connect()),
        (10 * MS, "a", stream(1, 2, 3)),
        on_message=lambda me, line, sender: me.send("a", Note(line.n)),
        faults=[Fault(Doing("b", "send", n=2), Crash("b"))],
    )
    assert numbers(sim) == [1, 2]
    assert changes(sim, "a") == ["+b", "-b"]


def test_a_failed_sync_that_swallows_session_messages_ends_the_session() -> None:
    def write(me: Any) -> None:
        me.disk.append("wal", b"x")
        me.disk.sync("wal", "/")
        me.send("b", Line(1))

    sim = play(
        (0, "a", connect()),
        (10 * MS, "a", write),
        (20 * MS, "b", lambda me: None),
        faults=[Fault(At(5 * MS), FailSync("a"))],
        program=Stubborn,
    )
    assert numbers(sim) == []
    assert changes(sim, "b") == ["+a", "-a"]


def test_a_node_may_reconnect_from_its_own_disconnect() -> None:
    class Faithful(Puppet):
        def on_disconnect(self, peer: Address) -> None:
            self.seen.append(f"-{peer}")
            if self.address == "a":
                self.connect(peer)

    sim = play(
        (0, "a", connect()),
        faults=[Fault(At(10 * MS), Crash("b", restart_after=5 * MS))],
        program=Faithful,
    )
    assert seen(sim, "a")[0] == "+b"
    assert seen(sim, "a")[-1] == "+b"
    assert seen(sim, "b") == ["+a"]
