"""Checks of part 1A's functions by themselves: published check values, laws, and the price in memory."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from random import Random
from typing import Any

from msgspec import structs

from distlab.check import Verdict, broken, kept
from distlab.core import Finished, Node
from distlab.core.solo import Solo, run_to_end
from distlab.grade.lab import Exam
from distlab.grade.solution import Solution
from grading.lab1_mapreduce import inputs
from labs.lab1_mapreduce.apps import find
from labs.lab1_mapreduce.attempts import MapAttempt, ReduceAttempt
from labs.lab1_mapreduce.protocol import (
    Attempt,
    JobSpec,
    Limits,
    RunMap,
    Split,
    part_key,
)
from labs.lab1_mapreduce.sequential import lines_of, run_sequentially

CRC_CHECK = 0xCBF43926
"""CRC-32 of ``123456789``: the check value of the polynomial in Ethernet, gzip and PNG (Williams, 1993)."""


class Alone(Node):
    """Somebody to run jobs for."""


def partition_vectors(solution: Solution) -> Verdict:
    """Known values of the hash, and its range."""
    partition_of = solution.module("partition").partition_of
    cases = [(b"123456789", 1 << 20, CRC_CHECK % (1 << 20)), (b"", 7, 0)]
    cases += [(b"key %d" % n, parts, -1) for n in range(200) for parts in (1, 3, 16)]
    for key, parts, expected in cases:
        expected = zlib.crc32(key) % parts if expected < 0 else expected
        got = partition_of(key, parts)
        if got != expected:
            return broken(f"partition_of({key!r}, {parts}) is {got}", expected=expected, got=got)
    return kept()


def mean_vectors(solution: Solution) -> Verdict:
    """The mean of unequal groups, however they are combined."""
    mean = solution.module("my_app").Mean((), Random(0))
    pairs = [pair for tenths in (10, 20, 90) for pair in mean.map(b"x;%d" % tenths, "in/0")]
    values = [value for _, value in pairs]
    ways = {
        "none": values,
        "all at once": mean.combine(b"x", list(values)),
        "two and one": [*mean.combine(b"x", values[:2]), *values[2:]],
        "twice": mean.combine(b"x", [*mean.combine(b"x", values[:2]), *values[2:]]),
    }
    for how, combined in ways.items():
        got = list(mean.reduce(b"x", list(combined)))
        if got != [b"x\t40"]:
            return broken(
                f"the mean of 10, 20 and 90, combined {how}, is {got}", expected=[b"x\t40"], got=got
            )
    return kept()


def run_alone(spec: JobSpec, texts: dict[str, bytes], limits: Limits) -> tuple[list[bytes], Solo]:
    """All attempts of a job, one after the other, with no cluster round them."""
    solo = Solo(Alone)
    for key, text in texts.items():
        solo.objects.put_if_absent(key, text)
    spec = structs.replace(spec, params=find(spec.app).prepare(solo.store, spec))
    maps: list[Attempt] = []
    for key in spec.inputs:
        for start in range(0, len(texts[key]), spec.split_size):
            length = min(spec.split_size, len(texts[key]) - start)
            attempt = Attempt(spec.name, "map", len(maps), "master-1", 1, len(maps) + 1)
            order = RunMap((1, len(maps)), attempt, spec, Split(key, start, length))
            _finish(MapAttempt(order, limits), solo)
            maps.append(attempt)
    for part in range(spec.reduces):
        attempt = Attempt(spec.name, "reduce", part, "master-1", 1, 1000 + part)
        files = tuple(f"{a.path}/{part}" for a in maps)
        _finish(ReduceAttempt(attempt, spec, files, limits), solo)
    return [solo.objects.get(part_key(spec.name, part)) for part in range(spec.reduces)], solo


def _finish(job: Any, solo: Any) -> None:
    outcome = run_to_end(job, solo)
    if not isinstance(outcome, Finished):
        raise _AttemptFailed(f"a {type(job).__name__} failed: {outcome.error}")


class _AttemptFailed(Exception):
    """In a cluster the attempt would be tried again; here it is simply wrong."""


def _exam(name: str, check: Callable[[Solution], Verdict]) -> Exam:
    def guarded(solution: Solution) -> Verdict:
        try:
            return check(solution)
        except _AttemptFailed as failed:
            return broken(str(failed), expected="an attempt that finishes", got="Failed")

    return Exam(name, guarded)


def every_line_in_one_split(solution: Solution) -> Verdict:
    """Any cut of any text into splits, down to single bytes, gives each line to one map task."""
    random = Random(1)
    for _ in range(60):
        lines = [random.choice([*inputs.ODD, b"a", b"bb"]) for _ in range(random.randrange(1, 12))]
        text = b"\n".join(lines) + random.choice([b"", b"\n"])
        spec = JobSpec("job", "Sort", ("in/0",), 1, random.choice([1, 2, 3, 7, 20, 64]))
        limits = Limits(batch=random.choice([1, 3, 16, 1000]), memory=100_000, ways=8)
        got, _ = run_alone(spec, {"in/0": text}, limits)
        expected = b"".join(line + b"\n" for line in sorted(lines_of(text)))
        if got != [expected]:
            return broken(
                f"{text!r}, cut every {spec.split_size} bytes and read {limits.batch} at a time",
                expected=expected,
                got=got[0],
            )
    return kept()


def merge_of_many_runs(solution: Solution) -> Verdict:
    """However small memory is, outputs are those of the sequential run."""
    random = Random(2)
    for app in ("WordCount", "InvertedIndex", "Sort"):
        for memory, ways in ((100, 2), (700, 3), (5000, 2)):
            texts = inputs.documents({"docs": [40, 30, 50], "text": random.randrange(100)})
            spec = JobSpec("job", app, tuple(texts), 2, 300)
            got, solo = run_alone(spec, texts, Limits(batch=50, memory=memory, ways=ways))
            expected, _ = run_sequentially(solo.objects, spec)
            if got != expected:
                return broken(f"{app} with {memory} bytes of memory, {ways} runs at a time")
    return kept()


def memory_is_bounded(solution: Solution) -> Verdict:
    """What an attempt has read and not yet written, it holds: over 1 MB of input, never more than a few times 32 kB."""
    random = Random(3)
    text = b"\n".join(b"%0100d" % random.getrandbits(200) for _ in range(10_000))
    spec = JobSpec("job", "Sort", ("in/0",), 1, 10_000_000)
    limits = Limits(batch=8_192, memory=32_768, ways=8)
    solo = Solo(Alone)
    solo.objects.put_if_absent("in/0", text)
    attempt = Attempt("job", "map", 0, "master-1", 1, 1)
    order = RunMap((1, 1), attempt, spec, Split("in/0", 0, len(text)))
    reduce = Attempt("job", "reduce", 0, "master-1", 1, 2)
    for job in (
        MapAttempt(order, limits),
        ReduceAttempt(reduce, spec, (f"{attempt.path}/0",), limits),
    ):
        meter = Meter(solo)
        _finish(job, meter)
        if meter.most > 8 * limits.memory:
            return broken(
                f"a {type(job).__name__} that may hold {limits.memory:,} bytes held {meter.most:,}",
                expected="a sorted run written away whenever memory is full",
                got=f"{meter.most:,} of {len(text):,} bytes at once",
            )
    return kept()


class Meter:
    """The context of a job, with scales: bytes that it has read and not written."""

    def __init__(self, solo: Solo) -> None:
        self.address, self.random, self.log = solo.address, solo.random, solo.log
        self.held = self.most = 0
        self.disk = _Weighed(solo.disk, self)
        self.store = _Weighed(solo.store, self)

    def took(self, data: bytes) -> bytes:
        self.held += len(data)
        self.most = max(self.most, self.held)
        return data

    def gave(self, data: bytes) -> None:
        self.held = max(0, self.held - len(data))


class _Weighed:
    """A disk or a store on the scales."""

    def __init__(self, device: Any, meter: Meter) -> None:
        self._device = device
        self._meter = meter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._device, name)

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        return self._meter.took(self._device.read(path, start, length))

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        return self._meter.took(self._device.get(key, start, length))

    def append(self, path: str, data: bytes) -> None:
        self._meter.gave(data)
        self._device.append(path, data)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        self._meter.gave(data)
        return bool(self._device.put_if_absent(key, data))


def rows_dealt_twice(solution: Solution) -> Verdict:
    """SPARK-23207's program at a hundredth of its size: 10,000 rows, and outputs fetched from two executions."""
    rows = [b"%d" % n for n in range(10_000)]
    spec = JobSpec("job", "Repartition", ("in/0",), 5, 1_000_000)
    solo = Solo(Alone)
    solo.objects.put_if_absent("in/0", b"\n".join(rows))
    executions = []
    for number, batch in ((1, 4_000), (2, 10_000)):
        attempt = Attempt("job", "map", 0, "master-1", 1, number)
        order = RunMap((1, number), attempt, spec, Split("in/0", 0, 1_000_000))
        _finish(MapAttempt(order, Limits(batch, 65_536, 8)), solo)
        executions.append(attempt)
    got: list[bytes] = []
    for part in range(5):
        source = executions[part % 2]
        attempt = Attempt("job", "reduce", part, "master-1", 1, 10 + part)
        _finish(
            ReduceAttempt(attempt, spec, (f"{source.path}/{part}",), Limits(10_000, 65_536, 8)),
            solo,
        )
        got += lines_of(solo.objects.get(part_key("job", part)))
    if sorted(got) != sorted(rows):
        return broken(
            "half of the outputs came from one execution of the map task, half from another",
            expected=f"{len(rows):,} distinct rows",
            got=f"{len(set(got)):,}",
        )
    return kept()


EXAMS_S1 = (
    _exam("every line in one split", every_line_in_one_split),
    _exam("many runs merged", merge_of_many_runs),
    _exam("the mean, combined in any way", mean_vectors),
)
EXAMS_S6 = (_exam("check values of the partition", partition_vectors),)
EXAMS_C1 = (_exam("1 MB through 32 kB", memory_is_bounded),)
EXAMS_S9 = (_exam("SPARK-23207, a hundredth of it", rows_dealt_twice),)
