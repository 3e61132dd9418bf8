"""The simulator's disk: when a sync is done, what it covers, and what a crash takes."""

from typing import Any

import pytest

from distlab.core import (
    MS,
    SECOND,
    Address,
    DiskError,
    DiskFull,
    Message,
)
from distlab.core.errors import DamagedFile
from distlab.faults import (
    At,
    Crash,
    Doing,
    FailRead,
    FailSync,
    Fault,
    FillDisk,
    Noise,
    Rot,
    SlowDisk,
    Survival,
)
from tests.sim.puppets import Note, Stubborn, both, dropped, events, heard, play, seen


class Record(Message, frozen=True):
    n: int


def append(text: bytes, path: str = "wal") -> Any:
    return lambda me: me.disk.append(path, text)


def sync(*paths: str) -> Any:
    return lambda me: me.disk.sync(*paths)


def tell(n: int) -> Any:
    return lambda me: me.send("b", Note(n))


def crash_at(time: int, unsynced: Survival = Survival.NOTHING) -> Fault:
    return Fault(At(time), Crash("a", restart_after=1 * MS, unsynced=unsynced))


def left(sim: Any, path: str = "wal") -> bytes | None:
    files = sim.devices[Address("a")].files
    return files.read(path) if files.exists(path) else None


def test_what_was_synced_survives_and_what_was_not_does_not() -> None:
    sim = play(
        (0, "a", both(append(b"safe "), sync("wal", "/"))),
        (10 * MS, "a", append(b"lost")),
        faults=[crash_at(20 * MS)],
    )
    assert left(sim) == b"safe "
    assert sim.tally["unsynced bytes lost"] == 1


def test_a_sync_that_is_pending_at_the_crash_saves_nothing() -> None:
    sim = play((0, "a", both(append(b"x"), sync("wal", "/"))), faults=[crash_at(1 * MS)])
    assert left(sim) is None
    assert not events(sim, "synced")


def test_a_sync_of_an_earlier_life_saves_nothing_of_the_next() -> None:
    """A crash at 1 ms; the next life writes before the old sync would have been done, at 2 ms."""
    sim = play(
        (0, "a", both(append(b"first"), sync("wal", "/"))),
        (1_700, "a", append(b"second")),
        faults=[
            Fault(At(1 * MS), Crash("a", restart_after=100, unsynced=Survival.NOTHING)),
            crash_at(50 * MS),
        ],
    )
    assert left(sim) is None


def test_a_sync_of_an_earlier_life_does_not_take_the_failure_of_the_next() -> None:
    sim = play(
        (0, "a", both(append(b"first"), sync("wal", "/"))),
        (5 * MS, "a", both(append(b"second"), sync("wal", "/"), tell(1))),
        faults=[
            Fault(At(1 * MS), Crash("a", restart_after=100, unsynced=Survival.NOTHING)),
            Fault(At(1_200), FailSync("a")),
        ],
        program=Stubborn,
    )
    assert heard(sim, "b") == []
    assert seen(sim, "a") == ["sync of wal, / failed"]


def test_a_sync_covers_what_was_written_before_it_and_nothing_later() -> None:
    sim = play(
        (0, "a", both(append(b"1"), sync("wal", "/"))),
        (1 * MS, "a", both(append(b"2"), sync("wal"))),  # joins the next batch, done at 4 ms
        (3 * MS, "a", append(b"3")),
        faults=[crash_at(10 * MS)],
    )
    assert left(sim) == b"12"


def test_syncs_that_come_while_the_device_is_busy_complete_together() -> None:
    sim = play(
        *[(n * 300, "a", both(append(b"x"), sync("wal", "/"), tell(n))) for n in range(5)],
    )
    assert [t for t, _, _ in heard(sim, "b")] == [3 * MS] + [5 * MS] * 4


CHAINED = both(
    append(b"x", "first"),
    sync("first", "/"),
    tell(1),
    append(b"y", "second"),
    sync("second", "/"),
    tell(2),
)
"""Two syncs of one handler: the second file must not be safe before the first one is."""


def test_a_crash_can_fall_between_two_syncs_that_complete_together() -> None:
    """They joined one group commit; what the second one covers may survive, if what the first one covers does."""
    others = both(append(b"z"), sync("wal", "/"))
    outcomes = set()
    for seed in range(40):
        sim = play(
            (0, "a", others),
            (100, "a", CHAINED),
            faults=[crash_at(4 * MS - 100, Survival.SOME)],
            noise=Noise(seed=seed),
        )
        outcomes.add((left(sim, "first") or None, left(sim, "second") or None))
    assert outcomes == {(None, None), (b"x", None), (b"x", b"y")}


