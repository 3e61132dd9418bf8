"""Known bugs of parts 4C to 4E: each the reference with one thing changed, with its story and its source."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Mutant
from grading.lab4_transactions.patterns.mutants.outbox import OUTBOX
from grading.lab4_transactions.patterns.mutants.saga import SAGA
from grading.lab4_transactions.patterns.mutants.tcc import TCC
from grading.lab4_transactions.patterns.mutants.txmsg import TXMSG
from grading.lab4_transactions.patterns.mutants.xts import XTS


def mutants() -> Sequence[Mutant]:
    """All of them, by part."""
    return (*TCC, *SAGA, *OUTBOX, *TXMSG, *XTS)
