"""Known bugs of part 3A."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Mutant


def mutants() -> Sequence[Mutant]:
    return ()
