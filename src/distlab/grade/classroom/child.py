"""Grades one submission: work comes on standard input, what came of it leaves on standard output, both JSON.

The submission is laid out in a folder of its own, over the skeletons, so that what it leaves out counts as not started.
No line of it runs here: parts are graded by children, and those keep the program in a further one (sealed).
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

import msgspec

from distlab.grade.classroom.work import Graded, Work
from distlab.grade.counterexample import Counterexample
from distlab.grade.result import Report
from distlab.grade.runner import Request, grade
from distlab.grade.sealed.confine import die_with_parent, level
from distlab.grade.solution import root

MEMORY_LIMIT = 6 << 30
"""Bytes of address space of each grading process: what a submission says must not eat up the machine."""


def main() -> int:
    die_with_parent()
    signal.signal(signal.SIGTERM, _stopped)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    work = msgspec.json.decode(sys.stdin.buffer.read(), type=Work)
    project = root()
    with tempfile.TemporaryDirectory(prefix="distlab-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        lay_out(work, project, place)
        os.environ["DISTLAB_ROOT"] = folder
        request = Request(
            labs=work.labs,
            part=work.part,
            seed=work.seed,
            prior=work.prior,
            runs=work.runs,
            isolation="sealed",
            jobs=1,
        )
        report = grade(request)
        found = [
            msgspec.json.decode(file.read_bytes(), type=Counterexample)
            for file in sorted(place.glob(".distlab/runs/*.json"))
        ]
    report = msgspec.structs.replace(clean(report), isolation=level())
    answer = Graded(report, found, _burnt())
    sys.stdout.buffer.write(msgspec.json.encode(answer))
    return 0


def lay_out(work: Work, project: Path, place: Path) -> None:
    """The skeletons, and over them what was handed in; the judgement beside them."""
    shutil.copytree(
        project / "labs", place / "labs", ignore=shutil.ignore_patterns("__pycache__", ".*")
    )
    (place / "grading").symlink_to((project / "grading").resolve())
    for path, content in work.files.items():
        file = place / "labs" / path
        if file.is_dir():  # named like a folder of ours
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


_HARMFUL = dict.fromkeys(
    [n for n in (*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)) if chr(n) not in "\t\n"],
    "\N{REPLACEMENT CHARACTER}",
)  # fmt: skip
"""Characters by which a text would move a cursor, colour a terminal, or be read in another order than it is written."""


def clean(report: Report) -> Report:
    """The report with nothing in its texts but text: a submission chose some of them."""
    return msgspec.convert(_cleaned(msgspec.to_builtins(report)), Report)


def _cleaned(value: object) -> object:
    match value:
        case str():
            return value.translate(_HARMFUL)
        case dict():
            return {_cleaned(key): _cleaned(one) for key, one in value.items()}
        case list() | tuple():
            return [_cleaned(one) for one in value]
    return value


def _burnt() -> float:
    """Processor seconds of this process and of its children that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + spent.ru_utime + spent.ru_stime


def _stopped(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
