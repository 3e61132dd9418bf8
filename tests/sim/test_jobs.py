"""Jobs: steps that interleave, results, and every way to end."""

from collections.abc import Iterator
from typing import Any

import pytest

from distlab.core import MS, SECOND, Address, DiskError, Failed, Finished
from distlab.core.errors import BadValue, StudentError
from distlab.faults import (
    At,
    Crash,
    Doing,
    FailSync,
    Fault,
    KillJob,
    Noise,
    Pause,
    SlowNode,
    Survival,
)
from distlab.sim import ProgramError
from tests.sim.puppets import WORK, Note, Puppet, Work, both, events, heard, play, seen


@pytest.fixture(autouse=True)
def _no_work_is_left() -> Iterator[None]:
    WORK.clear()
    yield
    WORK.clear()


def run(name: str) -> Any:
    return lambda me: me.run_job(Work(name))


def test_a_job_takes_a_millisecond_per_step_and_returns_a_value() -> None:
    def count(io: Any) -> Any:
        yield from range(3)
        return [1, (2, 3)]

    WORK["count"] = count
    sim = play((0, "a", run("count")))
    assert seen(sim, "a") == [("count", Finished([1, [2, 3]]))], "as it looks after crossing"
    assert [e.time for e in events(sim, "job_end")] == [4 * MS]


def test_steps_of_jobs_and_handlers_interleave() -> None:
    order: list[str] = []

    def steps(name: str) -> Any:
        def work(io: Any) -> Any:
            for n in range(2):
                order.append(f"{name}{n}")
                yield

        return work

    WORK.update(x=steps("x"), y=steps("y"))
    play(
        (0, "a", both(run("x"), run("y"))),
        (1_500, "a", lambda me: order.append("handler")),
    )
    assert order == ["x0", "y0", "handler", "x1", "y1"]


def test_an_equal_job_is_left_to_run() -> None:
    def idle(io: Any) -> Any:
        yield

    WORK["idle"] = idle
    sim = play((0, "a", both(run("idle"), run("idle"))))
    assert len(events(sim, "job")) == 1


def test_a_job_can_be_run_again_from_its_own_end() -> None:
    def idle(io: Any) -> Any:
        yield

    class Again(Puppet):
        def on_work(self, work: Work, outcome: Any) -> None:
            self.seen.append(outcome)
            if len(self.seen) < 3:
                self.cancel_job(work)  # it is over: nothing to cancel
                self.run_job(work)

    WORK["idle"] = idle
    assert len(seen(play((0, "a", run("idle")), program=Again), "a")) == 3


def test_a_job_that_raises_has_failed_and_says_how_far_it_got() -> None:
    def fail(io: Any) -> Any:
        yield 41
        yield
        raise ValueError("bad input")

    WORK["fail"] = fail
    assert seen(play((0, "a", run("fail"))), "a") == [
        ("fail", Failed("ValueError: bad input", progress=41))
    ]


def test_a_job_that_breaks_the_contract_ends_the_run() -> None:
    def wrong(io: Any) -> Any:
        yield
        io.disk.append("../up", b"")

    WORK["wrong"] = wrong
    with pytest.raises(ProgramError, match="Work") as caught:
        play((0, "a", run("wrong")))
    assert isinstance(caught.value.__cause__, StudentError)


def test_a_job_without_a_yield_is_a_mistake() -> None:
    WORK["plain"] = lambda io: iter(())

    class Plain(Work, frozen=True, tag="Plain"):
        def run(self, io: Any) -> Any:
            return [1]

    class Runs(Puppet):
        def on_plain(self, plain: Plain, outcome: Any) -> None: ...

    with pytest.raises(ProgramError) as caught:
        play((0, "a", lambda me: me.run_job(Plain("x"))), program=Runs)
    assert isinstance(caught.value.__cause__, BadValue)


