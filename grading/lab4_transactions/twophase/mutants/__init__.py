"""Known bugs of parts 4A and 4B: each the reference with one thing changed, with its story and its source."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Mutant
from grading.lab4_transactions.twophase.mutants.databases import DATABASES
from grading.lab4_transactions.twophase.mutants.deciding import DECIDING
from grading.lab4_transactions.twophase.mutants.locking import LOCKING
from grading.lab4_transactions.twophase.mutants.logs import LOGS
from grading.lab4_transactions.twophase.mutants.voting import VOTING


def mutants() -> Sequence[Mutant]:
    """All of them, by part."""
    return (*LOGS, *VOTING, *DECIDING, *LOCKING, *DATABASES)
