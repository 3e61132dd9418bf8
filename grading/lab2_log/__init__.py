"""Lab 2, the replicated log: its parts, joined. The judgement itself is in the folders beside this module."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Lab, Mutant
from grading.lab2_log.control import PARTS as CONTROL_PARTS
from grading.lab2_log.groups.parts import PARTS as GROUP_PARTS
from grading.lab2_log.log.parts import PARTS as LOG_PARTS
from grading.lab2_log.producer.parts import PRODUCER_PARTS
from grading.lab2_log.quorum import PARTS as QUORUM_PARTS


def _mutants() -> Sequence[Mutant]:
    # They subclass the reference: not before it is there, and anew for each copy of it.
    from grading.lab2_log.control.mutants import mutants as of_the_controller
    from grading.lab2_log.groups.mutants import mutants as of_the_groups
    from grading.lab2_log.log.mutants import mutants as of_the_log
    from grading.lab2_log.producer.mutants import mutants as of_the_producer
    from grading.lab2_log.quorum.mutants import mutants as of_the_quorum

    return [
        *of_the_log(),
        *of_the_quorum(),
        *of_the_controller(),
        *of_the_producer(),
        *of_the_groups(),
    ]


LAB = Lab(
    number=2,
    name="lab2_log",
    title="Replicated log",
    parts=(*LOG_PARTS, *QUORUM_PARTS, *CONTROL_PARTS, *PRODUCER_PARTS, *GROUP_PARTS),
    mutants=_mutants,
)
