"""Exams of part 2A: check values, laws over random programs of requests and crashes, and the price of a read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from distlab.core import MS, SECOND, Node
from distlab.core.files import Keep
from distlab.core.solo import Solo
from distlab.grade.solution import Solution
from grading.lab2_log.log import codec
from grading.lab2_log.log.bench import PARTITION, SIZES, Bench, exam, program
from grading.lab2_log.log.ledger import Wrong
from labs.lab2_log.batches import Batch, Corrupt, Record
from labs.lab2_log.brokers import LogConfig

RFC_3720 = {
    b"123456789": 0xE3069283,
    b"": 0,
    bytes(32): 0x8A9136AA,
    b"\xff" * 32: 0x62A8AB43,
    bytes(range(32)): 0x46DD794E,
    bytes(range(31, -1, -1)): 0x113FDB5C,
}
"""Check value of the catalogues, and examples of RFC 3720, appendix B.4."""


def require(holds: bool, code: str, reason: str, expected: Any = "", got: Any = "") -> None:
    if not holds:
        raise Wrong(code, reason, expected, got)


def crc_vectors(solution: Solution) -> None:
    crc32c = solution.module("checksum").crc32c
    for data, checksum in RFC_3720.items():
        got = crc32c(data)
        require(got == checksum, "LOG-S8", f"crc32c({data!r})", f"{checksum:#010x}", f"{got:#010x}")


def draw_batch(random: Random) -> Batch:
    """Any batch: keys, values, tombstones, times that go back."""
    first = random.randrange(1 << 40)
    base = random.choice([0, random.randrange(1 << 40)])
    records = []
    for n in range(random.randrange(1, 6)):
        key = random.choice([None, b"", b"k", random.randbytes(random.randrange(200))])
        value = random.choice([None, b"", random.randbytes(random.randrange(200))])
        records.append(Record(base + n, first + random.randrange(-50, 5000), key, value))
    return Batch(
        base_offset=base,
        epoch=random.randrange(1 << 20),
        last_delta=len(records) - 1,
        base_timestamp=first,
        max_timestamp=max(r.timestamp for r in records),
        producer_id=random.choice([-1, random.randrange(1 << 40)]),
        producer_epoch=random.choice([-1, 7]),
        base_sequence=random.choice([-1, 2**31 - 1]),
        records=tuple(records),
    )


def layout(solution: Solution) -> None:
    """What is sealed is Kafka's format 2, byte for byte; and back."""
    batch, random = solution.module("batch"), Random(1)
    for _ in range(60):
        drawn = draw_batch(random)
        expected = codec.seal(drawn)
        got = batch.seal(drawn)
        require(got == expected, "LOG-S8", f"seal({drawn})", expected.hex(" "), got.hex(" "))
        back = batch.unseal(expected)
        require(back == drawn, "LOG-S8", "unseal(seal(batch))", drawn, back)


