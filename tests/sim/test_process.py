"""The order of effects, busy and paused processes, and life after death (there is none)."""

from typing import Any

import pytest

from distlab.core import (
    MS,
    SECOND,
    Address,
    Ok,
    StudentError,
    Ticket,
)
from distlab.core.errors import BadValue, Halt, UndeclaredState, UnhandledValue
from distlab.faults import (
    At,
    Crash,
    Doing,
    Fault,
    JumpClock,
    Noise,
    Pause,
    SlowDisk,
    SlowNode,
    Survival,
    Twin,
)
from distlab.sim import ProgramError
from tests.sim.puppets import Alarm, Do, Line, Note, Puppet, both, events, heard, play, seen, stage


def written(me: Any, text: bytes = b"x", path: str = "wal") -> None:
    me.disk.append(path, text)
    me.disk.sync(path, "/")


def write_then_send(me: Any) -> None:
    written(me)
    me.send("b", Note(1))


def note(n: int, to: str = "b") -> Any:
    return lambda me: me.send(to, Note(n))


# -- order ------------------------------------------------------------------------------------------------------------


def test_what_is_sent_after_a_sync_leaves_once_it_is_done() -> None:
    sim = play((0, "a", both(note(1), written, note(2))))
    assert heard(sim, "b") == [(1 * MS, "a", Note(1)), (3 * MS, "a", Note(2))]


def test_a_later_handler_waits_for_an_earlier_handlers_sync() -> None:
    sim = play((0, "a", written), (1 * MS, "a", note(1)))
    assert heard(sim, "b") == [(3 * MS, "a", Note(1))]


def test_an_operation_finishes_once_the_sync_before_it_is_done() -> None:
    sim = play((0, "a", written))
    assert [e.time for e in events(sim, "return")] == [2 * MS]


def test_syncs_under_way_at_once_keep_their_order() -> None:
    sim = play((0, "a", both(written, note(1), written, note(2))), (1 * MS, "a", note(3)))
    assert [m.n for _, _, m in heard(sim, "b")] == [1, 2, 3]


def test_session_messages_wait_for_syncs_too() -> None:
    sim = play(
        (0, "a", lambda me: me.connect("b")),
        (10 * MS, "a", both(written, lambda me: me.send("b", Line(1)))),
    )
    assert heard(sim, "b") == [(13 * MS, "a", Line(1))]


EFFECTS = [
    ("send", 1),
    ("send", 2),
    ("sync", 1),
    ("sync", 2),
    ("finish", 1),
    ("store", 1),
    ("job", 1),
]


@pytest.mark.parametrize(("verb", "n"), EFFECTS)
def test_a_crash_can_come_before_any_effect(verb: str, n: int) -> None:
    from tests.sim.puppets import WORK, Work

    def idle(io: Any) -> Any:
        yield

    WORK["idle"] = idle
    order = both(
        note(1),
        lambda me: written(me, b"1"),
        note(2),
        lambda me: written(me, b"2"),
        lambda me: me.store.put_if_absent("key", b""),
        lambda me: me.run_job(Work("idle")),
    )
    crash = Fault(Doing("a", verb, n=n), Crash("a", unsynced=Survival.NOTHING))
    sim = play((0, "a", order), faults=[crash])
    done = [m.n for _, _, m in heard(sim, "b")]
    durable = sim.devices[Address("a")].files
    kept = durable.read("wal") if durable.exists("wal") else b""
    expected: dict[tuple[str, int], tuple[list[int], bytes, bool]] = {
        ("send", 1): ([], b"", False),
        ("sync", 1): ([1], b"", False),
        ("send", 2): ([1], b"", True),  # the store call waited for both syncs: see below
        ("sync", 2): ([1], b"", False),
        ("store", 1): ([1], b"", False),
        ("job", 1): ([1, 2], b"12", True),
        ("finish", 1): ([1, 2], b"12", True),
    }
    if (verb, n) == ("send", 2):  # it takes place when the store call flushes the syncs before it
        assert done == [1]
        assert kept == b"12"
        assert "key" not in sim.store
    else:
        assert (done, kept, "key" in sim.store) == expected[verb, n]
    assert not events(sim, "return")
    assert Address("a") not in sim.up


