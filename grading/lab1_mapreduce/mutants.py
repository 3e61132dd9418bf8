"""Known bugs."""

from collections.abc import Sequence

from distlab.grade.lab import Mutant


def mutants() -> Sequence[Mutant]:
    return ()
