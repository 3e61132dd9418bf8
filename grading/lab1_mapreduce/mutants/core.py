"""Bugs of part 1A: hashes, cuts, sorts, merges, combiners, memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from distlab.core import Steps, Store
from distlab.grade.lab import bug
from labs.lab1_mapreduce import commit, records, reduce_side
from labs.lab1_mapreduce.apps import find
from labs.lab1_mapreduce.blocks import Group, read_blocks, write_run
from labs.lab1_mapreduce.map_side import MapSide
from labs.lab1_mapreduce.my_app import Mean
from labs.lab1_mapreduce.protocol import NO_RECORD, Split
from labs.lab1_mapreduce.records import line_start
from labs.lab1_mapreduce.runs import Head, merge


def pythons_hash(key: bytes, parts: int) -> int:
    """Partitions by Python's hash(), which is another one in every process: a key lands in two outputs."""
    return hash(key) % parts


def always_skips_a_line(
    store: Store, split: Split, batch: int
) -> Iterator[tuple[int, list[bytes]]]:
    """A split begins behind the first line end in its range, also where its first byte begins a line: that line is
    nobody's."""
    skipped = 1 if split.start else 0
    shorter = Split(split.key, split.start + skipped, split.length - skipped)
    yield from records_batches(store, shorter, batch)


def cuts_where_bytes_say(store: Store, key: str, at: int, size: int) -> int:
    """A split begins and ends at its bytes, in the midst of lines."""
    return min(at, size)


def splits_like_text(store: Store, split: Split, batch: int) -> Iterator[tuple[int, list[bytes]]]:
    """Uses splitlines(): a carriage return or a form feed in a record makes two of it."""
    size = store.size(split.key)
    at = line_start(store, split.key, split.start, size)
    end = line_start(store, split.key, split.start + split.length, size)
    lines = store.get(split.key, at, end - at).splitlines()
    if lines:
        yield 0, lines


def forgets_the_rest(store: Store, split: Split, batch: int) -> Iterator[tuple[int, list[bytes]]]:
    """Where a read ends in the midst of a line, the first half of the line is dropped."""
    size = store.size(split.key)
    at = line_start(store, split.key, split.start, size)
    end = line_start(store, split.key, split.start + split.length, size)
    number = 0
    while at < end:
        block = store.get(split.key, at, min(batch, end - at))
        at += len(block)
        *lines, rest = block.split(b"\n")
        if rest and at == end:
            lines.append(rest)
        yield number, lines
        number += len(lines)


def chains_runs(disk: Any, paths: list[str]) -> Iterator[list[Group]]:
    """Runs are read one after the other, and neighbours with equal keys grouped: right as long as there is one run."""
    for path in paths:
        for block in read_blocks(disk, path):
            yield list(zip(block.keys, block.values, strict=True))


def merges_to_the_greatest(disk: Any, paths: list[str]) -> Iterator[list[Group]]:
    """Takes out all blocks in hand, not only what no other run can add to: keys come twice, and out of order."""
    heads = [Head(read_blocks(disk, path)) for path in paths]
    while heads := [head for head in heads if head.keys]:
        bound = max(head.keys[-1] for head in heads)
        merged: dict[bytes, list[object]] = {}
        for head in heads:
            for key, values in head.take(bound):
                merged.setdefault(key, []).extend(values)
            head.refill()
        yield sorted(merged.items(), key=lambda group: group[0])


def merges_the_first_runs(
    disk: Any, paths: list[str], ways: int, block_size: int, folder: str
) -> Iterator[list[Group] | None]:
    """Opens as many runs as it may, and forgets those that are left."""
    yield from merge(disk, paths[:ways])


def merges_the_last_run_first(disk: Any, paths: list[str]) -> Iterator[list[Group]]:
    """Goes through the runs from the last one to the first: the keys are in order, and the values of each are not."""
    yield from runs_merge(disk, paths[::-1])


def puts_passes_in_front(
    disk: Any, paths: list[str], ways: int, block_size: int, folder: str
) -> Iterator[list[Group] | None]:
    """Each longer run goes in front of those that were made before it: values come in another order in each pass."""
    made: list[str] = []
    while len(paths) > ways:
        longer: list[str] = []
        for first in range(0, len(paths), ways):
            made.append(f"{folder}/pass-{len(made)}")
            longer.insert(0, made[-1])
            groups = (g for some in merge(disk, paths[first : first + ways]) for g in some)
            yield from write_run(disk, made[-1], groups, block_size)
        paths = longer
    yield from merge(disk, paths)
    for path in made:
        disk.delete(path)


def opens_all_runs(
    disk: Any, paths: list[str], ways: int, block_size: int, folder: str
) -> Iterator[list[Group] | None]:
    """Merges all runs in one pass, however many there are: an open file and a block for each."""
    yield from merge(disk, paths)


