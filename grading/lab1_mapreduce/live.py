"""Lab 1 as real processes: words are counted and indexed, in real files, while workers are killed and stopped.

``make live LAB=1 INPUT=folder``. The input is read where it lies, by way of the store. A *document* is a file; where
there are too many of those, a folder with all that is in it: a map task per small file would be all start-up and no
work (the "small files problem" of every MapReduce since).

The outputs are compared with a sequential run of the same program, :func:`alone`: one process, one dictionary, batch
after batch, so that it holds no more than the distinct words of an input that need not fit into memory.
"""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

from distlab.check import Verdict, broken, kept
from distlab.core import MS, SECOND, Finished
from distlab.core.cluster import Cluster, Member
from distlab.core.errors import HarnessBug
from distlab.faults import Crash, Doing, Fault, Pause, Plan, Survival
from distlab.grade.lab import RECORD_MESSAGES, Promise, Run
from distlab.grade.live import BadInput, Judged, LiveStage, NotFit
from distlab.grade.solution import Solution
from distlab.live.follow import as_event
from distlab.live.recorder import Line
from distlab.live.store import FolderStore
from distlab.trace import NOTICED, Kind
from grading.lab1_mapreduce import LAB
from grading.lab1_mapreduce.inputs import Answer
from grading.lab1_mapreduce.promises import again, commits, outputs, work
from grading.lab1_mapreduce.promises.books import jobs
from labs.lab1_mapreduce.apps import find
from labs.lab1_mapreduce.attempts import MapAttempt, ReduceAttempt
from labs.lab1_mapreduce.client import Client
from labs.lab1_mapreduce.protocol import (
    ClientConfig,
    JobSpec,
    MasterConfig,
    RunJob,
    WorkerConfig,
    part_key,
)
from labs.lab1_mapreduce.sequential import partitions, reduced

DOCUMENTS: Final = 64
"""So many input objects at most."""
WORKERS: Final = 3
REDUCES: Final = 6
MAPS: Final = 24
"""So many map tasks at least, if the input has bytes enough: a kill has to find somebody at work."""
LARGEST_SPLIT: Final = 32 * 1024 * 1024

LEASE: Final = 2 * SECOND
# No backups: where they are on, MR-S5 cannot ask for the reason of every second attempt.
MASTER = MasterConfig(lease=LEASE, backups=False)
WORKER = WorkerConfig(
    masters=("master",),
    retry=500 * MS,
    heartbeat=250 * MS,
    fetch_patience=5 * SECOND,
    piece=1024 * 1024,
    batch=4 * 1024 * 1024,
)
CLIENT = ClientConfig(masters=("master",), retry=500 * MS)

KILLED, STOPPED = "worker-2", "worker-3"
PLAN = Plan(
    (
        # By its second map task it holds the output of the first.
        Fault(
            Doing(KILLED, "job", "MapAttempt", 2), Crash(KILLED, 2 * LEASE, Survival.ALL)
        ),
        # It stops right before an output appears, is taken for dead, and wakes up as a zombie.
        Fault(Doing(STOPPED, "store", "out/"), Pause(STOPPED, 2 * LEASE)),
    )
)  # fmt: skip

JOBS: Final = {"words": "WordCount", "index": "InvertedIndex"}
"""What is computed: name of the job -> its program."""


