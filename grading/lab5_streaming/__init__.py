"""Lab 5, streaming runtime: its parts, joined. The judgement itself is in the folders beside this module."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Lab, Mutant
from grading.lab5_streaming.dataflow import PARTS as DATAFLOW_PARTS
from grading.lab5_streaming.eventtime import PARTS as TIME_PARTS


def _mutants() -> Sequence[Mutant]:
    # They subclass the reference: not before it is there, and anew for each copy of it.
    from grading.lab5_streaming.dataflow.mutants import mutants as of_dataflow
    from grading.lab5_streaming.eventtime.mutants import mutants as of_event_time

    return [*of_dataflow(), *of_event_time()]


LAB = Lab(
    number=5,
    name="lab5_streaming",
    title="Streaming runtime",
    parts=(*DATAFLOW_PARTS, *TIME_PARTS),
    mutants=_mutants,
)
