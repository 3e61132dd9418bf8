"""The three jobs of ``benchmarks/mapreduce.py`` in other systems: ``mapreduce_peers.py SYSTEM JOB FOLDER OUTPUT``.

Each as somebody who knows the system would write it, for a machine with two processors. The systems that only spread
work over processes (Pool, Dask, Ray) run the same three functions below, written as such programs are: batch-wise, a
dictionary per file, no step of Python per word that can be saved. Spark runs its own engine, by DataFrame; mrjob its
own, with the combining done in the mapper.

Each writes files ``OUTPUT/part-*`` that together hold the lines the sequential program would have written; for the
sort, in the order of their names. Nobody but distlab makes them durable or atomic, and nobody was asked to.
"""

from __future__ import annotations

import os
import subprocess
import sys
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

WORKERS = 2
BATCH = 8 << 20

# -- the work, for systems that spread functions over processes ------------------------------------


def batches(path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Some megabytes of whole lines at a time."""
    end = os.path.getsize(path) if end is None else end
    with open(path, "rb") as file:
        file.seek(start)
        while start < end:
            text = file.read(min(BATCH, end - start))
            text += file.readline() if start + len(text) < end else b""
            start += len(text)
            yield text


def count_words(path: str) -> Counter[bytes]:
    counts: Counter[bytes] = Counter()
    for text in batches(path):
        counts.update(text.split())
    return counts


def words_in(path: str) -> set[bytes]:
    words: set[bytes] = set()
    for text in batches(path):
        words.update(text.split())
    return words


def merge_counts(parts: Iterable[Counter[bytes]]) -> Counter[bytes]:
    total: Counter[bytes] = Counter()
    for part in parts:
        total.update(part)
    return total


def merge_words(parts: Iterable[tuple[str, set[bytes]]]) -> dict[bytes, list[str]]:
    index: dict[bytes, list[str]] = defaultdict(list)
    for document, words in parts:
        for word in words:
            index[word].append(document)
    return index


def write_counts(total: Counter[bytes], output: str) -> None:
    with open(f"{output}/part-0", "wb") as file:
        file.writelines(b"%b\t%d\n" % (word, total[word]) for word in sorted(total))


def write_index(index: dict[bytes, list[str]], output: str) -> None:
    with open(f"{output}/part-0", "wb") as file:
        file.writelines(
            word + b"\t" + ",".join(sorted(index[word])).encode() + b"\n" for word in sorted(index)
        )


def document(path: str) -> str:
    """What distlab's run calls it."""
    return f"input/{os.path.basename(path)}"


SPLIT = 32 << 20
RANGES = 4


def splits(files: list[str]) -> list[tuple[str, int, int]]:
    """Ranges of files, cut at multiples of 100 bytes: the records' size."""
    size = SPLIT // 100 * 100
    return [
        (path, at, min(at + size, os.path.getsize(path)))
        for path in files
        for at in range(0, os.path.getsize(path), size)
    ]


def boundaries(files: list[str]) -> list[bytes]:
    sample: list[bytes] = []
    for path, start, _ in splits(files):
        with open(path, "rb") as file:
            file.seek(start)
            sample += file.read(100_000).splitlines()
    sample.sort()
    return [sample[len(sample) * n // RANGES] for n in range(1, RANGES)]


def sort_split(number: int, split: tuple[str, int, int], bounds: list[bytes], output: str) -> int:
    """A sorted run for each range, in a file of its own: too much to send through the parent."""
    lines = b"".join(batches(*split)).splitlines()
    lines.sort()
    cuts = [0, *(bisect_left(lines, bound) for bound in bounds), len(lines)]
    for part, (a, b) in enumerate(pairwise(cuts)):
        with open(f"{output}/run-{part}-{number}", "wb") as file:
            file.write(b"\n".join([*lines[a:b], b""]))
    return number


def merge_range(part: int, numbers: Iterable[int], output: str) -> None:
    lines: list[bytes] = []
    for number in sorted(numbers):
        run = f"{output}/run-{part}-{number}"
        with open(run, "rb") as file:
            lines += file.read().splitlines()
        os.unlink(run)
    lines.sort()  # it finds the runs, and merges them
    with open(f"{output}/part-{part}", "wb") as file:
        file.write(b"\n".join([*lines, b""]))


# -- multiprocessing.Pool --------------------------------------------------------------------------


def _document_and_words(path: str) -> tuple[str, set[bytes]]:
    return document(path), words_in(path)


def pool(job: str, files: list[str], output: str) -> None:
    from multiprocessing import Pool

    with Pool(WORKERS) as workers:
        if job == "words":
            write_counts(merge_counts(workers.imap_unordered(count_words, files)), output)
        elif job == "index":
            write_index(merge_words(workers.imap_unordered(_document_and_words, files)), output)
        else:
            bounds = boundaries(files)
            runs = [(n, split, bounds, output) for n, split in enumerate(splits(files))]
            numbers = workers.starmap(sort_split, runs, chunksize=1)
            workers.starmap(merge_range, [(part, numbers, output) for part in range(RANGES)], 1)


# -- Dask ------------------------------------------------------------------------------------------


def dask(job: str, files: list[str], output: str) -> None:
    from dask import delayed
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        if job == "words":
            total = delayed(merge_counts)([delayed(count_words)(path) for path in files])
            delayed(write_counts)(total, output).compute()
        elif job == "index":
            index = delayed(merge_words)([delayed(_document_and_words)(path) for path in files])
            delayed(write_index)(index, output).compute()
        else:
            bounds = boundaries(files)
            runs = [
                delayed(sort_split)(n, split, bounds, output)
                for n, split in enumerate(splits(files))
            ]
            delayed(list)(
                [delayed(merge_range)(part, runs, output) for part in range(RANGES)]
            ).compute()


# -- Ray -------------------------------------------------------------------------------------------


def ray(job: str, files: list[str], output: str) -> None:
    import ray

    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)

    def task(function: Any) -> Any:
        return ray.remote(function)

    def gathered(function: Any) -> Any:
        """References in a list are not followed: they are arguments of their own here."""
        return ray.remote(lambda *parts: function(parts)).remote

    if job == "words":
        total = gathered(merge_counts)(*[task(count_words).remote(path) for path in files])
        ray.get(task(write_counts).remote(total, output))
    elif job == "index":
        index = gathered(merge_words)(*[task(_document_and_words).remote(path) for path in files])
        ray.get(task(write_index).remote(index, output))
    else:
        bounds = boundaries(files)
        sort, merge = task(sort_split), task(merge_range)
        numbers = ray.get(
            [sort.remote(n, split, bounds, output) for n, split in enumerate(splits(files))]
        )
        ray.get([merge.remote(part, numbers, output) for part in range(RANGES)])
    ray.shutdown()


# -- Spark -----------------------------------------------------------------------------------------


def spark(job: str, files: list[str], output: str) -> None:
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as f

    session = (
        SparkSession.builder.master(f"local[{WORKERS}]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "4g")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.local.dir", output)
        .getOrCreate()
    )
    lines = session.read.text(files)
    if job == "sort":
        result = lines.orderBy("value")
    else:
        name = f.concat(f.lit("input/"), f.element_at(f.split(f.input_file_name(), "/"), -1))
        words = lines.select(f.explode(f.split("value", r"\s+")).alias("word"), name.alias("doc"))
        groups = words.where("word != ''").groupBy("word")
        value = (
            f.count("*")
            if job == "words"
            else f.array_join(f.sort_array(f.collect_set("doc")), ",")
        )
        result = groups.agg(value.cast("string").alias("value")).select(
            f.concat_ws("\t", "word", "value")
        )
    result.write.text(f"{output}/parts")
    for part in sorted(Path(output, "parts").glob("part-*")):
        part.rename(f"{output}/{part.name}")
    session.stop()


# -- mrjob -----------------------------------------------------------------------------------------


def mrjob(job: str, files: list[str], output: str) -> None:
    subprocess.run(
        [
            sys.executable, f"{Path(__file__).parent}/mapreduce_mrjob.py", "--what", job,
            "-r", "local", "--num-cores", str(WORKERS), "--output-dir", f"{output}/parts", "--no-cat-output", *files,
        ],
        check=True,
    )  # fmt: skip
    for part in sorted(Path(output, "parts").glob("part-*")):
        part.rename(f"{output}/{part.name}")


# -- awk, sort -------------------------------------------------------------------------------------


def awk(job: str, files: list[str], output: str) -> None:
    program = '{ for (i = 1; i <= NF; i++) n[$i]++ } END { for (w in n) print w "\\t" n[w] }'
    with open(f"{output}/part-0", "wb") as file:
        counting = subprocess.Popen(["awk", program, *files], stdout=subprocess.PIPE)
        subprocess.run(
            ["sort"],
            stdin=counting.stdout,
            stdout=file,
            env={**os.environ, "LC_ALL": "C"},
            check=True,
        )
        assert counting.wait() == 0


def gnu_sort(job: str, files: list[str], output: str) -> None:
    subprocess.run(
        [
            "sort",
            f"--parallel={WORKERS}",
            "-S",
            "1G",
            "-T",
            output,
            "-o",
            f"{output}/part-0",
            *files,
        ],
        env={**os.environ, "LC_ALL": "C"},
        check=True,
    )


SYSTEMS = {
    "pool": pool, "dask": dask, "ray": ray, "spark": spark, "mrjob": mrjob,
    "awk": awk, "sort": gnu_sort,
}  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[1] not in SYSTEMS:
        sys.exit((__doc__ or "").splitlines()[0])
    _, system, job, folder, output = sys.argv
    SYSTEMS[system](job, sorted(str(path) for path in Path(folder).iterdir()), output)
