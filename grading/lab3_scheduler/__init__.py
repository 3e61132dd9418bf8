"""Lab 3, cluster scheduler: its parts, joined. The judgement itself is in the folders beside this module."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Lab, Mutant
from grading.lab3_scheduler.cluster import PARTS as CLUSTER_PARTS


def _mutants() -> Sequence[Mutant]:
    # They subclass the reference: not before it is there, and anew for each copy of it.
    from grading.lab3_scheduler.cluster.mutants import mutants as of_the_cluster

    return [*of_the_cluster()]


LAB = Lab(
    number=3,
    name="lab3_scheduler",
    title="Cluster scheduler",
    parts=(*CLUSTER_PARTS,),
    mutants=_mutants,
)