def test_a_fault_strikes_when_a_held_back_effect_takes_place() -> None:
    sim = play(
        (0, "a", write_then_send),
        faults=[Fault(Doing("a", "send"), Crash("a", unsynced=Survival.NOTHING))],
    )
    assert [e.time for e in events(sim, "crash")] == [2 * MS]
    assert sim.devices[Address("a")].files.read("wal") == b"x", "the sync before it was done"
    assert heard(sim, "b") == []


def test_a_crash_in_on_start_ends_that_incarnation_only() -> None:
    sim = play(
        on_start=lambda me: me.send("b", Note(1)),
        nodes="ab",
        faults=[Fault(Doing("a", "send"), Crash("a", restart_after=5 * MS))],
    )
    assert [e.incarnation for e in events(sim, "start", "a")] == [0, 1]
    assert [t for t, s, _ in heard(sim, "b") if s == "a"] == [6 * MS]


def test_a_crash_before_on_start_leaves_no_trace_of_the_program() -> None:
    sim = play(
        on_start=lambda me: me.send("b", Note(1)),
        faults=[Fault(Doing("a", "start"), Crash("a"))],
    )
    assert [s for _, s, _ in heard(sim, "b")] == ["b"]


# -- death ------------------------------------------------------------------------------------------------------------


def test_nothing_can_be_done_after_death() -> None:
    tried: list[str] = []

    def cling(me: Any) -> None:
        try:
            me.send("b", Note(1))  # dies here
        finally:
            for name, effect in {
                "send": lambda: me.send("b", Note(2)),
                "append": lambda: me.disk.append("f", b"x"),
                "sync": lambda: me.disk.sync("/"),
                "read": lambda: me.disk.read("f"),
                "timer": lambda: me.set_timer(Alarm(), 1),
                "store": lambda: me.store.put_if_absent("k", b""),
                "connect": lambda: me.connect("b"),
                "disconnect": lambda: me.disconnect("b"),
                "begin": lambda: me.begin(Do(0)),
                "stop": lambda: me.stop("again"),
                "job": lambda: me.run_job(None),
                "finish": lambda: me.finish(Ticket(1), Ok()),
            }.items():
                try:
                    effect()
                    tried.append(name)
                except Halt:
                    pass

    sim = play((0, "a", cling), faults=[Fault(Doing("a", "send"), Crash("a"))])
    assert tried == []
    assert not heard(sim, "b")
    assert not sim.devices[Address("a")].files.files()
    assert not events(sim, "timer")
    assert not events(sim, "return")


def test_a_handler_that_swallows_its_own_death_is_dead_all_the_same() -> None:
    def cling(me: Any) -> None:
        try:
            me.send("b", Note(1))
        except BaseException:
            me.undeclared = 1
        raise KeyError("never heard of")

    sim = play((0, "a", cling), faults=[Fault(Doing("a", "send"), Crash("a"))])
    assert Address("a") not in sim.up


def test_a_node_that_stops_itself_loses_nothing_and_sends_nothing_more() -> None:
    sim = play((0, "a", both(written, note(1), lambda me: me.stop("enough"), note(2))))
    assert [e.what for e in events(sim, "stop")] == ["enough"]
    assert heard(sim, "b") == []
    assert sim.devices[Address("a")].files.read("wal") == b"x"


def test_a_crash_takes_state_timers_and_what_waited() -> None:
    sim = play(
        (0, "a", both(lambda me: me.set_timer(Alarm(), 20 * MS), written, note(1))),
        faults=[Fault(At(1 * MS), Crash("a", restart_after=1 * MS))],
    )
    assert seen(sim, "a") == []
    assert heard(sim, "b") == []
    assert not events(sim, "timer")


# -- busy and paused --------------------------------------------------------------------------------------------------


def test_a_slow_node_takes_events_one_after_the_other() -> None:
    sim = play(
        (5 * MS, "a", both(note(1), note(2), note(3))),
        (5 * MS, "a", lambda me: None),
        faults=[Fault(At(0), SlowNode("b", 500 * MS, cost=10 * MS))],
    )
    assert [(t, m.n) for t, _, m in heard(sim, "b")] == [(6 * MS, 1), (16 * MS, 2), (26 * MS, 3)]


def test_a_slow_node_recovers() -> None:
    sim = play(
        (50 * MS, "a", both(note(1), note(2))),
        faults=[Fault(At(0), SlowNode("b", 20 * MS, cost=10 * MS))],
    )
    assert [t for t, _, _ in heard(sim, "b")] == [51 * MS, 51 * MS]


