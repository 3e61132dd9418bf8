"""Known bugs of parts 3B to 3D: each the reference with one thing changed, with its story and its source."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Mutant
from grading.lab3_scheduler.allocation.mutants.packing import PACKING
from grading.lab3_scheduler.allocation.mutants.reclaiming import RECLAIMING
from grading.lab3_scheduler.allocation.mutants.sharing import SHARING


def mutants() -> Sequence[Mutant]:
    """All of them, by part."""
    return (*SHARING, *RECLAIMING, *PACKING)
