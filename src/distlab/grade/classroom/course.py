"""A whole class: what is to be graded, what has been graded already, and what came of each.

Theory of operation. Each submission has a key made of everything that its grade is a function of. A *record* with that
key, kept from an earlier time, is taken as it is. The rest goes to the executor, and comes back as it is done. What
could not be graded, because a machine failed, has no record, and is tried again the next time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future, as_completed
from functools import lru_cache
from pathlib import Path

import msgspec
from msgspec import Struct

import distlab
from distlab import __version__
from distlab.grade.classroom.seeds import Seeds
from distlab.grade.classroom.submissions import Submission
from distlab.grade.classroom.work import Graded, GradingFailed, Work, carry_out, decoded
from distlab.grade.counterexample import Counterexample
from distlab.grade.result import Report
from distlab.grade.sealed.confine import level
from distlab.grade.solution import root

FORMAT = 1


class Plan(Struct, frozen=True):
    """What the whole class is asked."""

    seeds: Seeds
    labs: tuple[str, ...] = ()
    part: str = ""
    prior: str = "oracle"
    runs: int | None = None
    """Random scenarios for each part; None for its normal budget, the one that students grade with."""

    def work(self, submission: Submission) -> Work:
        """For that submission."""
        return Work(
            name=submission.name,
            files=submission.files,
            seed=self.seeds.of(submission.name),
            labs=self.labs,
            part=self.part,
            prior=self.prior,
            runs=self.runs,
        )


class Record(Struct, frozen=True):
    """One submission, graded; or refused; or not graded, because something of ours failed."""

    name: str
    slug: str
    key: str
    report: Report | None = None
    counterexamples: list[Counterexample] = []
    left_out: tuple[str, ...] = ()
    refused: str = ""
    failed: str = ""
    processor_seconds: float = 0.0
    format: int = FORMAT

    @property
    def earned(self) -> int:
        return self.report.earned if self.report else 0


def key_of(work: Work) -> str:
    """Equal keys, equal grades."""
    submission = Submission(work.name, work.files)
    asked = msgspec.structs.replace(work, files={}, name="")
    parts = (
        msgspec.json.encode(asked),
        submission.digest.encode(),
        release().encode(),
        level().encode(),
    )
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


@lru_cache(maxsize=1)
def release() -> str:
    """What grades here: the version, and a fingerprint of the machinery and of the judgement."""
    total = hashlib.sha256()
    for folder in (Path(distlab.__file__).parent, root() / "grading", root() / "labs"):
        for file in sorted(folder.rglob("*")):
            if file.suffix in (".py", ".toml", ".json", ".pack") and file.is_file():
                total.update(file.relative_to(folder).as_posix().encode() + b"\0")
                total.update(hashlib.sha256(file.read_bytes()).digest())
    return f"{__version__}+{total.hexdigest()[:12]}"


def grade_class(
    submissions: Sequence[Submission],
    plan: Plan,
    executor: Executor,
    known: Callable[[Submission], Record | None] = lambda submission: None,
) -> Iterator[Record]:
    """Each submission's record as it is done. ``known`` finds the one of an earlier time."""
    waiting: dict[Future[bytes], tuple[Submission, str]] = {}
    for submission in submissions:
        if submission.refused:
            yield _record(submission, "", refused=submission.refused)
            continue
        work = plan.work(submission)
        key = key_of(work)
        record = known(submission)
        if record is not None and record.key == key and record.report is not None:
            yield record
            continue
        future = executor.submit(carry_out, msgspec.json.encode(work))
        waiting[future] = submission, key
    for future in as_completed(waiting):
        submission, key = waiting.pop(future)
        try:
            graded = decoded(future.result())
        except (GradingFailed, CancelledError, msgspec.DecodeError) as error:
            yield _record(submission, key, failed=str(error) or type(error).__name__)
        except Exception as error:  # a worker that died: each executor has its own word for it
            yield _record(submission, key, failed=f"{type(error).__name__}: {error}"[:300])
        else:
            yield _done(submission, key, graded, plan.seeds)


def _record(submission: Submission, key: str, refused: str = "", failed: str = "") -> Record:
    return Record(
        submission.name,
        submission.slug,
        key,
        left_out=submission.left_out,
        refused=refused,
        failed=failed,
    )


def _done(submission: Submission, key: str, graded: Graded, seeds: Seeds) -> Record:
    """Without the seed, where it is hidden."""
    report, found = graded.report, graded.counterexamples
    if seeds.is_hidden:
        report = msgspec.structs.replace(report, seed=0)
        found = [msgspec.structs.replace(one, seed=0) for one in found]
    return msgspec.structs.replace(
        _record(submission, key),
        report=report,
        counterexamples=found,
        processor_seconds=graded.processor_seconds,
    )


# -- the class as a whole ---------------------------------------------------------------------------------------------


class Summary(Struct, frozen=True):
    """What a report on the class says of how it came about."""

    release: str
    seeds: str
    isolation: str
    prior: str
    budget: dict[str, int]
    """Part -> runs that a submission gets there at most, random ones and others."""
    submissions: int
    graded: int
    processor_seconds: float
    """Of all that were graded, this time or before."""

    @property
    def rate(self) -> float:
        """Submissions that one processor core grades in an hour."""
        return 3600 * self.graded / self.processor_seconds if self.processor_seconds else 0.0


def summary(records: Sequence[Record], plan: Plan) -> Summary:
    """Of these records."""
    budget: dict[str, int] = {}
    for record in records:
        for lab in record.report.labs if record.report else ():
            for part in lab.parts:
                name = f"{lab.number}{part.code}"
                budget[name] = max(budget.get(name, 0), part.runs)
    graded = [record for record in records if record.report is not None]
    return Summary(
        release=release(),
        seeds=str(plan.seeds),
        isolation=level(),
        prior=plan.prior,
        budget=budget,
        submissions=len(records),
        graded=len(graded),
        processor_seconds=sum(record.processor_seconds for record in graded),
    )
