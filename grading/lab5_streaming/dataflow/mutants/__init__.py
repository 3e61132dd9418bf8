"""Known bugs of part 5A: each the reference with one thing changed, with its story and its source."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Mutant
from grading.lab5_streaming.dataflow.mutants.flow import FLOW
from grading.lab5_streaming.dataflow.mutants.tree import TREE


def mutants() -> Sequence[Mutant]:
    """All of them, by part."""
    return (*FLOW, *TREE)