def test_a_cancelled_job_reports_nothing() -> None:
    def idle(io: Any) -> Any:
        for _ in range(9):
            yield

    WORK["idle"] = idle
    sim = play((0, "a", run("idle")), (3 * MS, "a", lambda me: me.cancel_job(Work("idle"))))
    assert seen(sim, "a") == []


def test_a_job_cancelled_while_its_end_waits_in_the_backlog_reports_nothing() -> None:
    def idle(io: Any) -> Any:
        yield

    WORK["idle"] = idle
    sim = play(
        (0, "a", run("idle")),
        (500, "a", lambda me: None),  # keeps the node busy until 10.5 ms
        (1 * MS, "a", lambda me: me.cancel_job(Work("idle"))),
        faults=[Fault(At(1), SlowNode("a", SECOND, cost=10 * MS, factor=1))],
    )
    assert [e.time for e in events(sim, "job_end")] == [2 * MS], "before it was cancelled"
    assert seen(sim, "a") == []


@pytest.mark.parametrize("how", ["cancel", "crash", "stop", "kill"])
def test_a_finally_block_cannot_act_after_the_end(how: str) -> None:
    reached: list[str] = []

    def cling(io: Any) -> Any:
        try:
            while True:
                yield
        finally:
            reached.append("finally")
            io.disk.append("f", b"x")
            reached.append("acted")

    WORK["cling"] = cling
    acts = {"cancel": lambda me: me.cancel_job(Work("cling")), "stop": lambda me: me.stop("now")}
    faults = {
        "crash": [Fault(At(5 * MS), Crash("a"))],
        "kill": [Fault(At(5 * MS), KillJob("a"))],
    }
    sim = play(
        (0, "a", run("cling")),
        (5 * MS, "a", acts.get(how, lambda me: None)),
        faults=faults.get(how, []),
    )
    assert reached == ["finally"]
    assert not sim.devices[Address("a")].files.exists("f")


def test_a_job_that_will_not_die_is_dead_all_the_same() -> None:
    def cling(io: Any) -> Any:
        while True:
            try:
                yield
            except GeneratorExit:
                yield "no"

    WORK["cling"] = cling
    sim = play((0, "a", run("cling")), faults=[Fault(At(5 * MS), KillJob("a"))])
    assert seen(sim, "a") == [("cling", Failed("killed by signal 9"))]


def test_a_killed_job_is_told_with_its_progress_and_others_go_on() -> None:
    def count(io: Any) -> Any:
        yield from range(10)

    WORK.update(one=count, two=count)
    sim = play(
        (0, "a", both(run("one"), run("two"))),
        faults=[Fault(At(3_500), KillJob("a"))],
    )
    assert seen(sim, "a") == [
        ("one", Failed("killed by signal 9", progress=2)),
        ("two", Finished(None)),
    ]
    assert sim.tally["job killed"] == 1


def test_a_job_killed_in_mid_handler_is_told_after_that_handler() -> None:
    order: list[str] = []

    def idle(io: Any) -> Any:
        while True:
            yield

    def act(me: Any) -> None:
        order.append("begin")
        me.send("b", Note(1))
        order.append("end")

    class Watches(Puppet):
        def on_work(self, work: Work, outcome: Any) -> None:
            order.append("told")

    WORK["idle"] = idle
    play(
        (0, "a", run("idle")),
        (5 * MS, "a", act),
        faults=[Fault(Doing("a", "send"), KillJob("a"))],
        program=Watches,
    )
    assert order == ["begin", "end", "told"]


def test_a_job_killed_by_its_own_sync_does_not_sync() -> None:
    def write(io: Any) -> Any:
        io.disk.append("f", b"x")
        io.disk.sync("f", "/")
        yield

    WORK["write"] = write
    sim = play(
        (0, "a", run("write")),
        faults=[
            Fault(Doing("a", "sync"), KillJob("a")),
            Fault(At(50 * MS), Crash("a", restart_after=1, unsynced=Survival.NOTHING)),
        ],
    )
    assert not sim.devices[Address("a")].files.exists("f")
    assert [e.what[1] for e in events(sim, "job_end")] == [Failed("killed by signal 9")]


