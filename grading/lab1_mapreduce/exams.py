"""Checks of part 1A's functions by themselves: published check values, laws, and the price in memory."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from random import Random
from typing import Any

from msgspec import structs

from distlab.check import Verdict, broken, equal_outputs, kept
from distlab.core import Finished, Node
from distlab.core.solo import Solo, run_to_end
from distlab.grade.lab import Exam
from distlab.grade.solution import Solution
from grading.lab1_mapreduce import inputs
from labs.lab1_mapreduce.apps import find
from labs.lab1_mapreduce.attempts import MapAttempt, ReduceAttempt
from labs.lab1_mapreduce.blocks import write_run
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
            return broken(
                f"partition_of({key!r}, {parts}) is not CRC-32 of the key, modulo {parts}",
                expected=expected,
                got=got,
            )
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
                f"the mean of 10, 20 and 90 comes out wrong when they are combined like this: {how}",
                expected=[b"x\t40"],
                got=got,
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


def _exam(name: str, module: str, check: Callable[[Solution], Verdict]) -> Exam:
    def guarded(solution: Solution) -> Verdict:
        try:
            return check(solution)
        except _AttemptFailed as failed:
            return broken(str(failed), expected="an attempt that finishes", got="Failed")

    return Exam(name, guarded, module)


def every_line_in_one_split(solution: Solution) -> Verdict:
    """Any cut of any text into splits, down to single bytes, gives each line to one map task."""
    random = Random(1)
    wrong: list[tuple[int, Verdict]] = []
    for _ in range(60):
        lines = [random.choice([*_ODD, b"a", b"bb"]) for _ in range(random.randrange(1, 12))]
        text = b"\n".join(lines) + random.choice([b"", b"\n"])
        spec = JobSpec("job", "Sort", ("in/0",), 1, random.choice([1, 2, 3, 7, 20, 64]))
        limits = Limits(batch=random.choice([1, 3, 16, 1000]), memory=100_000, ways=8)
        (got,), _ = run_alone(spec, {"in/0": text}, limits)
        expected = sorted(lines_of(text))
        if got != b"".join(line + b"\n" for line in expected):
            how = f"cut every {spec.split_size} bytes and read {limits.batch} at a time"
            verdict = broken(f"{text!r}, {how}", expected=expected, got=lines_of(got))
            wrong.append((len(text), verdict))
    return min(wrong, key=lambda found: found[0])[1] if wrong else kept()


_ODD = [line if len(line) < 20 else line[:12] for line in inputs.ODD]


def merge_of_many_runs(solution: Solution) -> Verdict:
    """However small memory is, outputs are those of the sequential run: also in the order of a key's values."""
    random = Random(2)
    for app in ("WordCount", "InvertedIndex", "Sort", "Chronicle"):
        for memory, ways in ((100, 2), (700, 3), (5000, 2)):
            texts = inputs.documents({"docs": [40, 30, 50], "text": random.randrange(100)})
            spec = JobSpec("job", app, tuple(texts), 2, 300)
            got, solo = run_alone(spec, texts, Limits(batch=50, memory=memory, ways=ways))
            answer, _ = run_sequentially(solo.objects, spec)
            keys = [part_key("job", part) for part in range(2)]
            verdict = equal_outputs(
                dict(zip(keys, answer, strict=True)), dict(zip(keys, got, strict=True))
            )
            if verdict.is_broken:
                how = f"{app} with {memory} bytes of memory, {ways} runs at a time"
                return broken(
                    f"{how}: {verdict.reason}", expected=verdict.expected, got=verdict.got
                )
    return kept()


def reported_is_durable(solution: Solution) -> Verdict:
    """A map attempt that has ended has its files on disk, and their names: a power cut right after takes nothing."""
    texts = inputs.documents({"docs": [60], "text": 3})
    for memory in (300, 100_000):
        solo = Solo(Alone)
        solo.objects.put_if_absent("in/0", texts["in/0"])
        spec = JobSpec("job", "WordCount", ("in/0",), 3, 100_000)
        attempt = Attempt("job", "map", 0, "master-1", 1, 1)
        order = RunMap((1, 1), attempt, spec, Split("in/0", 0, len(texts["in/0"])))
        _finish(MapAttempt(order, Limits(100, memory, 4)), solo)
        paths = [f"{attempt.path}/{part}" for part in range(3)]
        made = [solo.disk.read(path) if solo.disk.exists(path) else None for path in paths]
        solo.crash()
        for path, text in zip(paths, made, strict=True):
            left = solo.disk.read(path) if solo.disk.exists(path) else None
            if text is None or left != text:
                return broken(
                    f"a map attempt had ended, then the power was cut, and {path} is not what it was",
                    expected=f"{len(text or b'')} bytes: the file synced, and the folder that holds its name",
                    got="no such file" if left is None else f"{len(left)} bytes",
                )
    return kept()


