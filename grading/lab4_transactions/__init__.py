"""Lab 4, transactions: its parts, joined. The judgement itself is in the folders beside this module."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Lab, Mutant
from grading.lab4_transactions.logtx import PARTS as LOG_PARTS
from grading.lab4_transactions.patterns import PARTS as PATTERN_PARTS
from grading.lab4_transactions.twophase import PARTS as TWO_PHASE_PARTS


def _mutants() -> Sequence[Mutant]:
    # They subclass the reference: not before it is there, and anew for each copy of it.
    from grading.lab4_transactions.logtx.mutants import mutants as of_log_transactions
    from grading.lab4_transactions.patterns.mutants import mutants as of_the_patterns
    from grading.lab4_transactions.twophase.mutants import mutants as of_two_phase_commit

    return [*of_two_phase_commit(), *of_the_patterns(), *of_log_transactions()]


LAB = Lab(
    number=4,
    name="lab4_transactions",
    title="Transactions",
    parts=(*TWO_PHASE_PARTS, *PATTERN_PARTS, *LOG_PARTS),
    mutants=_mutants,
)