def test_a_slow_node_is_slow_in_its_next_life_too() -> None:
    sim = play(
        (50 * MS, "a", both(note(1), note(2))),
        faults=[
            Fault(At(0), SlowNode("b", SECOND, cost=10 * MS)),
            Fault(At(10 * MS), Crash("b", restart_after=1 * MS)),
        ],
    )
    assert [t for t, _, _ in heard(sim, "b")] == [51 * MS, 61 * MS]


def test_a_paused_node_wakes_to_all_it_missed_in_order() -> None:
    sim = play(
        (0, "b", lambda me: me.set_timer(Alarm(1), 10 * MS)),
        (0, "b", lambda me: me.set_timer(Alarm(2), 12 * MS)),
        (10 * MS, "a", note(1)),
        (15 * MS, "b", lambda me: None),
        (90 * MS, "a", note(2)),
        faults=[Fault(At(5 * MS), Pause("b", 50 * MS))],
    )
    assert seen(sim, "b") == [Alarm(1), Note(1), Alarm(2), Note(2)]
    woke = [
        e.time for e in sim.trace.of("timer", "deliver", "call") if e.node == "b" and e.time > 0
    ]
    assert woke == [55 * MS, 55 * MS, 55 * MS, 55 * MS, 91 * MS]


def test_a_timer_cancelled_by_an_event_of_the_same_backlog_does_not_fire() -> None:
    sim = play(
        (0, "b", lambda me: me.set_timer(Alarm(1), 20 * MS)),
        (10 * MS, "a", note(1)),
        faults=[Fault(At(5 * MS), Pause("b", 50 * MS))],
        on_message=lambda me, message, sender: me.cancel_timer(Alarm(1)),
    )
    assert seen(sim, "b") == [Note(1)]


def test_a_pause_in_mid_handler_holds_what_the_handler_still_does() -> None:
    sim = play(
        (0, "a", both(note(1), note(2), note(3))),
        faults=[Fault(Doing("a", "send", n=2), Pause("a", 50 * MS))],
    )
    assert [(t, m.n) for t, _, m in heard(sim, "b")] == [(1 * MS, 1), (51 * MS, 2), (51 * MS, 3)]


def test_a_pause_before_a_store_call_holds_the_sends_behind_it() -> None:
    sim = play(
        (0, "a", both(lambda me: me.store.put_if_absent("k", b""), note(1))),
        faults=[Fault(Doing("a", "store"), Pause("a", 50 * MS))],
    )
    assert [t for t, _, _ in heard(sim, "b")] == [51 * MS]


def test_a_paused_process_sends_nothing_though_its_sync_is_done() -> None:
    sim = play((0, "a", write_then_send), faults=[Fault(At(1 * MS), Pause("a", 50 * MS))])
    assert [t for t, _, _ in heard(sim, "b")] == [52 * MS]


def test_a_store_call_does_not_let_out_what_a_pause_holds() -> None:
    sim = play(
        (0, "a", both(note(1), note(2), lambda me: me.store.put_if_absent("k", b""))),
        faults=[Fault(Doing("a", "send", n=1), Pause("a", 50 * MS))],
    )
    assert [t for t, _, _ in heard(sim, "b")] == [51 * MS, 51 * MS]


def test_pauses_that_overlap_last_until_the_last_one_ends() -> None:
    sim = play(
        (10 * MS, "a", note(1)),
        faults=[Fault(At(0), Pause("b", 50 * MS)), Fault(At(5 * MS), Pause("b", 20 * MS))],
    )
    assert [t for t, _, _ in heard(sim, "b")] == [50 * MS]


def test_healing_wakes_a_paused_node_and_lets_its_sends_go() -> None:
    sim = play(
        (0, "a", both(note(1), note(2))),
        (5 * MS, "b", lambda me: me.send("a", Note(9))),
        faults=[Fault(Doing("a", "send", n=2), Pause("a", 900 * MS))],
        heal_at=20 * MS,
    )
    assert [(t, m.n) for t, _, m in heard(sim, "b")] == [(1 * MS, 1), (21 * MS, 2)]
    assert [t for t, _, _ in heard(sim, "a")] == [20 * MS]


