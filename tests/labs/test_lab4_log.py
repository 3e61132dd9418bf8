"""Log transactions: one coordinator, one partition, one processor, a rule at a time."""

from __future__ import annotations

from typing import Any

import pytest

from distlab.core import MS
from distlab.core.solo import Solo
from distlab.grade.solution import load_lab, load_solution
from tests.labs.lab4_patterns import sent

LOG = "log"


class Modules:
    """``modules.txn_index.TransactionIndex``, of the solution that is under test."""

    def __init__(self, solution: str) -> None:
        lab = load_lab("4")
        self._solution = load_solution(lab, lab.part("F2"), solution)

    def __getattr__(self, name: str) -> Any:
        return self._solution.module(name)


@pytest.fixture(params=["reference", "alternative"])
def lab(request: pytest.FixtureRequest) -> Modules:
    return Modules(request.param)


class Desk:
    """A coordinator that leads, with a log that says yes at once, or not at all."""

    def __init__(self, lab: Modules, max_epoch: int = 100) -> None:
        self.lab, self.tx, self.log = lab, lab.logtx, lab.txn_log
        self.solo = Solo(
            lab.txn_coordinator.Coordinator,
            self.tx.TxnCoordinatorConfig(LOG, max_epoch=max_epoch),
            "c1",
        )
        self.records: list[Any] = []
        self.epoch = 0
        self.is_deaf = False
        self.lead()

    def lead(self) -> list[Any]:
        self.epoch += 1
        return self.take(self.solo.deliver(self.log.Lead(self.epoch, "c1"), LOG))

    def take(self, effects: list[Any]) -> list[Any]:
        """What it says to others, the log's part played."""
        said, todo = [], sent(effects)
        while todo:
            message = todo.pop(0)
            match message:
                case self.log.Load():
                    answer = self.log.Loaded(
                        message.epoch,
                        message.at,
                        tuple(self.records[message.at :]),
                        len(self.records),
                    )
                    todo += sent(self.solo.deliver(answer, LOG))
                case self.log.Append() if not self.is_deaf:
                    self.records[message.at :] = message.records
                    answer = self.log.Appended(message.epoch, message.at)
                    todo += sent(self.solo.deliver(answer, LOG))
                case self.log.Append() | self.log.Follows():
                    pass
                case _:
                    said.append(message)
        return said

    def ask(self, message: Any, sender: str = "app") -> list[Any]:
        return self.take(self.solo.deliver(message, sender))

    def wait(self, time: int) -> list[Any]:
        return self.take(self.solo.advance(time))

    def begin(self, number: int = 1, name: str = "orders") -> Any:
        answers = self.ask(self.tx.InitProducer(number, name, 300 * MS))
        return answers[-1].producer

    def add(self, who: Any, *partitions: str, number: int = 2) -> list[Any]:
        return self.ask(self.tx.AddPartitions(number, "orders", who, partitions))

    def end(self, who: Any, commit: bool = True, number: int = 3) -> list[Any]:
        return self.ask(self.tx.EndTxn(number, "orders", who, commit))

    def written(self, marker: Any, partition: str) -> list[Any]:
        answer = self.tx.MarkerWritten(marker.transactional_id, marker.producer)
        return self.ask(answer, partition)


@pytest.fixture
def desk(lab: Modules) -> Desk:
    return Desk(lab)


def markers(said: list[Any]) -> list[Any]:
    return [m for m in said if type(m).__name__ == "WriteMarker"]


def test_markers_follow_the_decision_and_bear_the_next_epoch(desk: Desk) -> None:
    who = desk.begin()
    assert desk.add(who, "a", "b")[0].error == ""
    told = markers(desk.end(who))
    assert [(m.producer.id, m.producer.epoch, m.commit) for m in told] == [
        (who.id, who.epoch + 1, True)
    ] * 2
    assert desk.records[-1].state == "PrepareCommit"
    desk.written(told[0], "a")
    assert desk.records[-1].state == "PrepareCommit"
    desk.written(told[1], "b")
    assert desk.records[-1].state == "CompleteCommit"


def test_nothing_is_said_before_the_log_has_it(desk: Desk) -> None:
    who = desk.begin()
    desk.add(who, "a")
    desk.is_deaf = True
    assert not [m for m in desk.end(who) if not getattr(m, "error", "")]


