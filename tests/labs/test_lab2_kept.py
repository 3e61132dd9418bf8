"""The log that people use, in the simulator: its gateway and its controller of many partitions, under faults."""

import importlib
import sys
from typing import Any

import pytest
from msgspec import structs

from distlab.check import History
from distlab.core import MS, SECOND, Fail, Ok, Operation
from distlab.core.cluster import Cluster
from distlab.faults import At, Crash, Drop, Fault, Noise, Nth, Plan, Survival
from distlab.grade.lab import RECORD_MESSAGES
from distlab.sim import Simulation
from distlab.trace import NOTICED, Event, Trace
from tests.labs.lab2 import Modules
from tests.labs.lab2 import lab as lab  # a fixture

LOSSY = Noise(seed=3, delay=(1 * MS, 5 * MS), loss=0.05, duplicate=0.05)


class Use:
    """What people ask, one thing after the other, and what they are told."""

    def __init__(self, lab: Modules, plan: Plan | None = None, noise: Noise = LOSSY) -> None:
        ours = ("grading.lab2_log.kept", "grading.lab2_log.serving")
        for name in [name for name in sys.modules if name.startswith(ours)]:
            del sys.modules[name]  # it has the modules of the solution before
        self.requests: Any = importlib.import_module("grading.lab2_log.serving.requests")
        kept = importlib.import_module("grading.lab2_log.kept").kept(lab.solution)
        self.cluster: Cluster = kept.cluster
        self.table = kept.table
        self.past: list[Event] = []
        """What happened before the last question."""
        self.simulation = Simulation(
            self.cluster, plan or Plan(), noise, record=NOTICED | RECORD_MESSAGES
        )

    def say(self, operation: Operation, node: str = "gateway", patience: int = 25 * SECOND) -> Any:
        """Its outcome, as soon as there is one."""
        simulation, deadline = self.simulation, self.simulation.time + patience
        self.past += simulation.trace.events
        simulation.trace = Trace()  # or looking for the outcome would take longer each time
        simulation.call(simulation.time + 1 * MS, node, operation)
        while simulation.time < deadline:
            simulation.run(simulation.time + 20 * MS)
            for entry in History.of(simulation.trace.events).entries:
                if entry.operation == operation and entry.outcome is not None:
                    return entry.outcome
        raise AssertionError(f"no answer to {operation}")

    def run_for(self, duration: int) -> None:
        self.simulation.run(self.simulation.time + duration)

    def pen(self, *partitions: str, node: str = "p1", acks: int = -1) -> "Writer":
        return Writer(self, node, partitions, acks)

    def put(self, partition: str, *values: str) -> Any:
        """What became of these, written by somebody who comes and goes."""
        writer = self.pen(partition)
        outcome = writer.write(*values)
        writer.lay_down()
        return outcome

    def take(self, partition: str, offset: int) -> Any:
        return self.say(self.requests.Take(partition, offset))


class Writer:
    """Somebody who produces."""

    def __init__(self, use: Use, node: str, partitions: tuple[str, ...], acks: int) -> None:
        self.use, self.node = use, node
        taken = use.say(use.requests.TakePen(partitions, acks), node)
        assert isinstance(taken, Ok), taken
        self.token = taken.value

    def write(self, *values: str, key: str | None = None, partition: int = -1) -> Any:
        """What became of each."""
        lines = tuple((key, value) for value in values)
        outcome = self.use.say(self.use.requests.Write(self.token, lines, partition), self.node)
        assert isinstance(outcome, Ok), outcome
        return outcome.value

    def lay_down(self) -> None:
        assert self.use.say(self.use.requests.LayDown(self.token), self.node) == Ok(None)


def values(outcome: Any) -> list[str]:
    assert isinstance(outcome, Ok), outcome
    return [record[3].decode() for record in outcome.value[3]]