def stage(solution: Solution, folder: Path | None, workspace: Path) -> LiveStage:
    """Count the words of all files below ``folder``, then index them. Default: Python's own library."""
    documents = documents_in(folder or standard_library(), *([".py"] if folder is None else []))
    shown, total = gather(documents, workspace / "input")
    split = max(1, min(total // MAPS, LARGEST_SPLIT))
    specs = [JobSpec(name, app, tuple(shown), REDUCES, split) for name, app in JOBS.items()]
    members = {
        "client": Member(Client, CLIENT, "client"),
        "master": Member(solution.module("master").Master, MASTER, "master"),
    }
    program = solution.module("worker").Worker
    members |= {f"worker-{n + 1}": Member(program, WORKER, "worker") for n in range(WORKERS)}
    count = sum(map(len, documents.values()))
    files = f"{count:,} files, {total / 1e6:.1f} MB, in {len(shown)} documents"
    return LiveStage(
        about=[
            f"counts the words of {folder or 'the Python library'} ({files}), then indexes them",
            f"{KILLED} will be killed (-9) as it begins its second map task, and come back",
            f"{STOPPED} will be stopped (SIGSTOP) as it is about to commit, and wake up as a zombie",
        ],
        cluster=Cluster(members),
        plan=PLAN,
        rounds=[[("client", RunJob(spec))] for spec in specs],
        mounts=shown,
        progress=JobsProgress(specs, shown, workspace / "store"),
        judge=lambda run: judged(run, specs, shown),
        keep=lambda run: keep(run, specs, workspace),
        record=NOTICED | RECORD_MESSAGES,
    )


# -- input ------------------------------------------------------------------------------------------------------------


def standard_library() -> Path:
    """Where Python's own modules are: text that every machine has."""
    return Path(sysconfig.get_paths()["stdlib"])


def documents_in(folder: Path, *suffixes: str) -> dict[str, list[Path]]:
    """The files below ``folder``, by the document that they are part of. Raises ``BadInput``, ``NotFit``."""
    if not folder.exists():
        raise BadInput(f"there is no {folder}: INPUT names a folder with text in it, or one file")
    if folder.is_file():
        files = [folder]
    else:
        files = sorted(_files_below(folder, suffixes))
    if not files:
        raise BadInput(
            f"there is nothing to read in {folder}: INPUT names a folder with text in it"
        )
    closed = [file for file in files if not os.access(file, os.R_OK)]
    if closed:
        names = ", ".join(str(file) for file in closed[:3])
        raise NotFit(
            f"{len(closed)} of {len(files)} files cannot be read ({names}{' ...' * (len(closed) > 3)}): "
            "chmod +r, or another INPUT"
        )
    return _grouped(folder, files)


def _files_below(folder: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    def refused(error: OSError) -> None:
        raise NotFit(
            f"{error.filename} cannot be read ({error.strerror}): chmod +rx, or another INPUT"
        )

    for parent, folders, names in os.walk(folder, onerror=refused):
        folders[:] = sorted(
            f
            for f in folders
            if not f.startswith((".", "__pycache__")) and not f.endswith("-packages")
        )
        for name in names:
            file = Path(parent, name)
            wanted = not name.startswith(".") and (not suffixes or file.suffix in suffixes)
            if wanted and file.is_file() and file.stat().st_size:
                yield file


def _grouped(folder: Path, files: list[Path]) -> dict[str, list[Path]]:
    """By file, if there are few; else by folder, as deep down as there are few enough of those."""
    groups: dict[str, list[Path]] = {}
    for depth in (None, *range(max(len(file.parts) for file in files), -1, -1)):
        groups = defaultdict(list)
        for file in files:
            path = file.relative_to(folder) if file != folder else Path(file.name)
            name = path if depth is None else Path(*path.parent.parts[:depth])
            groups[name.as_posix()].append(file)
        if len(groups) <= DOCUMENTS:
            break
    return dict(groups)


def gather(documents: Mapping[str, list[Path]], folder: Path) -> tuple[dict[str, Path], int]:
    """A file for each document, under its key: its only file, or a new one. With the number of all bytes."""
    shown = {}
    for number, (name, files) in enumerate(sorted(documents.items())):
        key = f"input/{name}" if name != "." else "input"
        shown[key] = files[0]
        if len(files) > 1:
            folder.mkdir(parents=True, exist_ok=True)
            shown[key] = folder / f"{number:03}"
            with shown[key].open("wb") as together:
                for file in files:
                    _append(file, together)
    return shown, sum(path.stat().st_size for path in shown.values())


def _append(file: Path, together: Any) -> None:
    """Add a file; its last line must not run into the first of the next one."""
    with file.open("rb") as text:
        shutil.copyfileobj(text, together, 1 << 20)
        text.seek(-1, os.SEEK_END)
        if text.read() != b"\n":
            together.write(b"\n")


# -- how far it is ----------------------------------------------------------------------------------------------------


class JobProgress:
    """One job."""

    def __init__(self, maps: int, reduces: int) -> None:
        self.tasks = {"map": maps, "reduce": reduces}
        self.running: set[tuple[str, Any]] = set()
        """(worker, attempt)"""
        self.done: dict[str, set[int]] = {"map": set(), "reduce": set()}
        self.again = 0
        """Executions of tasks that had been executed before, or were being."""
        self.begun: set[tuple[str, int]] = set()
        self.read = self.shuffled = self.written = 0

    def line(self, name: str) -> str:
        counts = [
            f"{phase} {len(self.done[phase])}/{total}"
            + (f" +{running}" if (running := self._running(phase)) else "")
            for phase, total in self.tasks.items()
        ]
        sizes = [f"{size / 1e6:.1f}" for size in (self.read, self.shuffled, self.written)]
        again = f"  {self.again} again" if self.again else ""
        return (
            f"{name:<6} {counts[0]:<13} {counts[1]:<13} "
            f"MB: {sizes[0]} read, {sizes[1]} moved, {sizes[2]} out{again}"
        )

    def _running(self, phase: str) -> int:
        return sum(attempt.phase == phase for _, attempt in self.running)


class JobsProgress:
    """All of them, from what the processes write down."""

    def __init__(self, specs: Sequence[JobSpec], files: Mapping[str, Path], store: Path) -> None:
        self.store = FolderStore(store)
        self.jobs = {}
        for spec in specs:
            maps = sum(-(-files[key].stat().st_size // spec.split_size) for key in spec.inputs)
            self.jobs[spec.name] = JobProgress(maps, spec.reduces)

    def see(self, line: Line) -> None:
        """Something happened."""
        if line.kind == Kind.DELIVER:
            self._see_piece(line.what)
        elif line.kind in (Kind.CRASH, Kind.START):
            for job in self.jobs.values():
                job.running = {(w, a) for w, a in job.running if w != line.node}
        elif line.kind == Kind.STORE:
            self._see_output(*as_event(line).what)
        elif line.kind == Kind.JOB:
            self._begun(line.node, as_event(line).what)
        elif line.kind == Kind.JOB_END:
            self._ended(line.node, *as_event(line).what)

    def lines(self) -> list[str]:
        return [job.line(name) for name, job in self.jobs.items()]

    def _see_piece(self, what: dict[str, str]) -> None:
        """Not decoded: only its size counts, and whose it is."""
        if what.get("$blob", "").endswith(":Piece"):
            for name, job in self.jobs.items():
                if job.tasks["reduce"] > len(job.done["reduce"]) or name == list(self.jobs)[-1]:
                    job.shuffled += len(what["bytes"]) * 3 // 4
                    return

    def _see_output(self, verb: str, key: str, worked: bool) -> None:
        """An output has appeared."""
        _, _, rest = key.partition("out/")
        name, _, part = rest.partition("/")
        if verb == "rename" and worked and part.startswith("part-"):
            self.jobs[name].written += self.store.size(key)

    def _begun(self, worker: str, job: MapAttempt | ReduceAttempt) -> None:
        attempt = job.order.attempt if isinstance(job, MapAttempt) else job.attempt
        progress = self.jobs[attempt.job]
        progress.running.add((worker, attempt))
        task = (attempt.phase, attempt.task)
        progress.again += task in progress.begun
        progress.begun.add(task)

    def _ended(self, worker: str, job: MapAttempt | ReduceAttempt, outcome: Any) -> None:
        attempt = job.order.attempt if isinstance(job, MapAttempt) else job.attempt
        progress = self.jobs[attempt.job]
        progress.running.discard((worker, attempt))
        if isinstance(outcome, Finished):
            progress.done[attempt.phase].add(attempt.task)
            if isinstance(job, MapAttempt):
                progress.read += job.order.split.length


# -- judgement --------------------------------------------------------------------------------------------------------


def alone(spec: JobSpec, files: Mapping[str, Path], batch: int = 1 << 20) -> Answer:
    """What one program run alone writes and counts: the same as given/sequential.py, in bounded memory."""
    app = find(spec.app)(spec.params, Random(0))
    counters: Counter[str] = Counter(records=0, skipped=0)
    groups: dict[bytes, list[Any]] = {}
    for key in spec.inputs:
        with files[key].open("rb") as file:
            while lines := file.readlines(batch):
                counters["records"] += len(lines)
                _fold(groups, app.map_batch([line.removesuffix(b"\n") for line in lines], key))
                if app.combines:
                    _shorten(app, groups)
    counters.update(app.counters)
    parts = partitions(app, sorted(groups), spec.reduces)
    texts = (reduced(app, [(key, groups[key]) for key in part]) for part in parts)
    return Answer(tuple(texts), dict(counters))


def _fold(groups: dict[bytes, list[Any]], pairs: Iterable[tuple[bytes, Any]]) -> None:
    for key, value in pairs:
        groups.setdefault(key, []).append(value)


def _shorten(app: Any, groups: dict[bytes, list[Any]]) -> None:
    for key, values in groups.items():
        if len(values) > 64:
            groups[key] = app.combine(key, values)


def judged(run: Run, specs: Sequence[JobSpec], files: Mapping[str, Path]) -> list[Judged]:
    """The promises of the lab that a live run can be held to.

    Raises ``HarnessBug`` where the record lacks a job: a judge that is shown nothing finds nothing wrong.
    """
    if {job.spec.name for job in jobs(run)} != {spec.name for spec in specs}:
        raise HarnessBug("the record of the live run does not hold the jobs that were handed in")
    run.notes["answers"] = {spec.name: alone(spec, files) for spec in specs}
    return [Judged(_promise(code), judge(run)) for code, judge in JUDGES.items()]


def every_job_ended(run: Run) -> Verdict:
    """MR-L1. A real machine promises no times: every job has ended, and well."""
    for job in jobs(run):
        if not job.is_ok:
            return broken(
                f"job {job.spec.name} did not end well", job.entry.call, got=job.entry.outcome
            )
    return kept()


JUDGES: Final = {
    "MR-L1": every_job_ended,
    "MR-S1": outputs.equals_sequential_run,
    "MR-S2": commits.whole_or_absent,
    "MR-S3": commits.one_attempt_counts,
    "MR-S5": again.done_stays_done,
    "MR-S6": outputs.in_order_and_in_place,
    "MR-S7": work.counters_of_accepted,
    "MR-S8": commits.one_master_ends_the_job,
}


def _promise(code: str) -> Promise:
    return next(p for part in LAB.parts for p in part.promises if p.code == code)


# -- results ----------------------------------------------------------------------------------------------------------


def keep(run: Run, specs: Sequence[JobSpec], workspace: Path) -> list[str]:
    """Copy the outputs to where a person looks for them."""
    lines = []
    for spec in specs:
        folder = workspace / "output" / spec.name
        folder.mkdir(parents=True, exist_ok=True)
        size = 0
        for part in range(spec.reduces):
            if (text := run.store.get(part_key(spec.name, part))) is not None:
                size += (folder / f"part-{part:05}").write_bytes(text)
        lines.append(f"{os.path.relpath(folder)}/part-*  ({size / 1e6:.1f} MB)")
    return lines
