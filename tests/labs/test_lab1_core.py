"""Part 1A: partitions, splits, runs, attempts."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distlab.core.objects import Objects
from distlab.core.solo import Solo, run_to_end
from distlab.grade.solution import root
from tests.labs.lab1 import Alone, Modules, attempt, finish, limits, map_order, objects, spec
from tests.labs.lab1 import lab as lab  # a fixture
from tests.labs.solutions import modules

ROOT = Path(__file__).resolve().parents[2]

lines = st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"")), max_size=20)


def split_lines(lab: Modules, text: bytes, size: int, batch: int) -> list[list[bytes]]:
    """The lines of each split, when a text is cut every ``size`` bytes."""
    store = objects(a=text)
    found = []
    for start in range(0, len(text), size):
        split = lab.protocol.Split("in/0", start, min(size, len(text) - start))
        numbered = list(lab.records.batches(store, split, batch))
        got = [line for _, some in numbered for line in some]
        at = 0
        for number, some in numbered:
            assert number == at
            at += len(some)
        found.append(got)
    return found


class TestSplits:
    @settings(max_examples=60, deadline=None)
    @given(lines=lines, ended=st.booleans(), size=st.integers(1, 40), batch=st.integers(1, 50))
    def test_every_line_is_in_exactly_one_split(
        self, lines: list[bytes], ended: bool, size: int, batch: int
    ) -> None:
        lab = modules("1", "reference")
        text = b"\n".join(lines) + (b"\n" if ended else b"")
        together = [line for part in split_lines(lab, text, size, batch) for line in part]
        assert together == lab.sequential.lines_of(text)

    def test_a_line_belongs_to_the_split_in_which_it_begins(self, lab: Modules) -> None:
        assert split_lines(lab, b"abc\ndef\n", 4, 100) == [[b"abc"], [b"def"]]
        assert split_lines(lab, b"abc\ndef\n", 5, 100) == [[b"abc", b"def"], []]
        assert split_lines(lab, b"abc\ndef\n", 3, 100) == [[b"abc"], [b"def"], []]

    def test_only_a_line_feed_ends_a_line(self, lab: Modules) -> None:
        assert split_lines(lab, b"a\rb\x0cc\n\xc2\x85\n", 100, 2) == [[b"a\rb\x0cc", b"\xc2\x85"]]


class TestPartition:
    def test_it_is_the_crc_that_everybody_computes(self, lab: Modules) -> None:
        assert lab.partition.partition_of(b"123456789", 2**32) == 0xCBF43926

    def test_it_is_the_same_in_every_process(self) -> None:
        program = (
            "import sys; from pathlib import Path; from distlab.core.overlay import overlay;"
            f"overlay('labs.lab1_mapreduce', [Path({str(root() / 'grading/lab1_mapreduce/reference')!r})]);"
            "from labs.lab1_mapreduce.partition import partition_of;"
            "print([partition_of(b'%d' % n, 7) for n in range(100)])"
        )
        said = {
            subprocess.run(
                [sys.executable, "-c", program],
                env={"PYTHONHASHSEED": seed},
                capture_output=True,
                check=True,
                cwd=ROOT,
            ).stdout
            for seed in ("1", "2")
        }
        assert len(said) == 1


runs_of_groups = st.lists(
    st.dictionaries(st.binary(max_size=3), st.lists(st.integers(0, 9), min_size=1, max_size=3)),
    max_size=6,
)


class TestRuns:
    @pytest.mark.parametrize("solution", ["reference", "alternative"])
    @settings(max_examples=40, deadline=None)
    @given(runs=runs_of_groups, ways=st.integers(2, 4), block=st.integers(1, 60))
    def test_merging_is_what_one_dictionary_does(
        self, solution: str, runs: list[dict[bytes, list[int]]], ways: int, block: int
    ) -> None:
        lab, solo = modules("1", solution), Solo(Alone)
        expected: dict[bytes, list[int]] = {}
        for number, run in enumerate(runs):
            for _ in lab.blocks.write_run(solo.disk, f"r{number}", sorted(run.items()), block):
                pass
            for key, values in run.items():
                expected.setdefault(key, []).extend(values)
        paths = [f"r{number}" for number in range(len(runs))]
        merged = lab.runs.merge_all(solo.disk, paths, ways, block, "longer")
        got = [group for groups in merged if groups is not None for group in groups]
        assert got == sorted(expected.items())
        assert solo.disk.files("longer/") == []


class TestAttempts:
    def outputs(self, lab: Modules, store: Objects, **sizes: int) -> tuple[list[bytes], Solo]:
        solo = Solo(Alone, store=store)
        order = map_order(lab, store)
        finish(lab.attempts.MapAttempt(order, limits(lab, **sizes)), solo)
        for part in range(order.spec.reduces):
            reduce = attempt(lab, "reduce", part, 100 + part)
            files = (f"{order.attempt.path}/{part}",)
            finish(
                lab.attempts.ReduceAttempt(reduce, order.spec, files, limits(lab, **sizes)), solo
            )
        return [store.get(lab.protocol.part_key("job", part)) for part in range(2)], solo

    @pytest.mark.parametrize("memory", [50, 500, 100_000])
    def test_outputs_do_not_depend_on_memory(self, lab: Modules, memory: int) -> None:
        store = objects(a=b"\n".join(b"w%d x y%d" % (n % 7, n % 5) for n in range(100)))
        got, _ = self.outputs(lab, store, memory=memory, ways=2, batch=30)
        expected, _ = lab.sequential.run_sequentially(store, spec(lab))
        assert got == expected

    def test_map_output_is_durable_and_nothing_else_is_left(self, lab: Modules) -> None:
        store = objects(a=b"\n".join(b"w%d" % n for n in range(50)))
        solo, order = Solo(Alone, store=store), map_order(lab, store)
        result = finish(
            lab.attempts.MapAttempt(order, limits(lab, memory=200, ways=2, batch=20)), solo
        )
        paths = [f"{order.attempt.path}/{part}" for part in range(2)]
        assert solo.disk.files() == paths
        solo.crash()
        assert tuple(solo.disk.size(path) for path in paths) == result.sizes
        assert dict(result.counters)["records"] == 50

    def test_the_second_commit_changes_nothing(self, lab: Modules) -> None:
        store = objects(a=b"b a\nb")
        _, solo = self.outputs(lab, store)
        before = {key: store.get(key) for key in store.keys("out/")}
        for part in range(2):
            reduce = attempt(lab, "reduce", part, 200 + part)
            files = (f"{attempt(lab).path}/{part}",)
            finish(lab.attempts.ReduceAttempt(reduce, spec(lab), files, limits(lab)), solo)
        assert {key: store.get(key) for key in store.keys("out/")} == before
        assert store.keys("private/") == []

    def test_a_careful_attempt_says_which_record_kills(self, lab: Modules) -> None:
        store = objects(a=b"a\nb\nPOISON\nc\n")
        fragile = {"app": "Fragile", "params": (b"POISON",)}
        order = map_order(lab, store, careful=True, spec=fragile)
        outcome = run_to_end(lab.attempts.MapAttempt(order, limits(lab)), Solo(Alone, store=store))
        assert outcome.progress == 2
        assert lab.skipping.last_gasp(order, outcome) == 2
        hasty = map_order(lab, store, spec=fragile)
        assert lab.skipping.last_gasp(hasty, outcome) is None

    def test_a_skipped_record_is_skipped_and_counted(self, lab: Modules) -> None:
        store = objects(a=b"a\nb\nPOISON\nc\n")
        fragile = {"app": "Fragile", "params": (b"POISON",)}
        order = map_order(lab, store, careful=True, skip=(2,), spec=fragile)
        result = finish(lab.attempts.MapAttempt(order, limits(lab)), Solo(Alone, store=store))
        assert dict(result.counters) == {"records": 3, "skipped": 1}

    @pytest.mark.parametrize("solution", ["reference", "alternative"])
    def test_rows_are_dealt_alike_whatever_order_they_come_in(self, solution: str) -> None:
        """SPARK-23207 at its full size divided by fifty: 20,000 rows, two executions, two sizes of memory."""
        lab = modules("1", solution)
        store = objects(a=b"\n".join(b"%d" % n for n in range(20_000)))
        solo = Solo(Alone, store=store)
        dealt = []
        for number, batch in ((1, 3_000), (2, 50_000)):
            order = map_order(lab, store, number=number, spec={"app": "Repartition", "reduces": 7})
            sizes = limits(lab, batch=batch, memory=60_000 * number)
            finish(lab.attempts.MapAttempt(order, sizes), solo)
            folder = order.attempt.path
            dealt.append(
                [
                    [key for key, _ in lab.blocks.read_groups(solo.disk, f"{folder}/{part}")]
                    for part in range(7)
                ]
            )
        assert dealt[0] == dealt[1]
        sizes = [len(rows) for rows in dealt[0]]
        assert max(sizes) - min(sizes) <= 1
        assert sum(sizes) == 20_000