def test_healing_frees_a_slow_node() -> None:
    sim = play(
        (10 * MS, "a", both(*[note(n) for n in range(5)])),
        faults=[Fault(At(0), SlowNode("b", 900 * MS, cost=10 * MS))],
        heal_at=15 * MS,
    )
    assert [t for t, _, _ in heard(sim, "b")] == [11 * MS] + [21 * MS] * 4


def test_a_crash_takes_the_backlog_of_a_paused_node() -> None:
    sim = play(
        (10 * MS, "a", note(1)),
        (10 * MS, "b", lambda me: None),
        faults=[
            Fault(At(5 * MS), Pause("b", 50 * MS)),
            Fault(At(20 * MS), Crash("b", restart_after=1 * MS)),
        ],
    )
    assert seen(sim, "b") == []
    assert events(sim, "call", "b") == []


def test_a_run_settles_though_a_call_died_in_a_backlog() -> None:
    sim = stage(
        (10 * MS, "b", lambda me: None),
        faults=[Fault(At(5 * MS), Pause("b", 50 * MS)), Fault(At(20 * MS), Crash("b"))],
    )
    sim.run(10 * SECOND, settle=100 * MS)
    assert sim.time == 120 * MS


def test_a_slow_disk_keeps_the_process_busy() -> None:
    sim = play(
        (0, "b", lambda me: me.disk.append("f", b"x")),
        (0, "a", note(1)),
        faults=[Fault(At(0), SlowDisk("b", SECOND, factor=100))],
    )
    assert [t for t, _, _ in heard(sim, "b")] == [10 * MS]


# -- timers and clocks ------------------------------------------------------------------------------------------------


def test_a_timer_fires_once_and_is_named_by_its_value() -> None:
    def arm(me: Any) -> None:
        me.set_timer(Alarm(1), 10 * MS)
        me.set_timer(Alarm(2), 20 * MS)
        me.set_timer(Alarm(1), 30 * MS)
        me.set_timer(Alarm(3), 5 * MS)
        me.cancel_timer(Alarm(3))
        me.cancel_timer(Alarm(4))

    sim = play((0, "a", arm))
    assert [(e.time, e.what) for e in events(sim, "timer")] == [
        (20 * MS, Alarm(2)),
        (30 * MS, Alarm(1)),
    ]


@pytest.mark.parametrize("after", [-1, 1.5, True, None])
def test_a_duration_is_a_whole_number_of_microseconds(after: Any) -> None:
    with pytest.raises(ProgramError) as caught:
        play((0, "a", lambda me: me.set_timer(Alarm(), after)))
    assert isinstance(caught.value.__cause__, BadValue)


def test_a_clock_jumps_and_drifts_and_the_steady_clock_does_not() -> None:
    shown: list[tuple[int, int]] = []
    look = lambda me: shown.append((me.now(), me.monotonic()))  # noqa: E731
    play(
        (10 * MS, "a", look),
        (30 * MS, "a", look),
        (30 * MS, "b", look),
        faults=[
            Fault(At(5 * MS), JumpClock("a", -3 * MS)),
            Fault(At(20 * MS), JumpClock("a", 5 * MS, drift=100_000)),
        ],
    )
    assert shown == [(7 * MS, 10 * MS), (33 * MS, 30 * MS), (30 * MS, 30 * MS)]


def test_each_incarnation_draws_other_numbers_and_each_run_the_same() -> None:
    def draws() -> list[float]:
        drawn: list[float] = []
        act = lambda me: drawn.append(me.random.random())  # noqa: E731
        crash = Fault(At(5 * MS), Crash("a", restart_after=1 * MS))
        play((0, "a", act), (0, "b", act), (10 * MS, "a", act), faults=[crash], noise=Noise(seed=4))
        return drawn

    assert len(set(draws())) == 3
    assert draws() == draws()


# -- twins ------------------------------------------------------------------------------------------------------------


def test_a_twin_gets_the_messages_while_the_first_lives_on() -> None:
    sim = play(
        (0, "a", lambda me: me.set_timer(Alarm(7), 30 * MS)),
        (20 * MS, "b", note(1, to="a")),
        faults=[Fault(At(10 * MS), Twin("a", 50 * MS))],
    )
    assert [(e.time, e.incarnation) for e in events(sim, "start", "a")] == [(0, 0), (10 * MS, 1)]
    assert [e.incarnation for e in events(sim, "deliver", "a")] == [1]
    assert [(e.time, e.incarnation) for e in events(sim, "timer", "a")] == [(30 * MS, 0)]
    assert [(e.time, e.incarnation) for e in events(sim, "crash", "a")] == [(60 * MS, 0)]