def test_what_is_put_is_taken(lab: Modules) -> None:
    use = Use(lab)
    assert use.say(use.requests.NewTopic("t", 2, 3)) == Ok(None)
    assert use.put("t-1", "a", "b") == [[0, 0], [0, 1]]
    assert use.put("t-1", "c") == [[0, 2]]
    assert values(use.take("t-1", use.requests.FROM_START)) == ["a", "b", "c"]
    assert values(use.take("t-1", 1)) == ["b", "c"]
    assert use.take("t-0", use.requests.FROM_START).value[:3] == [0, 0, 0]


def test_a_key_has_its_partition_and_the_others_are_spread(lab: Modules) -> None:
    use = Use(lab)
    use.say(use.requests.NewTopic("t", 3, 3))
    pen = use.pen("t-0", "t-1", "t-2")
    homes = {number for number, _ in pen.write(*"abcdefgh", key="k")}
    assert homes == {lab.partitioner.partition_for(b"k", 3)}
    assert {number for number, _ in pen.write("x", "y", partition=2)} == {2}


@pytest.mark.parametrize("seed", range(3))
def test_what_was_acknowledged_is_there_once_though_leaders_and_controllers_die(
    lab: Modules, seed: int
) -> None:
    plan = Plan(
        tuple(
            Fault(At(at * MS), Crash(node, 1_500 * MS, Survival.NOTHING))
            for at, node in (
                (3_000, "b1"), (4_000, "c1"), (6_000, "b2"), (8_000, "c2"), (10_000, "b3"), (12_000, "c3"),
            )
        )
    )  # fmt: skip
    use = Use(lab, plan, structs.replace(LOSSY, seed=seed))
    use.say(use.requests.NewTopic("t", 1, 3))
    pen = use.pen("t-0")
    told = []
    while use.simulation.time < 15 * SECOND:
        value = str(len(told))
        told += pen.write(value)
        use.run_for(100 * MS)
    taken = values(use.take("t-0", use.requests.FROM_START))
    acknowledged = [str(n) for n, (kind, _) in enumerate(told) if kind == 0]
    assert len(acknowledged) > 15
    assert [value for value in taken if value in acknowledged] == acknowledged


def test_partitions_are_spread_over_the_brokers(lab: Modules) -> None:
    use = Use(lab, noise=Noise(seed=1))
    use.run_for(2 * SECOND)
    use.say(use.requests.NewTopic("t", 6, 2))
    listed = use.say(use.requests.List()).value
    made = [state for state in listed if state.partition.startswith("t-")]
    assert sorted(state.leader for state in made) == ["b1", "b1", "b2", "b2", "b3", "b3"]
    assert {len(state.replicas) for state in made} == {2}


def test_what_cannot_be_is_refused_by_its_name(lab: Modules) -> None:
    use = Use(lab)
    requests = use.requests
    assert use.say(requests.NewTopic("t", 1, 3)) == Ok(None)
    assert use.say(requests.NewTopic("t", 1, 3)) == Fail("TOPIC_ALREADY_EXISTS")
    assert use.say(requests.NewTopic("u", 0, 3)) == Fail("INVALID_PARTITIONS")
    assert use.say(requests.NewTopic("u", 1, 4)) == Fail("INVALID_REPLICATION_FACTOR")
    assert use.say(requests.NewTopic("", 1, 1)) == Fail("INVALID_TOPIC_EXCEPTION")
    assert use.say(requests.NewTopic("__mine", 1, 1)) == Fail("INVALID_TOPIC_EXCEPTION")
    assert use.take("u-0", 0) == Fail("UNKNOWN_TOPIC_OR_PARTITION")
    assert use.take("t-0", 7) == Fail("OFFSET_OUT_OF_RANGE")
    assert use.put("t-0", "a" * 1_000_001, "b") == [["Fail", "MESSAGE_TOO_LARGE"], [0, 0]]


def test_too_few_replicas_are_told_when_the_time_is_up(lab: Modules) -> None:
    gone = tuple(
        Fault(At(5 * SECOND), Crash(broker, None, Survival.NOTHING)) for broker in ("b2", "b3")
    )
    use = Use(lab, Plan(gone), Noise(seed=1))
    use.say(use.requests.NewTopic("t", 1, 3))
    assert use.put("t-0", "a") == [[0, 0]]
    use.run_for(8 * SECOND)
    [(kind, code)] = use.put("t-0", "b")
    assert code == "NOT_ENOUGH_REPLICAS"
    assert kind in (
        "Fail",
        "Info",
    )  # an attempt that was refused is not in the log; one in doubt may be