def damage(solution: Solution) -> None:
    """One bit anywhere from the length on, or a few bytes too few: no batch. But base offset and epoch may change."""
    batch, random = solution.module("batch"), Random(2)
    for _ in range(40):
        blob = codec.seal(draw_batch(random))
        for _ in range(6):
            bit = 8 * 16 + random.randrange(8 * (len(blob) - 16))
            flipped = bytearray(blob)
            flipped[bit // 8] ^= 1 << bit % 8
            _refuses(batch, bytes(flipped), f"bit {bit} of {len(blob)} bytes flipped")
        for cut in (random.randrange(len(blob)), len(blob) - 1, 11, 60):
            _refuses(batch, blob[:cut], f"{cut} of {len(blob)} bytes")
        base, epoch = random.randrange(1 << 50), random.randrange(1 << 30)
        moved = batch.stamped(blob, base, epoch)
        expected = codec.place(blob, base, epoch)
        require(
            moved == expected,
            "LOG-S8",
            f"stamped(blob, {base}, {epoch}): two fields change, and nothing else",
            expected[:21].hex(" "),
            moved[:21].hex(" "),
        )


def _refuses(batch: Any, blob: bytes, what: str) -> None:
    try:
        batch.unseal(blob)
    except Exception as refusal:  # from another process, it is a class of the same name
        if type(refusal).__name__ == Corrupt.__name__:
            return
        raise
    raise Wrong("LOG-S8", f"unseal took a damaged batch: {what}", "Corrupt", "a batch")


# -- laws -------------------------------------------------------------------------------------------------------------


def law(
    weights: dict[str, int],
    *,
    configs: tuple[LogConfig, ...] = SIZES,
    steps: int = 60,
    times: int = 6,
) -> Callable[[Solution], None]:
    """Random programs of such steps, over logs of such sizes; at the end everything is read."""

    def check(solution: Solution) -> None:
        for seed in range(times):
            for config in configs:
                bench = Bench(solution, config, seed)
                program(bench, steps, weights)
                bench.read_all()

    return check


QUIET = {"produce": 8, "fetch": 8, "look up": 4, "time": 2, "read all": 1}
CRASHES = {"produce": 12, "fetch": 3, "crash": 2, "kill": 1, "time": 2, "read all": 1}
RETENTION = (
    LogConfig(segment_bytes=400, index_interval=100, retention_bytes=1500),
    LogConfig(segment_bytes=300, index_interval=100, retention_time=300 * MS),
)
COMPACTION = (
    LogConfig(segment_bytes=500, index_interval=100, compact=True, delete_retention=500 * MS),
    LogConfig(segment_bytes=200, index_interval=50, compact=True, delete_retention=200 * MS),
)


def retention_works(solution: Solution) -> None:
    """Old segments really go, and the last records stay."""
    bench = Bench(solution, LogConfig(segment_bytes=400, retention_bytes=1200), 1)
    for n in range(40):
        bench.produce([f"value {n}" + "x" * 60])
        bench.advance(20 * MS)
    bench.advance(1 * SECOND)
    bench.fetch(bench.ledger.end)
    left = sum(len(k.blob) for k in bench.ledger.batches if k.base >= bench.ledger.start)
    require(
        left <= 1200 + 2 * 400 + 200,
        "LOG-S5",
        f"with retention_bytes=1200 and segments of 400, {left} bytes are kept",
        "at most 2200",
        left,
    )
    bench = Bench(solution, LogConfig(segment_bytes=400, retention_time=500 * MS), 1)
    for n in range(20):
        bench.produce([f"value {n}" + "x" * 60])
    bench.advance(2 * SECOND)
    bench.fetch(bench.ledger.end)
    require(bench.ledger.start > 0, "LOG-S5", "all is older than retention_time, and nothing goes")
    require(
        bool(bench.read_all()),
        "LOG-S5",
        "the active segment went with the old ones",
        "some records",
    )


def small_and_old(solution: Solution) -> None:
    """Where little is written, a segment is never full; it is rolled when it is old, or nothing would ever go."""
    config = LogConfig(segment_bytes=100_000, segment_age=200 * MS, retention_time=500 * MS)
    bench = Bench(solution, config, 1)
    for n in range(40):
        bench.produce([f"value {n}"])
        bench.advance(50 * MS)
    bench.fetch(bench.ledger.end)
    require(
        bench.ledger.start > 0,
        "LOG-S5",
        "with segment_age=200 ms and retention_time=500 ms, records of 2 s ago are kept",
    )


def no_more_than_promised(solution: Solution) -> None:
    """No segment is larger than it may be: one more than ``retention_bytes`` are all that is kept, whenever we look."""
    config = LogConfig(segment_bytes=500, retention_bytes=690)
    bench = Bench(solution, config, 1)
    for n in range(12):
        bench.produce([f"value {n:02}" + "x" * 260])
        bench.advance(200 * MS)
        bench.fetch(bench.ledger.end)
        left = sum(len(k.blob) for k in bench.ledger.batches if k.base >= bench.ledger.start)
        require(
            left < 690 + 500,
            "LOG-S5",
            f"with retention_bytes=690 and segments of 500, {left} bytes are kept",
            "less than 1190: one segment more than has to be kept",
            left,
        )


def old_records_in_new_files(solution: Solution) -> None:
    """A replica that is made anew writes old records into new files: a record's age is its own, not the file's."""
    bench = Bench(solution, LogConfig(segment_bytes=400, retention_time=500 * MS), 1)
    bench.advance(20 * SECOND)
    for n in range(20):
        bench.produce([f"value {n}" + "x" * 60], time=n)
    bench.produce(["new"])
    bench.advance(200 * MS)
    bench.fetch(bench.ledger.end)
    require(
        bench.ledger.start > 0,
        "LOG-S5",
        "records of 20 s ago, written a moment ago, are kept: they are older than retention_time",
    )


def compaction_works(solution: Solution) -> None:
    """Old values go, and old tombstones with their keys."""
    config = LogConfig(segment_bytes=500, compact=True, delete_retention=300 * MS)
    bench = Bench(solution, config, 1)
    for n in range(60):
        bench.produce([f"value {n}" + "x" * 20], [f"k{n % 4}"])
        bench.advance(5 * MS)
    bench.produce([""], ["k0"])
    bench.produce([f"filler {n}" + "x" * 90 for n in range(4)], ["a", "b", "c", "d"])
    for n in range(14):
        bench.produce([f"last {n}" + "x" * 90], [f"z{n}"])
    bench.advance(1 * SECOND)
    records = bench.read_all()
    tail = bench.ledger.end - 12  # about what fits into two segments
    keys = [r.key for r in records if r.offset < tail]
    require(len(keys) == len(set(keys)), "LOG-S6", "an old value of a key is still there", got=keys)
    require(
        b"k0" not in keys,
        "LOG-S6",
        "a tombstone outlived its retention, and nobody needs it",
        got=keys,
    )


def without_a_key(solution: Solution) -> None:
    """A record without a key is nobody's old value: it stays."""
    config = LogConfig(segment_bytes=300, compact=True, delete_retention=200 * MS)
    for seed in range(3):
        bench = Bench(solution, config, seed)
        for n in range(16):
            key = bench.random.choice([None, "k", f"u{n}"])
            bench.produce([f"value {n}" + "x" * 40, f"more {n}"], [key, None if n % 3 else "k"])
            bench.advance(30 * MS)
        bench.advance(300 * MS)
        bench.read_all()


def early_tombstones(solution: Solution) -> None:
    """A consumer that is a little behind still reads that the key is gone."""
    config = LogConfig(segment_bytes=200, compact=True, delete_retention=1 * SECOND)
    bench = Bench(solution, config, 1)
    bench.produce(["old"], ["k"])
    bench.produce([""], ["k"])
    for n in range(8):
        bench.produce([f"value {n}" + "x" * 60], [f"z{n}"])
    bench.advance(500 * MS)
    records = bench.read_all()
    require(
        any(r.key == b"k" and r.value is None for r in records),
        "LOG-S6",
        "a tombstone went before its retention was over",
    )


def rot(solution: Solution) -> None:
    """A bit flips in an old segment: what follows it is not thrown away, and nobody makes the damage look sound."""
    for seed in range(8):
        bench = Bench(solution, LogConfig(segment_bytes=400, index_interval=100), seed)
        for n in range(24):
            bench.produce([f"value {n}" + "x" * 50])
        bench.advance(200 * MS)
        bench.rot(bench.random.randrange(3, 9))
        if seed % 2:
            bench.crash()
        for batch in bench.ledger.batches[12:]:
            require(
                bool(bench.fetch(batch.base)),
                "LOG-S3",
                f"one bit rotted before offset 9, and nothing is left at {batch.base}",
            )
        for batch in bench.ledger.batches[:12]:
            bench.fetch(batch.base)


def rot_where_it_grows(solution: Solution) -> None:
    """A bit flips before the recovery point, in the segment that grows: to refuse to start is right, and so is to go on
    as if nothing was; to cut there is not."""
    for seed in range(8):
        config = LogConfig(segment_bytes=100_000, index_interval=100_000)
        bench = Bench(solution, config, seed)
        for n in range(8):
            bench.produce([f"value {n}" + "x" * 50])
        bench.advance(200 * MS)
        bench.rot(bench.random.randrange(1, 5))
        if not bench.comes_back(lambda size, last: 0):
            continue
        bench.produce(["after"])
        for batch in bench.ledger.batches[5:]:
            try:
                found = bench.fetch(batch.base)
            except Wrong:  # whatever came instead
                found = b""
            require(
                bool(found),
                "LOG-S3",
                f"one bit rotted before offset 5, and the batch at {batch.base} is gone",
                "all that was promised; or a broker that does not start (DamagedFile)",
            )


def the_dead_stay_dead(solution: Solution) -> None:
    """A batch is torn, and one behind it is whole. What recovery cuts off stays away, whatever the next crash does."""
    for seed in range(4):
        bench = Bench(solution, LogConfig(segment_bytes=100_000), seed)
        bench.produce(["promised"])
        for n in range(2 + seed):
            bench.produce([f"value {n}"], acks=1)
        first = len(bench.ledger.batches[1].blob)
        # Of the first batch that was not promised a part is there; the others, of the same size, are whole.
        torn = iter((first // 2,))
        bench.comes_back(_some_of(first, torn))
        bench.produce(["value x"], acks=1)
        # A truncation is a write of size 1: it had not reached the disk, and what came after it had.
        bench.comes_back(lambda size, last: 0 if size == 1 else size)
        bench.read_all()


def _some_of(batch: int, left: Iterator[int]) -> Keep:
    """Of writes of that size, so much is left; of those for which nothing is said, and of others, everything."""
    return lambda size, last: next(left, size) if size == batch else size


def rot_and_clean(solution: Solution) -> None:
    """The cleaner writes batches anew. What it reads may be damaged, and must not come out sound."""
    for seed in range(8):
        config = LogConfig(segment_bytes=400, compact=True)
        bench = Bench(solution, config, seed)
        for n in range(6):
            bench.produce([f"value {n}" + "x" * 40, f"other {n}" + "x" * 40], ["k", f"o{n}"])
        bench.rot(1)
        for n in range(6):
            bench.produce([f"value {n}" + "x" * 40], ["k"])
        bench.advance(300 * MS)
        for batch in bench.ledger.batches:
            if batch.base >= bench.ledger.start:
                bench.fetch(batch.base)


# -- what replication needs -------------------------------------------------------------------------------------------


class Alone(Node):
    """Somebody who has a disk."""


def cut_and_begun_anew(solution: Solution) -> None:
    """A follower's log: batches come with offsets, tails are cut, the log begins elsewhere; and crashes in between."""
    random = Random(5)
    for config in (LogConfig(segment_bytes=300, index_interval=100), LogConfig(index_interval=100)):
        for _ in range(6):
            solo = Solo(Alone)
            log = solution.module("commitlog").open_log(solo.disk, PARTITION, config)
            expected: list[bytes] = []
            start = made = 0
            for _ in range(40):
                end = codec.opened(expected[-1]).next_offset if expected else start
                kind = random.choice(["append"] * 6 + ["cut", "cut", "tend", "crash", "anew"])
                if kind == "append":
                    made += 1
                    values = [f"{made}.{n}" + "x" * random.choice([0, 40]) for n in range(3)]
                    blob = codec.seal(codec.batch_of(values[: random.choice([1, 3])], [], made))
                    gap = random.choice([0, 0, 0, 2])
                    expected.append(codec.place(blob, end + gap, made))
                    log.append_copy(solo.disk, expected[-1])
                elif kind == "cut" and expected:
                    keep = random.randrange(len(expected) + 1)
                    at = codec.opened(expected[keep]).base_offset if keep < len(expected) else end
                    log.truncate(solo.disk, at)
                    del expected[keep:]
                elif kind == "anew" and random.random() < 0.3:
                    start, expected = end + 5, []
                    log.restart_at(solo.disk, start)
                elif kind == "tend":
                    log.tend(solo.disk, 0)
                elif kind == "crash":
                    log.flush(solo.disk)
                    if expected and random.random() < 0.5:
                        log.append_copy(solo.disk, codec.place(expected[-1], end, made))
                    solo.files.crash(
                        lambda size, last: random.choice([0, size // 2, 0]), lambda count: 0
                    )
                    log = solution.module("commitlog").open_log(solo.disk, PARTITION, config)
                _same_log(solo, log, expected, start, kind)


def _same_log(solo: Solo, log: Any, expected: list[bytes], start: int, kind: str) -> None:
    end = codec.opened(expected[-1]).next_offset if expected else start
    at = log.start
    found: list[bytes] = []
    while at < log.end and (data := log.read(solo.disk, at, 400)):
        found += codec.split(data)
        at = codec.opened(found[-1]).next_offset
    require(
        found == expected and (log.end == end or not expected),
        "LOG-S3",
        f"after {kind!r} the log is not what was appended and not cut",
        [(codec.opened(b).base_offset, codec.opened(b).next_offset) for b in expected],
        [(codec.opened(b).base_offset, codec.opened(b).next_offset) for b in found],
    )


# -- the price --------------------------------------------------------------------------------------------------------


class Metered:
    """A disk that counts what is read."""

    def __init__(self, disk: Any) -> None:
        self._disk = disk
        self.bytes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._disk, name)

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        data: bytes = self._disk.read(path, start, length)
        self.bytes += len(data)
        return data


def price(solution: Solution) -> None:
    """Finding a record, by offset or by time, and starting again: a few kilobytes, whatever the size of the log."""
    config = LogConfig(segment_bytes=60_000, index_interval=1000)
    bench = Bench(solution, config, 1)
    meter = Metered(bench.solo.disk)
    bench.solo.disk = meter  # type: ignore[assignment]
    bench.restart()
    for n in range(400):
        bench.produce([f"value {n}" + "x" * 100])
        bench.solo.advance(1 * MS)
    bench.advance(200 * MS)
    size = sum(len(kept.blob) for kept in bench.ledger.batches)
    costs = {}
    for what, act in (
        ("a read by offset", lambda: bench.fetch(bench.random.randrange(400), 500)),
        ("a look-up by time", lambda: bench.look_up(bench.random.randrange(400 * MS))),
    ):
        before = meter.bytes
        for _ in range(20):
            act()
        costs[what] = (meter.bytes - before) // 20
    bench.advance(200 * MS)
    bench.ledger.kill()
    before = meter.bytes
    bench.solo.start()
    costs["a start after all had been synced"] = meter.bytes - before
    for what, cost in costs.items():
        limit = 20_000 if what.startswith("a start") else 4_000
        require(
            cost <= limit, "LOG-C1", f"{what} took {cost:,} of {size:,} bytes", f"{limit:,}", cost
        )


EXAMS = {
    "LOG-S8": (
        exam("CRC-32C of RFC 3720", "LOG-S8", crc_vectors),
        exam("Kafka's format 2", "LOG-S8", layout),
        exam("damage shows", "LOG-S8", damage),
        exam("damaged batches among sound ones", "LOG-S8", law({**QUIET, "damaged": 4}, times=2)),
        exam("a bit rots", "LOG-S8", rot),
        exam("a bit rots before the cleaner comes", "LOG-S8", rot_and_clean),
    ),
    "LOG-S1": (exam("random programs", "LOG-S1", law(QUIET)),),
    "LOG-S2": (exam("random programs", "LOG-S2", law(QUIET, times=4)),),
    "LOG-S4": (exam("random programs", "LOG-S4", law(QUIET)),),
    "LOG-S7": (exam("random programs", "LOG-S7", law(QUIET, times=4)),),
    "LOG-S3": (
        exam("random programs with crashes", "LOG-S3", law(CRASHES, times=10)),
        exam("a bit rots", "LOG-S3", rot),
        exam("a bit rots in the segment that grows", "LOG-S3", rot_where_it_grows),
        exam("what was cut off stays away", "LOG-S3", the_dead_stay_dead),
        exam("cut, and begun anew", "LOG-S3", cut_and_begun_anew),
    ),
    "LOG-S5": (
        exam("old segments go", "LOG-S5", retention_works),
        exam("old records in new files", "LOG-S5", old_records_in_new_files),
        exam("a small old segment", "LOG-S5", small_and_old),
        exam("no segment is too large", "LOG-S5", no_more_than_promised),
        exam("random programs", "LOG-S5", law(QUIET, configs=RETENTION)),
        exam("random programs with crashes", "LOG-S5", law(CRASHES, configs=RETENTION)),
    ),
    "LOG-S6": (
        exam("old values go", "LOG-S6", compaction_works),
        exam("tombstones stay for a while", "LOG-S6", early_tombstones),
        exam("records without a key stay", "LOG-S6", without_a_key),
        exam("random programs", "LOG-S6", law(QUIET, configs=COMPACTION)),
        exam("random programs with crashes", "LOG-S6", law(CRASHES, configs=COMPACTION, times=16)),
    ),
    "LOG-C1": (exam("400 records in one segment", "LOG-C1", price),),
}