def test_a_late_end_does_not_end_the_next_transaction(desk: Desk) -> None:
    who = desk.begin()
    desk.add(who, "a")
    marker = markers(desk.end(who))[0]
    desk.written(marker, "a")
    following = desk.records[-1].producer
    assert following > who
    desk.add(following, "a", number=5)
    answers = desk.end(who, number=3)
    assert desk.records[-1].state == "Ongoing"
    assert all(m.error for m in answers)


def test_an_honest_retry_gets_its_answer_and_a_timed_out_producer_does_not(desk: Desk) -> None:
    who = desk.begin()
    desk.add(who, "a")
    desk.written(markers(desk.end(who, commit=False))[0], "a")
    again = desk.end(who, commit=False)
    assert [(m.error, m.producer) for m in again] == [("", desk.records[-1].producer)]
    assert desk.end(who, commit=True)[0].error == "PRODUCER_FENCED"
    slow = desk.records[-1].producer
    desk.add(slow, "a")
    told = markers(desk.wait(500 * MS))
    assert told
    assert not told[0].commit
    desk.written(told[0], "a")
    assert desk.end(slow, commit=True)[0].error == "PRODUCER_FENCED"


def test_epochs_run_out_and_another_producer_id_comes(lab: Modules) -> None:
    desk = Desk(lab, max_epoch=2)
    identities = [desk.begin(number) for number in range(5)]
    assert len(set(identities)) == 5
    assert max(who.epoch for who in identities) == 1


def test_whoever_takes_over_goes_on_with_the_last_records(desk: Desk) -> None:
    who = desk.begin()
    desk.add(who, "a", "b")
    desk.end(who)
    desk.solo.crash()
    desk.solo.start()
    told = markers(desk.lead())
    assert [m.commit for m in told] == [True, True]
    for marker, name in zip(told, "ab", strict=True):
        desk.written(marker, name)
    assert desk.records[-1].state == "CompleteCommit"
    assert desk.begin(9, "points").id not in {record.producer.id for record in desk.records[:4]}


def test_who_does_not_lead_says_so(lab: Modules) -> None:
    tx = lab.logtx
    solo = Solo(lab.txn_coordinator.Coordinator, tx.TxnCoordinatorConfig(LOG), "c1")
    answers = sent(solo.deliver(tx.InitProducer(1, "orders", 300 * MS), "app"))
    assert [m.error for m in answers] == ["NOT_COORDINATOR"]


# -- a partition ------------------------------------------------------------------------------------------------------


def test_a_partition_knows_the_same_after_a_restart(lab: Modules) -> None:
    tx = lab.logtx
    solo = Solo(lab.txn_partition.Partition, tx.PartitionConfig(), "a")
    who, following = tx.Identity(7, 0), tx.Identity(7, 1)
    solo.deliver(tx.Produce(1, who, 0, ("x",)), "app")
    marker = tx.WriteMarker("orders", following, False)
    assert sent(solo.deliver(marker, "c1"), tx.MarkerWritten)
    solo.deliver(tx.Produce(2, following, 0, ("y",)), "app")
    before = solo.node.probe()
    solo.crash()
    solo.start()
    assert solo.node.probe() == before
    assert before.last_stable_offset == 2
    assert sent(solo.deliver(marker, "c1")) == []  # it is of the past: something newer is open
    late = sent(solo.deliver(tx.Produce(3, who, 1, ("z",)), "app"))
    assert late[0].error == "INVALID_PRODUCER_EPOCH"


def test_offsets_are_stable_when_no_transaction_holds_any(lab: Modules) -> None:
    tx = lab.logtx
    solo = Solo(lab.txn_partition.Group, tx.GroupConfig(inputs=("in-0",)), "group")
    generation = sent(solo.deliver(tx.Beat(), "p1"))[0].generation
    who = tx.Identity(7, 0)
    commit = tx.CommitOffsets(1, who, 0, generation, {"in-0": 5})
    assert sent(solo.deliver(commit, "p1"))[0].error == ""
    ask = tx.FetchOffsets(2, ("in-0",))
    assert sent(solo.deliver(ask, "p1"))[0].error == "UNSTABLE_OFFSET_COMMIT"
    solo.deliver(tx.WriteMarker("p1", tx.Identity(7, 1), True), "c1")
    assert sent(solo.deliver(ask, "p1"))[0].positions == {"in-0": 5}
    stale = tx.CommitOffsets(3, tx.Identity(7, 1), 0, generation - 1, {"in-0": 9})
    assert sent(solo.deliver(stale, "p1"))[0].error == "ILLEGAL_GENERATION"