class MeanOfMeans(Mean):
    """Combines measurements to their mean, and takes the mean of the means."""

    def combine(self, key: bytes, values: list[Any]) -> list[Any]:
        total, count = super().combine(key, values)[0]
        return [[total // count, 1]]


class NeverSpills(MapSide):
    """Holds the whole output of a map task in memory, as one does while all inputs are small."""

    @property
    def is_full(self) -> bool:
        return False


class CombinesAndHopes(MapSide):
    """Spills only what cannot be combined: words that are all different do not get fewer by it."""

    @property
    def is_full(self) -> bool:
        is_full = super().is_full
        return is_full and not self.app.combines


class SyncsNoName(MapSide):
    """Syncs the files of its output, and not the folder: a power cut takes their names, and the bytes with them."""

    def finish(self, task: int) -> Iterator[int]:
        disk, self.disk = self.disk, WithoutFolders(self.disk)
        yield from super().finish(task)
        self.disk = disk


class WithoutFolders:
    """A disk on which the names of files are never synced."""

    def __init__(self, disk: Any) -> None:
        self._disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._disk, name)

    def sync(self, *paths: str) -> None:
        self._disk.sync(*(path for path in paths if not path.endswith("/")))


class ForgetsSpills(MapSide):
    """What was spilled is left out of the final files; only what was in memory at the end counts."""

    def merge_into(self, path: str, runs: list[str]) -> Iterator[int]:
        yield from super().merge_into(path, runs[-1:])


def leaves_no_empty_output(
    attempt: Any, spec: Any, files: Collection[str], limits: Any, io: Any
) -> Steps:
    """Writes no object where there is no line to write: the reader of the outputs finds one missing."""
    if any(io.disk.size(path) for path in files):
        yield from _reduce_run(attempt, spec, files, limits, io)
    yield NO_RECORD


def reduces_all_at_once(
    attempt: Any, spec: Any, files: Collection[str], limits: Any, io: Any
) -> Steps:
    """Reads all of its input, then writes all of its output: memory for everything, which is not there."""
    groups: list[Group] = []
    for some in merge(io.disk, list(files)):
        groups += some
        yield NO_RECORD
    app = find(spec.app)(spec.params, io.random)
    commit.write(io.store, attempt, b"\n".join([*app.reduce_batch(groups), b""]))
    commit.commit(io.store, attempt)


def joins_pieces(attempt: Any, spec: Any, files: Collection[str], limits: Any, io: Any) -> Steps:
    """Joins the lines of a piece by line ends, and so leaves out the last one: the next piece goes on in that line."""
    app = find(spec.app)(spec.params, io.random)
    commit.write(io.store, attempt, b"")
    pieces = 0
    for groups in merge(io.disk, list(files)):
        commit.write(io.store, attempt, b"\n".join(app.reduce_batch(groups)))
        pieces += 1
        yield NO_RECORD
    commit.write(io.store, attempt, b"\n" if pieces else b"")
    commit.commit(io.store, attempt)


_reduce_run = reduce_side.run
records_batches = records.batches
runs_merge = merge

CORE = (
    bug(
        "hash-of-the-process",
        pythons_hash,
        code="m9",
        part="A",
        replaces="partition:partition_of",
        breaks="MR-S6",
        source="Python's PYTHONHASHSEED; PYSPARK refuses to run with hash randomisation on for this reason",
    ),
    bug(
        "skips-first-line",
        always_skips_a_line,
        part="A",
        replaces="records:batches",
        breaks="MR-S1",
    ),
    bug(
        "cuts-lines", cuts_where_bytes_say, part="A", replaces="records:line_start", breaks="MR-S1"
    ),
    bug("splitlines", splits_like_text, part="A", replaces="records:batches", breaks="MR-S1"),
    bug("forgets-the-rest", forgets_the_rest, part="A", replaces="records:batches", breaks="MR-S1"),
    bug(
        "groups-neighbours",
        chains_runs,
        code="m11",
        part="A",
        replaces="runs:merge",
        breaks="MR-S6",
    ),
    bug("merges-too-far", merges_to_the_greatest, part="A", replaces="runs:merge", breaks="MR-S6"),
    bug("forgets-runs", merges_the_first_runs, part="A", replaces="runs:merge_all", breaks="MR-S1"),
    bug(
        "mean-of-means",
        MeanOfMeans,
        code="m12",
        part="A",
        replaces="my_app:Mean",
        breaks="MR-S1",
        source="paper §4.3: combiners must be commutative and associative",
    ),
    bug(
        "never-spills",
        NeverSpills,
        part="A",
        replaces="map_side:MapSide",
        breaks="MR-C1",
        kind="cost",
    ),
    bug(
        "combines-and-hopes",
        CombinesAndHopes,
        part="A",
        replaces="map_side:MapSide",
        breaks="MR-C1",
        kind="cost",
    ),
    bug(
        "opens-all-runs",
        opens_all_runs,
        part="A",
        replaces="runs:merge_all",
        breaks="MR-C1",
        kind="cost",
    ),
    bug(
        "last-run-first",
        merges_the_last_run_first,
        part="A",
        replaces="runs:merge",
        breaks="MR-S1",
    ),
    bug(
        "passes-in-front", puts_passes_in_front, part="A", replaces="runs:merge_all", breaks="MR-S1"
    ),
    bug(
        "syncs-no-name",
        SyncsNoName,
        part="A",
        replaces="map_side:MapSide",
        breaks="MR-S1",
        source="Pillai et al., All file systems are not created equal, OSDI 2014",
    ),
    bug("forgets-spills", ForgetsSpills, part="A", replaces="map_side:MapSide", breaks="MR-S1"),
    bug(
        "no-empty-output",
        leaves_no_empty_output,
        part="A",
        replaces="reduce_side:run",
        breaks="MR-S1",
    ),
    bug(
        "reduces-at-once",
        reduces_all_at_once,
        part="A",
        replaces="reduce_side:run",
        breaks="MR-C1",
        kind="cost",
    ),
    bug("joins-pieces", joins_pieces, part="A", replaces="reduce_side:run", breaks="MR-S1"),
)
