"""Known bugs of part 2E: each the reference with one thing changed, with its story and its source."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Mutant
from grading.lab2_log.control.mutants.asking import ASKING
from grading.lab2_log.control.mutants.deciding import DECIDING
from grading.lab2_log.control.mutants.ruling import RULING


def mutants() -> Sequence[Mutant]:
    """All of them: of the pure decisions, of the controllers round them, of the brokers."""
    return (*RULING, *DECIDING, *ASKING)
