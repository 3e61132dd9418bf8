"""The loop: limits, settling, prints, probes, roles, and what is recorded."""

from typing import Any

import pytest

from distlab.core import MS, SECOND, Address, Level, Node
from distlab.core.cluster import Cluster, Member
from distlab.core.errors import ScenarioError
from distlab.faults import At, Crash, Fault, Pause
from distlab.sim import Runaway, Simulation
from distlab.trace import EVERYTHING, NOTICED, Kind
from tests.sim.puppets import Alarm, Do, Note, Puppet, events, play, stage


def test_a_program_that_keeps_itself_busy_is_given_up() -> None:
    class Busy(Puppet):
        def on_alarm(self, alarm: Alarm) -> None:
            self.set_timer(Alarm(), 0)

    with pytest.raises(Runaway, match="500 events"):
        play((0, "a", lambda me: me.set_timer(Alarm(), 0)), program=Busy, event_limit=500)


def test_a_run_ends_at_its_time_even_if_nothing_happens() -> None:
    sim = play(until=7 * SECOND)
    assert sim.time == 7 * SECOND


def test_a_run_can_be_continued() -> None:
    sim = stage((10 * MS, "a", lambda me: me.send("b", Note(1))))
    sim.run(5 * MS)
    assert not events(sim, "call")
    sim.run(10 * MS)
    assert events(sim, "call")
    assert not events(sim, "deliver")
    sim.run(11 * MS)
    assert events(sim, "deliver")


def test_a_run_that_may_settle_ends_after_the_last_answer_and_the_healing() -> None:
    sim = stage((10 * MS, "a", lambda me: None), (20 * MS, "b", lambda me: None))
    sim.run(100 * SECOND, settle=5 * MS)
    assert sim.time == 25 * MS
    healed = stage((10 * MS, "a", lambda me: None), heal_at=300 * MS)
    healed.run(100 * SECOND, settle=5 * MS)
    assert healed.time == 305 * MS


def test_a_call_to_a_client_that_is_down_never_happens() -> None:
    sim = stage((10 * MS, "a", lambda me: None), faults=[Fault(At(1), Crash("a"))])
    sim.run(100 * SECOND, settle=5 * MS)
    assert not events(sim, "call")
    assert sim.time == 15 * MS


def test_a_call_to_nobody_is_the_scenarios_mistake() -> None:
    with pytest.raises(ScenarioError):
        stage((0, "z", lambda me: None))


def test_an_operation_that_the_client_does_not_know_is_the_scenarios_mistake() -> None:
    class Deaf(Node):
        pass

    sim = Simulation(Cluster({"a": Member(Deaf)}))
    sim.call(0, "a", Do(0))
    with pytest.raises(ScenarioError, match="Deaf"):
        sim.run(1)


def test_what_a_handler_prints_goes_to_its_log(capsys: pytest.CaptureFixture[str]) -> None:
    sim = play(
        (0, "a", lambda me: print("one\ntwo")),
        (1, "a", lambda me: print("half", end="")),
        (1, "b", lambda me: print("other")),
        (2, "b", lambda me: print("last", end="")),
    )
    assert capsys.readouterr().out == ""
    lines = [(e.node, e.what.text) for e in events(sim, "log")]
    assert lines == [("a", "one"), ("a", "two"), ("a", "half"), ("b", "other"), ("b", "last")]


def test_log_lines_stand_in_the_trace_from_their_level_on() -> None:
    def act(me: Any) -> None:
        me.log.debug("rpc", "hidden")
        me.log.info("rpc", "shown", request=7)
        me.log.set_level("rpc", Level.DEBUG)
        me.log.debug("rpc", "now shown")

    sim = play((0, "a", act))
    assert [str(e.what) for e in events(sim, "log")] == ["[rpc] shown request=7", "[rpc] now shown"]


def test_probes_ask_who_is_up() -> None:
    class Probed(Puppet):
        def probe(self) -> Any:
            return len(self.seen)

    sim = play(
        (0, "a", lambda me: me.send("b", Note(1))),
        nodes="abc",
        faults=[Fault(At(5 * MS), Crash("c"))],
        program=Probed,
    )
    assert sim.probes() == {"a": 0, "b": 1}


def test_roles_are_as_the_cluster_was_laid_out_unless_the_lab_says() -> None:
    member = stage().cluster.members[Address("a")]
    cluster = Cluster({"x": member, "y": Member(Puppet, member.config, role="boss")})
    assert Simulation(cluster).holders("boss") == ["y"]
    assert Simulation(cluster).holders("puppet") == ["x"]
    assert Simulation(cluster, roles=lambda sim, role: [Address("x")]).holders("boss") == ["x"]


def test_only_what_is_asked_for_is_recorded_and_ids_stay_the_same() -> None:
    def run(record: frozenset[str]) -> Simulation:
        return play(
            (0, "a", lambda me: me.send("b", Note(1))),
            (5 * MS, "b", lambda me: me.send("a", Note(2))),
            faults=[Fault(At(3 * MS), Pause("a", 1 * MS))],
            heal_at=20 * MS,
            record=record,
        )

    full, sweep, none = run(EVERYTHING), run(NOTICED), run(frozenset())
    assert sweep.trace.events == [e for e in full.trace.events if e.kind in NOTICED]
    assert len(none.trace) == 0
    assert full.digest == sweep.digest == none.digest
    assert Kind.DELIVER not in NOTICED


def test_the_digest_tells_runs_apart() -> None:
    def digest(*calls: Any) -> int:
        return play(*calls, nodes="abc").digest

    base = digest((0, "a", lambda me: me.send("b", Note(1))))
    others = {
        digest((0, "a", lambda me: me.send("b", Note(2)))),
        digest((1, "a", lambda me: me.send("b", Note(1)))),
        digest((0, "a", lambda me: me.send("c", Note(1)))),
        digest((0, "a", lambda me: me.set_timer(Alarm(1), 5))),
        digest((0, "a", lambda me: me.set_timer(Alarm(2), 5))),
        digest((0, "a", lambda me: me.store.append("k", b"x"))),
        digest((0, "a", lambda me: 7)),
        digest(),
    }
    assert base not in others
    assert len(others) == 8


def test_a_replay_knows_the_line_behind_each_event() -> None:
    sim = stage((0, "a", lambda me: me.send("b", Note(1))))
    sim.locate = lambda: ("file", 7, "act")
    sim.run(1 * SECOND)
    sent = events(sim, "send")[0]
    assert sim.lines[sent.id] == ("file", 7, "act")


def test_what_waits_for_a_sync_has_the_line_that_asked_for_it() -> None:
    lines = iter(range(1, 100))

    def act(me: Any) -> None:
        me.disk.append("f", b"x")
        me.disk.sync("f")
        asked.append(next(lines))
        me.send("b", Note(1))

    asked: list[int] = []
    sim = stage((0, "a", act))
    sim.locate = lambda: ("file", asked[-1], "act") if asked and sim.time == 0 else None
    sim.run(1 * SECOND)
    (sent,) = events(sim, "send")
    assert sent.time > 0
    assert sim.lines[sent.id] == ("file", 1, "act")
