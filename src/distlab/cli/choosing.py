"""What was meant by LAB, PART, PROMISE, SOLUTION and PRIOR: in the forms people write them, or which there are."""

from __future__ import annotations

import re

from distlab.cli.program import NotReady, usage
from distlab.grade.runner import Request
from distlab.grade.solution import (
    PRIORS,
    SOLUTIONS,
    NoSuchThing,
    find_lab_name,
    lab_names,
    load_lab,
    root,
)


def chosen(
    lab: str,
    part: str,
    promise: str,
    seed: int,
    solution: str,
    prior: str,
    runs: int | None = None,
    jobs: int = 0,
) -> Request:
    """The request that the options make.

    ``LAB`` may be 1, lab1 or lab1_mapreduce; ``PART`` c or 1c. Where a part has pieces, it may be d1 or 2d1; d means
    all of them.
    """
    names = lab_names()
    if not names:
        raise NotReady(
            f"there are no labs to grade in {root()}: give the command in the project's folder"
        )
    if (both := re.fullmatch(r"(?:lab)?(\d+)([A-Za-z]\d*)", lab)) and not part:
        lab, part = both[1], both[2]
    if (both := re.fullmatch(r"(\d+)([A-Za-z]\d*)", part)) is not None:
        if lab and not find_lab_name(lab).startswith(f"lab{both[1]}_"):
            usage(f"part {part} is not of lab {lab}")
        lab, part = both[1], both[2]
    if part and not lab:
        usage(f"which lab's part {part}? Say LAB=1 PART={part}, or PART=1{part}")
    if promise and not lab:
        lab = _lab_that_promises(promise, names)
    if solution not in SOLUTIONS and not solution.startswith("mutant:"):
        raise NoSuchThing("solution", solution, [*SOLUTIONS, "mutant:NAME"])
    if prior not in PRIORS:
        raise NoSuchThing("prior", prior, PRIORS)
    return Request(
        labs=(find_lab_name(lab),) if lab else (),
        part=part,
        promise=promise,
        seed=seed,
        solution=solution,
        prior=prior,
        runs=runs,
        jobs=jobs,
    )


def _lab_that_promises(code: str, names: list[str]) -> str:
    known: dict[str, str] = {}
    for name in names:
        for part in load_lab(name).parts:
            known |= {promise.code: name for promise in part.promises}
    for promise, name in known.items():
        if promise.lower() == code.lower():
            return name
    raise NoSuchThing("promise", code, sorted(known))
