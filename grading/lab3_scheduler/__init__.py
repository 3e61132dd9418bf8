"""Lab 3, the cluster scheduler: its parts, joined. The judgement itself is in the folders beside this module."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Lab, Mutant
from grading.lab3_scheduler.allocation.parts import PARTS as ALLOCATION_PARTS
from grading.lab3_scheduler.cluster import PARTS as CLUSTER_PARTS


def _mutants() -> Sequence[Mutant]:
    # They subclass the reference: not before it is there, and anew for each copy of it.
    from grading.lab3_scheduler.allocation.mutants import mutants as of_the_allocation
    from grading.lab3_scheduler.cluster.mutants import mutants as of_the_cluster

    return [*of_the_cluster(), *of_the_allocation()]


LAB = Lab(
    number=3,
    name="lab3_scheduler",
    title="Cluster scheduler",
    parts=tuple(sorted((*CLUSTER_PARTS, *ALLOCATION_PARTS), key=lambda part: part.code)),
    mutants=_mutants,
)
