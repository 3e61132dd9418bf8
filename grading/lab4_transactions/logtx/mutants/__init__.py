"""Known bugs of parts 4F1 to 4F3: each the reference with one thing changed, with its story and its source."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Mutant
from grading.lab4_transactions.logtx.mutants.coordinating import COORDINATING
from grading.lab4_transactions.logtx.mutants.partition import PARTITION
from grading.lab4_transactions.logtx.mutants.processing import PROCESSING


def mutants() -> Sequence[Mutant]:
    """All of them, by part."""
    return (*PARTITION, *COORDINATING, *PROCESSING)
