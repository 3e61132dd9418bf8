"""Known bugs of part 2D: each the reference with one thing changed, with its story and its source."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Mutant
from grading.lab2_log.quorum.mutants.elections import BUGS as ELECTIONS
from grading.lab2_log.quorum.mutants.membership import BUGS as MEMBERSHIP
from grading.lab2_log.quorum.mutants.memory import BUGS as MEMORY
from grading.lab2_log.quorum.mutants.replication import BUGS as REPLICATION
from grading.lab2_log.quorum.mutants.snapshots import BUGS as SNAPSHOTS


def mutants() -> Sequence[Mutant]:
    """All of them, by part."""
    return (*ELECTIONS, *REPLICATION, *MEMORY, *SNAPSHOTS, *MEMBERSHIP)
