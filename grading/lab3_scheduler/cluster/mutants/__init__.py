"""Known bugs of parts 3A and 3E1: each the reference with one thing changed, with its story and its source."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Mutant
from grading.lab3_scheduler.cluster.mutants.leases import LEASES
from grading.lab3_scheduler.cluster.mutants.managers import MANAGERS
from grading.lab3_scheduler.cluster.mutants.masters import MASTERS
from grading.lab3_scheduler.cluster.mutants.nodes import NODES
from grading.lab3_scheduler.cluster.mutants.succession import SUCCESSION


def mutants() -> Sequence[Mutant]:
    """All of them, by who has them."""
    return (*LEASES, *NODES, *MANAGERS, *MASTERS, *SUCCESSION)
