"""Jobs are processes of their own, beside the node."""

from distlab.core import MS, SECOND, Fail, Ok
from distlab.faults import At, Crash, Doing, Fault, Plan, SlowNode
from distlab.live import Live
from distlab.trace import EVERYTHING, Kind
from tests.live.helpers import COUNTER, ask, eventually, processes, restart
from tests.programs import counter


def disk(live: Live) -> list[str]:
    folder = live.folder / "nodes" / "counter" / "disk"
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_a_job_returns_a_value_of_its_class_and_shares_files_and_store_with_its_node() -> None:
    with Live(COUNTER, record=EVERYTHING) as live:
        assert ask(live, "counter", counter.Add(100)) == Ok(counter.Sum(100, 4950))
        assert disk(live) == ["sums/100"]
        assert live.store["sum/100"] == b"4950"
        assert "[count] done n=100" in live.log("counter")
    job, end = live.trace.of(Kind.JOB, Kind.JOB_END)
    assert end.cause == job.id
    kinds = {e.kind for e in live.trace.events if e.cause == job.id}
    assert kinds == {Kind.WRITE, Kind.SYNC, Kind.STORE, Kind.LOG, Kind.JOB_END}


def test_a_job_that_raises_has_failed_and_says_how_far_it_got() -> None:
    with Live(COUNTER) as live:
        assert ask(live, "counter", counter.Add(10, bad=7)) == Fail("ValueError: 7 is bad at 6")
        assert ask(live, "counter", counter.Add(10, bad=0)) == Fail("ValueError: 0 is bad at None")
        assert live.failures == []


def test_the_nodes_heartbeats_go_on_while_a_job_computes() -> None:
    with Live(COUNTER) as live:
        job = live.call("counter", counter.Begin())
        assert live.wait(lambda: disk(live) == ["forever"])
        beats = live.probes()["counter"]
        assert live.wait(lambda: live.probes().get("counter", 0) > beats + 20)
        assert job.outcome is None


def test_a_cancelled_job_does_nothing_more_and_reports_nothing() -> None:
    with Live(COUNTER) as live:
        begin = live.call("counter", counter.Begin())
        assert live.wait(lambda: disk(live) == ["forever"])
        group = live.pid("counter")
        assert group is not None
        assert len(processes(group)) == 3, "the node, the host of its jobs, and the job"
        assert ask(live, "counter", counter.End()) == Ok()
        assert len(processes(group)) == 2
        assert begin.outcome is None
    assert not list(live.trace.of(Kind.JOB_END))


def test_when_a_job_is_cancelled_it_has_written_its_last() -> None:
    with Live(COUNTER) as live:
        file = live.folder / "nodes" / "counter" / "disk" / "scribbles"
        for _ in range(10):
            assert ask(live, "counter", counter.StartScribbling()) == Ok()
            before = file.stat().st_size if file.exists() else 0
            assert live.wait(lambda size=before: file.exists() and file.stat().st_size > size)  # type: ignore[misc]
            outcome = ask(live, "counter", counter.StopScribbling())
            assert outcome == Ok(file.stat().st_size)


def test_a_job_stands_still_with_its_node() -> None:
    with Live(COUNTER) as live:
        live.call("counter", counter.Begin())
        assert live.wait(lambda: disk(live) == ["forever"])
        group = live.pid("counter")
        assert group is not None
        live.pause("counter", 60 * SECOND)
        assert eventually(lambda: [row.state[0] for row in processes(group)] == ["T"] * 3)


def test_jobs_of_a_slow_node_are_slow() -> None:
    def took(factor: int) -> int:
        slow = Plan((Fault(At(0), SlowNode("counter", 60 * SECOND, cost=0, factor=factor)),))
        with Live(COUNTER, slow) as live:
            assert ask(live, "counter", counter.Add(200)) == Ok(counter.Sum(200, 19900))
        start, end = live.trace.of(Kind.JOB, Kind.JOB_END)
        return end.time - start.time

    assert took(1000) > took(1) + 100 * MS, "200 steps of a microsecond or two"


def test_a_job_dies_with_its_node() -> None:
    with Live(COUNTER) as live:
        live.call("counter", counter.Begin())
        assert live.wait(lambda: disk(live) == ["forever"])
        group = live.pid("counter")
        assert group is not None
        restart(live, "counter")
        assert processes(group) == [], "all of it is gone before the next one begins"
        assert ask(live, "counter", counter.Add(3)) == Ok(counter.Sum(3, 3))


def test_a_node_can_be_brought_down_right_before_its_jobs_commit() -> None:
    plan = Plan((Fault(Doing("counter", "store", "sum/"), Crash("counter", restart_after=0)),))
    with Live(COUNTER, plan) as live:
        live.call("counter", counter.Add(5))
        assert live.wait(lambda: live.incarnation("counter") == 1 and live.is_up("counter"))
        assert disk(live) == ["sums/5"]
        assert dict(live.store) == {}
        assert ask(live, "counter", counter.Add(6)) == Ok(counter.Sum(6, 15))


def test_many_jobs_run_at_once() -> None:
    with Live(COUNTER) as live:
        calls = [live.call("counter", counter.Add(n)) for n in range(1, 41)]
        assert live.wait(lambda: all(call.outcome is not None for call in calls))
        assert [call.outcome for call in calls] == [
            Ok(counter.Sum(n, n * (n - 1) // 2)) for n in range(1, 41)
        ]
        group = live.pid("counter")
        assert group is not None
        assert eventually(lambda: len(processes(group)) == 2)
