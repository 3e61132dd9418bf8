"""Part 2A: batches, segments, recovery, cleaning."""

import pytest

from distlab.core import MS, DamagedFile, Node
from distlab.core.solo import Solo
from tests.labs.lab2 import Modules, sent
from tests.labs.lab2 import lab as lab  # a fixture
from tests.labs.lab2 import reference as reference


class Alone(Node):
    """Somebody who has a disk."""


def opened(lab: Modules, solo: Solo, **config: object) -> object:
    return lab.commitlog.open_log(solo.disk, "log", lab.brokers.LogConfig(**config))


def filled(lab: Modules, solo: Solo, count: int, **config: object) -> object:
    log = opened(lab, solo, **config)
    for n in range(count):
        log.append(solo.disk, lab.sealed(f"value {n}", time=n), 0)
    return log


class TestBatches:
    def test_the_check_value_of_the_catalogue(self, lab: Modules) -> None:
        assert lab.checksum.crc32c(b"123456789") == 0xE3069283

    def test_a_leader_stamps_without_breaking_the_checksum(self, lab: Modules) -> None:
        blob = lab.batch.stamped(lab.sealed("a", "b"), 40, 7)
        batch = lab.batch.unseal(blob)
        assert (batch.base_offset, batch.epoch, batch.next_offset) == (40, 7, 42)
        assert [record.offset for record in batch.records] == [40, 41]

    def test_every_flipped_bit_behind_the_epoch_shows(self, lab: Modules) -> None:
        blob = lab.sealed("some value")
        for bit in range(8 * 16, 8 * len(blob)):
            damaged = bytearray(blob)
            damaged[bit // 8] ^= 1 << bit % 8
            with pytest.raises(lab.batches.Corrupt):
                lab.batch.unseal(bytes(damaged))


class TestLog:
    def test_offsets_are_dense_and_reads_find_them(self, lab: Modules) -> None:
        solo = Solo(Alone)
        log = filled(lab, solo, 30, segment_bytes=300, index_interval=100)
        assert log.end == 30
        for offset in range(30):
            assert lab.values(log.read(solo.disk, offset, 1)) == [f"value {offset}"]
        assert log.read(solo.disk, 30, 100) == b""
        with pytest.raises(lab.commitlog.OutOfRange):
            log.read(solo.disk, 31, 100)

    def test_a_time_is_looked_up(self, lab: Modules) -> None:
        solo = Solo(Alone)
        log = filled(lab, solo, 30, segment_bytes=300, index_interval=100)
        assert [log.offset_for_time(solo.disk, t) for t in (0, 17, 29, 30)] == [0, 17, 29, None]

    def test_what_was_flushed_survives_and_the_rest_does_not(self, lab: Modules) -> None:
        solo = Solo(Alone)
        log = filled(lab, solo, 9, segment_bytes=300)
        log.flush(solo.disk)
        log.append(solo.disk, lab.sealed("unsynced"), 0)
        solo.crash()
        assert opened(lab, solo, segment_bytes=300).end == 9

    def test_a_torn_tail_is_cut_and_the_next_batch_takes_its_place(self, lab: Modules) -> None:
        solo = Solo(Alone)
        log = filled(lab, solo, 3)
        log.flush(solo.disk)
        log.append(solo.disk, lab.sealed("torn" * 20), 0)
        solo.files.crash(lambda size, last: size // 2, lambda count: count)
        log = opened(lab, solo)
        assert log.append(solo.disk, lab.sealed("next"), 0) == 3
        assert lab.values(log.read(solo.disk, 2, 1000)) == ["value 2", "next"]

    def test_rot_before_the_recovery_point_takes_nothing_with_it(self, lab: Modules) -> None:
        solo = Solo(Alone)
        log = filled(lab, solo, 12, segment_bytes=300)
        log.tend(solo.disk, 0)
        name = solo.files.files()[0]
        solo.files.flip(name, 8 * 70)
        try:
            assert opened(lab, solo, segment_bytes=300).end == 12
        except DamagedFile:
            pytest.fail("an old segment need not be checked at a start")

    def test_truncation_is_for_good(self, lab: Modules) -> None:
        solo = Solo(Alone)
        log = filled(lab, solo, 20, segment_bytes=300, index_interval=100)
        log.flush(solo.disk)
        log.tend(solo.disk, 0)
        log.truncate(solo.disk, 7)
        assert log.end == 7
        solo.crash()
        log = opened(lab, solo, segment_bytes=300, index_interval=100)
        assert log.end == 7
        assert log.append(solo.disk, lab.sealed("new"), 3) == 7
        assert lab.values(log.read(solo.disk, 6, 1000))[:2] == ["value 6", "new"]

    def test_a_log_can_begin_elsewhere(self, lab: Modules) -> None:
        solo = Solo(Alone)
        log = filled(lab, solo, 20, segment_bytes=300)
        log.restart_at(solo.disk, 100)
        assert (log.start, log.end) == (100, 100)
        log.append(solo.disk, lab.sealed("new"), 0)
        log.flush(solo.disk)
        solo.crash()
        log = opened(lab, solo, segment_bytes=300)
        assert (log.start, log.end) == (100, 101)

    def test_cleaning_keeps_the_newest_and_its_offset(self, lab: Modules) -> None:
        solo = Solo(Alone)
        log = opened(lab, solo, segment_bytes=80, compact=True)
        for n in range(6):
            log.append(solo.disk, lab.sealed(f"v{n}", key="k"), 0)
        log.tend(solo.disk, 0)
        assert log.end == 6
        batch = lab.batch.unseal(log.read(solo.disk, 0, 1))
        assert batch.base_offset == 4
        assert [record.value for record in batch.records] == [b"v%d" % batch.base_offset]


def test_the_broker_refuses_what_is_damaged(lab: Modules) -> None:
    solo = Solo(lab.storage.Storage, lab.brokers.StorageConfig())
    blob = bytearray(lab.sealed("a"))
    blob[-1] ^= 1
    produce = lab.brokers.Produce(1, "orders-0", -1, bytes(blob))
    (answer,) = sent(solo.deliver(produce))
    assert answer.error == "CORRUPT_MESSAGE"
    (answer,) = sent(solo.deliver(lab.brokers.Produce(2, "orders-0", -1, lab.sealed("a"))))
    assert answer.base_offset == 0


def test_old_segments_go_when_the_broker_looks_after_its_log(lab: Modules) -> None:
    config = lab.brokers.StorageConfig(
        log=lab.brokers.LogConfig(segment_bytes=300, retention_bytes=600)
    )
    solo = Solo(lab.storage.Storage, config)
    for n in range(20):
        solo.deliver(lab.brokers.Produce(n, "orders-0", 1, lab.sealed(f"value {n}")))
    solo.advance(100 * MS)
    (answer,) = sent(solo.deliver(lab.brokers.Fetch(99, "orders-0", 0)))
    assert answer.error == "OFFSET_OUT_OF_RANGE"
    assert 0 < answer.log_start < 20


class TestIndex:
    def test_the_floor_and_the_time_before(self, reference: Modules) -> None:
        segment = reference.segment.Segment("log", 0, 0)
        segment.index = [(10, 1000, 50), (20, 2000, 70), (30, 3000, 70)]
        assert [segment.position_of(o) for o in (0, 9, 10, 25, 99)] == [0, 0, 1000, 2000, 3000]
        times = (50, 51, 70, 71)
        assert [segment.position_before(t) for t in times] == [0, 1000, 1000, 3000]