@pytest.mark.parametrize("is_busy", [False, True])
def test_a_fault_that_waits_for_a_chained_sync_finds_the_one_before_it_done(is_busy: bool) -> None:
    others = [(0, "a", both(append(b"z"), sync("wal", "/")))]
    crash = Crash("a", restart_after=1 * MS, unsynced=Survival.NOTHING)
    sim = play(
        *others * is_busy, (100, "a", CHAINED), faults=[Fault(Doing("a", "sync", "second"), crash)]
    )
    assert (left(sim, "first"), left(sim, "second")) == (b"x", None)
    assert [m.n for _, _, m in heard(sim, "b")] == [1]


def test_a_fault_that_waits_for_a_chained_sync_strikes_in_a_store_call_too() -> None:
    crash = Crash("a", restart_after=1 * MS, unsynced=Survival.NOTHING)
    put = both(CHAINED, lambda me: me.store.put_if_absent("key", b""))
    sim = play((100, "a", put), faults=[Fault(Doing("a", "sync", "second"), crash)])
    assert (left(sim, "first"), left(sim, "second")) == (b"x", None)
    assert not sim.objects.exists("key")


def test_a_slow_disk_takes_longer_for_a_while() -> None:
    write = both(append(b"x"), sync("wal", "/"), tell(1))
    sim = play(
        (0, "a", write),
        (500 * MS, "a", write),
        faults=[Fault(At(0), SlowDisk("a", 300 * MS, factor=20))],
        noise=Noise(sync=(2 * MS, 2 * MS)),
    )
    first, second = (t for t, _, _ in heard(sim, "b"))
    assert first >= 41 * MS
    assert second == 503 * MS


def test_of_slow_disks_that_overlap_the_last_to_strike_counts() -> None:
    write = both(append(b"x"), sync("wal", "/"), tell(1))
    sim = play(
        (150 * MS, "a", write),
        (450 * MS, "a", write),
        faults=[
            Fault(At(0), SlowDisk("a", 400 * MS, factor=20)),
            Fault(At(100 * MS), SlowDisk("a", 200 * MS, factor=50)),
        ],
    )
    first, second = (
        e.time - {0: 150 * MS, 1: 450 * MS}[i] for i, e in enumerate(events(sim, "synced"))
    )
    assert first == 2 * MS * 50
    assert second == 2 * MS


def test_a_failed_sync_discards_what_waits_behind_it_and_stops_the_node() -> None:
    sim = play(
        (0, "a", both(append(b"x"), sync("wal", "/"), tell(1))),
        faults=[Fault(At(0), FailSync("a"))],
    )
    assert heard(sim, "b") == []
    assert [e.kind for e in sim.trace.of("sync_failed", "stop")] == ["sync_failed", "stop"]
    assert not events(sim, "return")


def test_a_second_sync_does_not_save_what_the_first_one_lost() -> None:
    sim = play(
        (0, "a", both(append(b"lost"), sync("wal", "/"))),
        (10 * MS, "a", both(append(b"kept"), sync("wal", "/"), tell(2))),
        faults=[Fault(At(0), FailSync("a")), crash_at(50 * MS)],
        program=Stubborn,
    )
    assert [m.n for _, _, m in heard(sim, "b")] == [2]
    assert left(sim) == b"\0\0\0\0kept"


def test_records_behind_a_failed_sync_are_damage_and_not_a_torn_tail() -> None:
    caught: list[str] = []

    def recover(me: Any) -> None:
        try:
            me.disk.recover("wal", Record)
        except DamagedFile as damage:
            caught.append(str(damage))

    play(
        (0, "a", both(lambda me: me.disk.append("wal", Record(1)), sync("wal", "/"))),
        (10 * MS, "a", both(lambda me: me.disk.append("wal", Record(2)), sync("wal", "/"))),
        (20 * MS, "a", both(lambda me: me.disk.append("wal", Record(3)), sync("wal", "/"))),
        (80 * MS, "a", recover),
        faults=[Fault(At(0), FailSync("a")), crash_at(50 * MS)],
        program=Stubborn,
    )
    assert len(caught) == 1


def test_syncs_behind_a_failed_one_still_order_what_comes_after() -> None:
    sim = play(
        (
            0,
            "a",
            both(append(b"1"), sync("wal", "/"), tell(1), append(b"2", "other"), sync("other")),
        ),
        (2_500, "a", tell(2)),
        faults=[Fault(At(0), FailSync("a"))],
        program=Stubborn,
    )
    assert heard(sim, "b") == [(5 * MS, "a", Note(2))], (
        "not before the sync of other is done, at 4 ms"
    )


def test_two_syncs_that_fail_are_both_told() -> None:
    sim = play(
        (0, "a", both(append(b"1"), sync("wal", "/"), append(b"2", "other"), sync("other"))),
        faults=[Fault(At(0), FailSync("a")), Fault(At(0), FailSync("a"))],
        program=Stubborn,
    )
    assert seen(sim, "a") == ["sync of wal, / failed", "sync of other failed"]


