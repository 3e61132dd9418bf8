"""The log that people use, in the simulator: its gateway and its controller of many partitions, under faults."""

import importlib
import sys
from typing import Any

import pytest

from distlab.check import History
from distlab.core import MS, SECOND, Fail, Ok, Operation
from distlab.core.cluster import Cluster
from distlab.faults import At, Crash, Drop, Fault, Noise, Nth, Plan, Survival
from distlab.sim import Simulation
from tests.labs.lab2 import Modules
from tests.labs.lab2 import lab as lab  # a fixture

LOSSY = Noise(seed=3, delay=(1 * MS, 5 * MS), loss=0.05, duplicate=0.05)


class Use:
    """What people ask, and what they are told."""

    def __init__(self, lab: Modules, plan: Plan | None = None, noise: Noise = LOSSY) -> None:
        ours = ("grading.lab2_log.kept", "grading.lab2_log.serving")
        for name in [name for name in sys.modules if name.startswith(ours)]:
            del sys.modules[name]  # it has the brokers of the solution before
        self.requests: Any = importlib.import_module("grading.lab2_log.serving.requests")
        kept = importlib.import_module("grading.lab2_log.kept").kept(lab.solution)
        self.cluster: Cluster = kept.cluster
        self.table = kept.table
        self.simulation = Simulation(self.cluster, plan or Plan(), noise)

    def ask(self, at: int, operation: Operation) -> None:
        self.simulation.call(at * MS, "gateway", operation)

    def outcomes(self, until: int) -> list[Any]:
        """Run so many milliseconds; how each request ended, in order."""
        self.simulation.run(until * MS)
        return [entry.outcome for entry in History.of(self.simulation.trace.events).entries]


def lines(*values: str) -> tuple[tuple[None, bytes], ...]:
    return tuple((None, value.encode()) for value in values)


def values(outcome: Any) -> list[str]:
    assert isinstance(outcome, Ok), outcome
    return [record[3].decode() for record in outcome.value[3]]


def test_what_is_put_is_taken(lab: Modules) -> None:
    use = Use(lab)
    requests = use.requests
    use.ask(100, requests.NewTopic("t", 2, 3))
    use.ask(600, requests.Put("t-1", lines("a", "b")))
    use.ask(1200, requests.Put("t-1", lines("c")))
    use.ask(3000, requests.Take("t-1", requests.FROM_START))
    use.ask(3500, requests.Take("t-1", 1))
    use.ask(4000, requests.Take("t-0", requests.FROM_START))
    made, *_, start, later, empty = use.outcomes(8000)
    assert made == Ok(None)
    assert values(start) == ["a", "b", "c"]
    assert values(later) == ["b", "c"]
    assert empty.value[:3] == [0, 0, 0]


def test_what_was_acknowledged_is_taken_though_leaders_die(lab: Modules) -> None:
    plan = Plan(
        tuple(
            Fault(At(at * MS), Crash(broker, 1_500 * MS, Survival.NOTHING))
            for at, broker in ((1_500, "b1"), (4_500, "b2"), (7_500, "b3"))
        )
    )
    use = Use(lab, plan)
    requests = use.requests
    use.ask(100, requests.NewTopic("t", 1, 3))
    for n in range(40):
        use.ask(600 + 250 * n, requests.Put("t-0", lines(str(n))))
    use.ask(25_000, requests.Take("t-0", requests.FROM_START))
    _, *puts, taken = use.outcomes(35_000)
    read = values(taken)
    acknowledged = [str(n) for n, outcome in enumerate(puts) if isinstance(outcome, Ok)]
    assert len(acknowledged) > 30
    assert set(acknowledged) <= set(read)


def test_partitions_are_spread_over_the_brokers(lab: Modules) -> None:
    use = Use(lab)
    use.ask(100, use.requests.NewTopic("t", 6, 2))
    use.ask(1000, use.requests.List())
    _, listed = use.outcomes(2000)
    made = [state for state in listed.value if state.partition.startswith("t-")]
    assert sorted(state.leader for state in made) == ["b1", "b1", "b2", "b2", "b3", "b3"]
    assert {len(state.replicas) for state in made} == {2}


def test_what_cannot_be_is_refused_by_its_name(lab: Modules) -> None:
    use = Use(lab)
    requests = use.requests
    use.ask(50, requests.NewTopic("t", 1, 3))
    use.ask(900, requests.NewTopic("t", 1, 3))
    use.ask(1000, requests.NewTopic("u", 0, 3))
    use.ask(1100, requests.NewTopic("u", 1, 4))
    use.ask(1200, requests.NewTopic("", 1, 1))
    use.ask(1300, requests.Put("u-0", lines("a")))
    use.ask(1400, requests.Put("t-0", lines("a" * 1_000_001)))
    use.ask(1500, requests.Take("t-0", 7))
    refused = use.outcomes(5000)[1:]
    assert [outcome.reason for outcome in refused if isinstance(outcome, Fail)] == [
        "TOPIC_ALREADY_EXISTS",
        "INVALID_PARTITIONS",
        "INVALID_REPLICATION_FACTOR",
        "INVALID_TOPIC_EXCEPTION",
        "UNKNOWN_TOPIC_OR_PARTITION",
        "MESSAGE_TOO_LARGE",
        "OFFSET_OUT_OF_RANGE",
    ]


def test_too_few_replicas_are_told_when_the_time_is_up(lab: Modules) -> None:
    gone = tuple(
        Fault(At(1_000 * MS), Crash(broker, None, Survival.NOTHING)) for broker in ("b2", "b3")
    )
    use = Use(lab, Plan(gone), Noise(seed=1))
    requests = use.requests
    use.ask(100, requests.NewTopic("t", 1, 3))
    use.ask(500, requests.Put("t-0", lines("a")))
    use.ask(4_000, requests.Put("t-0", lines("b"), patience=2 * SECOND))
    _, first, second = use.outcomes(12_000)
    assert first == Ok(0)
    assert second == Fail("NOT_ENOUGH_REPLICAS")


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
    assert row.split() == [
        "t-0",
        "b1",
        "3",
        "10",
        "b1",
        "b2",
        "b1",
        "12",
        "b2",
        "7",
        "(5",
        "behind)",
        "b3",
        "12",
    ]


@pytest.mark.parametrize("count", [3, 40])
def test_a_long_table_is_cut_and_says_so(lab: Modules, count: int) -> None:
    brokers = lab.brokers
    replicas = tuple(brokers.Replica(f"t-{n}", "b1", 0, ("b1",)) for n in range(count))
    table = Use(lab).table({"b1": brokers.BrokerProbe(replicas)})
    assert all(len(line) <= 78 for line in table)
    assert len(table) == 2 + min(count, 25)
    assert (table[-1] == "and 16 more") == (count == 40)


def test_a_topic_whose_answer_was_lost_is_made_once_and_that_is_no_error(lab: Modules) -> None:
    lost = tuple(Fault(Nth("controller", "gateway", n, "MetadataAnswer"), Drop()) for n in (1, 2))
    use = Use(lab, Plan(lost), Noise(seed=1))
    use.ask(100, use.requests.NewTopic("t", 1, 3))
    use.ask(5_000, use.requests.List())
    made, listed = use.outcomes(8_000)
    assert made == Ok(None)
    assert [state.partition for state in listed.value] == ["__consumer_offsets-0", "t-0"]
