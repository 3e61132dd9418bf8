"""Parts 2B and 2C: rules of leaders and followers, and brokers that talk with a test."""

import pytest

from distlab.core import MS
from grading.lab2_log.log import table
from tests.labs.lab2 import Modules, broker, sent, state
from tests.labs.lab2 import lab as lab  # a fixture
from tests.labs.lab2 import reference as reference


def leading(lab: Modules, isr: tuple[str, ...] = ("b1", "b2"), **config: object) -> object:
    solo = broker(lab, **config)
    solo.deliver(state(lab, "b1", 0, isr, 0), "controller")
    return solo


def fetch(lab: Modules, offset: int, number: int = 1, **more: object) -> object:
    fields = {"replica": "b2", "leader_epoch": 0, "min_bytes": 1, "max_wait": 50 * MS} | more
    return lab.brokers.Fetch(number, "orders-0", offset, **fields)


class TestLeading:
    def test_all_is_answered_when_the_follower_asks_for_more(self, lab: Modules) -> None:
        solo = leading(lab)
        brokers = lab.brokers
        produce = brokers.Produce(1, "orders-0", brokers.ALL, lab.sealed("a"))
        assert not sent(solo.deliver(produce, "client"), brokers.Produced)
        assert not sent(solo.deliver(fetch(lab, 0), "b2"), brokers.Produced)
        last = fetch(lab, 1, 2, last_epoch=0)
        (answer,) = sent(solo.deliver(last, "b2"), brokers.Produced)
        assert (answer.error, answer.base_offset) == ("", 0)

    def test_one_is_answered_at_once_and_none_never(self, lab: Modules) -> None:
        solo = leading(lab)
        produce = lab.brokers.Produce
        assert sent(solo.deliver(produce(1, "orders-0", 1, lab.sealed("a"))), lab.brokers.Produced)
        assert not sent(solo.deliver(produce(2, "orders-0", 0, lab.sealed("b"))))

    def test_too_few_in_sync(self, lab: Modules) -> None:
        solo = leading(lab, ("b1",))
        produce = lab.brokers.Produce(1, "orders-0", lab.brokers.ALL, lab.sealed("a"))
        (answer,) = sent(solo.deliver(produce))
        assert answer.error == lab.brokers.NOT_ENOUGH_REPLICAS

    def test_consumers_do_not_see_what_is_not_committed(self, lab: Modules) -> None:
        solo = leading(lab)
        solo.deliver(lab.brokers.Produce(1, "orders-0", 1, lab.sealed("a")))
        poll = lab.brokers.Fetch(7, "orders-0", 0)
        (answer,) = sent(solo.deliver(poll, "consumer"), lab.brokers.Fetched)
        assert (answer.high_watermark, answer.records) == (0, b"")
        solo.deliver(fetch(lab, 1, last_epoch=0), "b2")
        (answer,) = sent(solo.deliver(poll, "consumer"), lab.brokers.Fetched)
        assert lab.values(answer.records) == ["a"]

    def test_a_poll_waits_and_is_answered_when_its_time_is_up(self, lab: Modules) -> None:
        solo = leading(lab)
        poll = lab.brokers.Fetch(7, "orders-0", 0, min_bytes=1, max_wait=70 * MS)
        assert not sent(solo.deliver(poll, "consumer"), lab.brokers.Fetched)
        assert not sent(solo.advance(69 * MS), lab.brokers.Fetched)
        assert len(sent(solo.advance(1 * MS), lab.brokers.Fetched)) == 1

    def test_other_epochs_are_fenced(self, lab: Modules) -> None:
        solo = broker(lab)
        solo.deliver(state(lab, "b1", 3, ("b1", "b2"), 3), "controller")
        errors = [
            sent(solo.deliver(fetch(lab, 0, leader_epoch=epoch), "b2"), lab.brokers.Fetched)
            for epoch in (2, 4)
        ]
        assert [answers[0].error for answers in errors] == [
            lab.brokers.FENCED_LEADER_EPOCH,
            lab.brokers.UNKNOWN_LEADER_EPOCH,
        ]


class TestRules:
    def test_an_epoch_ends_where_the_next_one_begins(self, reference: Modules) -> None:
        known = [(1, 0), (3, 5), (4, 9)]
        ends = {e: reference.epochs.end_of(known, 12, e) for e in range(6)}
        assert [(end.epoch, end.end_offset) for end in ends.values()] == [
            (-1, -1),
            (1, 5),
            (1, 5),
            (3, 9),
            (4, 12),
            (4, 12),
        ]

    def test_epochs_without_records_are_forgotten(self, reference: Modules) -> None:
        known = [(1, 0), (3, 5)]
        reference.epochs.forget(known, 5)
        assert known == [(1, 0)]

    def test_a_member_that_has_not_fetched_blocks_the_watermark(self, reference: Modules) -> None:
        solo = leading(reference, ("b1", "b2", "b3"))
        solo.deliver(reference.brokers.Produce(1, "orders-0", 1, reference.sealed("a")))
        partition = solo.node.partitions["orders-0"]
        reference.leader.note_fetch(partition, "b2", 1, 0)
        assert reference.leader.committed(partition, 2) == 0
        reference.leader.note_fetch(partition, "b3", 1, 0)
        assert reference.leader.committed(partition, 2) == 1


@pytest.mark.parametrize("story", table.STORIES)
def test_the_stories_end_well(lab: Modules, story: str) -> None:
    table.STORIES[story](lab.solution)