def test_a_sync_that_fails_under_a_store_call_is_told_and_the_call_does_nothing() -> None:
    def act(me: Any) -> None:
        append(b"1")(me)
        sync("wal", "/")(me)
        with pytest.raises(DiskError):
            me.store.put_if_absent("key", b"")
        tell(1)(me)

    sim = play((0, "a", act), faults=[Fault(At(0), FailSync("a"))], program=Stubborn)
    assert sim.store == {}
    assert seen(sim, "a") == ["sync of wal, / failed"]


def test_a_store_call_waits_for_the_syncs_before_it() -> None:
    sim = play(
        (0, "a", both(append(b"1"), sync("wal", "/"), lambda me: me.store.put_if_absent("k", b""))),
        faults=[crash_at(1)],
    )
    assert left(sim) == b"1"
    assert "k" in sim.store
    kinds = [e.kind for e in sim.trace.of("sync", "synced", "store")]
    assert kinds == ["sync", "synced", "store"]


def test_a_failed_read_raises_once() -> None:
    def read(me: Any) -> int:
        try:
            return len(me.disk.read("wal"))
        except DiskError:
            return -1

    sim = play(
        (0, "a", append(b"123")),
        (10 * MS, "a", read),
        (20 * MS, "a", read),
        faults=[Fault(At(5 * MS), FailRead("a"))],
    )
    assert [e.what[1].value for e in events(sim, "return")][1:] == [-1, 3]
    assert sim.tally["read failed"] == 1


def test_a_full_disk_refuses_appends_keeps_nothing_of_them_and_recovers() -> None:
    def write(me: Any) -> int:
        try:
            me.disk.append("wal", b"x")
        except DiskFull:
            return 0
        return 1

    sim = play(
        (0, "a", write),
        (10 * MS, "a", write),
        (50 * MS, "a", write),
        faults=[Fault(At(5 * MS), FillDisk("a", 20 * MS))],
    )
    assert [e.what[1].value for e in events(sim, "return")] == [1, 0, 1]
    assert left(sim) == b"xx"
    assert [e.what for e in events(sim, "write")] == [("append", "wal", 1)] * 2


def test_a_disk_has_the_capacity_it_was_given() -> None:
    sim = play((0, "a", append(b"1234")), (1, "a", append(b"5")), capacity=4)
    assert left(sim) == b"1234"
    assert [e.kind for e in sim.trace.of("stop")] == ["stop"]


def test_healing_mends_a_full_and_failing_disk() -> None:
    sim = play(
        (30 * MS, "a", both(append(b"x"), sync("wal", "/"), tell(1))),
        faults=[
            Fault(At(0), FillDisk("a", SECOND)),
            Fault(At(0), FailSync("a")),
            Fault(At(0), FailRead("a")),
            Fault(At(0), SlowDisk("a", SECOND, factor=100)),
        ],
        heal_at=20 * MS,
    )
    assert [t for t, _, _ in heard(sim, "b")] == [33 * MS]


def test_rot_changes_one_bit_on_the_disk() -> None:
    sim = play(
        (0, "a", both(append(b"\0\0"), sync("wal", "/"))),
        faults=[Fault(At(10 * MS), Rot("a", file=3, bit=9)), crash_at(20 * MS)],
    )
    assert left(sim) == b"\0\2"
    assert sim.tally["bit rot"] == 1


def test_a_file_whose_name_was_never_synced_can_be_gone() -> None:
    sim = play((0, "a", both(append(b"x"), sync("wal"))), faults=[crash_at(10 * MS)])
    assert left(sim) is None


@pytest.mark.parametrize("unsynced", list(Survival))
def test_what_survives_is_as_the_rule_says(unsynced: Survival) -> None:
    outcomes = {
        left(
            play(
                (0, "a", sync("/")),
                (1 * MS, "a", both(append(b"."), sync("wal", "/"))),
                (10 * MS, "a", both(append(b"11"), append(b"22"))),
                faults=[crash_at(20 * MS, unsynced)],
                noise=Noise(seed=seed),
            )
        )
        for seed in range(120)
    }
    nothing, everything = b".", b".1122"
    torn = {b".11", b".112"}
    match unsynced:
        case Survival.NOTHING:
            assert outcomes == {nothing}
        case Survival.ALL:
            assert outcomes == {everything}
        case Survival.TORN:
            assert outcomes == torn
        case Survival.SOME:
            holes = {b".\0\x0022", b".\0\0", b".\0\x002", b".1\x0022", b".1\x002", b".1"}
            assert {nothing, everything} | torn <= outcomes | {b".112"}
            assert outcomes <= {nothing, everything} | torn | holes
            assert outcomes & holes, "a later write can survive an earlier one"


def test_a_crash_right_before_the_nth_sync_takes_what_it_was_to_cover() -> None:
    crash = Fault(Doing("a", "sync", "wal", 2), Crash("a", unsynced=Survival.NOTHING))
    sim = play(
        (0, "a", both(append(b"1"), sync("wal", "/"))),
        (10 * MS, "a", both(append(b"2"), sync("wal"), tell(2))),
        faults=[crash],
    )
    assert left(sim) == b"1"
    assert heard(sim, "b") == []
    assert dropped(sim) == []
