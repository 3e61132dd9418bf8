"""Known bugs of part 2F: each the reference with one thing changed, with its story and its source."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Mutant
from grading.lab2_log.producer.mutants.batching import BATCHING
from grading.lab2_log.producer.mutants.remembering import REMEMBERING
from grading.lab2_log.producer.mutants.sending import SENDING


def mutants() -> Sequence[Mutant]:
    """All of them."""
    return (*BATCHING, *SENDING, *REMEMBERING)
