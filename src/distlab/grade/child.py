"""The child process that runs student code: one request on standard input, answers on a descriptor of its own.

Standard output and input are taken away from the student's code before any of it is imported: what it prints at import
goes nowhere, and it cannot wait for a keyboard. The parent may kill this process at any time.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
import traceback
from collections.abc import Callable

import msgspec

from distlab.grade.grading import Grading, quick_scenarios
from distlab.grade.hunt import hunt
from distlab.grade.lab import Lab, Part
from distlab.grade.own import score
from distlab.grade.perform import perform
from distlab.grade.replay import replay
from distlab.grade.request import (
    Answer,
    Ask,
    Digests,
    Graded,
    GradePart,
    Hunt,
    Hunted,
    OurFault,
    OwnScored,
    Progressed,
    Refused,
    Replay,
    ScoreOwn,
    TakeDigests,
)
from distlab.grade.sealed.confine import die_with_parent
from distlab.grade.sealed.solution import load_sealed
from distlab.grade.solution import NoSuchThing, Solution, find_mutant, load_lab, load_solution

PROGRESS_EVERY = 20
"""Runs between two reports of progress, unless they take more than a second."""


def main() -> None:
    """``python -m distlab.grade.child DESCRIPTOR``: answers go to that descriptor, one JSON object a line."""
    die_with_parent()
    answers = os.fdopen(int(sys.argv[1]), "wb")
    ask = msgspec.json.decode(sys.stdin.buffer.read(), type=Ask)
    sys.stdin = io.StringIO()
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for the life of the process

    def answer(what: Answer) -> None:
        answers.write(msgspec.json.encode(what) + b"\n")
        answers.flush()

    try:
        answer(_answer(ask, answer))
    except NoSuchThing as error:
        answer(Refused(str(error)))
    except Exception as error:
        answer(OurFault(f"{type(error).__name__}: {error}", traceback.format_exc()))


def _answer(ask: Ask, tell: Callable[[Answer], None]) -> Answer:
    told = time.monotonic()

    def progress(done: int, of: int) -> None:
        nonlocal told
        if done % PROGRESS_EVERY == 0 or done == of or time.monotonic() - told > 1:
            told = time.monotonic()
            tell(Progressed(done, of))

    lab = load_lab(ask.lab)
    match ask:
        case Hunt():
            load_solution(lab, lab.parts[0], "reference")
            return Hunted(
                hunt(
                    lab,
                    find_mutant(lab, ask.mutant),
                    seed=ask.seed,
                    keep=ask.record,
                    quick=ask.quick,
                )
            )
        case ScoreOwn():
            # Each bug takes a second or more, on a busy machine ten: twenty in silence would be taken for a hang.
            return OwnScored(score(lab, lambda done, of: tell(Progressed(done, of))))
    part = lab.part(ask.part)
    is_sealed = not isinstance(ask, Replay) and ask.isolation == "sealed"
    load = load_sealed if is_sealed else load_solution
    with contextlib.closing(load(lab, part, ask.solution, ask.prior)) as solution:
        return _run(lab, part, solution, ask, progress)


def _run(
    lab: Lab,
    part: Part,
    solution: Solution,
    ask: GradePart | Replay | TakeDigests,
    progress: Callable[[int, int], None],
) -> Answer:
    match ask:
        case GradePart():
            grading = Grading(
                lab,
                part,
                solution,
                seed=ask.seed,
                prior=ask.prior,
                runs=ask.runs,
                only=ask.only,
                keep=ask.keep,
                progress=progress,
            )
            return Graded(grading.grade())
        case Replay(saved=saved, neighbours=neighbours):
            return replay(lab, part, solution, saved, neighbours=neighbours, progress=progress)
        case TakeDigests():
            grading = Grading(lab, part, solution, seed=ask.seed)
            scenarios = quick_scenarios(grading, ask.count)
            return Digests([(found, perform(part, solution, s).digest) for found, s in scenarios])


if __name__ == "__main__":
    main()
