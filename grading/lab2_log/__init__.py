"""Lab 2, the replicated log: its parts, joined."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Lab, Mutant
from grading.lab2_log import quorum


def _mutants() -> Sequence[Mutant]:
    from grading.lab2_log.quorum.mutants import (
        mutants,
    )  # they subclass the reference: not before it is there

    return mutants()


LAB = Lab(
    number=2,
    name="lab2_log",
    title="Replicated log",
    parts=(*quorum.PARTS,),
    mutants=_mutants,
)
