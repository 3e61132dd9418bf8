"""Known bugs of part 5B: each the reference with one thing changed, with its story and its source."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Mutant
from grading.lab5_streaming.eventtime.mutants.watermarks import WATERMARKS
from grading.lab5_streaming.eventtime.mutants.windows import WINDOWS


def mutants() -> Sequence[Mutant]:
    """All of them, by part."""
    return (*WATERMARKS, *WINDOWS)
