"""Lab 5, streaming runtime: its parts, joined. The judgement itself is in the folders beside this module."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Lab, Mutant
from grading.lab5_streaming.dataflow import PARTS as DATAFLOW_PARTS


def _mutants() -> Sequence[Mutant]:
    return []


LAB = Lab(
    number=5,
    name="lab5_streaming",
    title="Streaming runtime",
    parts=(*DATAFLOW_PARTS,),
    mutants=_mutants,
)
