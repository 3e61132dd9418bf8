"""Lab 2, the replicated log: parts, promises, points. The judgement itself is in the folders beside this module."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Lab, Mutant
from grading.lab2_log.log.parts import PARTS as LOG_PARTS


def _mutants() -> Sequence[Mutant]:
    from grading.lab2_log.log.mutants import (
        mutants,
    )  # they subclass the reference: not before it is there

    return mutants()


LAB = Lab(
    number=2,
    name="lab2_log",
    title="Replicated log",
    parts=(*LOG_PARTS,),
    mutants=_mutants,
)
