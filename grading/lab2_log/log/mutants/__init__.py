"""Known bugs of parts 2A to 2C: each the reference with one thing changed, with its story and its source."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Mutant
from grading.lab2_log.log.mutants.cleaning import CLEANING
from grading.lab2_log.log.mutants.electing import ELECTING
from grading.lab2_log.log.mutants.finding import FINDING
from grading.lab2_log.log.mutants.following import FOLLOWING
from grading.lab2_log.log.mutants.recovering import RECOVERING


def mutants() -> Sequence[Mutant]:
    """All of them, by part."""
    return (*RECOVERING, *FINDING, *CLEANING, *FOLLOWING, *ELECTING)
