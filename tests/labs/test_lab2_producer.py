"""Part 2F: the broker's table, the client's queue, and both solutions at the desk and in the shop."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distlab.core import MS, Fail, Info, Ok
from distlab.grade.solution import load_lab
from grading.lab2_log.producer import hashing, shop
from tests.labs.lab2 import Modules
from tests.labs.lab2 import lab as lab  # a fixture
from tests.labs.lab2 import reference as reference
from tests.labs.solutions import modules

PART = load_lab("2").part("F")
EXAMS = {exam.name: exam for promise in PART.promises for exam in promise.exams}


@pytest.mark.parametrize("name", EXAMS)
def test_both_solutions_pass_every_exam(lab: Modules, name: str) -> None:
    verdict = EXAMS[name].check(lab.solution)
    assert verdict.is_kept, verdict


class TestHash:
    @given(data=st.binary(max_size=40))
    def test_the_twins_agree(self, data: bytes) -> None:
        partitioner = modules("2", "reference").partitioner
        assert partitioner.murmur2(data) % (1 << 32) == hashing.murmur2(data)

    def test_kafkas_own_example(self, lab: Modules) -> None:
        assert lab.partitioner.partition_for(b"foobar", 50) == 16


def origin(m: Modules, sequence: int, count: int = 1, epoch: int = 0, time: int = 0) -> Any:
    return m.producing.Origin(7, epoch, sequence, count, time)


class TestTable:
    def test_a_batch_that_is_noted_is_known(self, reference: Modules) -> None:
        m = reference.producers
        table: dict[int, Any] = {}
        for n in range(3):
            assert m.examine(table, origin(reference, 2 * n, 2)) == ("", -1)
            m.note(table, origin(reference, 2 * n, 2), 10 + 2 * n)
        assert [m.examine(table, origin(reference, 2 * n, 2)) for n in range(3)] == [
            ("", 10),
            ("", 12),
            ("", 14),
        ]

    def test_a_repeat_with_another_number_of_records_is_none(self, reference: Modules) -> None:
        m = reference.producers
        table: dict[int, Any] = {}
        m.note(table, origin(reference, 0, 2), 0)
        error, _ = m.examine(table, origin(reference, 0, 3))
        assert error == reference.producing.OUT_OF_ORDER_SEQUENCE

    def test_time_alone_makes_it_forget(self, reference: Modules) -> None:
        m = reference.producers
        table: dict[int, Any] = {}
        m.note(table, origin(reference, 0, time=100), 0)
        m.expire(table, 100)
        assert 7 in table
        m.expire(table, 101)
        assert 7 not in table

    def test_batches_without_numbers_have_no_origin(self, lab: Modules) -> None:
        assert lab.producing.origin_of(lab.sealed("a")) is None
        assert lab.producing.origin_of(b"too short") is None


class TestQueue:
    def queue(self, m: Modules, sizes: list[int], **told: Any) -> tuple[Any, Any]:
        config = m.producing.ProducerConfig(("b1",), ("orders-0",), **told)
        queue = m.accumulator.Queue("orders-0", producer_id=7)
        for n, size in enumerate(sizes):
            record = m.accumulator.Waiting(n, None, b"x" * size, n)
            m.accumulator.add(queue, record, 0, config)
        return queue, config

    @given(sizes=st.lists(st.integers(0, 300), max_size=30))
    def test_batches_fit_and_nothing_gets_lost(self, sizes: list[int]) -> None:
        queue, config = self.queue(modules("2", "reference"), sizes, batch_size=250)
        tickets = [record.ticket for draft in queue.batches for record in draft.records]
        assert tickets == list(range(len(sizes)))
        assert all(d.size <= config.batch_size or len(d.records) == 1 for d in queue.batches)
        assert all(draft.is_closed for draft in queue.batches[:-1])

    def test_five_from_the_oldest_on(self, reference: Modules) -> None:
        m = reference.accumulator
        queue, config = self.queue(reference, [100] * 9, batch_size=150)
        sent = []
        while (draft := m.next_up(queue, 10**9, config)) is not None:
            m.name(queue, draft, config)
            draft.request = 1
            sent.append(draft.number)
        assert sent == [1, 2, 3, 4, 5]
        del queue.batches[2]  # settled, and the oldest is not: the window does not move
        assert m.next_up(queue, 10**9, config) is None
        del queue.batches[0]
        draft = m.next_up(queue, 10**9, config)
        assert draft is not None
        assert draft.number == 6

    def test_a_name_is_a_number_and_bytes(self, reference: Modules) -> None:
        m = reference.accumulator
        queue, config = self.queue(reference, [100, 100], batch_size=150)
        for draft in queue.batches:
            m.name(queue, draft, config)
        origins = [reference.producing.origin_of(draft.blob) for draft in queue.batches]
        assert [o.sequence for o in origins] == [0, 1]
        m.begin_epoch(queue)
        assert (queue.epoch, queue.sequence) == (1, 0)
        assert not any(draft.blob for draft in queue.batches)

    def test_behind_the_last_epoch_comes_another_producer(self, reference: Modules) -> None:
        queue, _ = self.queue(reference, [])
        queue.epoch = reference.producing.MAX_EPOCH
        reference.accumulator.begin_epoch(queue)
        assert (queue.spent_id, queue.producer_id, queue.epoch) == (7, -1, 0)


class TestProducer:
    def test_nothing_leaves_without_a_leader(self, lab: Modules) -> None:
        world = shop.Shop(lab.solution, ("", "", ""), delivery_timeout=300 * MS)
        ticket = world.send("a", partition=0)
        world.advance(200 * MS)
        assert not world.sent
        world.advance(150 * MS)
        assert isinstance(world.outcomes[ticket], Fail)

    def test_what_left_is_in_doubt(self, lab: Modules) -> None:
        world = shop.Shop(lab.solution, delivery_timeout=300 * MS)
        tickets = [world.send(value, partition=0) for value in ("a", "b")]
        world.advance(350 * MS)
        assert all(isinstance(world.outcomes[ticket], Info) for ticket in tickets)

    def test_records_of_a_batch_stand_one_behind_the_other(self, lab: Modules) -> None:
        world = shop.Shop(lab.solution)
        tickets = [world.send(value, partition=2) for value in ("a", "b", "c")]
        world.answer(world.next("", "three records"), base=40)
        assert [world.outcomes[ticket] for ticket in tickets] == [
            Ok([2, 40]),
            Ok([2, 41]),
            Ok([2, 42]),
        ]

    def test_acks_of_none_are_not_waited_for(self, lab: Modules) -> None:
        world = shop.Shop(lab.solution, acks=0, idempotent=False)
        ticket = world.send("a", partition=1)
        assert world.next("", "a record").acks == 0
        assert world.outcomes[ticket] == Ok([1, -1])

    def test_the_backoff_doubles(self, lab: Modules) -> None:
        world = shop.Shop(lab.solution)
        world.send("a", partition=0)
        times = []
        for _ in range(6):
            request = world.next("", "another attempt", 600 * MS)
            times.append(world.solo.time)
            world.answer(request, lab.brokers.NOT_LEADER)
        gaps = [after - before for before, after in pairwise(times)]
        assert gaps[0] <= 30 * MS
        assert 100 * MS <= gaps[-1] <= 170 * MS
