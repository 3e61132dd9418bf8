"""Known bugs of part 2G: each the reference with one thing changed, with its story and its source."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Mutant
from grading.lab2_log.groups.mutants.assigning import ASSIGNING
from grading.lab2_log.groups.mutants.consuming import CONSUMING
from grading.lab2_log.groups.mutants.coordinating import COORDINATING


def mutants() -> Sequence[Mutant]:
    """All of them, by piece."""
    return (*ASSIGNING, *COORDINATING, *CONSUMING)