def test_a_twin_shares_the_files() -> None:
    sim = play(
        (0, "a", written),
        (20 * MS, "a", lambda me: len(me.disk.read("wal"))),
        faults=[Fault(At(10 * MS), Twin("a", 500 * MS))],
    )
    assert [e.what[1] for e in events(sim, "return")] == [Ok(None), Ok(1)]


def test_a_crash_ends_both_twins() -> None:
    sim = play(
        (0, "a", lambda me: me.set_timer(Alarm(7), 30 * MS)),
        faults=[Fault(At(10 * MS), Twin("a", 50 * MS)), Fault(At(20 * MS), Crash("a"))],
    )
    assert sorted(e.incarnation for e in events(sim, "crash", "a")) == [0, 1]
    assert not events(sim, "timer")


def test_healing_ends_the_older_twin() -> None:
    sim = play(
        (0, "a", lambda me: me.set_timer(Alarm(7), 30 * MS)),
        faults=[Fault(At(10 * MS), Twin("a", 900 * MS))],
        heal_at=20 * MS,
    )
    assert not events(sim, "timer")
    assert sim.up[Address("a")].incarnation == 1


def test_a_twin_in_mid_handler_does_not_disturb_the_handler() -> None:
    sim = play(
        (0, "a", both(note(1), note(2))),
        on_start=lambda me: me.set_timer(Alarm(1), 5 * MS),
        faults=[Fault(Doing("a", "send"), Twin("a", 500 * MS))],
    )
    call = events(sim, "call")[0].id
    assert [(e.incarnation, e.cause) for e in events(sim, "send", "a")] == [(0, call), (0, call)]


# -- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "act"),
    [
        pytest.param(BadValue, lambda me: me.send("b", "text"), id="send text"),
        pytest.param(BadValue, lambda me: me.send("b", Alarm()), id="send a timer"),
        pytest.param(UnhandledValue, lambda me: me.set_timer(Note(1), 5), id="set a message"),
        pytest.param(UnhandledValue, lambda me: me.run_job(Note(1)), id="run a message"),
        pytest.param(BadValue, lambda me: me.begin(Note(1)), id="begin a message"),
        pytest.param(StudentError, lambda me: me.disk.sync(), id="sync nothing"),
        pytest.param(BadValue, lambda me: me.send("b", Note(object())), id="send an object"),
        pytest.param(SystemExit, lambda me: exit(3), id="exit"),
        pytest.param(UndeclaredState, lambda me: setattr(me, "hidden", 1), id="hide state"),
        pytest.param(BadValue, lambda me: me.finish(Ticket(99), Ok()), id="unknown ticket"),
    ],
)
def test_a_mistake_ends_the_run_and_is_named(kind: type, act: Any) -> None:
    with pytest.raises(ProgramError) as caught:
        play((7 * MS, "a", act))
    assert isinstance(caught.value.__cause__, kind)
    assert caught.value.address == "a"
    assert "Do" in caught.value.handling
    assert caught.value.time == 7 * MS


def test_state_that_hides_behind_a_default_is_found() -> None:
    class WithDefault(Puppet):
        count: int = 0  # declared, and never assigned on the instance

    with pytest.raises(ProgramError) as caught:
        play((0, "a", lambda me: setattr(me, "hidden", 1)), program=WithDefault)
    assert isinstance(caught.value.__cause__, UndeclaredState)


def test_a_handler_without_arguments_is_named_by_its_timer() -> None:
    class Bad(Puppet):
        def on_alarm(self) -> None:  # type: ignore[override]
            raise KeyError("oops")

    with pytest.raises(ProgramError, match="Alarm"):
        play((0, "a", lambda me: me.set_timer(Alarm(3), 5)), program=Bad)


def test_an_error_at_the_start_says_so() -> None:
    with pytest.raises(ProgramError, match="its start"):
        play(on_start=lambda me: 1 / 0)


def test_an_environment_fault_that_nobody_catches_stops_the_node() -> None:
    sim = play((0, "a", lambda me: me.disk.append("f", b"12345")), capacity=4)
    assert Address("a") not in sim.up
    assert "DiskFull" in events(sim, "stop")[0].what
