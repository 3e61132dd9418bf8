"""Lab 1 beside others: word count, inverted index and a sort, live, with two workers.

    python benchmarks/mapreduce.py                      quick: 32 MB, one run of each
    python benchmarks/mapreduce.py --full               256 MB of text, 1 GB to sort, the median of three runs
    python benchmarks/mapreduce.py --peers PYTHON       an interpreter that has the peers, where this one has not

Every system reads the same files and must leave the same lines. Systems take turns, so that what else the machine does
strikes all alike; two figures are given, wall time and processor time, and ratios to ``multiprocessing.Pool(2)``.
Peers: the dependency group ``bench``; who is missing is left out, with the reason.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from random import Random
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import measuring  # noqa: E402

JOBS = {"words": "WordCount", "index": "InvertedIndex", "sort": "Sort"}
NEEDS = {"dask": "distributed", "ray": "ray", "spark": "pyspark", "mrjob": "mrjob"}
"""System -> the module that must be there."""
SYSTEMS = ("distlab", "pool", "dask", "ray", "spark", "mrjob", "awk", "sort")
ONLY = {"awk": ("words",), "sort": ("sort",), "mrjob": ("words", "index")}
"""What a system does not do is not asked of it: mrjob orders within a partition, not over all of them."""
FILE = 64_000_000
"""Bytes of an input file, about."""
LIMIT = 900
"""Seconds that one run may take."""

# -- input -----------------------------------------------------------------------------------------

VOCABULARY = 200_000
RECORD = 100


def files_for(size: int) -> int:
    """Files for so many bytes: some for each worker, and for the last ones to be even."""
    return max(4, round(size / FILE))


def make_text(folder: Path, size: int) -> None:
    """Lines of eleven words each; the n-th most frequent word is as frequent as Zipf says: as 1/n."""
    random = Random(1)
    letters = "etaoinshrdlucmfwypvbgk"
    lengths = [max(1, min(14, int(random.gauss(4 + n**0.17, 1.5)))) for n in range(VOCABULARY)]
    words = ["".join(random.choices(letters, k=length)).encode() for length in lengths]
    weights = list(accumulate(1 / (n + 1) for n in range(VOCABULARY)))
    for number in range(files_for(size)):
        with (folder / f"text-{number:02}").open("wb") as file:
            while file.tell() < size // files_for(size):
                chosen = random.choices(words, cum_weights=weights, k=11 * 4096)
                rows = (b" ".join(chosen[at : at + 11]) for at in range(0, len(chosen), 11))
                file.write(b"\n".join([*rows, b""]))


def make_records(folder: Path, size: int) -> None:
    """Records as TeraSort's: 100 bytes, the first ten of them a random key; text, so that lines are records."""
    random = Random(2)
    printable = bytes(33 + n % 94 for n in range(256))
    filler = b"." * (RECORD - 10 - 13)
    number = 0
    for part in range(files_for(size)):
        with (folder / f"records-{part:02}").open("wb") as file:
            for _ in range(size // files_for(size) // RECORD // 4096 + 1):
                keys = random.randbytes(10 * 4096).translate(printable)
                rows = (
                    keys[10 * n : 10 * n + 10] + b" %010d " % (number + n) + filler
                    for n in range(4096)
                )
                file.write(b"\n".join([*rows, b""]))
                number += 4096


# -- ours ------------------------------------------------------------------------------------------


def run_distlab(
    job: str, folder: Path, output: Path, peaks: dict[str, float] | None = None
) -> None:
    """The reference solution: a master, two workers and a client, each a process."""
    from distlab.core import MS, SECOND, Ok
    from distlab.core.cluster import Cluster, Member
    from distlab.core.overlay import overlay
    from distlab.live import Live

    grading = ROOT / "grading" / "lab1_mapreduce"
    overlay("labs.lab1_mapreduce", [grading / "given", grading / "reference"])
    from labs.lab1_mapreduce.client import Client
    from labs.lab1_mapreduce.master import Master
    from labs.lab1_mapreduce.protocol import (
        ClientConfig,
        JobSpec,
        MasterConfig,
        RunJob,
        WorkerConfig,
    )
    from labs.lab1_mapreduce.worker import Worker

    worker = WorkerConfig(
        masters=("master",), retry=SECOND, heartbeat=500 * MS, fetch_patience=10 * SECOND,
        piece=1 << 20, batch=64 << 20, memory=192 << 20,
    )  # fmt: skip
    members = {
        "client": Member(Client, ClientConfig(masters=("master",), retry=SECOND)),
        "master": Member(Master, MasterConfig(lease=5 * SECOND)),
        "worker-1": Member(Worker, worker),
        "worker-2": Member(Worker, worker),
    }
    inputs = tuple(f"input/{path.name}" for path in sorted(folder.iterdir()))
    spec = JobSpec(job, JOBS[job], inputs, reduces=4 if job == "sort" else 2, split_size=64 << 20)
    with Live(Cluster(members), folder=output, mounts={"input/": folder}) as live:
        call = live.call("client", RunJob(spec))
        while not live.wait(lambda: call.outcome is not None, SECOND // 10):
            if peaks is not None:
                look_at_memory({name: live.pid(name) for name in members}, peaks)
        assert isinstance(call.outcome, Ok), call.outcome


def look_at_memory(nodes: dict[str, int | None], peaks: dict[str, float]) -> None:
    """Note the most that each kind of process has held so far, in MiB."""
    for name, node in nodes.items():
        kind = name.split("-")[0]
        for host in [] if node is None else measuring.descendants(node):
            peaks[f"{kind}'s jobs"] = max(peaks.get(f"{kind}'s jobs", 0), measuring.peak_of(host))
        if node is not None:
            peaks[kind] = max(peaks.get(kind, 0), measuring.peak_of(node))


def show_memory(folder: Path, size: int) -> None:
    """The peak of every kind of process on an input of ``size`` bytes."""
    for job in JOBS:
        source = folder / ("records" if job == "sort" else "text")
        if not source.exists():
            source.mkdir()
            (make_records if job == "sort" else make_text)(source, size)
        peaks: dict[str, float] = {}
        run_distlab(job, source, folder / f"output-{job}", peaks)
        shutil.rmtree(folder / f"output-{job}")
        held = ", ".join(f"{kind} {peak:,.0f}" for kind, peak in sorted(peaks.items()))
        print(f"{job}, {size / 2**20:,.0f} MiB of input; MiB at most: {held}", flush=True)


# -- comparing -------------------------------------------------------------------------------------


def outputs(output: Path) -> list[Path]:
    """The files that a system has left, in order."""
    ours = output / "store"
    found = [p for p in ours.iterdir() if "/part-" in unquote(p.name)] if ours.exists() else []
    return sorted(found or output.glob("part-*"), key=lambda path: path.name)


def digest(job: str, output: Path) -> str:
    """The same for the same result: for a sort the lines in their order, else the lines in any order."""
    files = [str(path) for path in outputs(output)]
    command = ["cat"] if job == "sort" else ["sort", "-S", "200M"]
    environment = {**os.environ, "LC_ALL": "C"}
    hashed = hashlib.blake2b()
    with subprocess.Popen([*command, *files], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        while block := process.stdout.read(1 << 20):
            hashed.update(block)
    return hashed.hexdigest()[:12]


def missing(system: str, job: str, python: str) -> str:
    """Why a system cannot take part; empty where it can."""
    if job not in ONLY.get(system, JOBS):
        return f"does not do {job}"
    if system in ("awk", "sort") and shutil.which(system) is None:
        return f"there is no {system} here"
    if system == "spark" and shutil.which("java") is None:
        return "it needs Java, and there is none"
    if system in NEEDS:
        found = subprocess.run(
            [python, "-c", f"import {NEEDS[system]}"], capture_output=True, check=False
        )
        if found.returncode:
            return f"{NEEDS[system]} is not installed: dependency group bench"
    return ""


def command(system: str, job: str, folder: Path, output: Path, python: str) -> list[str]:
    if system == "distlab":
        return [sys.executable, __file__, "--run", job, str(folder), str(output)]
    interpreter = python if system in NEEDS else sys.executable
    script = str(ROOT / "benchmarks" / "mapreduce_peers.py")
    return [interpreter, script, system, job, str(folder), str(output)]


def compare(job: str, systems: list[str], folder: Path, runs: int, python: str) -> None:
    """Run one job on all systems in turn, and print a table."""
    sizes = [path.stat().st_size for path in folder.iterdir()]
    print(
        f"\n{job}: {sum(sizes) / 1e6:,.0f} MB in {len(sizes)} files, median of {runs}", flush=True
    )
    costs: dict[str, list[measuring.Cost]] = {}
    digests: dict[str, str] = {}
    for number in range(runs):
        for system in systems[number % len(systems) :] + systems[: number % len(systems)]:
            if reason := missing(system, job, python):
                costs[system] = [measuring.Cost(0, 0, 0, reason)]
                continue
            with tempfile.TemporaryDirectory(dir=folder.parent) as name:
                output = Path(name, "output")
                output.mkdir()
                line = command(system, job, folder, output, python)
                cost = measuring.cost_of(line, LIMIT, Path(name, "log"))
                if not cost.error:
                    digests[system] = digest(job, output)
            costs.setdefault(system, []).append(cost)
            told = cost.error or f"{cost.wall:.1f} s, {cost.cpu:.1f} s of processor time"
            print(f"  {number + 1}. {system}: {told}", file=sys.stderr, flush=True)
    for line in table(costs, digests):
        print(line, flush=True)


def table(costs: dict[str, list[measuring.Cost]], digests: dict[str, str]) -> Iterator[str]:
    """A line for each system: seconds, ratios to Pool, memory of the largest process."""
    yield f"  {'':<9}{'wall s':>8}{'of Pool':>9}{'CPU s':>8}{'of Pool':>9}{'MiB':>7}"
    medians = {
        system: [statistics.median(values) for values in zip(*(c[:3] for c in some), strict=True)]
        for system, some in costs.items()
        if not any(cost.error for cost in some)
    }
    base = medians.get("pool")
    right = digests.get("pool") or next(iter(digests.values()), "")
    for system in costs:
        if system not in medians:
            error = next(cost.error for cost in costs[system] if cost.error)
            yield f"  {system:<9}{error if len(error) < 90 else error[:87] + '...'}"
            continue
        wall, cpu, peak = medians[system]
        ratios = (f"{wall / base[0]:.2f}", f"{cpu / base[1]:.2f}") if base else ("", "")
        wrong = "" if digests[system] == right else "   OTHER RESULT"
        yield f"  {system:<9}{wall:>8.1f}{ratios[0]:>9}{cpu:>8.1f}{ratios[1]:>9}{peak:>7,.0f}{wrong}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", type=int, default=32, help="megabytes of text (default 32)")
    parser.add_argument("--full", action="store_true", help="256 MB, 1 GB to sort, three runs")
    parser.add_argument("--runs", type=int, default=0)
    parser.add_argument("--jobs", default=",".join(JOBS))
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--folder", default="", help="where to work (default: a temporary folder)")
    parser.add_argument(
        "--memory", type=int, default=0, metavar="MIB", help="only distlab's memory"
    )
    parser.add_argument("--run", nargs=3, metavar=("JOB", "FOLDER", "OUTPUT"), help="only distlab")
    options = parser.parse_args()
    if options.run:
        job, folder, output = options.run
        run_distlab(job, Path(folder), Path(output))
        return 0
    runs = options.runs or (3 if options.full else 1)
    sizes = dict.fromkeys(JOBS, options.size * 1_000_000)
    if options.full:
        sizes = {"words": 256_000_000, "index": 256_000_000, "sort": 1_000_000_000}
    print(measuring.machine())
    with tempfile.TemporaryDirectory(dir=options.folder or None, prefix="distlab-bench-") as name:
        workspace = Path(name)
        if options.memory:
            show_memory(workspace, options.memory * 2**20)
            return 0
        print(f"fsync of 4 KiB: {measuring.fsync_p50(workspace):.2f} ms (median of 100)")
        for job in options.jobs.split(","):
            folder = workspace / ("records" if job == "sort" else "text")
            if not folder.exists():
                folder.mkdir()
                (make_records if job == "sort" else make_text)(folder, sizes[job])
            compare(job, options.systems.split(","), folder, runs, options.peers)
    print(f"\nload afterwards: {', '.join(f'{x:.1f}' for x in os.getloadavg())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