def test_without_a_leader_nothing_leaves_and_that_is_told(lab: Modules) -> None:
    gone = tuple(
        Fault(At(5 * SECOND), Crash(b, None, Survival.NOTHING)) for b in ("b1", "b2", "b3")
    )
    use = Use(lab, Plan(gone), Noise(seed=1))
    use.say(use.requests.NewTopic("t", 1, 3))
    use.run_for(8 * SECOND)
    assert use.put("t-0", "b") == [["Fail", "LEADER_NOT_AVAILABLE"]]


def test_a_pen_has_one_holder(lab: Modules) -> None:
    use = Use(lab)
    requests = use.requests
    use.say(requests.NewTopic("t", 1, 3))
    pen = use.pen("t-0")
    assert use.say(requests.TakePen(("t-0",)), "p1") == Fail("SEAT_TAKEN")
    assert use.say(requests.Write(pen.token + 1, ((None, "a"),)), "p1") == Fail(
        "UNKNOWN_PRODUCER_ID"
    )
    pen.lay_down()
    assert use.pen("t-0").write("a") == [[0, 0]]


def test_no_producer_id_is_given_twice_though_controllers_change(lab: Modules) -> None:
    plan = Plan(
        tuple(
            Fault(At(at * SECOND), Crash(f"c{n}", SECOND, Survival.NOTHING))
            for n, at in ((1, 3), (2, 6), (3, 9))
        )
    )
    use = Use(lab, plan)
    use.say(use.requests.NewTopic("t", 1, 3))
    while use.simulation.time < 13 * SECOND:
        use.pen("t-0").lay_down()
        use.run_for(500 * MS)
    given = [
        e.what.producer_id
        for e in use.past
        if e.kind == "send" and type(e.what).__name__ == "ProducerIdIs"
    ]
    assert len({number >> 20 for number in given}) > 1  # of several controllers
    assert len(set(given)) == len(given) > 10


def test_the_table_names_who_leads_and_who_lags(lab: Modules) -> None:
    use = Use(lab)
    brokers = lab.brokers
    leader = brokers.Replica("t-0", "b1", 3, ("b1", "b2"), 0, 12, 10)
    behind = brokers.Replica("t-0", "b1", 3, ("b1", "b2"), 0, 7, 7)
    older = brokers.Replica("t-0", "b3", 2, ("b3",), 0, 12, 12)
    _, _, row = use.table(
        {
            "b1": brokers.BrokerProbe((leader,)),
            "b2": brokers.BrokerProbe((behind,)),
            "b3": brokers.BrokerProbe((older,)),
            "gateway": None,
        }
    )
    assert row.split()[:6] == ["t-0", "b1", "3", "10", "b1", "b2"]
    assert row.endswith("b1 b3 at 12  b2 5 behind")


@pytest.mark.parametrize("count", [3, 40])
def test_a_long_table_is_cut_and_says_so(lab: Modules, count: int) -> None:
    brokers = lab.brokers
    replicas = tuple(brokers.Replica(f"t-{n}", "b1", 0, ("b1",)) for n in range(count))
    table = Use(lab).table({"b1": brokers.BrokerProbe(replicas)})
    assert all(len(line) <= 78 for line in table)
    assert len(table) == 2 + min(count, 25)
    assert (table[-1] == "and 16 more") == (count == 40)


def test_a_topic_whose_answer_was_lost_is_made_once_and_that_is_no_error(lab: Modules) -> None:
    lost = tuple(
        Fault(Nth(controller, "gateway", 1, "MetadataAnswer"), Drop())
        for controller in ("c1", "c2", "c3")
    )
    use = Use(lab, Plan(lost), Noise(seed=1))
    assert use.say(use.requests.NewTopic("t", 1, 3)) == Ok(None)
    listed = use.say(use.requests.List()).value
    assert sorted(s.partition for s in listed) == ["__consumer_offsets-0", "t-0"]