def test_a_job_may_crash_its_own_node() -> None:
    def write(io: Any) -> Any:
        io.disk.append("f", b"x")
        io.disk.sync("f", "/")
        yield

    WORK["write"] = write
    sim = play((0, "a", run("write")), faults=[Fault(Doing("a", "sync"), Crash("a"))])
    assert Address("a") not in sim.up
    assert not events(sim, "job_end")


def test_a_jobs_sync_is_done_when_it_returns_and_takes_its_time() -> None:
    def write(io: Any) -> Any:
        io.disk.append("f", b"x")
        io.disk.sync("f", "/")
        yield

    WORK["write"] = write
    sim = play(
        (0, "a", run("write")),
        faults=[Fault(At(50 * MS), Crash("a", restart_after=1, unsynced=Survival.NOTHING))],
    )
    assert sim.devices[Address("a")].files.read("f") == b"x"
    assert [e.time for e in events(sim, "job_end")] == [4 * MS]


def test_a_jobs_failed_sync_raises_in_the_job() -> None:
    def write(io: Any) -> Any:
        io.disk.append("f", b"x")
        try:
            io.disk.sync("f", "/")
        except DiskError:
            return "failed"
        yield

    WORK["write"] = write
    sim = play((0, "a", run("write")), faults=[Fault(At(0), FailSync("a"))])
    assert seen(sim, "a") == [("write", Finished("failed"))]


def test_a_slow_node_runs_its_jobs_slowly() -> None:
    def idle(io: Any) -> Any:
        yield
        yield

    WORK["idle"] = idle
    sim = play(
        (1, "a", run("idle")), faults=[Fault(At(0), SlowNode("a", SECOND, cost=0, factor=7))]
    )
    assert [e.time for e in events(sim, "job_end")] == [21 * MS + 1]


def test_a_paused_nodes_jobs_stand_still_and_go_on_when_it_wakes() -> None:
    steps: list[int] = []

    def count(io: Any) -> Any:
        while len(steps) < 4:
            steps.append(1)
            yield

    WORK["count"] = count
    pause = Fault(At(2_500), Pause("a", 500 * MS))
    sim = play((0, "a", run("count")), faults=[pause], until=100 * MS)
    assert len(steps) == 2
    healed = play((0, "a", run("count")), faults=[pause], heal_at=200 * MS)
    assert [e.time for e in events(healed, "job_end")][-1] < 205 * MS
    assert not events(sim, "job_end")


def test_a_heartbeat_goes_on_beside_a_job() -> None:
    def idle(io: Any) -> Any:
        for _ in range(50):
            yield

    WORK["idle"] = idle
    beats = [(n * 5 * MS, "a", lambda me: me.send("b", Note(1))) for n in range(1, 9)]
    sim = play((0, "a", run("idle")), *beats)
    assert [t for t, _, _ in heard(sim, "b")] == [n * 5 * MS + 1 * MS for n in range(1, 9)]


def test_a_job_draws_from_a_stream_of_its_own() -> None:
    drawn: list[float] = []

    def draw(io: Any) -> Any:
        drawn.append(io.random.random())
        yield

    WORK.update(one=draw, two=draw)
    for _ in range(2):
        play((0, "a", run("one")), (0, "b", run("one")), (0, "a", run("two")), noise=Noise(seed=2))
    assert len(set(drawn[:3])) == 3
    assert drawn[:3] == drawn[3:]


def test_the_pace_of_a_job_is_drawn_from_the_noise() -> None:
    def idle(io: Any) -> Any:
        for _ in range(10):
            yield

    WORK["idle"] = idle
    took = {
        events(
            play((0, "a", run("idle")), noise=Noise(seed=seed, job_step=(1 * MS, 9 * MS))),
            "job_end",
        )[0].time
        for seed in range(5)
    }
    assert len(took) == 5
    assert all(11 * MS <= time <= 99 * MS for time in took)
