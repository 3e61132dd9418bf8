"""Known bugs of lab 1: each the reference with one thing changed, with its story and its source."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import Mutant
from grading.lab1_mapreduce.mutants.core import CORE
from grading.lab1_mapreduce.mutants.deaths import DEATHS
from grading.lab1_mapreduce.mutants.hard import HARD
from grading.lab1_mapreduce.mutants.network import NETWORK
from grading.lab1_mapreduce.mutants.stragglers import STRAGGLERS


def mutants() -> Sequence[Mutant]:
    """All of them, by part."""
    return (*CORE, *NETWORK, *DEATHS, *STRAGGLERS, *HARD)
