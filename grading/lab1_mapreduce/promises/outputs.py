"""What the outputs hold: MR-S1, MR-S6, and MR-S9 for rows that are dealt out."""

from __future__ import annotations

import zlib
from collections import Counter
from itertools import pairwise

from msgspec import structs

from distlab.check import Verdict, broken, equal_outputs, kept
from distlab.grade.lab import Run
from grading.lab1_mapreduce import inputs
from grading.lab1_mapreduce.promises.books import Submitted, jobs, making
from labs.lab1_mapreduce.sequential import lines_of


def equals_sequential_run(run: Run) -> Verdict:
    """MR-S1. Judged where the client was told Ok; where it was not, MR-L1 speaks."""
    for job in jobs(run):
        if job.is_ok and job.is_deterministic:
            expected = dict(zip(job.parts, job.answer.outputs, strict=True))
            got = _outputs(run, job)
            verdict = equal_outputs(expected, got)
            if verdict.is_broken:
                keys = sorted({*expected, *got})
                wrong = next(key for key in keys if expected.get(key) != got.get(key))
                made = [event.id for event in making(run, wrong)]
                return structs.replace(verdict, events=(job.entry.ret, *made))
    return kept()


def _outputs(run: Run, job: Submitted) -> dict[str, bytes]:
    folder = f"out/{job.spec.name}/part-"
    return {key: text for key, text in run.store.items() if key.startswith(folder)}


def in_order_and_in_place(run: Run) -> Verdict:
    """MR-S6, for every output that is visible, whether the job has ended or not."""
    for job in jobs(run):
        visible = [(part, run.store[key]) for part, key in enumerate(job.parts) if key in run.store]
        keys: list[bytes] = []
        for part, text in visible:
            own = [_key(job, line) for line in lines_of(text)]
            for key in own:
                if _is_hashed(job) and zlib.crc32(key) % job.spec.reduces != part:
                    home = zlib.crc32(key) % job.spec.reduces
                    return broken(
                        f"key {key!r} stands in output {part}, and belongs in {home}",
                        job.entry.ret,
                        expected=f"CRC-32 of the key, modulo {job.spec.reduces}: {home}",
                        got=part,
                    )
            keys = keys + own if job.spec.app == "Sort" else own
            for before, after in pairwise(keys):
                if after < before or (after == before and _is_hashed(job)):
                    return broken(
                        f"in output {part}, key {after!r} comes after {before!r}",
                        job.entry.ret,
                        expected="keys in ascending order, each once",
                        got=f"{before!r}, {after!r}",
                    )
    return kept()


def _is_hashed(job: Submitted) -> bool:
    return job.spec.app not in ("Sort", "Repartition", "Census")


def _key(job: Submitted, line: bytes) -> bytes:
    return line if job.spec.app in ("Sort", "Repartition") else line.rpartition(b"\t")[0]


def every_row_once(run: Run) -> Verdict:
    """MR-S9: rows that were dealt out are all there, each once, and evenly."""
    for job in jobs(run):
        if not job.is_ok or job.spec.app != "Repartition":
            continue
        dealt = [lines_of(run.store.get(key, b"")) for key in job.parts]
        got = Counter(row for rows in dealt for row in rows)
        expected = Counter(inputs.rows_of(job.spec, job.texts))
        if got != expected:
            lost, extra = expected - got, got - expected
            return broken(
                f"of {expected.total()} rows, {lost.total()} are lost and {extra.total()} come twice",
                job.entry.ret,
                expected="every row once",
                got=f"lost {sorted(lost)[:3]}, twice {sorted(extra)[:3]}",
            )
        sizes = [len(rows) for rows in dealt]
        if max(sizes) - min(sizes) > job.maps:
            return broken(
                "the rows are not dealt out evenly",
                job.entry.ret,
                expected=f"outputs that differ by at most one row for each of {job.maps} map tasks",
                got=sizes,
            )
    return kept()