# -- the price in memory ----------------------------------------------------------------------------------------------

_LIMITS = Limits(batch=8_192, memory=32_768, ways=8)
_MOST = 8 * _LIMITS.memory


def mapped_in_little_memory(solution: Solution) -> Verdict:
    """1 MB of distinct lines through 32 kB: by a program that cannot combine, and by one whom it does not help."""
    lines = _distinct_lines()
    text = b"\n".join(lines)
    for app in ("Sort", "WordCount"):
        solo = Solo(Alone)
        solo.objects.put_if_absent("in/0", text)
        spec = JobSpec("job", app, ("in/0",), 1, 10_000_000)
        attempt = Attempt("job", "map", 0, "master-1", 1, 1)
        order = RunMap((1, 1), attempt, spec, Split("in/0", 0, len(text)))
        verdict = _weighed(MapAttempt(order, _LIMITS), solo, f"a map attempt of {app}", len(text))
        if verdict.is_broken:
            return verdict
    return kept()


def reduced_in_little_memory(solution: Solution) -> Verdict:
    """The same megabyte, as a hundred sorted runs."""
    lines = _distinct_lines()
    solo = Solo(Alone)
    files = tuple(f"job/map-{number}" for number in range(100))
    for number, path in enumerate(files):
        groups = [(line, [1]) for line in sorted(lines[number::100])]
        for _ in write_run(solo.disk, path, groups, _LIMITS.block):
            pass
    spec = JobSpec("job", "Sort", ("in/0",), 1, 10_000_000)
    attempt = Attempt("job", "reduce", 0, "master-1", 1, 1)
    weight = sum(map(solo.disk.size, files))
    return _weighed(
        ReduceAttempt(attempt, spec, files, _LIMITS), solo, "a reduce attempt of Sort", weight
    )


def _distinct_lines() -> list[bytes]:
    random = Random(3)
    return [b"%0100d" % random.getrandbits(200) for _ in range(10_000)]


def _weighed(job: Any, solo: Solo, what: str, weight: int) -> Verdict:
    """What an attempt has read and not yet written, it holds; a file that it has begun to read is open."""
    meter = Meter(solo)
    _finish(job, meter)
    if meter.widest > _LIMITS.ways:
        return broken(
            f"{what} had {meter.widest} files open at once",
            expected=f"at most {_LIMITS.ways}, as limits.ways says",
            got=meter.widest,
        )
    if meter.most > _MOST:
        return broken(
            f"{what} that may hold {_LIMITS.memory:,} bytes held {meter.most:,}",
            expected=f"at most {_MOST:,}: what does not fit is written away, or has been",
            got=f"{meter.most:,} of {weight:,} bytes at once",
        )
    return kept()


class Meter:
    """The context of a job, with scales: bytes that it has read and not written, files that it is in the midst of."""

    def __init__(self, solo: Solo) -> None:
        self.address, self.random, self.log = solo.address, solo.random, solo.log
        self.held = self.most = self.widest = 0
        self.open: set[str] = set()
        self.disk = _Weighed(solo.disk, self)
        self.store = _Weighed(solo.store, self)

    def took(self, data: bytes) -> bytes:
        self.held += len(data)
        self.most = max(self.most, self.held)
        return data

    def gave(self, data: bytes) -> None:
        self.held = max(0, self.held - len(data))

    def is_at(self, path: str, is_end: bool) -> None:
        (self.open.discard if is_end else self.open.add)(path)
        self.widest = max(self.widest, len(self.open))


class _Weighed:
    """A disk or a store on the scales."""

    def __init__(self, device: Any, meter: Meter) -> None:
        self._device = device
        self._meter = meter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._device, name)

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        data: bytes = self._device.read(path, start, length)
        self._meter.is_at(path, start + len(data) >= self._device.size(path))
        return self._meter.took(data)

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        return self._meter.took(self._device.get(key, start, length))

    def append(self, path: str, data: bytes) -> None:
        self._meter.gave(data)
        self._device.append(path, data)

    def delete(self, path: str) -> None:
        self._meter.is_at(path, is_end=True)
        self._device.delete(path)

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


DURABLE = _exam("a power cut after the report", "map_side", reported_is_durable)

EXAMS_S1 = (
    _exam("every line in one split", "records", every_line_in_one_split),
    _exam("many runs merged", "runs", merge_of_many_runs),
    _exam("the mean, combined in any way", "my_app", mean_vectors),
    DURABLE,
)
EXAMS_S5 = (DURABLE,)
EXAMS_S6 = (_exam("check values of the partition", "partition", partition_vectors),)
EXAMS_C1 = (
    _exam("1 MB through 32 kB, mapped", "map_side", mapped_in_little_memory),
    _exam("1 MB through 32 kB, reduced", "reduce_side", reduced_in_little_memory),
)
EXAMS_S9 = (_exam("SPARK-23207, a hundredth of it", "spreading", rows_dealt_twice),)
